/** The whole day of 50 households again, through a real Kafka on the same cores: how long, and what does each process cost? */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noKafka } from '../scripts/real-kafka.ts';
import { ensureBuilt, Fleet } from '../tests/crash/fleet.ts';
import { TestKafka } from '../tests/doubles/test-kafka.ts';
import { fiftyHomes, HOMES } from './fifty-homes.ts';
import { cpuSecondsOf, processesUnder, rssMbOf } from './process-table.ts';
import type { Figure, Question } from './question.ts';
import { LOOK_EVERY_MS, look, partFigures, type UsageByPart } from './whole-day.ts';

export const kafkaDay: Question = {
  name: 'kafka-day',
  asks: `a whole day of ${HOMES} households through Kafka at full speed, CSV to acknowledged, the broker on the same cores`,
  async answer(say): Promise<Figure[]> {
    if (noKafka !== false) throw new Error(noKafka);
    ensureBuilt();
    const folder = mkdtempSync(join(tmpdir(), 'fogline-bench-'));
    const kafka = new TestKafka();
    await kafka.start();
    const settings = Object.entries(kafka.settings('day-')).map(([key, value]) => `${key}=${value}`);
    const times = ['link.heartbeat_seconds=3', 'link.heartbeat_deadline_seconds=1.2', 'link.data_deadline_seconds=10'];
    const fleet = new Fleet({ dataDir: fiftyHomes(folder), sets: [...times, ...settings] });
    const usage: UsageByPart = new Map();
    const looking = setInterval(() => look(fleet, usage), LOOK_EVERY_MS);
    try {
      await fleet.open();
      const broker = brokerPid();
      const brokerBefore = cpuSecondsOf(broker) ?? Number.NaN;
      const startMs = performance.now();
      fleet.startAll();
      const status = await fleet.untilDone();
      const seconds = (performance.now() - startMs) / 1_000;
      look(fleet, usage);
      say(`${status.acked} parts acknowledged`);
      return [
        { what: 'CSV to acknowledged', value: seconds, unit: 's', promise: { is: '≤', limit: 90 } },
        ...partFigures(usage),
        { what: 'Kafka, CPU', value: (cpuSecondsOf(broker) ?? Number.NaN) - brokerBefore, unit: 's' },
        { what: 'Kafka, memory in the end', value: rssMbOf(broker) ?? Number.NaN, unit: 'MB' },
      ];
    } finally {
      clearInterval(looking);
      await fleet.stop();
      await kafka.stop();
      rmSync(folder, { recursive: true });
    }
  },
};

/** The only java that this process has started. */
function brokerPid(): number {
  const found = processesUnder(process.pid).filter(({ name }) => name === 'java');
  if (found.length !== 1) throw new Error(`${found.length} brokers run`);
  return found[0]?.pid as number;
}

/** The whole day of 50 households again, through a real Kafka on the same cores: how long, and what does each process cost? */
import { noKafka } from '../scripts/real-kafka.ts';
import { TestKafka } from '../tests/doubles/test-kafka.ts';
import { HOMES } from './fifty-homes.ts';
import { cpuSecondsOf, processesUnder, rssMbOf } from './process-table.ts';
import type { Figure, Question } from './question.ts';
import { dayFigures } from './whole-day.ts';

export const kafkaDay: Question = {
  name: 'kafka-day',
  asks: `a whole day of ${HOMES} households through Kafka at full speed, CSV to acknowledged, the broker on the same cores`,
  async answer(say): Promise<Figure[]> {
    if (noKafka !== false) throw new Error(noKafka);
    const kafka = new TestKafka();
    try {
      await kafka.start();
      const broker = brokerPid();
      const brokerBefore = cpuSecondsOf(broker) ?? Number.NaN;
      const sets = Object.entries(kafka.settings('day-')).map(([key, value]) => `${key}=${value}`);
      return [
        ...(await dayFigures({ sets, limitSeconds: 90, say })),
        { what: 'Kafka, CPU', value: (cpuSecondsOf(broker) ?? Number.NaN) - brokerBefore, unit: 's' },
        { what: 'Kafka, memory in the end', value: rssMbOf(broker) ?? Number.NaN, unit: 'MB' },
      ];
    } finally {
      await kafka.stop();
    }
  },
};

/** The only java that this process has started. */
function brokerPid(): number {
  const found = processesUnder(process.pid).filter(({ name }) => name === 'java');
  if (found.length !== 1) throw new Error(`${found.length} brokers run`);
  return found[0]?.pid as number;
}

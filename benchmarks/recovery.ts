/**
 * How long after a kill -9 of the edge, or of the cloud, is a row that waits acknowledged? From the start of the process, so loading the
 * program, looking through its database, the hello and the way to the disk are in it. Rows wait all the time: the replay goes on.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../common/clock.ts';
import { ensureBuilt, Fleet } from '../tests/crash/fleet.ts';
import { householdFolder } from './fifty-homes.ts';
import { DEFAULT_TIMES } from './default-times.ts';
import type { Figure, Question } from './question.ts';

const KILLS = 20;
/** Of the replay: it must last longer than the kills. */
const SPEED = '60';
const LOOK_MS = 10;
const DEADLINE_MS = 60_000;
const LIMIT_SECONDS = 5;
/** Rows close meanwhile, and wait. */
const DOWN_MS = 500;

export const recovery: Question = {
  name: 'recovery',
  asks: `seconds from the start after a kill -9 to the first ack, ${KILLS} kills each`,
  async answer(say): Promise<Figure[]> {
    ensureBuilt();
    const folder = mkdtempSync(join(tmpdir(), 'fogline-bench-'));
    const fleet = new Fleet({ dataDir: householdFolder(folder), speed: SPEED, sets: DEFAULT_TIMES });
    try {
      await fleet.open();
      fleet.startAll();
      await fleet.until('rows are acknowledged', ({ acked }) => acked > 0);
      const figures: Figure[] = [];
      for (const part of ['edge', 'cloud'] as const) {
        const seconds: number[] = [];
        for (let kill = 0; kill < KILLS; kill++) seconds.push(await secondsToAck(fleet, part));
        seconds.sort((a, b) => a - b);
        say(`${part}: ${seconds.map((its) => its.toFixed(2)).join(' ')}`);
        figures.push(
          { what: `${part} killed, first ack after its start, p50`, value: quantile(seconds, 0.5), unit: 's' },
          {
            what: `${part} killed, first ack after its start, p99`,
            value: quantile(seconds, 0.99),
            unit: 's',
            promise: { is: '<', limit: LIMIT_SECONDS },
          },
        );
      }
      return figures;
    } finally {
      await fleet.stop();
      rmSync(folder, { recursive: true });
    }
  },
};

async function secondsToAck(fleet: Fleet, part: 'edge' | 'cloud'): Promise<number> {
  const { acked } = await fleet.until('the edge answers', () => true);
  await fleet.kill(part);
  await systemClock.sleep(DOWN_MS);
  // What was acknowledged between the look and the kill must not count.
  const before = part === 'cloud' ? ((await fleet.status())?.acked ?? acked) : undefined;
  const startedMs = systemClock.monotonicMs();
  fleet.start(part);
  let first = before;
  while (systemClock.monotonicMs() - startedMs < DEADLINE_MS) {
    const status = await fleet.status();
    // A new edge counts what its file holds as acknowledged when it starts.
    if (status !== undefined && first === undefined) first = status.acked;
    if (status !== undefined && first !== undefined && status.acked > first) return (systemClock.monotonicMs() - startedMs) / 1_000;
    await systemClock.sleep(LOOK_MS);
  }
  throw new Error(`no ack ${DEADLINE_MS / 1_000} s after the ${part} was started`);
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

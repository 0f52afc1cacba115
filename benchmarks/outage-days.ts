/**
 * Outage-days: a day of event time, true windows of 5 s with a reading each, in which the link fails three times for up to eight hours; run
 * in processes of their own, one for each core that is to work.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { StoreKind } from '../tests/storm/storm-stores.ts';
import { replayCommand } from '../tests/storm/storm-text.ts';
import { runStorm } from '../tests/storm/storm.ts';

export const EDGES = 1;
export const HOMES = 4;
const SPEED = 2_000;
/** Processor time of a day falls until about the sixth, as more and more is compiled: a storm of many days pays for that once. */
const WARM_UP_DAYS = 6;
/** What a day makes and drops, some 200 MB, dies young in so much; in the 16 that Node gives, requests on their way are copied and kept. */
const YOUNG_MIB = 256;

/** What a day goes through. */
export interface Way {
  store: StoreKind;
  /** Readings and requests go over topic and link as they are, not laid out in bytes. */
  noCodec: boolean;
}

export interface DaysAsked extends Way {
  /** A day each. */
  seeds: readonly number[];
}

export interface DaysTaken {
  wallMs: number;
  /** Processor time of all cores. */
  cpuUs: number;
  windows: number;
}

export async function warmUp(way: Way): Promise<void> {
  for (let day = 1; day <= WARM_UP_DAYS; day++) await outageDay(1_000 + day, way);
}

/** One day after the other in this process. */
export async function runDays({ seeds, ...way }: DaysAsked): Promise<DaysTaken> {
  const startMs = performance.now();
  const before = process.cpuUsage();
  let windows = 0;
  for (const seed of seeds) windows += await outageDay(seed, way);
  const { user, system } = process.cpuUsage(before);
  return { wallMs: performance.now() - startMs, cpuUs: user + system, windows };
}

/** So many days on each of so many cores at once. */
export async function runOnCores(cores: number, way: Way, daysEach: number): Promise<DaysTaken> {
  const young = [`--min-semi-space-size=${YOUNG_MIB}`, `--max-semi-space-size=${YOUNG_MIB}`];
  const execArgv = [...process.execArgv, ...young];
  const shares = Array.from({ length: cores }, () => fork(join(import.meta.dirname, 'outage-days-share.ts'), { execArgv }));
  try {
    for (const share of shares) share.send(way);
    await Promise.all(shares.map((share) => heard(share)));
    const startMs = performance.now();
    const taken = await Promise.all(
      shares.map(async (share, i) => {
        share.send({ ...way, seeds: Array.from({ length: daysEach }, (_, day) => 1 + i * daysEach + day) } satisfies DaysAsked);
        return (await heard(share)) as DaysTaken;
      }),
    );
    const sumOf = (name: 'cpuUs' | 'windows') => taken.reduce((sum, its) => sum + its[name], 0);
    return { wallMs: performance.now() - startMs, cpuUs: sumOf('cpuUs'), windows: sumOf('windows') };
  } finally {
    for (const share of shares) share.kill();
  }
}

/** @throws Error when it ends without a word */
async function heard(share: ChildProcess): Promise<unknown> {
  const ended = once(share, 'exit').then(([code]) => {
    throw new Error(`a share of the days ended with ${String(code)}`);
  });
  const [message] = (await Promise.race([once(share, 'message'), ended])) as [unknown];
  return message;
}

async function outageDay(seed: number, way: Way): Promise<number> {
  const size = { edges: EDGES, homes: HOMES, days: 1, speed: SPEED, only: 'outages', ...way } as const;
  const { findings, faults, readings } = await runStorm(seed, size);
  if (findings.length > 0) throw new Error(`seed ${seed} is red: ${findings[0]}; replay: ${replayCommand(seed, size)}`);
  if (faults.size === 0) throw new Error(`seed ${seed} had no outage`);
  return readings;
}

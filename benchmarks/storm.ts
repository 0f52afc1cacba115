/**
 * How many outage-days does a storm go through in a minute? An outage-day is a day of event time, true windows of 5 s with a reading each,
 * in which the link fails three times for up to eight hours; the readings are made, appended to the log, taken in, shipped, stored, drained
 * and checked by code that shares nothing with it. Replayed at 2,000 times, so that heartbeats and upkeep are few.
 */
import type { StoreKind } from '../tests/storm/storm-stores.ts';
import { runStorm } from '../tests/storm/storm.ts';
import type { Figure, Question } from './question.ts';

const DAYS = 3;
const EDGES = 1;
const HOMES = 4;
const SPEED = 2_000;
/** Storms of the usual kind, all faults, for the figures of what is asked too often. */
const SEEDS = 21;

export const storm: Question = {
  name: 'storm',
  asks: `outage-days a minute, ${EDGES} edge with ${HOMES} homes, one core`,
  async answer(say): Promise<Figure[]> {
    // The first day pays for compiling.
    await outageDay(0, 'memory', 0.1);
    const inMemory = await daysPerMinute('memory', say);
    const onSqlite = await daysPerMinute('sqlite', say);
    const promise = { is: '≥', limit: 300 } as const;
    return [
      { what: 'stores in memory', value: inMemory, unit: 'outage-days/min', promise },
      { what: 'SQLite, frames through the codec', value: onSqlite, unit: 'outage-days/min' },
      ...(await usualStorms(say)),
    ];
  },
};

async function daysPerMinute(store: StoreKind, say: (line: string) => void): Promise<number> {
  const startMs = performance.now();
  for (let seed = 1; seed <= DAYS; seed++) await outageDay(seed, store, 1);
  const ms = performance.now() - startMs;
  say(`${DAYS} days with ${store} in ${Math.round(ms)} ms`);
  return (DAYS * 60_000) / ms;
}

async function outageDay(seed: number, store: StoreKind, days: number): Promise<void> {
  const { findings, faults } = await runStorm(seed, { edges: EDGES, homes: HOMES, days, speed: SPEED, store, only: 'outages' });
  if (findings.length > 0) throw new Error(`seed ${seed} is red: ${findings[0]}`);
  if (faults.size === 0) throw new Error(`seed ${seed} had no outage`);
}

async function usualStorms(say: (line: string) => void): Promise<Figure[]> {
  const startMs = performance.now();
  let sent = 0;
  let refused = 0;
  for (let seed = 0; seed < SEEDS; seed++) {
    const { findings, sentPer1000, refusedPerMinuteMax } = await runStorm(seed);
    if (findings.length > 0) throw new Error(`seed ${seed} is red: ${findings[0]}`);
    sent += sentPer1000;
    refused = Math.max(refused, refusedPerMinuteMax);
  }
  const ms = performance.now() - startMs;
  say(`${SEEDS} storms with all faults in ${Math.round(ms)} ms`);
  return [
    { what: 'storms with all faults', value: (SEEDS * 60_000) / ms, unit: 'storms/min' },
    { what: 'all faults: rows sent per 1,000 stored, mean', value: sent / SEEDS, unit: 'rows' },
    { what: 'all faults: refusals of an edge in a minute, most', value: refused, unit: 'requests' },
  ];
}

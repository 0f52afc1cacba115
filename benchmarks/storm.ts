/**
 * How many outage-days does a storm go through in a minute? The readings are made, appended to the log, taken in, shipped, stored, drained
 * and checked by code that shares nothing with it. Replayed at 2,000 times, so that heartbeats and upkeep are few.
 *
 * Without a codec means: edge and cloud are the production code, and a test sees that the day ends with the same hash; but readings are
 * handed to the edge, and requests and replies to the other side, as values in memory (message-log.ts, message-wire.ts). What is left out
 * is JSON, its checks, and gzip. The figure with both codecs stands beside it. Each core has a process with more room for what is young.
 */
import { availableParallelism } from 'node:os';
import { replayCommand } from '../tests/storm/storm-text.ts';
import { runStorm } from '../tests/storm/storm.ts';
import { EDGES, HOMES, runOnCores, type Way } from './outage-days.ts';
import type { Figure, Question } from './question.ts';

const FLEET = `${EDGES} edge with ${HOMES} homes`;
/** On each core. */
const DAYS = 8;
/** Storms of the usual kind, all faults, for the figures of what is asked too often. */
const SEEDS = 21;

export const storm: Question = {
  name: 'storm',
  asks: `outage-days a minute, ${EDGES} edge with ${HOMES} homes, on one core and on all`,
  async answer(say): Promise<Figure[]> {
    return [
      ...(await onOneCore(BARE, say)),
      ...(await onAllCores(BARE, say, PROMISE)),
      ...(await onOneCore(MEMORY, say)),
      ...(await onAllCores(MEMORY, say)),
      ...(await onOneCore(SQLITE, say)),
      ...(await usualStorms(say)),
    ];
  },
};

interface NamedWay extends Way {
  name: string;
}

const BARE: NamedWay = { name: 'stores in memory, no codec', store: 'memory', noCodec: true };
const MEMORY: NamedWay = { name: 'stores in memory, JSON and gzip', store: 'memory', noCodec: false };
const SQLITE: NamedWay = { name: 'SQLite, frames through the codec', store: 'sqlite', noCodec: false };
const PROMISE = { is: '≥', limit: 300 } as const;

async function onOneCore({ name, ...way }: NamedWay, say: (line: string) => void): Promise<Figure[]> {
  const { wallMs, cpuUs, windows } = await runOnCores(1, way, DAYS);
  say(`${DAYS} days with ${name} in ${Math.round(wallMs)} ms`);
  return [
    { what: `${FLEET}, ${name}, one core`, value: (DAYS * 60_000) / wallMs, unit: 'outage-days/min' },
    { what: `${FLEET}, ${name}, processor time of a window`, value: cpuUs / windows, unit: 'µs' },
  ];
}

async function onAllCores({ name, ...way }: NamedWay, say: (line: string) => void, promise?: Figure['promise']): Promise<Figure[]> {
  const cores = availableParallelism();
  const { wallMs } = await runOnCores(cores, way, DAYS);
  const days = DAYS * cores;
  say(`${days} days with ${name} on ${cores} cores in ${Math.round(wallMs)} ms`);
  const figure = { what: `${FLEET}, ${name}, all ${cores} cores`, value: (days * 60_000) / wallMs, unit: 'outage-days/min' };
  return [promise === undefined ? figure : { ...figure, promise }];
}

async function usualStorms(say: (line: string) => void): Promise<Figure[]> {
  const startMs = performance.now();
  let sent = 0;
  let refused = 0;
  for (let seed = 0; seed < SEEDS; seed++) {
    const { findings, sentPer1000, refusedPerMinuteMax } = await runStorm(seed);
    if (findings.length > 0) throw new Error(`seed ${seed} is red: ${findings[0]}; replay: ${replayCommand(seed)}`);
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

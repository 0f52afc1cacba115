/**
 * How old is a reading when the page hears of it, at the speed of real time? Until a page hears of it means: until the first message of its
 * stream (/api/v1/stream) whose newest window ends where the reading's window ends, or later. A stream speaks once a second, so
 * pages are opened all over a second. Timed from three instants:
 * - the reading at the simulator: it is in the topic. All readings of a second are put when the second begins;
 * - its own time, on the clock of the simulator: when a meter would have told it;
 * - the end of its window: without the wait for it, which is up to 5 s and that no system with windows of 5 s can avoid.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LIVE_EVERY_MS } from '../cloud/server/api/live-sse.ts';
import { type Broker, POWER_TOPIC, type RecordBatch } from '../common/broker/broker.ts';
import { openBroker } from '../common/broker/open-broker.ts';
import { systemClock } from '../common/clock.ts';
import { configWith, type SettingName } from '../common/config.ts';
import { silentLogger } from '../common/logger.ts';
import { decodeTopicMessage } from '../common/topic-codec.ts';
import { noKafka } from '../scripts/real-kafka.ts';
import { ensureBuilt, Fleet } from '../tests/crash/fleet.ts';
import { liveMessages } from '../tests/doubles/live-stream.ts';
import { TestKafka } from '../tests/doubles/test-kafka.ts';
import { DEFAULT_TIMES } from './default-times.ts';
import { householdFolder } from './fifty-homes.ts';
import { type Figure, median, type Question } from './question.ts';
import { sleep } from './started-run.ts';

/** Twelve windows that count. */
const REPLAY_SECONDS = 75;
/** The first windows meet a page that has just opened and households that were just assigned. */
const LEFT_OUT_SECONDS = 15;
const WINDOW_MS = 5_000;
const P99 = 0.99;
const PAGES = 10;
const PAGE_EVERY_MS = LIVE_EVERY_MS / PAGES;
const LOOK_MS = 100;
const DEADLINE_MS = 60_000;

/** All on the monotonic clock of this process. */
interface Heard {
  readings: { timeMs: number; inTopicMs: number }[];
  /** By page. */
  shown: { newestMs: number; atMs: number }[][];
}

export const latency: Question = {
  name: 'latency',
  asks: 'seconds from a reading at the simulator to the page, speed 1, window of 5 s included (the seed: p50 2.3 s, longest 5.0 s)',
  async answer(say): Promise<Figure[]> {
    ensureBuilt();
    const figures = await measure('embedded', {}, say);
    if (noKafka !== false) throw new Error(noKafka);
    const kafka = new TestKafka();
    try {
      await kafka.start();
      return [...figures, ...(await measure('Kafka', kafka.settings('latency-'), say))];
    } finally {
      await kafka.stop();
    }
  },
};

async function measure(name: string, settings: Partial<Record<SettingName, string>>, say: (line: string) => void): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-bench-'));
  const sets = [...DEFAULT_TIMES, ...Object.entries(settings).map(([key, value]) => `${key}=${value}`)];
  const fleet = new Fleet({ dataDir: householdFolder(folder), untilSeconds: REPLAY_SECONDS, speed: '1', sets });
  const broker = openBroker(configWith(settings), fleet.stateDir, systemClock, silentLogger);
  const heard: Heard = { readings: [], shown: [] };
  const stream = new AbortController();
  try {
    const { httpPort } = await fleet.open();
    fleet.start('cloud');
    fleet.start('edge');
    await fleet.until('the edge is up', () => true);
    await listenToTopic(broker, heard);
    for (let page = 0; page < PAGES; page++) {
      await listenToPage(`http://127.0.0.1:${httpPort}/api/v1/stream`, stream.signal, heard);
      await sleep(PAGE_EVERY_MS);
    }
    fleet.start('simulate');
    await fleet.untilDone();
    // The page hears at most once a second.
    await sleep(2 * LIVE_EVERY_MS);
  } finally {
    stream.abort();
    await broker.stop();
    await fleet.stop();
    rmSync(folder, { recursive: true });
  }
  return figuresOf(name, heard, say);
}

async function listenToTopic(broker: Broker, { readings }: Heard): Promise<void> {
  await broker.start();
  const partitions = await broker.partitionCount(POWER_TOPIC);
  const from = Array.from({ length: partitions }, (_, partition) => ({ partition, offset: 0 }));
  const consumption = await broker.consume(POWER_TOPIC, 'latency', from, async ({ records }: RecordBatch) => {
    const inTopicMs = performance.now();
    for (const { value } of records) {
      const message = decodeTopicMessage(value);
      if (message.kind === 'reading') readings.push({ timeMs: message.reading.timeMs, inTopicMs });
    }
  });
  void consumption.ended.catch(() => undefined);
}

async function listenToPage(url: string, signal: AbortSignal, heard: Heard): Promise<void> {
  const endMs = performance.now() + DEADLINE_MS;
  for (;;) {
    const response = await fetch(url, { signal }).catch(() => undefined);
    if (response?.ok === true) {
      void readLive(response, heard).catch(() => undefined);
      return;
    }
    if (performance.now() > endMs) throw new Error(`no stream at ${url}`);
    await sleep(LOOK_MS);
  }
}

async function readLive(response: Response, heard: Heard): Promise<void> {
  const shown: Heard['shown'][number] = [];
  heard.shown.push(shown);
  for await (const { newestAt } of liveMessages(response)) {
    const newestMs = Date.parse(newestAt ?? '');
    if (newestMs > (shown.at(-1)?.newestMs ?? 0)) shown.push({ newestMs, atMs: performance.now() });
  }
}

function figuresOf(name: string, { readings, shown }: Heard, say: (line: string) => void): Figure[] {
  const firstMs = secondOf(readings.reduce((least, { timeMs }) => Math.min(least, timeMs), Infinity));
  // The reading that was quickest in the topic says what time it was at the simulator.
  const clockOffsetMs = readings.reduce((least, { timeMs, inTopicMs }) => Math.min(least, inTopicMs - secondOf(timeMs)), Infinity);
  const [fromTopic, fromOwnTime, fromEnd]: [number[], number[], number[]] = [[], [], []];
  for (const { timeMs, inTopicMs } of readings) {
    const windowEndMs = (Math.floor(timeMs / WINDOW_MS) + 1) * WINDOW_MS;
    // The last window ends with the replay, not by the time.
    if (timeMs < firstMs + LEFT_OUT_SECONDS * 1_000 || windowEndMs >= firstMs + REPLAY_SECONDS * 1_000) continue;
    for (const page of shown) {
      const at = page.find(({ newestMs }) => newestMs >= windowEndMs)?.atMs;
      if (at === undefined) throw new Error(`${name}: a page never heard of a reading`);
      fromTopic.push((at - inTopicMs) / 1_000);
      fromOwnTime.push((at - (timeMs + clockOffsetMs)) / 1_000);
      fromEnd.push((at - (windowEndMs + clockOffsetMs)) / 1_000);
    }
  }
  if (shown.length < PAGES || fromTopic.length === 0) throw new Error(`${name}: nothing was heard`);
  say(`${name}: ${fromTopic.length / PAGES} readings at ${PAGES} pages`);
  return [
    ...pair(`${name}: reading at the simulator to page`, fromTopic),
    ...pair(`${name}: reading's own time to page`, fromOwnTime),
    ...pair(`${name}: window's end to page`, fromEnd),
  ];
}

function pair(what: string, seconds: readonly number[]): Figure[] {
  return [
    { what: `${what}, p50`, value: median(seconds), unit: 's' },
    { what: `${what}, p99`, value: quantile(seconds, P99), unit: 's' },
  ];
}

function secondOf(timeMs: number): number {
  return Math.floor(timeMs / 1_000) * 1_000;
}

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(share * values.length) - 1] ?? Number.NaN;
}

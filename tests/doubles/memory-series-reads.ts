/** What can be asked of a series store in memory. Pieces let the event loop turn between them, as pages of the real one do. */
import assert from 'node:assert/strict';
import { LocalDays, SITE_TIME_ZONE } from '../../cloud/server/analytics/local-time.ts';
import { addRollup, type Aggregate, kwhFromWattSeconds, ROLLUP_LEVELS_MS, type Rollup } from '../../cloud/server/analytics/rollup.ts';
import { emptyBucket, readWindow, rollupBucket, windowBucket } from '../../cloud/server/storage/buckets.ts';
import type { Bucket, GapQuery, GapRow, HouseholdRow, PowerTotals, RangeQuery } from '../../cloud/server/storage/series-store.ts';
import { yieldToEventLoop } from '../../common/clock.ts';
import { windowStartMs } from '../../common/units.ts';
import { inOrder, type MemoryDevice, type MemorySeries, type MemorySeriesFile, type MemorySource } from './memory-series-file.ts';

const BUCKETS_PER_PIECE = 200;
const MS_PER_HOUR = 3_600_000;
const HOURS = 2;
const LEVELS = { '1m': 0, '15m': 1, '1h': HOURS } as const;

interface OneSeries {
  household: string;
  device: MemoryDevice;
  series: MemorySeries;
}

/** What a range holds: piece by piece with turns of the event loop between them, or all at once for whoever has the time. */
export class MemoryRange implements AsyncIterable<Bucket> {
  private readonly file: MemorySeriesFile;
  private readonly windowMs: number;
  private readonly query: RangeQuery;

  constructor(file: MemorySeriesFile, windowMs: number, query: RangeQuery) {
    this.file = file;
    this.windowMs = windowMs;
    this.query = query;
  }

  [Symbol.asyncIterator](): AsyncIterator<Bucket> {
    return rangeOfBuckets(this.file, this.windowMs, this.query);
  }

  /** The same buckets in the same order; of whole series only. @param bucket maybe the same one each time, with other numbers */
  each(look: (bucket: Bucket) => void): void {
    const { file, windowMs, query } = this;
    assert(query.after === undefined && query.fromMs === undefined && query.toMs === undefined);
    for (const one of allSeries(file, query)) {
      const { household, device, series } = one;
      if (query.resolution !== 'raw') {
        for (const bucket of bucketsOf(one, query.resolution, windowMs)) look(bucket);
        continue;
      }
      const bucket = emptyBucket({ household, device: device.device, field: series.field });
      series.windows.each((startMs, window) => look(readWindow(bucket, startMs, window, windowMs)));
    }
  }
}

async function* rangeOfBuckets(file: MemorySeriesFile, windowMs: number, query: RangeQuery): AsyncGenerator<Bucket> {
  const { after, fromMs = Number.MIN_SAFE_INTEGER, toMs = Number.MAX_SAFE_INTEGER } = query;
  let given = 0;
  for (const one of allSeries(file, query)) {
    const place = compare([one.household, one.device.device, one.series.field], after);
    if (place < 0) continue;
    const beginMs = place === 0 && after !== undefined ? Math.max(fromMs, after.startMs + 1) : fromMs;
    for (const bucket of bucketsOf(one, query.resolution, windowMs)) {
      if (bucket.startMs < beginMs || bucket.startMs >= toMs) continue;
      yield bucket;
      if (++given % BUCKETS_PER_PIECE === 0) await yieldToEventLoop();
    }
  }
}

function* allSeries(file: MemorySeriesFile, { household, field }: Pick<RangeQuery, 'household' | 'field'>): Generator<OneSeries> {
  for (const held of file.inOrder()) {
    if (household !== undefined && held.household !== household) continue;
    for (const device of inOrder(held.devices)) {
      for (const series of [...device.series].sort((a, b) => (a.field < b.field ? -1 : 1))) {
        if (field === undefined || series.field === field) yield { household: held.household, device, series };
      }
    }
  }
}

function compare(names: readonly string[], after: RangeQuery['after']): number {
  if (after === undefined) return 1;
  const others = [after.household, after.device, after.field];
  for (const [i, name] of names.entries()) if (name !== others[i]) return name < (others[i] as string) ? -1 : 1;
  return 0;
}

function bucketsOf({ household, device, series }: OneSeries, resolution: RangeQuery['resolution'], windowMs: number): Bucket[] {
  const name = { household, device: device.device, field: series.field };
  if (resolution === 'raw') {
    return series.windows.starts().map((startMs) => windowBucket(name, startMs, series.windows.get(startMs) as Aggregate, windowMs));
  }
  const level = series.levels[resolution === '1d' ? HOURS : LEVELS[resolution]] as Map<number, Rollup>;
  const rollups = sorted(level).map(([, rollup]) => rollup);
  return (resolution === '1d' ? inDays(rollups) : rollups).map((rollup) => rollupBucket(name, rollup, windowMs));
}

function inDays(rollups: readonly Rollup[]): Rollup[] {
  const days = new LocalDays(SITE_TIME_ZONE);
  const all = new Map<number, Rollup>();
  for (const rollup of rollups) {
    const startMs = days.startOf(rollup.startMs);
    const day = all.get(startMs);
    if (day === undefined) all.set(startMs, { ...rollup, startMs });
    else addRollup(day, rollup);
  }
  return [...all.values()];
}

function sorted<T>(map: ReadonlyMap<number, T>): [number, T][] {
  return [...map].sort(([a], [b]) => a - b);
}

export function newestOf(file: MemorySeriesFile, windowMs: number): Bucket[] {
  return [...allSeries(file, {})].flatMap(({ household, device, series }) => {
    const startMs = windowStartMs(series.lastMs, windowMs);
    const aggregate = series.windows.get(startMs);
    return aggregate === undefined
      ? []
      : [windowBucket({ household, device: device.device, field: series.field }, startMs, aggregate, windowMs)];
  });
}

export function householdRows(file: MemorySeriesFile): HouseholdRow[] {
  return file.inOrder().map(({ household, postalCode, state, postalCodeFrom, devices }) => {
    const sources = [...devices.values()].flatMap((device) => [...device.sources.values()]);
    const first = sources.flatMap(({ firstMs }) => (firstMs === undefined ? [] : [firstMs]));
    const last = sources.flatMap(({ greatestMs }) => (greatestMs === undefined ? [] : [greatestMs]));
    return {
      household,
      postalCode,
      state,
      postalCodeFrom,
      firstMs: first.length === 0 ? null : Math.min(...first),
      lastMs: last.length === 0 ? null : Math.max(...last),
      readings: sources.reduce((sum, { readings }) => sum + readings, 0),
      declared: sources.reduce((sum, { declared }) => sum + declared.size, 0),
    };
  });
}

export function powerTotalsOf(file: MemorySeriesFile, windowMs: number): PowerTotals[] {
  return file.inOrder().flatMap(({ household, state, devices }) => {
    const power = [...devices.values()].flatMap(({ series }) => series.filter(({ field }) => field === 'power'));
    const count = power.reduce((sum, series) => sum + series.count, 0);
    if (count === 0) return [];
    const energyKwh = kwhFromWattSeconds(power.reduce((sum, { energyWs }) => sum + energyWs, 0));
    const windows = Math.max(...power.map(({ windowCount }) => windowCount));
    return [{ household, state, count, energyKwh, coveredHours: (windows * windowMs) / MS_PER_HOUR }];
  });
}

export async function* gapsOf(file: MemorySeriesFile, windowMs: number, query: GapQuery): AsyncGenerator<GapRow> {
  const { household, after, fromMs = Number.MIN_SAFE_INTEGER, toMs = Number.MAX_SAFE_INTEGER } = query;
  for (const device of inOrder(file.households.get(household)?.devices ?? new Map<string, MemoryDevice>())) {
    if (after !== undefined && device.device < after.device) continue;
    const afterMs = after?.device === device.device ? after.fromMs : Number.MIN_SAFE_INTEGER;
    const declared = declaredIn(device);
    const forgotten = forgottenSpans(device, file, windowMs);
    const lastMs = Math.max(Number.MIN_SAFE_INTEGER, ...forgotten.map((its) => its.lastMs));
    const kept = [...new Set(device.series.flatMap(({ windows }) => windows.starts()))].filter((startMs) => startMs > lastMs);
    const spans = [...forgotten, ...kept.sort((a, b) => a - b).map((startMs) => ({ firstMs: startMs, lastMs: startMs, windows: 1 }))];
    for (const [i, span] of spans.entries()) {
      const inside = (span.lastMs - span.firstMs) / windowMs + 1 - span.windows;
      const holes = [
        { fromMs: i === 0 ? span.firstMs : (spans[i - 1] as DeviceSpan).lastMs + windowMs, toMs: span.firstMs, missing: Number.NaN },
        { fromMs: span.firstMs + windowMs, toMs: span.lastMs, missing: inside },
      ];
      for (const hole of holes) {
        const missingMs = Number.isNaN(hole.missing) ? hole.toMs - hole.fromMs : hole.missing * windowMs;
        if (missingMs <= 0 || hole.toMs <= fromMs || hole.fromMs >= toMs || hole.fromMs <= afterMs) continue;
        const its = declared.filter(({ beforeMs, afterMs: nextMs }) => beforeMs < hole.fromMs && nextMs >= hole.toMs);
        const reason = its[0] === undefined ? 'no readings' : `declared: ${its[0].reason}`;
        const count = its.reduce((sum, { count: readings }) => sum + readings, 0);
        yield { device: device.device, fromMs: hole.fromMs, toMs: hole.toMs, reason, declared: count, missingMs };
      }
    }
    await yieldToEventLoop();
  }
}

interface DeviceSpan {
  firstMs: number;
  lastMs: number;
  windows: number;
}

/** What the shortest kept buckets say of the time in which windows were forgotten; a whole hour is one. */
function forgottenSpans({ series }: MemoryDevice, { keptFromMs }: MemorySeriesFile, windowMs: number): DeviceSpan[] {
  const untilMs = keptFromMs.get(windowMs);
  if (untilMs === undefined) return [];
  const at = (level: number, startMs: number): DeviceSpan | undefined => {
    const all = series.flatMap(({ levels }) => levels[level]?.get(startMs) ?? []);
    if (all.length === 0) return undefined;
    const window = (timeMs: number) => windowStartMs(timeMs, windowMs);
    return {
      firstMs: window(Math.min(...all.map((its) => its.firstMs))),
      lastMs: window(Math.max(...all.map((its) => its.lastMs))),
      windows: Math.max(...all.map(({ windowCount }) => windowCount)),
    };
  };
  const hours = [...new Set(series.flatMap(({ levels }) => [...(levels[HOURS]?.keys() ?? [])]))].sort((a, b) => a - b);
  return hours
    .filter((hourMs) => hourMs < untilMs)
    .flatMap((hourMs): DeviceSpan[] => {
      const hour = at(HOURS, hourMs);
      if (hour === undefined || hour.windows === MS_PER_HOUR / windowMs) return hour === undefined ? [] : [hour];
      const level = ROLLUP_LEVELS_MS.findIndex((levelMs) => hourMs >= (keptFromMs.get(levelMs) ?? Number.MIN_SAFE_INTEGER));
      const levelMs = ROLLUP_LEVELS_MS[level] as number;
      const starts = Array.from({ length: MS_PER_HOUR / levelMs }, (_, i) => hourMs + i * levelMs).filter((startMs) => startMs < untilMs);
      return starts.map((startMs) => at(level, startMs)).filter((its) => its !== undefined);
    });
}

/** Declared ranges between two parts of their source, with the windows of those. */
function declaredIn({ sources }: MemoryDevice): { reason: string; count: number; beforeMs: number; afterMs: number }[] {
  return [...sources.values()].flatMap((source) => {
    const parts = source.parts.all();
    return byFirst(source.gaps).flatMap(({ from, to, reason }) => {
      const before = parts.findLast(({ fromSeq }) => fromSeq < from);
      const next = parts.find(({ fromSeq }) => fromSeq > to);
      if (before === undefined || next === undefined) return [];
      return [{ reason, count: to - from + 1, beforeMs: before.windowStartMs, afterMs: next.windowStartMs }];
    });
  });
}

function byFirst(gaps: MemorySource['gaps']): MemorySource['gaps'] {
  return [...gaps].sort((a, b) => a.from - b.from);
}

/** What can be asked of a series store in memory. Pieces let the event loop turn between them, as pages of the real one do. */
import { LocalDays, SITE_TIME_ZONE } from '../../cloud/server/analytics/local-days.ts';
import { addRollup, kwhFromWattSeconds, type Rollup } from '../../cloud/server/analytics/rollup.ts';
import { rollupBucket, windowBucket } from '../../cloud/server/storage/buckets.ts';
import type { Bucket, GapQuery, GapRow, HouseholdRow, PowerTotals, RangeQuery } from '../../cloud/server/storage/series-store.ts';
import { yieldToEventLoop } from '../../common/clock.ts';
import { windowStartMs } from '../../common/units.ts';
import { inOrder, type MemoryDevice, type MemorySeries, type MemorySeriesFile, type MemorySource } from './memory-series-file.ts';

const BUCKETS_PER_PIECE = 200;
const MS_PER_HOUR = 3_600_000;
const QUARTERS = 1;
const LEVELS = { '1m': 0, '15m': QUARTERS, '1h': 2 } as const;

interface OneSeries {
  household: string;
  device: MemoryDevice;
  index: number;
  series: MemorySeries;
}

export async function* rangeOfBuckets(file: MemorySeriesFile, windowMs: number, query: RangeQuery): AsyncGenerator<Bucket> {
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
      const named = [...device.series.entries()].sort(([, a], [, b]) => (a.field < b.field ? -1 : 1));
      for (const [index, series] of named) {
        if (field === undefined || series.field === field) yield { household: held.household, device, index, series };
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

function bucketsOf({ household, device, index, series }: OneSeries, resolution: RangeQuery['resolution'], windowMs: number): Bucket[] {
  const name = { household, device: device.device, field: series.field };
  if (resolution === 'raw') {
    return sorted(device.windows).flatMap(([startMs, fields]) => {
      const aggregate = fields[index];
      return aggregate === undefined ? [] : [windowBucket(name, startMs, aggregate, windowMs)];
    });
  }
  const level = series.levels[resolution === '1d' ? QUARTERS : LEVELS[resolution]] as Map<number, Rollup>;
  const rollups = sorted(level).map(([, rollup]) => rollup);
  return (resolution === '1d' ? inDays(rollups) : rollups).map((rollup) => rollupBucket(name, rollup));
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
  return [...allSeries(file, {})].flatMap(({ household, device, index, series }) => {
    const startMs = windowStartMs(series.lastMs, windowMs);
    const aggregate = device.windows.get(startMs)?.[index];
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
    const starts = sorted(device.windows).map(([startMs]) => startMs);
    const declared = declaredIn(device);
    for (const [i, startMs] of starts.entries()) {
      const gapFromMs = i === 0 ? startMs : (starts[i - 1] as number) + windowMs;
      if (gapFromMs >= startMs || startMs <= fromMs || gapFromMs >= toMs || gapFromMs <= afterMs) continue;
      const inside = declared.filter(({ beforeMs, afterMs: nextMs }) => beforeMs < gapFromMs && nextMs >= startMs);
      const reason = inside[0] === undefined ? 'no readings' : `declared: ${inside[0].reason}`;
      yield { device: device.device, fromMs: gapFromMs, toMs: startMs, reason, declared: inside.reduce((sum, its) => sum + its.count, 0) };
    }
    await yieldToEventLoop();
  }
}

/** Declared ranges between two parts of their source, with the windows of those. */
function declaredIn({ sources }: MemoryDevice): { reason: string; count: number; beforeMs: number; afterMs: number }[] {
  return [...sources.values()].flatMap((source) => {
    const parts = sorted(source.parts);
    return byFirst(source.gaps).flatMap(({ from, to, reason }) => {
      const before = parts.findLast(([fromSeq]) => fromSeq < from);
      const next = parts.find(([fromSeq]) => fromSeq > to);
      if (before === undefined || next === undefined) return [];
      return [{ reason, count: to - from + 1, beforeMs: before[1].windowStartMs, afterMs: next[1].windowStartMs }];
    });
  });
}

function byFirst(gaps: MemorySource['gaps']): MemorySource['gaps'] {
  return [...gaps].sort((a, b) => a.from - b.from);
}

/** What the series store's suite is made of: a harness, an edge that sends, readings, and the truth computed by other code. */
import assert from 'node:assert/strict';
import type { AppendResult, Bucket, RangeQuery, Resolution, SeriesStore } from '../../cloud/server/storage/series-store.ts';
import type { HelloHousehold, Part, Reading, ShippedRow, Verdict } from '../../common/messages.ts';
import { cutIntoParts } from '../../common/protocol/window.ts';
import type { Random } from '../../common/random.ts';

export const WINDOW_MS = 5_000;
/** 2019-12-24T00:00:00Z */
export const T0_MS = 1_577_145_600_000;
export const HOME = 'home-a';
const TOLERANCE = 1e-9;

export interface StoreHarness {
  store: SeriesStore;
  /** A further store object on the same data, started. */
  another(): Promise<SeriesStore>;
  /** Stops all of them and starts a new one. */
  reopen(): Promise<SeriesStore>;
  cleanup(): Promise<void>;
}

/** An edge as the store sees it. */
export class Edge {
  store: SeriesStore;
  readonly claim: string;
  readonly generations: Record<string, number> = {};

  constructor(store: SeriesStore, claim = 'claim-1') {
    this.store = store;
    this.claim = claim;
  }

  async hello(households: readonly string[] = [HOME], known = 0): Promise<HelloHousehold[]> {
    const asked = households.map((household) => ({ household, generation: known }));
    const answer = await this.store.hello({ edge: 'edge-1', epoch: 'epoch-1', claim: this.claim, windowMs: WINDOW_MS, households: asked });
    for (const { household, generation } of answer) this.generations[household] = generation;
    return answer;
  }

  send(rows: readonly ShippedRow[]): Promise<AppendResult> {
    const { claim, generations } = this;
    return this.store.append({ edge: 'edge-1', epoch: 'epoch-1', claim, startId: 'start-1', windowMs: WINDOW_MS, generations, rows });
  }

  async verdicts(...rows: ShippedRow[]): Promise<Verdict[]> {
    return (await this.send(rows)).verdicts.map(({ verdict }) => verdict);
  }

  /** Sends readings of one source, cut into parts, and expects them all to be stored. */
  async ship(readings: readonly Reading[]): Promise<void> {
    for (const part of cutIntoParts(readings, WINDOW_MS)) assert.deepEqual(await this.verdicts({ kind: 'part', part }), ['stored']);
  }
}

export async function helloEdge(store: SeriesStore, claim?: string): Promise<Edge> {
  const edge = new Edge(store, claim);
  await edge.hello();
  return edge;
}

type ReadingFields = Partial<Pick<Reading, 'household' | 'device' | 'src' | 'timeMs'>> & { values?: Record<string, number> };

/** Seq n comes n - 1 windows after T0 unless told otherwise. */
export function reading(seq: number, fields: ReadingFields = {}): Reading {
  const { values = { power: 100 + seq }, ...rest } = fields;
  return { household: HOME, device: 'meter', src: 'src1', seq, timeMs: T0_MS + (seq - 1) * WINDOW_MS, values, ...rest };
}

/** One part of consecutive seqs, all in the window of the first. */
export function part(from: number, to: number, fields: ReadingFields = {}): ShippedRow & { part: Part } {
  const timeMs = fields.timeMs ?? T0_MS + (from - 1) * WINDOW_MS;
  const readings = Array.from({ length: to - from + 1 }, (_, i) => reading(from + i, { ...fields, timeMs: timeMs + i }));
  const parts = cutIntoParts(readings, WINDOW_MS);
  assert.equal(parts.length, 1);
  return { kind: 'part', part: parts[0] as Part };
}

export function gap(fromSeq: number, toSeq: number, reason = 'missing in the log'): ShippedRow {
  return { kind: 'gap', gap: { household: HOME, device: 'meter', src: 'src1', fromSeq, toSeq, reason } };
}

export async function collect(store: SeriesStore, query: RangeQuery): Promise<Bucket[]> {
  const buckets: Bucket[] = [];
  for await (const bucket of store.range(query)) buckets.push(bucket);
  return buckets;
}

/** Everything that can be asked of a store, to compare two moments. */
export async function everything(store: SeriesStore): Promise<unknown> {
  const ranges: Bucket[][] = [];
  for (const resolution of ['raw', '1m', '15m', '1h', '1d'] as const) ranges.push(await collect(store, { resolution }));
  return { ranges, households: await store.households(), totals: await store.powerTotals(), newest: await store.newest() };
}

/** The start of a reading's bucket, by arithmetic; of days by a table of German midnights. */
export function trueStartMs(timeMs: number, resolution: Resolution): number {
  const windowStart = timeMs - (timeMs % WINDOW_MS);
  const lengths = { raw: WINDOW_MS, '1m': 60_000, '15m': 900_000, '1h': 3_600_000, '1d': 86_400_000 };
  if (resolution !== '1d') return windowStart - (windowStart % lengths[resolution]);
  // Summer time 2019 from 31 March to 27 October, 01:00 UTC both.
  const summer = (ms: number) => ms >= Date.UTC(2019, 2, 31, 1) && ms < Date.UTC(2019, 9, 27, 1);
  const local = windowStart + (summer(windowStart) ? 7_200_000 : 3_600_000);
  const midnight = local - (local % 86_400_000);
  return midnight - (summer(midnight - 7_200_000) ? 7_200_000 : 3_600_000);
}

/** Buckets of readings, by the definition: sort, add, divide. Sources are ordered as they are listed. */
export function trueBuckets(readings: readonly Reading[], resolution: Resolution, sources: readonly string[] = []): Bucket[] {
  const groups = new Map<string, { reading: Reading; value: number }[]>();
  for (const its of readings) {
    for (const [field, value] of Object.entries(its.values)) {
      const key = `${its.household} ${its.device} ${field} ${String(trueStartMs(its.timeMs, resolution)).padStart(15, '0')}`;
      groups.set(key, [...(groups.get(key) ?? []), { reading: its, value }]);
    }
  }
  return [...groups.keys()].sort(inParts).map((key) => {
    const [household = '', device = '', field = '', start = ''] = key.split(' ');
    const group = (groups.get(key) ?? []).sort(
      ({ reading: a }, { reading: b }) => a.timeMs - b.timeMs || sources.indexOf(a.src) - sources.indexOf(b.src) || a.seq - b.seq,
    );
    const values = group.map(({ value }) => value);
    return {
      household,
      device,
      field,
      startMs: Number(start),
      count: values.length,
      mean: isPower(field) ? mean(windowMeans(group)) : mean(values),
      min: Math.min(...values),
      max: Math.max(...values),
      first: values[0] as number,
      last: values.at(-1) as number,
      energyKwh: isPower(field) ? trueEnergyKwh(group) : null,
    };
  });
}

function inParts(a: string, b: string): number {
  const [left, right] = [a.split(' '), b.split(' ')];
  const at = left.findIndex((word, i) => word !== right[i]);
  return at === -1 ? 0 : (left[at] as string) < (right[at] as string) ? -1 : 1;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function isPower(field: string): boolean {
  return field.startsWith('power');
}

function trueEnergyKwh(group: readonly { reading: Reading; value: number }[]): number {
  return windowMeans(group).reduce((sum, its) => sum + its * (WINDOW_MS / 1_000), 0) / 3_600_000;
}

function windowMeans(group: readonly { reading: Reading; value: number }[]): number[] {
  const windows = new Map<number, number[]>();
  for (const { reading: its, value } of group) {
    const start = trueStartMs(its.timeMs, 'raw');
    windows.set(start, [...(windows.get(start) ?? []), value]);
  }
  return [...windows.values()].map(mean);
}

/** Sums are added in another order, so numbers are compared relatively. */
export function assertBuckets(actual: readonly Bucket[], expected: readonly Bucket[]): void {
  const name = (b: Bucket) => `${b.household}/${b.device}/${b.field}@${b.startMs}`;
  assert.deepEqual(actual.map(name), expected.map(name));
  for (const [i, want] of expected.entries()) {
    const got = actual[i] as Bucket;
    for (const key of ['count', 'min', 'max', 'first', 'last'] as const) assert.equal(got[key], want[key], `${key} of ${name(want)}`);
    assertClose(got.mean, want.mean, `mean of ${name(want)}`);
    if (want.energyKwh === null) assert.equal(got.energyKwh, null);
    else assertClose(got.energyKwh ?? Number.NaN, want.energyKwh, `energy of ${name(want)}`);
  }
}

export function assertClose(got: number, want: number, what: string): void {
  assert.ok(Math.abs(got - want) <= TOLERANCE * Math.max(1, Math.abs(want)), `${what}: ${got}, truth ${want}`);
}

export function shuffle<T>(items: T[], random: Random): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [items[i], items[j]] = [items[j] as T, items[i] as T];
  }
  return items;
}

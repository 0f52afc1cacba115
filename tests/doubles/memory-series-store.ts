/**
 * The series store in memory, for storms that are to run fast: the same contract and the same suite as the one on SQLite. A request is
 * judged on drafts of its sources, and taken over when nothing can fail any more, so a request that fails leaves nothing.
 */
import { countWindow, isPower, ROLLUP_LEVELS_MS } from '../../cloud/server/analytics/rollup.ts';
import { addRollup, addToBuckets, addUp, emptyRollup, readRollup, type Rollup } from '../../cloud/server/analytics/rollup.ts';
import { windowBucket } from '../../cloud/server/storage/buckets.ts';
import type {
  AppendResult,
  Bucket,
  BucketsQuery,
  ForgetOptions,
  GapQuery,
  GapRow,
  HouseholdRow,
  KeptLevel,
  PowerTotals,
  RangeQuery,
  SeriesBuckets,
  SeriesStore,
  StoredVerdict,
} from '../../cloud/server/storage/series-store.ts';
import type { PostalCodes } from '../../cloud/server/storage/sqlite-series-store.ts';
import { ConfigError, OperatingError } from '../../common/errors.ts';
import { yieldToEventLoop } from '../../common/clock.ts';
import { sourceKey } from '../../common/ids.ts';
import { reach } from '../../common/failpoints.ts';
import { type HelloHousehold, type HelloRequest, type Part, type PartsRequest, rangeOf, type ShippedRow } from '../../common/messages.ts';
import { applyStored, claimHousehold, judgeRow, SECOND_SOURCE, type SourceView } from '../../common/protocol/receiver-rules.ts';
import { missingFromAll } from '../../common/protocol/seq-intervals.ts';
import { windowStartMs } from '../../common/units.ts';
import {
  emptySource,
  type MemoryDevice,
  type MemoryHousehold,
  type MemorySeries,
  type MemorySeriesFile,
  type MemorySource,
} from './memory-series-file.ts';
import { bucketsOfFile, keptOf } from './memory-series-buckets.ts';
import { MemoryWindows } from './memory-windows.ts';
import { gapsOf, householdRows, MemoryRange, newestOf, powerTotalsOf } from './memory-series-reads.ts';

export { MemorySeriesFile } from './memory-series-file.ts';

export interface MemorySeriesStoreOptions {
  file: MemorySeriesFile;
  windowMs: number;
  postalCodes: PostalCodes;
}

export class MemorySeriesStore implements SeriesStore {
  private readonly options: MemorySeriesStoreOptions;
  private isStarted = false;

  constructor(options: MemorySeriesStoreOptions) {
    this.options = options;
  }

  async start(): Promise<void> {
    const { file, windowMs } = this.options;
    file.windowMs ??= windowMs;
    if (file.windowMs !== windowMs) throw new ConfigError(`the store holds windows of ${file.windowMs} ms`, 'give it another');
    this.isStarted = true;
  }

  async stop(): Promise<void> {
    this.isStarted = false;
  }

  async hello(request: HelloRequest): Promise<HelloHousehold[]> {
    this.refuseOtherWindows(request.windowMs);
    const { households, isFull } = this.started();
    if (isFull) throw noSpace();
    return request.households.map(({ household, generation }) => {
      const held = households.get(household) ?? this.addHousehold(household);
      const given = claimHousehold(held.generation === 0 ? undefined : held, request.claim, generation);
      if (given !== held.generation || request.claim !== held.claim)
        Object.assign(held, { generation: given, claim: request.claim, edge: request.edge });
      return helloOf(held);
    });
  }

  async append(request: PartsRequest): Promise<AppendResult> {
    this.refuseOtherWindows(request.windowMs);
    const file = this.started();
    const answer: AppendResult = { verdicts: [], postalCodes: {}, generations: {}, newest: [] };
    const owned = ownedHouseholds(file, request, answer);
    const drafts = new Drafts(file, this.options.windowMs);
    for (const row of request.rows) answer.verdicts.push(judge(drafts, owned, row));
    reach('cloud_inside_commit');
    if (file.isFull) throw noSpace();
    const devices = drafts.takeOver();
    for (const touched of devices) answer.newest.push(...this.addUpDevice(touched));
    return answer;
  }

  async households(): Promise<HouseholdRow[]> {
    return householdRows(this.started());
  }

  async owners(): Promise<ReadonlyMap<string, string>> {
    const owned = [...this.started().households].filter(([, { edge }]) => edge !== '');
    return new Map(owned.map(([household, { edge }]) => [household, edge]));
  }

  async edges(): Promise<string[]> {
    const all = new Set([...this.started().households.values()].map(({ edge }) => edge).filter((edge) => edge !== ''));
    return [...all].sort();
  }

  async fields(): Promise<string[]> {
    const devices = [...this.started().households.values()].flatMap((held) => [...held.devices.values()]);
    return [...new Set(devices.flatMap(({ series }) => series.map(({ field }) => field)))].sort();
  }

  async postalCodeOf(household: string): Promise<string | undefined> {
    return this.started().households.get(household)?.postalCode;
  }

  async powerTotals(): Promise<PowerTotals[]> {
    return powerTotalsOf(this.started(), this.options.windowMs);
  }

  async newest(): Promise<Bucket[]> {
    return newestOf(this.started(), this.options.windowMs);
  }

  range(query: RangeQuery): MemoryRange {
    return new MemoryRange(this.started(), this.options.windowMs, query);
  }

  async buckets({ signal, ...query }: BucketsQuery): Promise<SeriesBuckets[]> {
    const file = this.started();
    signal?.throwIfAborted();
    await yieldToEventLoop();
    signal?.throwIfAborted();
    return bucketsOfFile(file, this.options.windowMs, query);
  }

  async kept(): Promise<KeptLevel[]> {
    return keptOf(this.started(), this.options.windowMs);
  }

  gaps(query: GapQuery): AsyncIterable<GapRow> {
    return gapsOf(this.started(), this.options.windowMs, query);
  }

  async deleteBefore(timeMs: number, { levelMs = this.options.windowMs }: ForgetOptions = {}): Promise<number> {
    const { keptFromMs, households } = this.started();
    const devices = [...households.values()].flatMap((held) => [...held.devices.values()]);
    const level = ROLLUP_LEVELS_MS.findIndex((its) => its === levelMs);
    const isWindows = levelMs === this.options.windowMs;
    const forgotten = devices.map((device) => (isWindows ? forgetWindows(device, timeMs) : forgetBuckets(device, level, timeMs)));
    const deleted = forgotten.reduce((sum, its) => sum + its, 0);
    if (deleted > 0) keptFromMs.set(levelMs, Math.max(timeMs, keptFromMs.get(levelMs) ?? timeMs));
    return deleted;
  }

  private addHousehold(household: string): MemoryHousehold {
    const { postalCode, state, from } = this.options.postalCodes.assign(household);
    const held: MemoryHousehold = {
      household,
      postalCode,
      postalCodeFrom: from,
      state,
      generation: 0,
      claim: '',
      edge: '',
      devices: new Map(),
    };
    this.started().households.set(household, held);
    return held;
  }

  /** Windows, totals and rollups of one device; the newest windows that it changed. */
  private addUpDevice({ household, device, added }: Touched): Bucket[] {
    const newest: Bucket[] = [];
    for (const series of device.series) {
      const shownMs = windowStartMs(series.lastMs, this.options.windowMs);
      const minutes: Rollup[] = [];
      let newestMs = Number.NEGATIVE_INFINITY;
      for (const { source, parts } of added) newestMs = Math.max(newestMs, this.addParts(series, source, parts, minutes));
      if (minutes.length === 0) continue;
      const aggregate = series.windows.get(newestMs);
      const name = { household: household.household, device: device.device, field: series.field };
      if (newestMs >= shownMs && aggregate !== undefined) newest.push(windowBucket(name, newestMs, aggregate, this.options.windowMs));
      let changes = minutes;
      for (const [level, levelMs] of ROLLUP_LEVELS_MS.entries()) {
        if (level > 0) changes = addUp(changes, levelMs);
        for (const change of changes) addToLevel(series, level, change);
      }
    }
    return newest;
  }

  /** @returns start of the newest window */
  private addParts(series: MemorySeries, source: number, parts: readonly Part[], minutes: Rollup[]): number {
    const { windowMs } = this.options;
    const { field, windows, power } = series;
    let newestMs = Number.NEGATIVE_INFINITY;
    for (const part of parts) {
      const at = part.fields.indexOf(field);
      if (at < 0) continue;
      const change = readRollup(CHANGE, part, at, source);
      const startMs = part.windowStartMs;
      if (startMs > newestMs) newestMs = startMs;
      const before = windows.getInto(BEFORE, startMs);
      countWindow(change, before, windowMs, power);
      if (before === undefined) windows.put(startMs, change);
      else windows.add(startMs, before, change);
      addTotals(series, change);
      addToBuckets(minutes, change, ROLLUP_LEVELS_MS[0]);
    }
    return newestMs;
  }

  private refuseOtherWindows(windowMs: number): void {
    const { windowMs: own } = this.options;
    if (windowMs === own) return;
    throw new ConfigError(`the edge cuts windows of ${windowMs / 1_000} s, the cloud ${own / 1_000} s`, 'give both the same');
  }

  private started(): MemorySeriesFile {
    if (!this.isStarted) throw new Error('the series store is not started');
    return this.options.file;
  }
}

function forgetWindows({ series, sources }: MemoryDevice, beforeMs: number): number {
  const forgotten = new Set<number>();
  for (const { windows } of series)
    for (const startMs of windows.starts()) if (startMs < beforeMs && windows.delete(startMs)) forgotten.add(startMs);
  for (const { parts } of sources.values()) parts.deleteBefore(beforeMs);
  return forgotten.size;
}

function forgetBuckets({ series }: MemoryDevice, level: number, beforeMs: number): number {
  let forgotten = 0;
  for (const { levels } of series)
    for (const startMs of levels[level]?.keys() ?? []) if (startMs < beforeMs && levels[level]?.delete(startMs)) forgotten++;
  return forgotten;
}

function addTotals(series: MemorySeries, { count, energyWs, windowCount, lastMs }: Rollup): void {
  series.count += count;
  series.energyWs += energyWs;
  series.windowCount += windowCount;
  if (lastMs > series.lastMs) series.lastMs = lastMs;
}

function addToLevel({ levels }: MemorySeries, level: number, change: Rollup): void {
  const buckets = levels[level] as Map<number, Rollup>;
  const bucket = buckets.get(change.startMs);
  if (bucket === undefined) buckets.set(change.startMs, { ...change });
  else addRollup(bucket, change);
}

function noSpace(): OperatingError {
  return new OperatingError('DISK_FULL', 'no space for the store', { retryable: true, hint: 'make room' });
}

function ownedHouseholds(file: MemorySeriesFile, request: PartsRequest, answer: AppendResult): Map<string, MemoryHousehold> {
  const owned = new Map<string, MemoryHousehold>();
  const asked = new Set<string>();
  if (request.rows.length === 0) for (const household of Object.keys(request.generations)) asked.add(household);
  let before: string | undefined;
  for (const row of request.rows) {
    const { household } = rangeOf(row);
    if (household !== before) asked.add((before = household));
  }
  for (const household of asked) {
    const held = file.households.get(household);
    if (held !== undefined) answer.postalCodes[household] = held.postalCode;
    if (held !== undefined && held.claim === request.claim && held.generation === request.generations[household])
      owned.set(household, held);
    else answer.generations[household] = held?.generation ?? 0;
  }
  return owned;
}

const STORED: StoredVerdict = { verdict: 'stored' };

function judge(drafts: Drafts, owned: ReadonlyMap<string, MemoryHousehold>, row: ShippedRow): StoredVerdict {
  const range = row.kind === 'part' ? row.part : row.gap;
  const household = owned.get(range.household);
  if (household === undefined) return { verdict: 'not_owner' };
  if (row.kind === 'part' && !isSorted(row.part.fields))
    return { verdict: 'rejected', reason: 'field names are not sorted, or one is there twice' };
  const draft = drafts.of(household, range.device, range.src);
  const verdict = judgeRow(draft, row);
  if (verdict !== 'stored') return verdict === 'rejected' ? { verdict, reason: SECOND_SOURCE } : { verdict };
  drafts.store(draft, row);
  return STORED;
}

function isSorted(names: readonly string[]): boolean {
  for (let i = 1; i < names.length; i++) if ((names[i - 1] as string) >= (names[i] as string)) return false;
  return true;
}

/** What one request added to a device. */
interface Touched {
  household: MemoryHousehold;
  device: MemoryDevice;
  added: { source: number; parts: readonly Part[] }[];
}

/** One part's, used for each. */
const [CHANGE, BEFORE] = [emptyRollup(), emptyRollup()];

/** A source as the running request leaves it. */
class Draft implements SourceView {
  readonly household: MemoryHousehold;
  readonly device: string;
  readonly source: MemorySource;
  readonly covered;
  readonly declared;
  readonly gaps;
  readonly stored: Part[] = [];
  private readonly drafts: Drafts;
  id: number;
  greatestMs: number | undefined;

  constructor(drafts: Drafts, household: MemoryHousehold, device: string, source: MemorySource) {
    this.drafts = drafts;
    this.household = household;
    this.device = device;
    this.source = source;
    this.covered = source.covered.clone();
    this.declared = source.declared.clone();
    this.gaps = source.gaps.map((gap) => ({ ...gap }));
    this.id = source.id;
    this.greatestMs = source.greatestMs;
  }

  digestOf(fromSeq: number, toSeq: number): string | undefined {
    if (fromSeq > this.covered.max) return undefined;
    for (const part of this.stored) if (part.fromSeq === fromSeq && part.toSeq === toSeq) return part.digest;
    return this.source.parts.digestOf(fromSeq, toSeq);
  }

  get otherGreatestMs(): number | undefined {
    const others = this.drafts.sourcesOf(this.household, this.device);
    const times = others.flatMap(({ src, id, greatestMs }) =>
      src === this.source.src || greatestMs === undefined || (this.id !== 0 && id > this.id) ? [] : [greatestMs],
    );
    return times.length === 0 ? undefined : Math.max(...times);
  }
}

class Drafts {
  private readonly file: MemorySeriesFile;
  private readonly windowMs: number;
  private readonly drafts = new Map<string, Draft>();
  private last: Draft | undefined;
  private sourcesMade: number;

  constructor(file: MemorySeriesFile, windowMs: number) {
    this.file = file;
    this.windowMs = windowMs;
    this.sourcesMade = file.sourcesMade;
  }

  of(household: MemoryHousehold, device: string, src: string): Draft {
    const { last } = this;
    // Rows of a source lie side by side.
    if (last !== undefined && last.household === household && last.device === device && last.source.src === src) return last;
    const key = sourceKey(household.household, device, src);
    let draft = this.drafts.get(key);
    if (draft === undefined) {
      const source = household.devices.get(device)?.sources.get(src) ?? emptySource(src);
      this.drafts.set(key, (draft = new Draft(this, household, device, source)));
    }
    this.last = draft;
    return draft;
  }

  /** All sources of a device, as the running request leaves them. */
  sourcesOf(household: MemoryHousehold, device: string): { src: string; id: number; greatestMs: number | undefined }[] {
    const all = new Map<string, { src: string; id: number; greatestMs: number | undefined }>();
    for (const source of household.devices.get(device)?.sources.values() ?? []) all.set(source.src, source);
    for (const draft of this.drafts.values()) {
      if (draft.household !== household || draft.device !== device) continue;
      all.set(draft.source.src, { src: draft.source.src, id: draft.id, greatestMs: draft.greatestMs });
    }
    return [...all.values()];
  }

  store(draft: Draft, row: ShippedRow): void {
    if (draft.id === 0) draft.id = ++this.sourcesMade;
    const { fromSeq, toSeq } = row.kind === 'part' ? row.part : row.gap;
    if (row.kind === 'gap') {
      const free = missingFromAll(fromSeq, toSeq, [draft.covered, draft.declared]);
      draft.gaps.push(...free.map(([from, to]) => ({ from, to, reason: row.gap.reason })));
    } else {
      const { part } = row;
      draft.stored.push(part);
      if (draft.declared.overlaps(fromSeq, toSeq)) draft.gaps.splice(0, draft.gaps.length, ...draft.gaps.flatMap((gap) => cut(gap, part)));
      if (draft.greatestMs === undefined || part.lastMs > draft.greatestMs) draft.greatestMs = part.lastMs;
    }
    applyStored(draft, row);
  }

  /** Puts the drafts in the place of what was held. Can't fail. */
  takeOver(): Iterable<Touched> {
    const touched = new Map<MemoryDevice, Touched>();
    this.file.sourcesMade = this.sourcesMade;
    for (const draft of this.drafts.values()) {
      if (draft.id === 0) continue;
      const { household, source } = draft;
      const device = deviceOf(household, draft.device);
      device.sources.set(source.src, source);
      const { covered, declared, gaps, id, greatestMs } = draft;
      Object.assign(source, { covered, declared, gaps, id, greatestMs });
      if (draft.stored.length === 0) continue;
      let its = touched.get(device);
      if (its === undefined) touched.set(device, (its = { household, device, added: [] }));
      its.added.push({ source: id, parts: draft.stored });
      keepParts(device, source, draft.stored, this.windowMs);
    }
    return touched.values();
  }
}

function keepParts(device: MemoryDevice, source: MemorySource, parts: readonly Part[], windowMs: number): void {
  let fieldsBefore: readonly string[] | undefined;
  for (const part of parts) {
    source.parts.put(part);
    source.readings += part.count;
    if (source.firstMs === undefined || part.firstMs < source.firstMs) source.firstMs = part.firstMs;
    if (part.fields === fieldsBefore) continue;
    fieldsBefore = part.fields;
    for (const field of part.fields) addSeries(device, field, windowMs);
  }
}

function addSeries({ series }: MemoryDevice, field: string, windowMs: number): void {
  if (series.some((its) => its.field === field)) return;
  const levels = ROLLUP_LEVELS_MS.map(() => new Map<number, Rollup>());
  const windows = new MemoryWindows(windowMs);
  series.push({ field, power: isPower(field), count: 0, energyWs: 0, windowCount: 0, lastMs: 0, windows, levels });
}

function deviceOf({ devices }: MemoryHousehold, name: string): MemoryDevice {
  let device = devices.get(name);
  if (device === undefined) devices.set(name, (device = { device: name, sources: new Map(), series: [] }));
  return device;
}

/** What is left of a gap beside the seqs that turned up. */
function cut({ from, to, reason }: MemorySource['gaps'][number], { fromSeq, toSeq }: Part): MemorySource['gaps'] {
  if (toSeq < from || fromSeq > to) return [{ from, to, reason }];
  return [...(from < fromSeq ? [{ from, to: fromSeq - 1, reason }] : []), ...(to > toSeq ? [{ from: toSeq + 1, to, reason }] : [])];
}

function helloOf({ household, generation, postalCode, devices }: MemoryHousehold): HelloHousehold {
  const sources = [...devices.values()].flatMap(({ device, sources: its }) =>
    [...its.values()].map(({ src, covered, declared, greatestMs }) => ({
      device,
      src,
      covered: covered.ranges(),
      declared: declared.ranges(),
      greatestMs: greatestMs ?? 0,
    })),
  );
  return { household, generation, postalCode, sources };
}

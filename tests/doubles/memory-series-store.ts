/**
 * The series store in memory, for storms that are to run fast: the same contract and the same suite as the one on SQLite. A request is
 * judged on drafts of its sources, and taken over when nothing can fail any more, so a request that fails leaves nothing.
 */
import { countWindow, isPower, ROLLUP_LEVELS_MS } from '../../cloud/server/analytics/rollup.ts';
import { addAggregate, addRollup, addUp, type Rollup, rollupOf } from '../../cloud/server/analytics/rollup.ts';
import { windowBucket } from '../../cloud/server/storage/buckets.ts';
import type {
  AppendResult,
  Bucket,
  GapQuery,
  GapRow,
  HouseholdRow,
  PowerTotals,
  RangeQuery,
  SeriesStore,
  StoredVerdict,
} from '../../cloud/server/storage/series-store.ts';
import type { PostalCodes } from '../../cloud/server/storage/sqlite-series-store.ts';
import { ConfigError, OperatingError } from '../../common/errors.ts';
import { reach } from '../../common/failpoints.ts';
import { type HelloHousehold, type HelloRequest, type Part, type PartsRequest, rangeOf, type ShippedRow } from '../../common/messages.ts';
import { applyStored, claimHousehold, judgeRow, SECOND_SOURCE, type SourceView } from '../../common/protocol/receiver-rules.ts';
import { missingFromAll } from '../../common/protocol/seq-intervals.ts';
import { windowStartMs } from '../../common/units.ts';
import {
  emptySource,
  type MemoryDevice,
  type MemoryHousehold,
  type MemoryPart,
  type MemorySeries,
  type MemorySeriesFile,
  type MemorySource,
} from './memory-series-file.ts';
import { gapsOf, householdRows, newestOf, powerTotalsOf, rangeOfBuckets } from './memory-series-reads.ts';

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
    const drafts = new Drafts(file);
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

  range(query: RangeQuery): AsyncIterable<Bucket> {
    return rangeOfBuckets(this.started(), this.options.windowMs, query);
  }

  gaps(query: GapQuery): AsyncIterable<GapRow> {
    return gapsOf(this.started(), this.options.windowMs, query);
  }

  async deleteBefore(timeMs: number): Promise<number> {
    let windows = 0;
    for (const { devices } of this.started().households.values()) {
      for (const device of devices.values()) {
        for (const startMs of device.windows.keys()) if (startMs < timeMs && device.windows.delete(startMs)) windows++;
        for (const { parts } of device.sources.values())
          for (const [from, { windowStartMs: startMs }] of parts) if (startMs < timeMs) parts.delete(from);
      }
    }
    return windows;
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
    const { windowMs } = this.options;
    const newest: Bucket[] = [];
    for (const [index, series] of device.series.entries()) {
      const shownMs = windowStartMs(series.lastMs, windowMs);
      let changes: Rollup[] = [];
      let newestMs = Number.NEGATIVE_INFINITY;
      for (const [startMs, fields] of added) {
        const change = fields[index];
        if (change === undefined) continue;
        newestMs = Math.max(newestMs, startMs);
        this.addToWindow(device, index, startMs, change, series.power);
        addTotals(series, change);
        changes.push(change);
      }
      if (changes.length === 0) continue;
      const aggregate = device.windows.get(newestMs)?.[index];
      const name = { household: household.household, device: device.device, field: series.field };
      if (newestMs >= shownMs && aggregate !== undefined) newest.push(windowBucket(name, newestMs, aggregate, windowMs));
      for (const [level, levelMs] of ROLLUP_LEVELS_MS.entries()) {
        changes = addUp(changes, levelMs);
        for (const change of changes) addToLevel(series, level, change);
      }
    }
    return newest;
  }

  private addToWindow(device: MemoryDevice, index: number, startMs: number, change: Rollup, power: boolean): void {
    let window = device.windows.get(startMs);
    if (window === undefined) device.windows.set(startMs, (window = []));
    const before = window[index];
    countWindow(change, before, this.options.windowMs, power);
    if (before === undefined) window[index] = { ...change };
    else addAggregate(before, change);
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
  const asked = request.rows.length === 0 ? Object.keys(request.generations) : request.rows.map((row) => rangeOf(row).household);
  for (const household of new Set(asked)) {
    const held = file.households.get(household);
    if (held !== undefined) answer.postalCodes[household] = held.postalCode;
    if (held !== undefined && held.claim === request.claim && held.generation === request.generations[household])
      owned.set(household, held);
    else answer.generations[household] = held?.generation ?? 0;
  }
  return owned;
}

function judge(drafts: Drafts, owned: ReadonlyMap<string, MemoryHousehold>, row: ShippedRow): StoredVerdict {
  const range = rangeOf(row);
  const household = owned.get(range.household);
  if (household === undefined) return { verdict: 'not_owner' };
  if (row.kind === 'part' && row.part.fields.some((name, i, all) => i > 0 && (all[i - 1] as string) >= name))
    return { verdict: 'rejected', reason: 'field names are not sorted, or one is there twice' };
  const draft = drafts.of(household, range.device, range.src);
  const verdict = judgeRow(draft, row);
  if (verdict === 'stored') drafts.store(draft, row);
  return verdict === 'rejected' ? { verdict, reason: SECOND_SOURCE } : { verdict };
}

/** What one request added to a device. */
interface Touched {
  household: MemoryHousehold;
  device: MemoryDevice;
  /** By window start, then by place in `series`. */
  added: Map<number, (Rollup | undefined)[]>;
}

/** A source as the running request leaves it. */
class Draft implements SourceView {
  readonly household: MemoryHousehold;
  readonly device: string;
  readonly source: MemorySource;
  readonly covered;
  readonly declared;
  readonly gaps;
  readonly stored: Part[] = [];
  readonly newParts = new Map<number, MemoryPart>();
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
    const part = this.newParts.get(fromSeq) ?? this.source.parts.get(fromSeq);
    return part?.toSeq === toSeq ? part.digest : undefined;
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
  private readonly drafts = new Map<string, Draft>();
  private sourcesMade: number;

  constructor(file: MemorySeriesFile) {
    this.file = file;
    this.sourcesMade = file.sourcesMade;
  }

  of(household: MemoryHousehold, device: string, src: string): Draft {
    const key = `${household.household}/${device}/${src}`;
    let draft = this.drafts.get(key);
    if (draft === undefined) {
      const source = household.devices.get(device)?.sources.get(src) ?? emptySource(src);
      this.drafts.set(key, (draft = new Draft(this, household, device, source)));
    }
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
    const { fromSeq, toSeq } = rangeOf(row);
    if (row.kind === 'gap') {
      const free = missingFromAll(fromSeq, toSeq, [draft.covered, draft.declared]);
      draft.gaps.push(...free.map(([from, to]) => ({ from, to, reason: row.gap.reason })));
    } else {
      const { part } = row;
      draft.stored.push(part);
      draft.newParts.set(fromSeq, { toSeq, digest: part.digest, windowStartMs: part.windowStartMs });
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
      for (const [from, part] of draft.newParts) source.parts.set(from, part);
      if (draft.stored.length === 0) continue;
      let its = touched.get(device);
      if (its === undefined) touched.set(device, (its = { household, device, added: new Map() }));
      for (const part of draft.stored) addPart(its, source, part);
    }
    return touched.values();
  }
}

function addPart({ device, added }: Touched, source: MemorySource, part: Part): void {
  source.readings += part.count;
  if (source.firstMs === undefined || part.firstMs < source.firstMs) source.firstMs = part.firstMs;
  let window = added.get(part.windowStartMs);
  if (window === undefined) added.set(part.windowStartMs, (window = []));
  for (let i = 0; i < part.fields.length; i++) {
    const index = seriesIndex(device, part.fields[i] as string);
    const rollup = rollupOf(part, i, source.id);
    const before = window[index];
    if (before === undefined) window[index] = rollup;
    else addAggregate(before, rollup);
  }
}

function seriesIndex({ series }: MemoryDevice, field: string): number {
  for (let i = 0; i < series.length; i++) if ((series[i] as MemorySeries).field === field) return i;
  const levels = ROLLUP_LEVELS_MS.map(() => new Map<number, Rollup>());
  return series.push({ field, power: isPower(field), count: 0, energyWs: 0, windowCount: 0, lastMs: 0, levels }) - 1;
}

function deviceOf({ devices }: MemoryHousehold, name: string): MemoryDevice {
  let device = devices.get(name);
  if (device === undefined) devices.set(name, (device = { device: name, sources: new Map(), series: [], windows: new Map() }));
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

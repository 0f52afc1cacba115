/**
 * The rows of an outbox in memory, in columns by id: a day of four homes is 69,120 of them, and as many objects that live as long would
 * keep the garbage collector busier than the program under test. A row is made anew when it is looked at.
 */
import assert from 'node:assert/strict';
import type { NewRow } from '../../common/protocol/edge-ledger.ts';
import { type Gap, type SeqRange, STATS_PER_FIELD } from '../../common/messages.ts';
import type { RowToShip } from '../../common/wire.ts';
import { ROW_STATE } from '../../edge/server/outbox-schema.ts';

/** Of an id without a row. */
const ABSENT = 255;
/** Tripled twice it holds the day of four homes: what is grown out of waits for the garbage collector, and calls it sooner. */
const FIRST_CAPACITY = 8_192;
const GROWTH = 3;
/** In place of a list of fields. */
const GAP = -1;
/** Of a storm's fleet: a part's seqs come back as small whole numbers, as they were, and not as floating ones with a box for each. */
const SEQ_MAX = 2 ** 31 - 1;

export class MemoryRows {
  /** Ids given: 1 to this. */
  made = 0;
  state = new Uint8Array(FIRST_CAPACITY).fill(ABSENT);
  sourceId = new Int32Array(FIRST_CAPACITY);
  partition = new Int32Array(FIRST_CAPACITY);
  offset = new Float64Array(FIRST_CAPACITY);
  changedMs = new Float64Array(FIRST_CAPACITY);
  fromSeq = new Int32Array(FIRST_CAPACITY);
  toSeq = new Int32Array(FIRST_CAPACITY);
  private windowStartMs = new Float64Array(FIRST_CAPACITY);
  private firstMs = new Float64Array(FIRST_CAPACITY);
  private lastMs = new Float64Array(FIRST_CAPACITY);
  /** Place in `fieldSets`. */
  private fieldSet = new Int32Array(FIRST_CAPACITY);
  /** Place in `stats` of the first number. */
  private statsAt = new Int32Array(FIRST_CAPACITY);
  private digest: string[] = [];
  private stats = new Float64Array(FIRST_CAPACITY * STATS_PER_FIELD);
  private statsUsed = 0;
  private readonly fieldSets: (readonly string[])[] = [];
  private readonly gaps = new Map<number, Gap>();

  copy(): MemoryRows {
    const copy = new MemoryRows();
    copy.made = this.made;
    for (const name of COLUMNS) copy[name] = this[name].slice() as never;
    copy.digest = [...this.digest];
    copy.stats = this.stats.slice();
    copy.statsUsed = this.statsUsed;
    copy.fieldSets.push(...this.fieldSets);
    for (const [id, gap] of this.gaps) copy.gaps.set(id, gap);
    return copy;
  }

  /** @returns its id */
  add(row: NewRow, sourceId: number, nowMs: number): number {
    const id = ++this.made;
    if (id >= this.state.length) this.grow();
    this.state[id] = ROW_STATE.queued;
    this.sourceId[id] = sourceId;
    this.partition[id] = row.partition;
    this.offset[id] = row.offset;
    this.changedMs[id] = nowMs;
    if (row.kind === 'gap') {
      this.fieldSet[id] = GAP;
      this.digest[id] = '';
      this.gaps.set(id, row.gap);
      this.setRange(id, row.gap);
      return id;
    }
    const { part } = row;
    this.setRange(id, part);
    this.windowStartMs[id] = part.windowStartMs;
    this.firstMs[id] = part.firstMs;
    this.lastMs[id] = part.lastMs;
    this.digest[id] = part.digest;
    this.fieldSet[id] = this.placeOfFields(part.fields);
    this.addStats(id, part.stats);
    return id;
  }

  has(id: number): boolean {
    return id > 0 && id <= this.made && this.state[id] !== ABSENT;
  }

  /** Its number is not given again. */
  delete(id: number): void {
    this.state[id] = ABSENT;
  }

  isPart(id: number): boolean {
    return this.fieldSet[id] !== GAP;
  }

  gapOf(id: number): Gap {
    return this.gaps.get(id) as Gap;
  }

  windowStartOf(id: number): number | null {
    return this.isPart(id) ? (this.windowStartMs[id] as number) : null;
  }

  statsCount(id: number): number {
    return this.isPart(id) ? this.fieldsOf(id).length * STATS_PER_FIELD : 0;
  }

  /** @param source whose row it is */
  row(id: number, source: Pick<SeqRange, 'household' | 'device' | 'src'>): RowToShip {
    if (!this.isPart(id)) return { kind: 'gap', gap: this.gapOf(id) };
    const fields = this.fieldsOf(id);
    const fromSeq = this.fromSeq[id] as number;
    const toSeq = this.toSeq[id] as number;
    return {
      kind: 'part',
      part: {
        household: source.household,
        device: source.device,
        src: source.src,
        fromSeq,
        toSeq,
        windowStartMs: this.windowStartMs[id] as number,
        count: toSeq - fromSeq + 1,
        fields,
        stats: this.statsOf(this.statsAt[id] as number, fields.length * STATS_PER_FIELD),
        firstMs: this.firstMs[id] as number,
        lastMs: this.lastMs[id] as number,
        digest: this.digest[id] as string,
      },
    };
  }

  private setRange(id: number, { fromSeq, toSeq }: SeqRange): void {
    assert(toSeq <= SEQ_MAX);
    this.fromSeq[id] = fromSeq;
    this.toSeq[id] = toSeq;
  }

  private fieldsOf(id: number): readonly string[] {
    return this.fieldSets[this.fieldSet[id] as number] as readonly string[];
  }

  private placeOfFields(fields: readonly string[]): number {
    const held = this.fieldSets.indexOf(fields);
    if (held >= 0) return held;
    const same = this.fieldSets.findIndex((its) => its.length === fields.length && its.every((name, i) => name === fields[i]));
    return same >= 0 ? same : this.fieldSets.push(fields) - 1;
  }

  private addStats(id: number, stats: readonly number[]): void {
    if (this.statsUsed + stats.length > this.stats.length) {
      const longer = new Float64Array(GROWTH * this.stats.length + stats.length);
      longer.set(this.stats);
      this.stats = longer;
    }
    this.statsAt[id] = this.statsUsed;
    for (let i = 0; i < stats.length; i++) this.stats[this.statsUsed + i] = stats[i] as number;
    this.statsUsed += stats.length;
  }

  private statsOf(at: number, length: number): number[] {
    const { stats } = this;
    // Of one field, as most rows are: an array of just that length.
    const first = [stats[at] as number, stats[at + 1] as number, stats[at + 2] as number, stats[at + 3] as number, stats[at + 4] as number];
    for (let i = STATS_PER_FIELD; i < length; i++) first.push(stats[at + i] as number);
    return first;
  }

  private grow(): void {
    const before = this.state.length;
    const capacity = GROWTH * before;
    for (const name of COLUMNS) {
      const longer = new (this[name].constructor as Float64ArrayConstructor)(capacity);
      longer.set(this[name]);
      this[name] = longer as never;
    }
    this.state.fill(ABSENT, before);
  }
}

const COLUMNS = [
  'state',
  'sourceId',
  'partition',
  'offset',
  'changedMs',
  'fromSeq',
  'toSeq',
  'windowStartMs',
  'firstMs',
  'lastMs',
  'fieldSet',
  'statsAt',
] as const;

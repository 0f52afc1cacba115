/**
 * The readings of one household file in simulated time: which second the next one is in, and all of a second at once. Rows before
 * the run's start count for seq and come out as one skipped range before the first reading; rows from its end on are not read.
 */
import { MS_PER_SECOND } from '../../../common/units.ts';
import { OperatingError } from '../../../common/errors.ts';
import type { Reading, SeqRange } from '../../../common/messages.ts';
import { GemHouseReader, type GemHouseRow, type OpenEnd, type RejectedRow, unreadable } from './gem-house-csv.ts';
import { METER, sourceOf } from './household-folder.ts';

export interface RunRange {
  /** Simulated time 0. */
  t0Ms: number;
  /** The run holds rows with startMs ≤ T < endMs, T being the greatest event time up to the row. */
  startMs: number;
  endMs: number;
  /** Length of a pass when the files are looped. */
  passMs: number | undefined;
}

export interface HouseholdStreamOptions {
  household: string;
  path: string;
  /** The first accepted line of the file; undefined when it has none: then only its rejected rows are told. */
  firstLine: string | undefined;
  range: RunRange;
  chunkBytes: number;
  /** Pass to begin with; those before it are published. */
  firstPass: number;
  /** Told of each rejected row of the run; may throw BadRowError. */
  onRejected: (path: string, row: RejectedRow) => void;
  /** Told at the end of a file whose last row had no line end. */
  onOpenEnd: (household: string, end: OpenEnd) => void;
  /** Last seq of a source that is published, 0 for none. A file that ends before it has become shorter. */
  publishedSeq?: ((household: string, src: string) => number) | undefined;
}

/** Thrown by `onRejected` to end the run, not only the household. */
export class BadRowError extends OperatingError {
  constructor(path: string, { line, reason }: RejectedRow) {
    const hint = 'mend the row, or let such rows be set aside: --set simulation.on_bad_row=quarantine';
    super('DATA_UNREADABLE', `${path}, line ${line}: ${reason}`, { retryable: false, hint });
  }
}

export class HouseholdStream {
  readonly household: string;
  /** Why nothing more comes, when the file can't be read on. */
  parked: string | undefined;
  private readonly options: HouseholdStreamOptions;
  private reader: GemHouseReader;
  private pass: number;
  private src = '';
  private pending: Reading | undefined;
  private pendingReachedMs = 0;
  /** Rows of this pass before the start, until they are told. */
  private skippedTo = 0;
  private passHasRows = false;
  /** Last reading of the file that was read in this pass. */
  private readTo = 0;
  private readonly rejected: RejectedRow[] = [];

  constructor(options: HouseholdStreamOptions) {
    this.options = options;
    this.household = options.household;
    this.pass = options.firstPass;
    this.reader = new GemHouseReader(options.path, options.chunkBytes);
  }

  /** Reads up to the first reading of the run. */
  start(): void {
    this.nameSource();
    this.advance();
  }

  /** Simulated second of the next reading, Infinity when there is none. */
  get nextTick(): number {
    return this.pending === undefined
      ? Number.POSITIVE_INFINITY
      : Math.floor((this.pendingReachedMs - this.options.range.t0Ms) / MS_PER_SECOND);
  }

  /** Seqs of the next reading's source that are not in the run; once, before that reading is taken. */
  takeSkipped(): SeqRange | undefined {
    if (this.skippedTo === 0) return undefined;
    const range = { household: this.household, device: METER, src: this.src, fromSeq: 1, toSeq: this.skippedTo };
    this.skippedTo = 0;
    return range;
  }

  /** All readings of the second. */
  takeSecond(tick: number): Reading[] {
    const readings: Reading[] = [];
    while (this.nextTick === tick) {
      readings.push(this.pending as Reading);
      this.advance();
    }
    return readings;
  }

  /** Finds the next reading of the run. A file that can't be read parks the household. */
  private advance(): void {
    this.pending = undefined;
    try {
      while (this.pending === undefined && this.readOn());
    } catch (error) {
      if (!(error instanceof OperatingError) || error.code !== 'DATA_UNREADABLE' || error instanceof BadRowError) throw error;
      this.parked = error.message;
    }
  }

  /** @returns false when nothing more is in the run */
  private readOn(): boolean {
    const item = this.reader.read();
    if (item === undefined) {
      this.refuseShorter();
      if (this.reader.openEnd !== undefined && this.rejected.length === 0) this.options.onOpenEnd(this.household, this.reader.openEnd);
      this.tellRejected();
      return this.nextPass();
    }
    if (item.kind === 'rejected') {
      this.rejected.push(item);
      return true;
    }
    // A file that had no reading when the run was planned: its first one begins with the next start, which names the source.
    if (this.options.firstLine === undefined) return false;
    this.readTo = item.seq;
    const { startMs, endMs, passMs, t0Ms } = this.options.range;
    if (passMs !== undefined && item.reachedMs >= t0Ms + passMs) return this.nextPass();
    const shiftMs = passMs === undefined ? 0 : this.pass * passMs;
    const reachedMs = item.reachedMs + shiftMs;
    if (reachedMs >= endMs) return false;
    this.tellRejected();
    this.passHasRows = true;
    if (reachedMs < startMs) this.skippedTo = item.seq;
    else this.take(item, shiftMs);
    return true;
  }

  private refuseShorter(): void {
    const { path, publishedSeq } = this.options;
    const published = publishedSeq?.(this.household, this.src) ?? 0;
    if (this.readTo >= published) return;
    throw unreadable(path, `ends after ${this.readTo} readings, but ${published} of it are published: the file became shorter`);
  }

  private take(row: GemHouseRow, shiftMs: number): void {
    const { seq, timeMs, values } = row;
    this.pending = { household: this.household, device: METER, src: this.src, seq, timeMs: timeMs + shiftMs, values };
    this.pendingReachedMs = row.reachedMs + shiftMs;
  }

  private nextPass(): boolean {
    if (this.options.range.passMs === undefined || !this.passHasRows) return false;
    this.pass++;
    this.passHasRows = false;
    this.readTo = 0;
    this.skippedTo = 0;
    this.rejected.length = 0;
    this.reader = new GemHouseReader(this.options.path, this.options.chunkBytes);
    this.nameSource();
    return true;
  }

  private nameSource(): void {
    const { firstLine } = this.options;
    if (firstLine !== undefined) this.src = sourceOf(this.household, METER, firstLine, this.pass);
  }

  /** Rejected rows belong to the run when a row of it, or the end of the file, follows. A later pass does not tell them again. */
  private tellRejected(): void {
    if (this.pass === 0) for (const row of this.rejected) this.options.onRejected(this.options.path, row);
    this.rejected.length = 0;
  }
}

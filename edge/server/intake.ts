/**
 * Takes every record of the topic in order, cuts readings into parts, and saves parts, open parts and the next offset in one
 * transaction per batch (R1–R3, R5). No record is passed over: when the outbox has no room for what a batch closes, it is taken
 * in smaller pieces, and when it is full or the cloud has not assigned a household, the partition waits and the broker holds.
 */
import { hash } from 'node:crypto';
import { BATCH_RECORDS_MAX, type Broker, POWER_TOPIC, type RecordBatch, type StoredRecord } from '../../common/broker/broker.ts';
import { type Clock, yieldToEventLoop } from '../../common/clock.ts';
import { reach } from '../../common/failpoints.ts';
import type { Logger } from '../../common/logger.ts';
import type { Mark, TopicMessage } from '../../common/messages.ts';
import type { EdgeLedger, Hole, IntakeStep, NewRow, Position } from '../../common/protocol/edge-ledger.ts';
import { decodeTopicMessage } from '../../common/topic-codec.ts';
import type { EdgeStore } from './edge-store.ts';
import type { TopicPosition } from './ledger-store.ts';
import { searchLog } from './log-search.ts';
import { OutboxFull } from './outbox.ts';

export const EDGE_GROUP = 'edge';
/** Between two tries while something outside (broker, disk quota) refuses. */
const RETRY_MS = 1_000;
/** Records taken in one turn of the event loop, some 3 ms: heartbeats and replies are served between two. */
const RECORDS_PER_TURN = 200;
/** Bytes of an unreadable record that are kept for study. */
const UNREADABLE_BYTES_KEPT = 4_096;

export interface IntakeOptions {
  broker: Broker;
  store: EdgeStore;
  clock: Clock;
  logger: Logger;
  idleCloseMs: number;
  /** How a record is read; else by the topic's codec. */
  decode?: (record: StoredRecord) => TopicMessage;
  /** Called after rows were added. */
  onRows: () => void;
  /** Awaited after each batch: lets the shipper have its turn, so that a full topic does not starve it. */
  giveWay: () => Promise<void>;
  /** Called when a household without a generation turned up: a hello is wanted. */
  onUnassigned: () => void;
}

/** A message that can be used. */
type Taken = Exclude<TopicMessage, { kind: 'unreadable' }>;

/** What one batch changes. */
interface Draft {
  rows: NewRow[];
  unreadable: { offset: number; reason: string; record: Buffer }[];
  runs: Mark[];
  /** Records of the batch that are dealt with. */
  taken: number;
}

export class Intake {
  private readonly options: IntakeOptions;
  private readonly decode: (record: StoredRecord) => TopicMessage;
  private signal: AbortSignal = AbortSignal.abort();
  private assigned = new Set<() => void>();
  /** Monotonic time of the newest batch, by partition. */
  private readonly lastRecordMs = new Map<number, number>();
  /** Identity of the log that is being consumed, by partition. */
  private readonly logIds = new Map<number, string>();
  /** Offset of the next record to take, by partition. Not the saved one: that is of another log until a record of this one is taken. */
  private readonly nextOffsets = new Map<number, number>();
  /** Records taken in one transaction; fewer when the outbox has no room for what they close. */
  private recordsAtOnce = BATCH_RECORDS_MAX;
  /** Households that wait for a generation. */
  readonly waitingFor = new Set<string>();
  newestMs: number | null = null;
  outboxFull = false;
  unreadable = 0;

  constructor(options: IntakeOptions) {
    this.options = options;
    this.decode = options.decode ?? (({ value }) => decodeTopicMessage(value));
  }

  /** Consumes until the signal aborts. Broker trouble is waited out; anything else rejects. */
  async run(signal: AbortSignal): Promise<void> {
    this.signal = signal;
    this.unreadable = this.options.store.ledgerStore.unreadableCount();
    while (!signal.aborted) {
      try {
        await this.consumeOnce(signal);
      } catch (error) {
        if ((error as { retryable?: boolean }).retryable !== true) throw error;
        this.options.logger.warn({ error: (error as Error).message }, 'the intake can not go on; trying again');
        await this.options.clock.sleep(RETRY_MS, signal);
      }
    }
  }

  /** The cloud assigned households: partitions that waited go on. */
  wake(): void {
    const { generations } = this.ledger;
    for (const household of this.waitingFor) if (generations.has(household)) this.waitingFor.delete(household);
    for (const go of this.assigned) go();
    this.assigned.clear();
  }

  /** True when the partition's saved offset is known to be one of the log that is there now. */
  isInLog(partition: number): boolean {
    const logId = this.logIds.get(partition);
    return logId !== undefined && this.options.store.ledgerStore.positions.get(partition)?.logId === logId;
  }

  /** Closes open parts of partitions in which nothing came for `idleCloseMs`: sources that send no marks. */
  closeIdle(): Promise<void> {
    const { clock, store, idleCloseMs, onRows } = this.options;
    return store.exclusive(async () => {
      const nowMs = clock.monotonicMs();
      const idle = [...this.ledger.open].filter(([partition]) => nowMs - (this.lastRecordMs.get(partition) ?? nowMs) >= idleCloseMs);
      const rows = idle.flatMap(([, entries]) => [...entries.values()].map((entry) => this.ledger.close(entry)));
      if (rows.length === 0) return;
      this.commitWhenRoom(() => this.insertRows(rows));
      onRows();
    });
  }

  private get ledger(): EdgeLedger {
    return this.options.store.ledgerStore.ledger;
  }

  private async consumeOnce(signal: AbortSignal): Promise<void> {
    const { broker } = this.options;
    const from = [];
    for (let partition = 0; partition < (await broker.partitionCount(POWER_TOPIC)); partition++) {
      const offset = await this.checkedPosition(partition);
      from.push({ partition, offset });
      this.nextOffsets.set(partition, offset);
      this.lastRecordMs.set(partition, this.options.clock.monotonicMs());
    }
    const consumption = await broker.consume(POWER_TOPIC, EDGE_GROUP, from, (batch) => this.takeBatch(batch));
    const stop = () => void consumption.stop().catch(() => undefined);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      await consumption.ended;
    } finally {
      signal.removeEventListener('abort', stop);
      await consumption.stop();
    }
  }

  /** R2: the next offset, unless the log under it was replaced or begins later. */
  private async checkedPosition(partition: number): Promise<number> {
    const { broker, store, logger } = this.options;
    const log = await broker.logState(POWER_TOPIC, partition);
    this.logIds.set(partition, log.logId);
    const held = store.ledgerStore.positions.get(partition);
    if (held === undefined) return log.earliestOffset;
    const before = held.nextOffset - 1;
    let replaced = held.logId !== log.logId || held.nextOffset > log.endOffset;
    if (!replaced && before >= log.earliestOffset) {
      const [record] = await broker.read(POWER_TOPIC, partition, before, before + 1, 1);
      replaced = record === undefined || hashOf(record.value) !== held.recordHash;
    }
    if (!replaced) return Math.max(held.nextOffset, log.earliestOffset);
    logger.warn({ partition, nextOffset: held.nextOffset, logId: log.logId }, 'the log was replaced; reading it from its earliest record');
    await store.exclusive(async () => store.commit(false, () => this.moveOffsets(partition, log.earliestOffset)));
    return log.earliestOffset;
  }

  /** What is held of a log that was replaced holds back all of the new one (R6). */
  private moveOffsets(partition: number, offset: number): void {
    this.options.store.outbox.setOffsets(partition, offset);
    this.options.store.ledgerStore.removePosition(partition);
    for (const [key, entry] of this.ledger.openIn(partition)) {
      entry.offset = offset;
      this.ledger.changedOpen.set(key, partition);
    }
  }

  private async takeBatch(batch: RecordBatch): Promise<void> {
    reach('edge_after_poll_before_checkpoint');
    const logId = this.logIds.get(batch.partition) ?? '';
    let records = batch.records;
    while (records.length > 0 && !this.signal.aborted) {
      const piece = records.slice(0, this.recordsAtOnce);
      const taken = await this.takePiece(piece, batch.partition, logId);
      if (taken === undefined) continue;
      records = records.slice(taken);
      if (taken < piece.length) {
        await this.lookAhead(records);
        await this.untilAssigned();
      }
    }
    this.lastRecordMs.set(batch.partition, this.options.clock.monotonicMs());
    await this.options.giveWay();
  }

  /** How many were taken, undefined when a smaller piece is to be tried. */
  private async takePiece(records: readonly StoredRecord[], partition: number, logId: string): Promise<number | undefined> {
    try {
      const taken = await this.options.store.exclusive(() => this.takeAndCommit(records, partition, logId));
      this.recordsAtOnce = Math.min(BATCH_RECORDS_MAX, this.recordsAtOnce * 2);
      return taken;
    } catch (error) {
      if (!(error instanceof OutboxFull) || records.length === 1) throw error;
      this.recordsAtOnce = Math.ceil(records.length / 2);
      return undefined;
    }
  }

  /** Takes records up to the first that has to wait for the cloud, and commits them. Returns how many. */
  private async takeAndCommit(records: readonly StoredRecord[], partition: number, logId: string): Promise<number> {
    const { store } = this.options;
    const draft: Draft = { rows: [], unreadable: [], runs: [], taken: 0 };
    const nextOffset = this.nextOffsets.get(partition) ?? 0;
    try {
      for (let i = 0; i < records.length; i++) {
        const record = records[i] as StoredRecord;
        if (record.offset >= nextOffset) {
          // A hole below a record is rare: only then something has to be waited for.
          const taken = this.takeRecord(record, partition, draft);
          if (taken === false || (taken !== true && !(await taken))) break;
        }
        draft.taken++;
        if (draft.taken % RECORDS_PER_TURN === 0) await yieldToEventLoop();
      }
    } catch (error) {
      store.reload();
      throw error;
    }
    const last = records[draft.taken - 1];
    if (last === undefined || last.offset < nextOffset) return draft.taken;
    const position: TopicPosition = { partition, nextOffset: last.offset + 1, logId, recordHash: hashOf(last.value) };
    this.commitWhenRoom(() => this.writeDraft(draft, position));
    reach('edge_after_checkpoint');
    this.nextOffsets.set(partition, position.nextOffset);
    this.unreadable = store.ledgerStore.unreadableCount();
    if (draft.rows.length > 0) this.options.onRows();
    return draft.taken;
  }

  /** False when the record has to wait for the cloud's answer to a hello. */
  private takeRecord(record: StoredRecord, partition: number, draft: Draft): boolean | Promise<boolean> {
    const message = this.decode(record);
    if (message.kind === 'unreadable') {
      draft.unreadable.push({ offset: record.offset, reason: message.reason, record: record.value.subarray(0, UNREADABLE_BYTES_KEPT) });
      return true;
    }
    const position = { partition, offset: record.offset };
    const step = this.step(message, position);
    return step.kind === 'search' ? this.searchAndTake(step.holes, message, position, draft) : this.takeStep(step, message, draft);
  }

  private async searchAndTake(holes: readonly Hole[], message: Taken, position: Position, draft: Draft): Promise<boolean> {
    for (const row of await this.fill(holes, position)) draft.rows.push(row);
    const step = this.step(message, position);
    if (step.kind === 'search') throw new Error('a hole is left after it was filled');
    return this.takeStep(step, message, draft);
  }

  private takeStep(step: Exclude<IntakeStep, { kind: 'search' }>, message: Taken, draft: Draft): boolean {
    if (step.kind === 'waits') {
      this.waitingFor.add(step.household);
      return false;
    }
    for (const row of step.rows) draft.rows.push(row);
    if (message.kind === 'reading') this.newestMs = Math.max(this.newestMs ?? 0, message.reading.timeMs);
    if (message.kind === 'mark' && message.mark.end) draft.runs.push(message.mark);
    return true;
  }

  /** Whoever of the batch will have to wait is asked for by one hello: a topic of many new households is not stopped by each of them. */
  private async lookAhead(records: readonly StoredRecord[]): Promise<void> {
    const { generations } = this.ledger;
    for (const [i, record] of records.entries()) {
      const message = this.decode(record);
      if (message.kind === 'reading' && !generations.has(message.reading.household)) this.waitingFor.add(message.reading.household);
      if ((i + 1) % RECORDS_PER_TURN === 0) await yieldToEventLoop();
    }
  }

  private step(message: Taken, position: Position): IntakeStep {
    if (message.kind === 'reading') return this.ledger.takeReading(message.reading, position);
    if (message.kind === 'mark') return this.ledger.takeMark(message.mark, position.partition);
    return this.ledger.takeSkip(message.range, position);
  }

  private async fill(holes: readonly Hole[], position: Position): Promise<NewRow[]> {
    const found = await searchLog(this.options.broker, POWER_TOPIC, position.partition, holes);
    return holes.flatMap((hole, i) => {
      const { readings, skipped } = found[i] as (typeof found)[number];
      const rows = this.ledger.fillHole(hole, readings, skipped, position);
      const { household, device } = hole.source;
      this.options.logger.warn({ household, device, missing: hole.missing, found: readings.size }, 'a hole in the seqs: searched the log');
      return rows;
    });
  }

  private writeDraft(draft: Draft, position: TopicPosition): void {
    const { ledgerStore } = this.options.store;
    this.insertRows(draft.rows);
    for (const its of draft.unreadable) ledgerStore.saveUnreadable(position.logId, { partition: position.partition, ...its });
    for (const mark of draft.runs) ledgerStore.saveRun(mark.run, position.partition, mark.last);
    ledgerStore.savePosition(position);
    reach('edge_inside_checkpoint');
  }

  private insertRows(rows: readonly NewRow[]): void {
    const nowMs = this.options.clock.nowMs();
    for (const row of rows) this.options.store.outbox.insert(row, nowMs);
  }

  /** @throws OutboxFull when nothing in it may be deleted yet: the consumption ends, and begins again from the saved offsets */
  private commitWhenRoom(change: () => void): void {
    try {
      this.options.store.commit(true, change);
      this.outboxFull = false;
    } catch (error) {
      this.outboxFull ||= error instanceof OutboxFull;
      throw error;
    }
  }

  private untilAssigned(): Promise<void> {
    // A signal that has aborted says so to no new listener.
    if (this.signal.aborted) return Promise.resolve();
    this.options.onUnassigned();
    return new Promise((resolve) => {
      const done = () => {
        this.signal.removeEventListener('abort', done);
        resolve();
      };
      this.assigned.add(done);
      this.signal.addEventListener('abort', done, { once: true });
    });
  }
}

function hashOf(value: Buffer): string {
  return hash('sha256', value, 'hex').slice(0, 32);
}

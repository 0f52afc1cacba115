/**
 * The edge's thin orchestration over the pure rules, step by step as in edge/server/{intake,shipper}.ts; the greeter's is in
 * small-model-hello.ts. What is one `exclusive` section there is one step here.
 */
import { deviceKey, sourceKey } from '../../common/ids.ts';
import { type LinkReply, type PartsReply, rangeOf, type Verdict } from '../../common/messages.ts';
import {
  applyAck,
  type EdgeLedger,
  type FoundReading,
  type Hole,
  type IntakeStep,
  type NewRow,
  MISSING_IN_LOG,
  type Position,
} from '../../common/protocol/edge-ledger.ts';
import { shippableSources } from '../../common/protocol/ship-order.ts';
import { SeqIntervals } from '../../common/protocol/seq-intervals.ts';
import { claimOf, type RulesOff } from './small-model-rules.ts';
import {
  cloneLedger,
  type Edge,
  type EdgeDisk,
  type EdgeMemory,
  type Log,
  type Message,
  type OutboxRow,
  type Packet,
  savedLedger,
  type Scenario,
  type TopicPosition,
  withEdge,
  type World,
} from './small-model-world.ts';

export const FENCED = 'fenced';

/** Something that must never happen. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

export interface Model {
  scenario: Scenario;
  off: RulesOff;
  /** What has happened at least once: verdicts, outcomes of a hello. A search that never gets there proves nothing. */
  reached: Set<string>;
}

// ---- intake ------------------------------------------------------------------------------------------------

interface Consuming {
  offset: number;
  logId: number;
  /** The saved position is of another log and is forgotten. */
  isReplaced?: boolean;
}

/** Takes the next record of a partition; undefined when there is none or nothing would change. */
export function poll(model: Model, world: World, edge: Edge, partition: number): World | undefined {
  const log = world.logs[partition] as Log;
  const consuming: Consuming = edge.memory.consuming[partition] ?? startConsuming(model, edge.disk.positions[partition], log);
  if (consuming.logId !== log.id) return undefined;
  const offset = Math.max(consuming.offset, log.base);
  const message = log.records[offset - log.base];
  if (message === undefined) return undefined;
  const known = consuming.isReplaced ? undefined : edge.disk.positions[partition];
  const before = consuming.isReplaced ? withoutOffsets(edge.disk, partition, log.base) : edge.disk;
  const position: Position = { partition, offset };
  const ledger = cloneLedger(before.ledger);
  const rows: NewRow[] = [];
  if (offset >= (known?.nextOffset ?? 0)) {
    const waits = takeRecord(model, ledger, log, message, position, rows);
    if (waits !== undefined) return waiting(world, edge, waits);
  }
  const next: TopicPosition = { nextOffset: offset + 1, logId: log.id, record: message.name };
  const disk = commit(model, before, ledger, { inserted: rows, position: { partition, next } });
  const at = { offset: offset + 1, logId: log.id };
  const memory: EdgeMemory = { ...edge.memory, consuming: edge.memory.consuming.map((other, i) => (i === partition ? at : other)) };
  return withEdge(world, { ...edge, disk, memory });
}

/** R2: the saved offset, unless the log under it was replaced or begins later. */
function startConsuming({ off }: Model, saved: TopicPosition | undefined, log: Log): Consuming {
  if (saved === undefined) return { offset: log.base, logId: log.id, isReplaced: false };
  const end = log.base + log.records.length;
  const before = saved.nextOffset - 1;
  let isReplaced = saved.logId !== log.id || saved.nextOffset > end;
  if (!isReplaced && before >= log.base) isReplaced = log.records[before - log.base]?.name !== saved.record;
  if (off.has('the log under the offset is checked')) isReplaced = false;
  return { offset: isReplaced ? log.base : Math.max(saved.nextOffset, log.base), logId: log.id, isReplaced };
}

/** Offsets of another log mean nothing in this one: what is held back holds back all of it. */
function withoutOffsets(disk: EdgeDisk, partition: number, offset: number): EdgeDisk {
  const ledger = cloneLedger(disk.ledger);
  for (const entry of ledger.openIn(partition).values()) entry.offset = offset;
  const rows = disk.rows.map((row): OutboxRow => (row.row.partition === partition ? { ...row, row: { ...row.row, offset } } : row));
  return { ...disk, ledger, rows };
}

/** @returns the household whose generation is wanted before the record can be taken */
function takeRecord(model: Model, ledger: EdgeLedger, log: Log, message: Message, position: Position, rows: NewRow[]): string | undefined {
  let step = intakeStep(model, ledger, message, position);
  if (step.kind === 'search') {
    for (const hole of step.holes) rows.push(...fill(model, ledger, log, hole, position, { readings: Number.POSITIVE_INFINITY }));
    step = intakeStep(model, ledger, message, position);
  }
  if (step.kind === 'search') throw new Violation('a hole is left after it was filled');
  if (step.kind === 'waits') return step.household;
  rows.push(...step.rows);
  return undefined;
}

function intakeStep({ off }: Model, ledger: EdgeLedger, { message }: Message, position: Position): IntakeStep {
  if (message.kind === 'skip') return ledger.takeSkip(message.range, position);
  if (message.kind === 'mark') {
    const mark = off.has('the end mark names the last seqs') ? { ...message.mark, last: [] } : message.mark;
    return ledger.takeMark(mark, position.partition);
  }
  const { reading } = message;
  if (off.has('declared is not covered') && ledger.source(reading).declared.has(reading.seq))
    return { kind: 'taken', rows: [], fresh: false };
  return ledger.takeReading(reading, position);
}

function waiting(world: World, edge: Edge, household: string): World | undefined {
  const { memory } = edge;
  if (memory.isHelloDue && memory.waitingFor.includes(household)) return undefined;
  const waitingFor = [...new Set([...memory.waitingFor, household])].sort();
  return withEdge(world, { ...edge, memory: { ...memory, waitingFor, isHelloDue: true } });
}

/**
 * Searches the log and fills; what is declared must really be gone.
 * @param room readings that may be taken; it becomes less by those that were found, and below 0 when there were more
 */
export function fill(
  { off, reached }: Model,
  ledger: EdgeLedger,
  log: Log,
  hole: Hole,
  position: Position,
  room: { readings: number },
): NewRow[] {
  const { readings, skipped } = searchLog(log, hole, position.partition);
  const kept = new Map(off.has('holes are searched in the log') ? [] : [...readings].slice(0, Math.max(0, room.readings)));
  if (readings.size > room.readings) {
    // What is there and not taken now counts as seen until the next hello.
    for (const seq of readings.keys()) if (!kept.has(seq)) hole.source.seen.add(seq, seq);
    reached.add('refills in pieces');
  }
  room.readings -= readings.size;
  const rows = ledger.fillHole(hole, kept, skipped, position);
  for (const row of rows) {
    if (row.kind === 'part') {
      reached.add('refills');
      continue;
    }
    const { fromSeq, toSeq, reason } = row.gap;
    for (let seq = fromSeq; seq <= toSeq; seq++) {
      reached.add('declares');
      if (readings.has(seq)) throw new Violation(`seq ${seq} is declared missing and lies in the log`);
      if ((reason === MISSING_IN_LOG) === skipped.has(seq)) throw new Violation(`seq ${seq} is declared "${reason}"`);
    }
  }
  return rows;
}

function searchLog(log: Log, { source, missing }: Hole, partition: number): { readings: Map<number, FoundReading>; skipped: SeqIntervals } {
  const wanted = SeqIntervals.of(missing);
  const key = sourceKey(source.household, source.device, source.src);
  const readings = new Map<number, FoundReading>();
  const skipped = new SeqIntervals();
  log.records.forEach(({ message }, i) => {
    if (message.kind === 'skip') {
      const { household, device, src, fromSeq, toSeq } = message.range;
      if (sourceKey(household, device, src) === key) skipped.add(fromSeq, toSeq);
    } else if (message.kind === 'reading') {
      const { household, device, src, seq } = message.reading;
      if (sourceKey(household, device, src) !== key || !wanted.has(seq) || readings.has(seq)) return;
      readings.set(seq, { reading: message.reading, partition, offset: log.base + i });
    }
  });
  return { readings, skipped };
}

/** Closes every open part: nothing came for a while. */
export function closeIdle(model: Model, world: World, edge: Edge): World | undefined {
  const ledger = cloneLedger(edge.disk.ledger);
  const inserted = [...ledger.open.values()].flatMap((entries) => [...entries.values()].map((entry) => ledger.close(entry)));
  if (inserted.length === 0) return undefined;
  return withEdge(world, { ...edge, disk: commit(model, edge.disk, ledger, { inserted }) });
}

// ---- shipper -----------------------------------------------------------------------------------------------

/** Sends the next batch, beginning with the `turn`-th source; undefined when there is nothing to send. */
export function ship(model: Model, world: World, edge: Edge, turn: number): World | undefined {
  const { memory, disk } = edge;
  const isAsking = memory.isHelloDue || memory.pending.some(({ kind }) => kind === 'hello');
  if (isAsking && !model.off.has('nothing is sent before the answer to a hello')) return undefined;
  if (memory.pending.filter(({ kind }) => kind === 'parts').length >= model.scenario.requestsInFlight) return undefined;
  const batch = nextBatch(model, edge, turn);
  if (batch.length === 0) return undefined;
  const { ledger } = disk;
  const generations: Record<string, number> = {};
  for (const { row } of batch) generations[rangeOf(row).household] = ledger.generations.get(rangeOf(row).household) ?? 0;
  const rows = batch.map(({ row }) => (row.kind === 'part' ? { kind: row.kind, part: row.part } : { kind: row.kind, gap: row.gap }));
  const [claim, { startId }] = [claimOf(model.off, memory.life), memory];
  const parts = { edge: edge.name, epoch: 'e', claim, startId, windowMs: ledger.windowMs, generations, rows };
  return send(world, edge, 'parts', batch, { kind: 'parts', parts });
}

/** Sources of which rows may be sent. */
export function sourcesToShip({ off }: Model, { disk }: Edge): string[] {
  const { ledger, rows } = disk;
  const queued = new Set(rows.filter(({ state }) => state === 'queued').map(({ source }) => source));
  const keys = off.has('the earlier source goes first') ? [...queued] : shippableSources(ledger, queued);
  return keys.filter((key) => !ledger.parked.has(ledger.sources.get(key)?.household ?? ''));
}

function nextBatch(model: Model, edge: Edge, turn: number): OutboxRow[] {
  const { scenario, off } = model;
  const names = sourcesToShip(model, edge);
  let sources = [...names.slice(turn), ...names.slice(0, turn)];
  const above = new Map<string, number>();
  for (const { batch } of edge.memory.pending) {
    for (const { source, row } of batch) above.set(source, Math.max(above.get(source) ?? 0, rangeOf(row).toSeq + 1));
  }
  const isRowOrder = off.has('the lowest seq goes first');
  const batch: OutboxRow[] = [];
  while (sources.length > 0) {
    const perSource = Math.max(1, Math.ceil((scenario.rowsPerRequest - batch.length) / sources.length));
    const unfinished: string[] = [];
    for (const source of sources) {
      const rows = edge.disk.rows
        .filter(
          (row) =>
            row.state === 'queued' &&
            row.source === source &&
            (isRowOrder ? !isPending(edge, row) && !batch.includes(row) : rangeOf(row.row).fromSeq >= (above.get(source) ?? 0)),
        )
        .sort((a, b) => (isRowOrder ? 0 : rangeOf(a.row).fromSeq - rangeOf(b.row).fromSeq) || a.id - b.id)
        .slice(0, perSource);
      for (const row of rows) {
        if (batch.length === scenario.rowsPerRequest) return batch;
        batch.push(row);
        above.set(source, rangeOf(row.row).toSeq + 1);
      }
      if (rows.length === perSource) unfinished.push(source);
    }
    sources = unfinished;
  }
  return batch;
}

function isPending({ memory }: Edge, row: OutboxRow): boolean {
  return memory.pending.some(({ batch }) => batch.some(({ id }) => id === row.id));
}

export function takePartsReply(model: Model, world: World, edge: Edge, batch: readonly OutboxRow[], reply: LinkReply): World {
  if (reply.kind !== 'parts' && reply.kind !== 'hello_first') throw new Violation(`parts were answered with ${reply.kind}`);
  const { memory, disk } = edge;
  if (!isCurrent(model, memory, reply.startId)) return withEdge(world, { ...edge, memory: { ...memory, isHelloDue: true } });
  if (reply.kind !== 'parts') return world;
  return takeVerdicts(model, world, { ...edge, disk }, batch, reply);
}

function isCurrent({ off }: Model, memory: EdgeMemory, startId: string): boolean {
  if (off.has('the start id tells another cloud process') || off.has('acks of another start are ignored')) return true;
  return startId === memory.startId;
}

function takeVerdicts(model: Model, world: World, edge: Edge, batch: readonly OutboxRow[], reply: PartsReply & { kind: 'parts' }): World {
  const ledger = cloneLedger(edge.disk.ledger);
  let { isHelloDue } = edge.memory;
  const acked = new Set<number>();
  batch.forEach((queued, i) => {
    const verdict: Verdict | 'lost' = reply.verdicts[i]?.verdict ?? 'lost';
    model.reached.add(verdict);
    const { household } = rangeOf(queued.row);
    if (verdict === 'stored' || verdict === 'duplicate') acked.add(queued.id);
    else if (verdict === 'conflict' || verdict === 'rejected') ledger.parked.set(household, verdict);
    else if (verdict === 'not_owner' && model.off.has('not_owner stops a household')) return;
    else if (verdict === 'not_owner' && (reply.generations[household] ?? 0) > (ledger.generations.get(household) ?? 0))
      ledger.parked.set(household, FENCED);
    else isHelloDue = true;
  });
  for (const queued of batch) if (acked.has(queued.id)) applyAck(ledger, { kind: queued.row.kind, range: rangeOf(queued.row) });
  const rows = edge.disk.rows.map((row): OutboxRow => (acked.has(row.id) ? { ...row, state: 'acked' } : row));
  const disk = commit(model, { ...edge.disk, rows }, ledger, {});
  return withEdge(world, { ...edge, disk, memory: { ...edge.memory, isHelloDue } });
}

/** All that was queued is sent: the next piece of an unfinished refill follows after another hello. */
export function continueRefill(model: Model, world: World, edge: Edge): World | undefined {
  const { memory } = edge;
  if (!memory.hasMoreToRefill || memory.isHelloDue || memory.pending.length > 0 || sourcesToShip(model, edge).length > 0) return undefined;
  return withEdge(world, { ...edge, memory: { ...memory, isHelloDue: true } });
}

/** A heartbeat was answered. */
export function hearStartId(model: Model, world: World, edge: Edge): World | undefined {
  const { memory } = edge;
  if (memory.startId === '' || memory.isHelloDue || memory.startId === world.cloud.startId) return undefined;
  if (model.off.has('the start id tells another cloud process')) return undefined;
  return withEdge(world, { ...edge, memory: { ...memory, isHelloDue: true } });
}

/** A reply has come for the request in `slot`. */
export function send(world: World, edge: Edge, kind: 'hello' | 'parts', batch: readonly OutboxRow[], body: Packet['body']): World {
  const { pending, life } = edge.memory;
  let slot = 0;
  while (pending.some((other) => other.slot === slot)) slot++;
  const packet = makePacket(edge.name, life, slot, body);
  const memory: EdgeMemory = { ...edge.memory, pending: [...pending, { slot, kind, batch }] };
  return withEdge({ ...world, packets: [...world.packets, packet] }, { ...edge, memory });
}

export function makePacket(edge: string, life: string, slot: number, body: Packet['body'], isStale = false): Packet {
  const who = isStale ? `stale` : `${edge}#${slot}`;
  return { edge, life, slot, isStale, body, key: `${who}${life}${bodyKey(body)}` };
}

function bodyKey(body: Packet['body']): string {
  if (body.kind === 'hello_first') return `first ${body.startId}`;
  if (body.kind === 'hello') return `hello ${JSON.stringify(body)}`;
  if (body.kind !== 'parts' || !('parts' in body)) return JSON.stringify(body);
  const { parts } = body;
  const rows = parts.rows.map((row) => `${row.kind}${rangeOf(row).device}${rangeOf(row).src}${rangeOf(row).fromSeq}-${rangeOf(row).toSeq}`);
  return `parts ${parts.startId}${JSON.stringify(parts.generations)}${rows.join()}`;
}

// ---- one transaction ---------------------------------------------------------------------------------------

interface Change {
  inserted?: readonly NewRow[];
  position?: { partition: number; next: TopicPosition };
}

export function commit({ off }: Model, disk: EdgeDisk, working: EdgeLedger, { inserted = [], position }: Change): EdgeDisk {
  const ledger = savedLedger(disk.ledger, working);
  if (off.has('seen is a set of intervals'))
    for (const source of ledger.sources.values()) if (source.seen.max > 0) source.seen.add(1, source.seen.max);
  let { nextRowId } = disk;
  const rows = [...disk.rows];
  for (const row of inserted) {
    const { household, device, src } = rangeOf(row);
    rows.push({ id: nextRowId++, state: 'queued', source: sourceKey(household, device, src), row });
  }
  const positions =
    position === undefined ? disk.positions : disk.positions.map((other, i) => (i === position.partition ? position.next : other));
  const after: EdgeDisk = { ledger, rows, nextRowId, positions };
  checkParts(after);
  return after;
}

/** R3: parts never overlap, in the outbox and with the open part. */
function checkParts(disk: EdgeDisk): void {
  const taken = new Map<string, string>();
  const take = (key: string, fromSeq: number, toSeq: number, where: string) => {
    for (let seq = fromSeq; seq <= toSeq; seq++) {
      const before = taken.get(`${key}/${seq}`);
      if (before !== undefined) throw new Violation(`seq ${seq} of ${key} is in two parts: ${before} and ${where}`);
      taken.set(`${key}/${seq}`, where);
    }
  };
  for (const { source, state, row } of disk.rows)
    if (row.kind === 'part') take(source, row.part.fromSeq, row.part.toSeq, `${state} ${row.part.fromSeq}-${row.part.toSeq}`);
  for (const entries of disk.ledger.open.values()) {
    for (const [key, { part }] of entries) {
      if (key !== deviceKey(part.household, part.device)) throw new Violation(`open part under the wrong key ${key}`);
      take(sourceKey(part.household, part.device, part.src), part.fromSeq, part.toSeq, 'open');
    }
  }
}

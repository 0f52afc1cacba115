/** The edge's hello and what it does with the answer, as in edge/server/greeter.ts: whole, or killed in the middle. */
import { sourceKey } from '../../common/ids.ts';
import { type HelloHousehold, type LinkReply, rangeOf } from '../../common/messages.ts';
import type { EdgeLedger, NewRow } from '../../common/protocol/edge-ledger.ts';
import { type HeldRow, type HeldRows, reconcileSource, type Reconciliation } from '../../common/protocol/hello-rules.ts';
import { missingFromAll, SeqIntervals } from '../../common/protocol/seq-intervals.ts';
import { commit, fill, type Model, send, takePartsReply, Violation } from './small-model-edge.ts';
import { claimOf } from './small-model-rules.ts';
import { cloneLedger, type Edge, type EdgeDisk, type Log, type OutboxRow, type Packet, withEdge, type World } from './small-model-world.ts';

export function sendHello(model: Model, world: World, edge: Edge): World | undefined {
  const { memory, disk } = edge;
  const isBusy = model.off.has('a hello waits for the requests on their way')
    ? memory.pending.some(({ kind }) => kind === 'hello')
    : memory.pending.length > 0;
  if (!memory.isHelloDue || isBusy) return undefined;
  const { ledger } = disk;
  const households = householdsOf(edge).map((household) => ({ household, generation: ledger.generations.get(household) ?? 0 }));
  const hello = { edge: edge.name, epoch: 'e', claim: claimOf(model.off, memory.life), windowMs: ledger.windowMs, households };
  return send(world, edge, 'hello', [], { kind: 'hello', hello });
}

/** All that are known or wait, without those that are parked. */
function householdsOf({ disk, memory }: Edge): string[] {
  const all = new Set([...disk.ledger.generations.keys(), ...memory.waitingFor]);
  for (const household of disk.ledger.parked.keys()) all.delete(household);
  return [...all].sort();
}

function takeHelloReply(model: Model, world: World, edge: Edge, reply: LinkReply): World {
  const claim = claimOf(model.off, edge.memory.life);
  if (reply.kind !== 'hello' || reply.claim !== claim) throw new Violation(`a hello was answered with ${reply.kind}`);
  const room = { readings: model.scenario.refillReadingsMax };
  const disk = reconcile(model, world, edge.disk, reply.households, room);
  const waitingFor = edge.memory.waitingFor.filter((household) => !disk.ledger.generations.has(household));
  const memory = { ...edge.memory, startId: reply.startId, waitingFor, hasMoreToRefill: room.readings < 0 };
  const isHelloDue = householdsOf({ ...edge, disk, memory }).some((household) => !disk.ledger.generations.has(household));
  return withEdge(world, { ...edge, disk, memory: { ...memory, isHelloDue } });
}

/** What an edge does with the answer to a hello: changes of rows, what is known afterwards, and the new rows. */
interface Worked {
  changes: { id: number; to: 'queued' | 'acked' | 'gone' }[];
  ledger: EdgeLedger;
  /** Of open parts that were closed. */
  closed: NewRow[];
  /** Found in the log, or declared missing. */
  found: NewRow[];
}

function reconcile(model: Model, world: World, disk: EdgeDisk, answers: readonly HelloHousehold[], room: { readings: number }): EdgeDisk {
  const worked = workIn(model, world, disk, answers, room);
  return written(model, disk, worked, worked.found.length);
}

/**
 * What lies on the disk when the edge is killed while it works in an answer: before each transaction but the first. A piece is one row
 * here. Until the ledger is written only rows that were there have changed; the rows that were found come after it.
 */
export function* halfHellos(model: Model, world: World, { edge: name, body }: Packet): Generator<EdgeDisk> {
  const reply = body as LinkReply;
  const edge = world.edges.find((other) => other.name === name);
  if (reply.kind !== 'hello' || edge === undefined) return;
  const silent = { ...model, reached: new Set<string>() };
  const worked = workIn(silent, world, edge.disk, reply.households, { readings: model.scenario.refillReadingsMax });
  const { changes, found } = worked;
  for (let done = 1; done <= changes.length; done++) yield { ...edge.disk, rows: changed(edge.disk, changes.slice(0, done)) };
  for (let done = 0; done < found.length; done++) yield written(silent, edge.disk, worked, done);
}

function changed(disk: EdgeDisk, changes: Worked['changes']): OutboxRow[] {
  const rows = new Map(disk.rows.map((row) => [row.id, row]));
  for (const { id, to } of changes) {
    if (to === 'gone') rows.delete(id);
    else rows.set(id, { ...(rows.get(id) as OutboxRow), state: to });
  }
  return [...rows.values()];
}

function written(model: Model, disk: EdgeDisk, { changes, ledger, closed, found }: Worked, foundRows: number): EdgeDisk {
  return commit(model, { ...disk, rows: changed(disk, changes) }, ledger, { inserted: [...closed, ...found.slice(0, foundRows)] });
}

function workIn(model: Model, world: World, disk: EdgeDisk, answers: readonly HelloHousehold[], room: { readings: number }): Worked {
  const ledger = cloneLedger(disk.ledger);
  const worked: Worked = { changes: [], ledger, closed: [], found: [] };
  const change = (ids: readonly number[], to: Worked['changes'][number]['to']) => worked.changes.push(...ids.map((id) => ({ id, to })));
  for (const answer of answers) {
    const told = new Map(answer.sources.map((source) => [sourceKey(answer.household, source.device, source.src), source]));
    const known = [...ledger.sources].filter(([, source]) => source.household === answer.household).map(([key]) => key);
    for (const key of new Set([...known, ...told.keys()])) {
      const [household, device, src] = key.split('/') as [string, string, string];
      const source = ledger.source({ household, device, src });
      const open = ledger.openOf(household, device);
      const ownOpen = open?.part.src === src ? open : undefined;
      const held = told.get(key);
      const sets = { covered: SeqIntervals.of(held?.covered ?? []), declared: SeqIntervals.of(held?.declared ?? []) };
      const result = reconcileOne(model, source, ownOpen, sets, heldRows(disk.rows));
      if (ownOpen !== undefined && result.open === 'close') worked.closed.push(ledger.close(ownOpen));
      if (ownOpen !== undefined && result.open === 'drop') ledger.forgetOpen(ownOpen);
      change(result.requeue, 'queued');
      change(result.acknowledge, 'acked');
      change(result.drop, 'gone');
      noteOutcome(model, result);
      if (result.missing.length === 0) continue;
      const partition = model.scenario.partitionOf(household);
      const log = world.logs[partition] as Log;
      worked.found.push(...fill(model, ledger, log, { source, missing: result.missing }, { partition, offset: log.base }, room));
    }
    ledger.generations.set(answer.household, answer.generation);
  }
  worked.changes.sort((a, b) => a.id - b.id);
  return worked;
}

function noteOutcome({ reached }: Model, { requeue, acknowledge, drop, open, missing }: Reconciliation): void {
  if (requeue.length > 0) reached.add('queues again');
  if (acknowledge.length > 0) reached.add('learns of a lost ack');
  if (drop.length > 0) reached.add('drops a row');
  if (missing.length > 0) reached.add('misses seqs');
  reached.add(`open: ${open}`);
}

type Told = Parameters<typeof reconcileSource>[2];

function reconcileOne(
  { off }: Model,
  source: Parameters<typeof reconcileSource>[0],
  open: Parameters<typeof reconcileSource>[1],
  told: Told,
  rows: HeldRows,
): Reconciliation {
  const [covered, gapped] = [source.covered, source.gapped];
  const ackedOutside = off.has('acked rows outside covered are queued again') ? () => [] : rows.ackedOutside.bind(rows);
  const unackedGaps = off.has('un-acked gap rows are searched anew') ? rows.unacked(source).filter(({ kind }) => kind === 'gap') : [];
  const unacked = () => rows.unacked(source).filter((row) => !unackedGaps.includes(row));
  const tolds = off.has('covered is reloaded after a hello') ? { ...told, covered: covered.clone() } : told;
  const result = reconcileSource(source, open, tolds, { unacked, ackedOutside });
  if (off.has('what overlaps covered is dropped')) {
    result.drop = [];
    result.open = 'keep';
  }
  if (unackedGaps.length > 0) {
    result.missing = result.missing.flatMap(([from, to]) => gapped.missing(from, to));
    source.gapped = gapped;
  }
  return result;
}

/** What Outbox answers. */
function heldRows(rows: readonly OutboxRow[]): HeldRows {
  const of = (source: { household: string; device: string; src: string }, state: OutboxRow['state']): HeldRow[] => {
    const key = sourceKey(source.household, source.device, source.src);
    return rows.filter((row) => row.source === key && row.state === state).map(({ id, row }) => ({ id, kind: row.kind, ...fromTo(row) }));
  };
  return {
    unacked: (source) => of(source, 'queued'),
    ackedOutside: (source, covered, declared) =>
      of(source, 'acked').filter(
        (row) => missingFromAll(row.fromSeq, row.toSeq, row.kind === 'part' ? [covered] : [covered, declared]).length > 0,
      ),
  };
}

function fromTo(row: NewRow): { fromSeq: number; toSeq: number } {
  const { fromSeq, toSeq } = rangeOf(row);
  return { fromSeq, toSeq };
}

export function takeReply(model: Model, world: World, edge: Edge, slot: number, reply: LinkReply): World {
  const pending = edge.memory.pending.find((other) => other.slot === slot);
  if (pending === undefined) throw new Error('a reply that nobody waits for was delivered');
  const settled: Edge = { ...edge, memory: { ...edge.memory, pending: edge.memory.pending.filter((other) => other !== pending) } };
  const after = withEdge(world, settled);
  return pending.kind === 'hello'
    ? takeHelloReply(model, after, settled, reply)
    : takePartsReply(model, after, settled, pending.batch, reply);
}

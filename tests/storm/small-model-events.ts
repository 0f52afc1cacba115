/** What happens outside the edge's rules: produces, the log's fate, packets, starts and ends of processes. */
import { rangeOf } from '../../common/messages.ts';
import { decodeReply, decodeRequest, encodeReply, encodeRequest, rowFault } from '../../common/wire.ts';
import { answer, isHarmless } from './small-model-cloud.ts';
import { FENCED, makePacket, type Model, Violation } from './small-model-edge.ts';
import { takeReply } from './small-model-hello.ts';
import {
  cloneLedger,
  type Edge,
  type EdgeDisk,
  emptyEdgeDisk,
  freshMemory,
  type Log,
  type Packet,
  withEdge,
  withLog,
  withNewEdge,
  type World,
} from './small-model-world.ts';

export function isRequest({ body }: Packet): boolean {
  return 'hello' in body || 'parts' in body;
}

// ---- topic -------------------------------------------------------------------------------------------------

export function append({ scenario }: Model, world: World, partition: number): World | undefined {
  const log = world.logs[partition] as Log;
  const produce = scenario.produces[partition]?.[log.nextProduce];
  if (produce === undefined) return undefined;
  return withLog(world, partition, { ...log, records: [...log.records, ...produce], nextProduce: log.nextProduce + 1 });
}

/** The acknowledgement of a produce was lost: it comes again before the next one. */
export function repeat({ scenario }: Model, world: World, partition: number): World | undefined {
  const log = world.logs[partition] as Log;
  const produce = scenario.produces[partition]?.[log.nextProduce - 1];
  const isLast = produce !== undefined && log.records.at(-1)?.name === produce.at(-1)?.name;
  return isLast ? withLog(world, partition, { ...log, records: [...log.records, ...produce] }) : undefined;
}

/** An empty log; the simulator goes on where it was, or begins anew. The end of the run is always said again. */
export function replaceLog({ scenario }: Model, world: World, partition: number, beginsAnew: boolean): World {
  const old = world.logs[partition] as Log;
  const made = { ...world.made, logs: world.made.logs + 1 };
  const lastProduce = (scenario.produces[partition]?.length ?? 0) - 1;
  const nextProduce = beginsAnew ? 0 : Math.min(old.nextProduce, lastProduce);
  const replaced = new Set(world.lost.replaced);
  for (const { name } of old.records) replaced.add(name);
  const log: Log = { id: made.logs, base: 0, records: [], nextProduce, committed: 0 };
  const consuming = (edge: Edge) => edge.memory.consuming.map((at, i) => (i === partition ? undefined : at));
  const edges = world.edges.map((edge) => ({ ...edge, memory: { ...edge.memory, consuming: consuming(edge) } }));
  return withLog({ ...world, made, edges, lost: { ...world.lost, replaced } }, partition, log);
}

/** R6 and retention: what lies below the committed offset is deleted. */
export function retain({ off }: Model, world: World, { disk, memory }: Edge): World | undefined {
  // What is still to be searched in the log must stay in it.
  const isRefilling = memory.isHelloDue || memory.hasMoreToRefill;
  if (isRefilling && !off.has('nothing is committed while a hello is due')) return undefined;
  let next = world;
  world.logs.forEach((log, partition) => {
    const position = disk.positions[partition];
    if (position?.logId !== log.id) return;
    let committed = position.nextOffset;
    if (!off.has('committed is below what is not acknowledged')) {
      for (const offset of offsetsHeld(disk, partition)) committed = Math.min(committed, offset);
    }
    const base = Math.min(Math.max(log.base, committed), log.base + log.records.length);
    if (base === log.base) return;
    const retained = new Set(next.lost.retained);
    for (const { name } of log.records.slice(0, base - log.base)) retained.add(name);
    next = withLog(next, partition, { ...log, base, committed, records: log.records.slice(base - log.base) });
    next = { ...next, lost: { ...next.lost, retained } };
  });
  return next === world ? undefined : next;
}

/** Of the un-acked row with the lowest seq of each source, and of open parts: as in Upkeep.commitOffsets. */
function offsetsHeld(disk: EdgeDisk, partition: number): number[] {
  const heads = new Map<string, { fromSeq: number; offset: number }>();
  for (const { state, source, row } of disk.rows) {
    if (state === 'acked' || row.partition !== partition) continue;
    const { fromSeq } = rangeOf(row);
    const head = heads.get(source);
    if (head === undefined || fromSeq < head.fromSeq) heads.set(source, { fromSeq, offset: row.offset });
  }
  const open = [...(disk.ledger.open.get(partition)?.values() ?? [])].map(({ offset }) => offset);
  return [...[...heads.values()].map(({ offset }) => offset), ...open];
}

// ---- link --------------------------------------------------------------------------------------------------

export function deliver(model: Model, world: World, packet: Packet): World {
  const rest = { ...world, packets: world.packets.filter((other) => other !== packet) };
  if (isRequest(packet)) return handle(model, rest, packet);
  const edge = world.edges.find(({ name }) => name === packet.edge) as Edge;
  return takeReply(model, rest, edge, packet.slot, packet.body as Parameters<typeof takeReply>[4]);
}

function handle(model: Model, world: World, { edge, life, slot, isStale, body }: Packet): World {
  const request = model.scenario.isOverWire ? overWire(body) : body;
  const { world: after, reply } = answer(model, world, request, life);
  if (isStale) return after;
  const told = model.scenario.isOverWire ? decodeReply(encodeReply(reply)) : reply;
  return { ...after, packets: [...after.packets, makePacket(edge, life, slot, told)] };
}

/** The request as the cloud reads it from the bytes that the edge sends. */
function overWire(body: Packet['body']): Packet['body'] {
  const request = decodeRequest(encodeRequest(body as Parameters<typeof encodeRequest>[0]));
  if (request.kind === 'heartbeat' || request.kind === 'newest') throw new Error(`no ${request.kind} was sent`);
  if (request.kind === 'hello') return request;
  for (const row of request.parts.rows) {
    const fault = rowFault(row, request.parts.windowMs);
    if (fault !== undefined) throw new Violation(`a row can't be used: ${fault}`);
  }
  return request;
}

/** The request is handled, and a copy of it is still on its way. */
export function duplicate(model: Model, world: World, packet: Packet): World {
  return deliver(model, { ...world, packets: [...world.packets, stale(packet)] }, packet);
}

/** The edge waits no longer; a request may still arrive, an answer finds nobody. */
export function timeout(world: World, packet: Packet): World | undefined {
  const edge = world.edges.find(({ name }) => name === packet.edge) as Edge;
  const others = world.packets.filter((other) => other !== packet);
  const packets = isRequest(packet) ? [...others, stale(packet)] : others;
  const pending = edge.memory.pending.filter(({ slot }) => slot !== packet.slot);
  return withEdge({ ...world, packets }, { ...edge, memory: { ...edge.memory, pending } });
}

function stale(packet: Packet): Packet {
  return makePacket(packet.edge, packet.life, packet.slot, packet.body, true);
}

/** Late requests that can change nothing any more are forgotten. */
export function withoutHarmless(model: Model, world: World): World {
  const packets = world.packets.filter((packet) => !packet.isStale || !isHarmless(model, world, packet));
  return packets.length === world.packets.length ? world : { ...world, packets };
}

// ---- processes ---------------------------------------------------------------------------------------------

/** A second process with a copy of the database. */
export function cloneEdge(world: World, edge: Edge): World {
  return withNewEdge(world, restarted(edge.disk));
}

/** The process ends and starts again with what is on its disk. Its requests stay on their way. */
export function crash(world: World, edge: Edge): World {
  const made = { ...world.made, lives: world.made.lives + 1 };
  const disk = restarted(edge.disk);
  const started: Edge = { ...edge, disk, memory: freshMemory(disk, `c${made.lives}`) };
  return withEdge({ ...world, made, packets: orphaned(world, edge) }, started);
}

/** R5: what another edge has taken over is claimed again at a restart. */
function restarted(disk: EdgeDisk): EdgeDisk {
  const ledger = cloneLedger(disk.ledger);
  for (const [household, reason] of ledger.parked) if (reason === FENCED) ledger.parked.delete(household);
  return { ...disk, ledger };
}

function orphaned(world: World, { name }: Edge): Packet[] {
  return world.packets.flatMap((packet) => {
    if (packet.edge !== name || packet.isStale) return [packet];
    return isRequest(packet) ? [stale(packet)] : [];
  });
}

export function takeOver({ scenario }: Model, world: World, edge: Edge): World {
  const rest = { ...world, packets: orphaned(world, edge), edges: world.edges.filter((other) => other !== edge) };
  return withNewEdge(rest, emptyEdgeDisk(scenario));
}

export function trim(world: World, edge: Edge): World | undefined {
  const rows = edge.disk.rows.filter(({ state }) => state !== 'acked');
  return rows.length === edge.disk.rows.length ? undefined : withEdge(world, { ...edge, disk: { ...edge.disk, rows } });
}

export function restartCloud(world: World, disk: World['cloud']['disk']): World {
  const made = { ...world.made, starts: world.made.starts + 1 };
  return { ...world, made, cloud: { disk, startId: `s${made.starts}` } };
}

export function restoreCloud(world: World, backup: World['cloud']['disk']): World | undefined {
  if (backup === world.cloud.disk) return undefined;
  return { ...restartCloud(world, backup), lost: { ...world.lost, isRestored: true } };
}

/** Everything that can happen next in a world. */
import { rangeOf } from '../../common/messages.ts';
import { answer, isHarmless } from './small-model-cloud.ts';
import { closeIdle, FENCED, hearStartId, makePacket, type Model, poll, sendHello, ship, sourcesToShip, takeReply } from './small-model-edge.ts';
import {
  cloneLedger,
  type Edge,
  type EdgeDisk,
  emptyEdgeDisk,
  type Fault,
  freshMemory,
  HARMLESS,
  type Log,
  type Packet,
  withEdge,
  withLog,
  withNewEdge,
  type World,
} from './small-model-world.ts';

export interface Step {
  /** Only asked for a trace: making the words takes longer than the step. */
  name: () => string;
  world: World;
}

/** Every step that changes something, without faults first. */
export function stepsFrom(model: Model, world: World): Step[] {
  const steps: Step[] = [];
  const add = (name: Step['name'], next: World | undefined) => {
    if (next !== undefined) steps.push({ name, world: withoutHarmless(model, next) });
  };
  world.logs.forEach((log, partition) => add(() => `produce ${log.nextProduce} is appended to ${partition}`, append(model, world, partition)));
  for (const edge of world.edges) for (const { name, world: next } of stepsOfEdge(model, world, edge)) add(name, next);
  for (const packet of world.packets) {
    if (packet.isStale) add(() => `the cloud gets ${describe(packet)}`, deliver(model, world, packet));
  }
  addFaults(model, world, add);
  return steps;
}

/** What an edge, its link and the cloud do for it when nothing fails: one by one, so that a caller may take the first only. */
export function* stepsOfEdge(model: Model, world: World, edge: Edge): Generator<Step> {
  for (const packet of world.packets) {
    if (packet.edge !== edge.name || packet.isStale) continue;
    yield { name: () => `${isRequest(packet) ? 'the cloud' : packet.edge} gets ${describe(packet)}`, world: deliver(model, world, packet) };
  }
  const step = function* (name: Step['name'], next: World | undefined): Generator<Step> {
    if (next !== undefined) yield { name, world: next };
  };
  yield* step(() => `${edge.name} hears the cloud's start id`, hearStartId(model, world, edge));
  yield* step(() => `${edge.name} says hello`, sendHello(model, world, edge));
  for (let turn = 0; turn < sourcesToShip(model, edge).length; turn++) yield* step(() => `${edge.name} ships`, ship(model, world, edge, turn));
  for (let partition = 0; partition < world.logs.length; partition++) {
    const position = () => edge.disk.positions[partition]?.nextOffset ?? 'the first';
    yield* step(() => `${edge.name} takes record ${position()} of ${partition}`, poll(model, world, edge, partition));
  }
}

function addFaults(model: Model, world: World, add: (name: Step['name'], next: World | undefined) => void): void {
  const fault = (kind: Fault, name: Step['name'], next: () => World | undefined) => {
    const left = world.left[kind] ?? 0;
    if (left === 0 || (!HARMLESS.has(kind) && world.leftInAll === 0)) return;
    const after = next();
    if (after === undefined) return;
    add(name, { ...after, left: { ...after.left, [kind]: left - 1 }, leftInAll: world.leftInAll - (HARMLESS.has(kind) ? 0 : 1) });
  };
  for (const packet of world.packets) {
    if (!packet.isStale) fault('timeout', () => `${packet.edge} gives up waiting for ${describe(packet)}`, () => timeout(world, packet));
    if (isRequest(packet) && !packet.isStale) fault('duplicate', () => `delivers twice ${describe(packet)}`, () => duplicate(model, world, packet));
  }
  world.logs.forEach((log, partition) => {
    fault('repeat', () => `repeats the last produce of ${partition}`, () => repeat(model, world, partition));
    fault('replace', () => `log ${partition} is replaced, the simulator goes on`, () => replaceLog(model, world, partition, false));
    if (log.nextProduce > 0) fault('replace', () => `log ${partition} is replaced, the simulator begins anew`, () => replaceLog(model, world, partition, true));
  });
  for (const edge of world.edges) {
    fault('crash', () => `${edge.name} crashes`, () => crash(world, edge));
    fault('take-over', () => `${edge.name} is lost for good and another takes over`, () => takeOver(model, world, edge));
    fault('clone', () => `${edge.name} is cloned`, () => withNewEdge(world, restarted(edge.disk)));
    fault('copy', () => `${edge.name}'s database is copied`, () => ({ ...world, copy: edge.disk }));
    const { copy } = world;
    if (copy !== undefined) fault('edge restore', () => `${edge.name}'s database is set back to the copy`, () => crash(world, { ...edge, disk: copy }));
    fault('idle', () => `${edge.name} closes its open parts`, () => closeIdle(model, world, edge));
    fault('trim', () => `${edge.name} trims its acked rows`, () => trim(world, edge));
    fault('retention', () => `${edge.name} commits its offsets, and what is below is deleted`, () => retain(model, world, edge));
  }
  fault('cloud crash', () => 'the cloud crashes', () => restartCloud(world, world.cloud.disk));
  fault('backup', () => 'the cloud is backed up', () => ({ ...world, backup: world.cloud.disk }));
  const { backup } = world;
  if (backup !== undefined) fault('restore', () => 'the cloud is restored', () => restoreCloud(world, backup));
}

function isRequest({ body }: Packet): boolean {
  return 'hello' in body || 'parts' in body;
}

function describe({ edge, isStale, body }: Packet): string {
  if ('hello' in body) return `${isStale ? 'the late ' : ''}hello of ${edge} (${body.hello.claim})`;
  if ('parts' in body) {
    const rows = body.parts.rows.map((row) => `${row.kind} ${rangeOf(row).device} ${rangeOf(row).fromSeq}-${rangeOf(row).toSeq}`);
    return `${isStale ? 'the late ' : ''}request of ${edge}: ${rows.join(', ')}`;
  }
  if (body.kind === 'hello') {
    const told = body.households.map(({ household, generation, sources }) => {
      return `${household} generation ${generation} ${sources.map(({ device, covered, declared }) => `${device} ${JSON.stringify(covered)}/${JSON.stringify(declared)}`)}`;
    });
    return `the answer to the hello of ${edge}: ${told.join(', ')}`;
  }
  return `the answer to ${edge}: ${body.kind === 'parts' ? body.verdicts.map(({ verdict }) => verdict).join(', ') : body.kind}`;
}

// ---- topic -------------------------------------------------------------------------------------------------

export function append({ scenario }: Model, world: World, partition: number): World | undefined {
  const log = world.logs[partition] as Log;
  const produce = scenario.produces[partition]?.[log.nextProduce];
  if (produce === undefined) return undefined;
  return withLog(world, partition, { ...log, records: [...log.records, ...produce], nextProduce: log.nextProduce + 1 });
}

/** The acknowledgement of a produce was lost: it comes again before the next one. */
function repeat({ scenario }: Model, world: World, partition: number): World | undefined {
  const log = world.logs[partition] as Log;
  const produce = scenario.produces[partition]?.[log.nextProduce - 1];
  const isLast = produce !== undefined && log.records.at(-1)?.name === produce.at(-1)?.name;
  return isLast ? withLog(world, partition, { ...log, records: [...log.records, ...produce] }) : undefined;
}

/** An empty log; the simulator goes on where it was, or begins anew. The end of the run is always said again. */
function replaceLog({ scenario }: Model, world: World, partition: number, beginsAnew: boolean): World {
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
function retain({ off }: Model, world: World, { disk }: Edge): World | undefined {
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

function deliver(model: Model, world: World, packet: Packet): World {
  const rest = { ...world, packets: world.packets.filter((other) => other !== packet) };
  if (isRequest(packet)) return handle(model, rest, packet);
  const edge = world.edges.find(({ name }) => name === packet.edge) as Edge;
  return takeReply(model, rest, edge, packet.slot, packet.body as Parameters<typeof takeReply>[4]);
}

function handle(model: Model, world: World, { edge, claim, slot, isStale, body }: Packet): World {
  const { world: after, reply } = answer(model, world, body);
  return isStale ? after : { ...after, packets: [...after.packets, makePacket(edge, claim, slot, reply)] };
}

/** The request is handled, and a copy of it is still on its way. */
function duplicate(model: Model, world: World, packet: Packet): World {
  return deliver(model, { ...world, packets: [...world.packets, stale(packet)] }, packet);
}

/** The edge waits no longer; a request may still arrive, an answer finds nobody. */
function timeout(world: World, packet: Packet): World | undefined {
  const edge = world.edges.find(({ name }) => name === packet.edge) as Edge;
  const others = world.packets.filter((other) => other !== packet);
  const packets = isRequest(packet) ? [...others, stale(packet)] : others;
  const pending = edge.memory.pending.filter(({ slot }) => slot !== packet.slot);
  return withEdge({ ...world, packets }, { ...edge, memory: { ...edge.memory, pending } });
}

function stale(packet: Packet): Packet {
  return makePacket(packet.edge, packet.claim, packet.slot, packet.body, true);
}

/** Late requests that can change nothing any more are forgotten. */
function withoutHarmless(model: Model, world: World): World {
  const packets = world.packets.filter((packet) => !packet.isStale || !isHarmless(model, world, packet));
  return packets.length === world.packets.length ? world : { ...world, packets };
}

// ---- processes ---------------------------------------------------------------------------------------------

/** The process ends and starts again with what is on its disk. Its requests stay on their way. */
export function crash(world: World, edge: Edge): World {
  const made = { ...world.made, claims: world.made.claims + 1 };
  const disk = restarted(edge.disk);
  const started: Edge = { ...edge, disk, memory: freshMemory(disk, `c${made.claims}`) };
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

function takeOver({ scenario }: Model, world: World, edge: Edge): World {
  const rest = { ...world, packets: orphaned(world, edge), edges: world.edges.filter((other) => other !== edge) };
  return withNewEdge(rest, emptyEdgeDisk(scenario));
}

function trim(world: World, edge: Edge): World | undefined {
  const rows = edge.disk.rows.filter(({ state }) => state !== 'acked');
  return rows.length === edge.disk.rows.length ? undefined : withEdge(world, { ...edge, disk: { ...edge.disk, rows } });
}

function restartCloud(world: World, disk: World['cloud']['disk']): World {
  const made = { ...world.made, starts: world.made.starts + 1 };
  return { ...world, made, cloud: { disk, startId: `s${made.starts}` } };
}

function restoreCloud(world: World, backup: World['cloud']['disk']): World | undefined {
  if (backup === world.cloud.disk) return undefined;
  return { ...restartCloud(world, backup), lost: { ...world.lost, isRestored: true } };
}

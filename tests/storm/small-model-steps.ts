/** Everything that may happen next in a world. */
import { rangeOf } from '../../common/messages.ts';
import { closeIdle, hearStartId, type Model, poll, sendHello, ship, sourcesToShip } from './small-model-edge.ts';
import {
  append,
  cloneEdge,
  crash,
  deliver,
  duplicate,
  isRequest,
  repeat,
  replaceLog,
  restartCloud,
  restoreCloud,
  retain,
  takeOver,
  timeout,
  trim,
  withoutHarmless,
} from './small-model-events.ts';
import { type Edge, type Fault, HARMLESS, type Packet, type World } from './small-model-world.ts';

export interface Step {
  /** Only asked for a trace: making the words takes longer than the step. */
  name: () => string;
  /** Undefined when nothing would change. */
  take: () => World | undefined;
}

/** Steps without a fault. */
export function* plainSteps(model: Model, world: World): Generator<Step> {
  for (const [partition, log] of world.logs.entries()) {
    yield { name: () => `produce ${log.nextProduce} is appended to ${partition}`, take: () => append(model, world, partition) };
  }
  for (const edge of world.edges) yield* stepsOfEdge(model, world, edge);
  for (const packet of world.packets) {
    if (packet.isStale) yield { name: () => `the cloud gets ${describe(packet)}`, take: () => deliver(model, world, packet) };
  }
}

/** What an edge, its link and the cloud do for it, what is already on its way first. */
export function* stepsOfEdge(model: Model, world: World, edge: Edge): Generator<Step> {
  const { name } = edge;
  for (const packet of world.packets) {
    if (packet.edge !== name || packet.isStale) continue;
    const receiver = isRequest(packet) ? 'the cloud' : name;
    yield { name: () => `${receiver} gets ${describe(packet)}`, take: () => deliver(model, world, packet) };
  }
  yield { name: () => `${name} hears the cloud's start id`, take: () => hearStartId(model, world, edge) };
  yield { name: () => `${name} says hello`, take: () => sendHello(model, world, edge) };
  for (let turn = 0; turn < sourcesToShip(model, edge).length; turn++) {
    yield { name: () => `${name} ships`, take: () => ship(model, world, edge, turn) };
  }
  for (let partition = 0; partition < world.logs.length; partition++) {
    const position = () => edge.disk.positions[partition]?.nextOffset ?? 'the first';
    yield { name: () => `${name} takes record ${position()} of ${partition}`, take: () => poll(model, world, edge, partition) };
  }
}

/** Faults that the budget still allows. */
export function* faultSteps(model: Model, world: World): Generator<Step> {
  for (const { fault, name, take } of allFaults(model, world)) {
    const left = world.left[fault] ?? 0;
    const cost = HARMLESS.has(fault) ? 0 : 1;
    if (left === 0 || world.leftInAll < cost) continue;
    const takeAndPay = () => {
      const after = take();
      return after && { ...after, left: { ...after.left, [fault]: left - 1 }, leftInAll: world.leftInAll - cost };
    };
    yield { name, take: takeAndPay };
  }
}

interface FaultStep extends Step {
  fault: Fault;
}

function* allFaults(model: Model, world: World): Generator<FaultStep> {
  for (const packet of world.packets) {
    if (packet.isStale) continue;
    yield { fault: 'timeout', name: () => `${packet.edge} gives up waiting for ${describe(packet)}`, take: () => timeout(world, packet) };
    if (!isRequest(packet)) continue;
    yield { fault: 'duplicate', name: () => `the cloud gets twice ${describe(packet)}`, take: () => duplicate(model, world, packet) };
  }
  for (const partition of world.logs.keys()) {
    yield { fault: 'repeat', name: () => `the last produce of ${partition} is repeated`, take: () => repeat(model, world, partition) };
    for (const beginsAnew of [false, true]) {
      const name = () => `log ${partition} is replaced, the simulator ${beginsAnew ? 'begins anew' : 'goes on'}`;
      yield { fault: 'replace', name, take: () => replaceLog(model, world, partition, beginsAnew) };
    }
  }
  for (const edge of world.edges) yield* edgeFaults(model, world, edge);
  const { backup } = world;
  yield { fault: 'cloud crash', name: () => 'the cloud crashes', take: () => restartCloud(world, world.cloud.disk) };
  yield { fault: 'backup', name: () => 'the cloud is backed up', take: () => ({ ...world, backup: world.cloud.disk }) };
  if (backup !== undefined) yield { fault: 'restore', name: () => 'the cloud is restored', take: () => restoreCloud(world, backup) };
}

function* edgeFaults(model: Model, world: World, edge: Edge): Generator<FaultStep> {
  const { name } = edge;
  const { copy } = world;
  yield { fault: 'crash', name: () => `${name} crashes`, take: () => crash(world, edge) };
  yield { fault: 'take-over', name: () => `${name} is lost for good and another takes over`, take: () => takeOver(model, world, edge) };
  yield { fault: 'clone', name: () => `${name} is cloned`, take: () => cloneEdge(world, edge) };
  yield { fault: 'copy', name: () => `${name}'s database is copied`, take: () => ({ ...world, copy: edge.disk }) };
  if (copy !== undefined) {
    yield {
      fault: 'edge restore',
      name: () => `${name}'s database is set back to the copy`,
      take: () => crash(world, { ...edge, disk: copy }),
    };
  }
  yield { fault: 'idle', name: () => `${name} closes its open parts`, take: () => closeIdle(model, world, edge) };
  yield { fault: 'trim', name: () => `${name} trims its acked rows`, take: () => trim(world, edge) };
  yield { fault: 'retention', name: () => `${name} commits its offsets, what is below is deleted`, take: () => retain(model, world, edge) };
}

/** Every step that changes something, and where it leads. */
export function* successors(model: Model, world: World): Generator<{ step: Step; world: World }> {
  for (const steps of [plainSteps(model, world), faultSteps(model, world)]) {
    for (const step of steps) {
      const next = step.take();
      if (next !== undefined) yield { step, world: withoutHarmless(model, next) };
    }
  }
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

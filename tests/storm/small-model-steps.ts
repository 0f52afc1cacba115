/** Everything that may happen next in a world. */
import { rangeOf } from '../../common/messages.ts';
import { closeIdle, continueRefill, hearStartId, type Model, poll, ship, sourcesToShip } from './small-model-edge.ts';
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
import { halfHellos, sendHello } from './small-model-hello.ts';
import type { Edge, Fault, Packet, World } from './small-model-world.ts';

export interface Step {
  /** Only asked for a trace: making the words takes longer than the step. */
  name: () => string;
  /** Undefined when nothing would change. */
  take: () => World | undefined;
}

/** Steps without a fault. */
export function* plainSteps(model: Model, world: World): Generator<Step> {
  for (const [partition, log] of world.logs.entries()) {
    yield step(
      () => `produce ${log.nextProduce} is appended to ${partition}`,
      () => append(model, world, partition),
    );
  }
  for (const edge of world.edges) yield* stepsOfEdge(model, world, edge);
  for (const packet of world.packets) {
    if (packet.isStale)
      yield step(
        () => `the cloud gets ${describe(packet)}`,
        () => deliver(model, world, packet),
      );
  }
}

/** What an edge, its link and the cloud do for it, what is already on its way first. */
export function* stepsOfEdge(model: Model, world: World, edge: Edge): Generator<Step> {
  const { name } = edge;
  for (const packet of world.packets) {
    if (packet.edge !== name || packet.isStale) continue;
    const receiver = isRequest(packet) ? 'the cloud' : name;
    yield step(
      () => `${receiver} gets ${describe(packet)}`,
      () => deliver(model, world, packet),
    );
  }
  yield step(
    () => `${name} hears the cloud's start id`,
    () => hearStartId(model, world, edge),
  );
  yield step(
    () => `${name} says hello`,
    () => sendHello(model, world, edge),
  );
  yield step(
    () => `${name} wants the next piece of its refill`,
    () => continueRefill(model, world, edge),
  );
  for (let turn = 0; turn < sourcesToShip(model, edge).length; turn++) {
    yield step(
      () => `${name} ships`,
      () => ship(model, world, edge, turn),
    );
  }
  for (let partition = 0; partition < world.logs.length; partition++) {
    yield step(
      () => `${name} takes record ${edge.disk.positions[partition]?.nextOffset ?? 'the first'} of ${partition}`,
      () => poll(model, world, edge, partition),
    );
  }
}

/** Faults that the budget still allows. */
export function* faultSteps(model: Model, world: World): Generator<Step> {
  for (const { fault, name, take } of allFaults(model, world)) {
    if ((world.left[fault] ?? 0) > 0) yield step(name, () => paid(world, fault, take()));
  }
}

function paid({ left }: World, fault: Fault, after: World | undefined): World | undefined {
  return after && { ...after, left: { ...left, [fault]: (left[fault] ?? 0) - 1 } };
}

/** The functions come as arguments: tsx wraps every function that gets a name from a property, which costs more than the step. */
function step(name: Step['name'], take: Step['take']): Step {
  return { name, take };
}

function faultStep(fault: Fault, name: Step['name'], take: Step['take']): FaultStep {
  return { fault, name, take };
}

interface FaultStep extends Step {
  fault: Fault;
}

function* allFaults(model: Model, world: World): Generator<FaultStep> {
  for (const packet of world.packets) {
    if (packet.isStale) continue;
    yield faultStep(
      'timeout',
      () => `${packet.edge} gives up waiting for ${describe(packet)}`,
      () => timeout(world, packet),
    );
    if (!isRequest(packet)) continue;
    yield faultStep(
      'duplicate',
      () => `the cloud gets twice ${describe(packet)}`,
      () => duplicate(model, world, packet),
    );
  }
  for (const partition of world.logs.keys()) {
    yield faultStep(
      'repeat',
      () => `the last produce of ${partition} is repeated`,
      () => repeat(model, world, partition),
    );
    for (const beginsAnew of [false, true]) {
      yield faultStep(
        'replace',
        () => `log ${partition} is replaced, the simulator ${beginsAnew ? 'begins anew' : 'goes on'}`,
        () => replaceLog(model, world, partition, beginsAnew),
      );
    }
  }
  for (const edge of world.edges) yield* edgeFaults(model, world, edge);
  const { backup } = world;
  yield faultStep(
    'cloud crash',
    () => 'the cloud crashes',
    () => restartCloud(world, world.cloud.disk),
  );
  yield faultStep(
    'backup',
    () => 'the cloud is backed up',
    () => ({ ...world, backup: world.cloud.disk }),
  );
  if (backup !== undefined)
    yield faultStep(
      'restore',
      () => 'the cloud is restored',
      () => restoreCloud(world, backup),
    );
}

function* edgeFaults(model: Model, world: World, edge: Edge): Generator<FaultStep> {
  const { name } = edge;
  const { copy } = world;
  yield faultStep(
    'crash',
    () => `${name} crashes`,
    () => crash(world, edge),
  );
  for (const packet of world.packets) {
    if (packet.edge !== name || packet.isStale || isRequest(packet) || (world.left['half hello'] ?? 0) === 0) continue;
    for (const disk of halfHellos(model, world, packet)) {
      yield faultStep(
        'half hello',
        () => `${name} crashes in the middle of ${describe(packet)}`,
        () => crash(world, { ...edge, disk }),
      );
    }
  }
  yield faultStep(
    'take-over',
    () => `${name} is lost for good and another takes over`,
    () => takeOver(model, world, edge),
  );
  yield faultStep(
    'clone',
    () => `${name} is cloned`,
    () => cloneEdge(world, edge),
  );
  yield faultStep(
    'copy',
    () => `${name}'s database is copied`,
    () => ({ ...world, copy: edge.disk }),
  );
  if (copy !== undefined) {
    yield faultStep(
      'edge restore',
      () => `${name}'s database is set back to the copy`,
      () => crash(world, { ...edge, disk: copy }),
    );
  }
  yield faultStep(
    'idle',
    () => `${name} closes its open parts`,
    () => closeIdle(model, world, edge),
  );
  yield faultStep(
    'trim',
    () => `${name} trims its acked rows`,
    () => trim(world, edge),
  );
  yield faultStep(
    'retention',
    () => `${name} commits its offsets, what is below is deleted`,
    () => retain(model, world, edge),
  );
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
      const held = sources.map(({ device, covered, declared }) => `${device} ${JSON.stringify(covered)}/${JSON.stringify(declared)}`);
      return `${household} generation ${generation} ${held.join()}`;
    });
    return `the answer to the hello of ${edge}: ${told.join(', ')}`;
  }
  return `the answer to ${edge}: ${body.kind === 'parts' ? body.verdicts.map(({ verdict }) => verdict).join(', ') : body.kind}`;
}

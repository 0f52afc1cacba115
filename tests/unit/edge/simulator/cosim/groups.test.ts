/** Same-time loops: expected traces are those of mosaik 3.7.1 for the same scenarios. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../../../../common/clock.ts';
import type { Entity } from '../../../../../edge/simulator/cosim/entity.ts';
import { CosimError } from '../../../../../edge/simulator/cosim/errors.ts';
import { type Group, World } from '../../../../../edge/simulator/cosim/world.ts';
import { ScriptedSimulator, type Script, sum } from './scripted-simulator.ts';

/** Counts the steps of one tick from 0. */
function rounds() {
  const seen = { tick: -1, round: -1 };
  return (tick: number): number => {
    seen.round = tick === seen.tick ? seen.round + 1 : 0;
    seen.tick = tick;
    return seen.round;
  };
}

async function entityOf(place: Group, sid: string, script: Script): Promise<{ simulator: ScriptedSimulator; entity: Entity }> {
  const simulator = new ScriptedSimulator(script);
  const started = await place.start(sid, simulator);
  const [entity] = await started.create(1, 'M');
  return { simulator, entity: entity as Entity };
}

test('a loop goes round until an output is left out; a new one begins at the next tick', async () => {
  const world = new World({ clock: systemClock });
  const loop = world.group();
  const roundOf = rounds();
  let round = 0;
  const a = await entityOf(loop, 'A', {
    type: 'event-based',
    next: (t) => ((round = roundOf(t)) === 0 ? t + 5 : null),
    out: { x: (_t, inputs) => sum(inputs, 'y') + 1 },
  });
  const b = await entityOf(loop, 'B', {
    type: 'event-based',
    next: () => null,
    out: { y: (_t, inputs) => (sum(inputs, 'x') < 4 ? sum(inputs, 'x') : undefined) },
  });
  world.connect(a.entity, b.entity, ['x']);
  world.connect(b.entity, a.entity, ['y'], { weak: true });
  world.setInitialEvent('A', 0);
  await world.run({ until: 10 });
  assert.ok(round >= 0);
  assert.deepEqual(a.simulator.times, [0, 0, 0, 0, 5, 5, 5, 5]);
  assert.deepEqual(b.simulator.got('x'), [1, 2, 3, 4, 1, 2, 3, 4]);
});

test('who watches a loop from outside steps once, after it, with the last value', async () => {
  const world = new World({ clock: systemClock });
  const loop = world.group();
  const roundOfA = rounds();
  let k = 0;
  const observer = await entityOf(world, 'O', { type: 'event-based', next: () => null });
  const reader = await entityOf(world, 'P', { next: (t) => t + 2 });
  const a = await entityOf(loop, 'A', {
    type: 'event-based',
    next: (t) => ((k = roundOfA(t)) === 0 ? t + 4 : null),
    out: { x: (t) => k * 100 + t },
  });
  const b = await entityOf(loop, 'B', {
    type: 'event-based',
    next: () => null,
    out: { y: (_t, inputs) => (sum(inputs, 'x') < 200 ? 1 : undefined) },
  });
  world.connect(a.entity, b.entity, ['x']);
  world.connect(b.entity, a.entity, ['y'], { weak: true });
  world.connect(a.entity, observer.entity, ['x']);
  world.connect(a.entity, reader.entity, ['x']);
  world.setInitialEvent('A', 0);
  await world.run({ until: 9 });
  assert.deepEqual(a.simulator.times, [0, 0, 0, 4, 4, 4, 8, 8, 8]);
  assert.deepEqual(
    [observer.simulator.times, observer.simulator.got('x')],
    [
      [0, 4, 8],
      [200, 204, 208],
    ],
  );
  assert.deepEqual(
    [reader.simulator.times, reader.simulator.got('x')],
    [
      [0, 2, 4, 6, 8],
      [200, undefined, 204, undefined, 208],
    ],
  );
});

test('an inner loop comes to rest before the outer one goes on', async () => {
  const world = new World({ clock: systemClock });
  const outer = world.group();
  const inner = outer.group();
  const order: string[] = [];
  const told = (name: string, next: (t: number) => number | null) => (t: number) => {
    order.push(name);
    return next(t);
  };
  const count = { b: 0, c: 0 };
  const a = await entityOf(outer, 'A', { type: 'event-based', next: told('A', () => null), out: { x: (t) => t } });
  const b = await entityOf(inner, 'B', { type: 'event-based', next: told('B', () => null), out: { x: () => ++count.b } });
  const c = await entityOf(inner, 'C', {
    type: 'event-based',
    next: told('C', () => null),
    // Back into the inner loop twice per outer round; into the outer one once in all.
    out: { y: () => (++count.c % 3 === 0 ? undefined : count.c), x: () => (count.c === 3 ? 7 : undefined) },
  });
  world.connect(a.entity, b.entity, ['x']);
  world.connect(b.entity, c.entity, ['x']);
  world.connect(c.entity, b.entity, ['y'], { weak: true });
  world.connect(c.entity, a.entity, [['x', 'y']], { weak: true });
  world.setInitialEvent('A', 0);
  const { traceHash } = await world.run({ until: 1 });
  assert.deepEqual(order.join(''), 'ABCBCBCABCBCBC');
  assert.match(String(traceHash), /^[0-9a-f]{16}$/);
});

test('a loop that never comes to rest is an error that names it', async () => {
  const world = new World({ clock: systemClock, maxLoopIterations: 7 });
  const loop = world.group();
  const a = await entityOf(loop, 'A', { type: 'event-based', next: () => null, out: { x: () => 1 } });
  const b = await entityOf(loop, 'B', { type: 'event-based', next: () => null, out: { y: () => 1 } });
  world.connect(a.entity, b.entity, ['x']);
  world.connect(b.entity, a.entity, ['y'], { weak: true });
  world.setInitialEvent('A', 3);
  await assert.rejects(
    world.run({ until: 10 }),
    (error) => error instanceof CosimError && error.code === 'LOOP_ENDLESS' && /A .*round 7 .* 3/.test(error.message),
  );
  assert.equal(a.simulator.times.length, 7);
});

test('a loop through a simulator that is not in the group takes no time, and is refused', async () => {
  const world = new World({ clock: systemClock });
  const loop = world.group();
  const a = await entityOf(loop, 'A', { type: 'event-based' });
  const b = await entityOf(loop, 'B', { type: 'event-based' });
  const outside = await entityOf(world, 'X', { type: 'event-based' });
  world.connect(a.entity, outside.entity, ['x']);
  world.connect(outside.entity, b.entity, ['x']);
  world.connect(b.entity, a.entity, ['y'], { weak: true });
  const refused = /wait for each other[^]*A\.M0\.x → X\.M0\.x[^]*X\.M0\.x → B\.M0\.x[^]*B\.M0\.y → A\.M0\.y \(weak\)/;
  await assert.rejects(world.run({ until: 2 }), (error) => error instanceof CosimError && refused.test(error.message));
});

test('a weak connection delays who is triggered, not what is seen: a source that has stepped in this round is read', async () => {
  for (const nonPersistent of [[], ['y']]) {
    const world = new World({ clock: systemClock });
    const loop = world.group();
    const hybrid = (more: Script): Script => ({ type: 'hybrid', next: () => null, ...more });
    const model = { trigger: [], nonPersistent };
    const a = await entityOf(loop, 'A', hybrid({ model, next: (t) => t + 1, out: { x: (t) => t * 10, y: (t) => t * 100 } }));
    const b = await entityOf(loop, 'B', hybrid({ model: { trigger: ['x'] }, out: { x: (t) => t * 10 } }));
    const c = await entityOf(loop, 'C', hybrid({ model: { trigger: ['x'] } }));
    world.connect(a.entity, b.entity, ['x']);
    world.connect(b.entity, c.entity, ['x']);
    world.connect(a.entity, c.entity, ['y'], { weak: true, initialData: { y: -1 } });
    await world.run({ until: 3 });
    assert.deepEqual(c.simulator.got('y'), [0, 100, 200], nonPersistent.join());
  }
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { systemClock } from '../../../../../common/clock.ts';
import { seededRandom } from '../../../../../common/random.ts';
import { connectManyToOne, connectOne, connectRandomly, connectZip } from '../../../../../edge/simulator/cosim/connect-patterns.ts';
import type { Entity } from '../../../../../edge/simulator/cosim/entity.ts';
import { CosimError } from '../../../../../edge/simulator/cosim/errors.ts';
import type { CreatedEntity, Inputs, Params, Requests, SimulatorMeta } from '../../../../../edge/simulator/cosim/simulator.ts';
import { World } from '../../../../../edge/simulator/cosim/world.ts';
import { VirtualClock } from '../../../../doubles/virtual-clock.ts';
import { ScriptedSimulator, type Script } from './scripted-simulator.ts';

/** Asks in each step. */
class Asking extends ScriptedSimulator {
  requests: Requests | undefined;
  private readonly ask: (requests: Requests, time: number) => void;

  constructor(script: Script, ask: (requests: Requests, time: number) => void) {
    super(script);
    this.ask = ask;
  }

  override init(sid: string, _resolution?: number, _params?: Params, requests?: Requests): SimulatorMeta {
    this.requests = requests;
    return { ...super.init(sid), extraMethods: ['echo'] };
  }

  override step(time: number, inputs: Inputs, maxAdvance: number): number | null | Promise<number | null> {
    this.ask(this.requests as Requests, time);
    return super.step(time, inputs, maxAdvance);
  }

  call(method: string, args: readonly unknown[], named: Params): unknown {
    return [method, args, named];
  }
}

async function started(world: World, sid: string, simulator: ScriptedSimulator, count = 1): Promise<Entity[]> {
  return (await world.start(sid, simulator)).create(count, 'M');
}

describe('requests of a simulator while it steps', () => {
  test('set data arrive with the next step, once', async () => {
    const world = new World({ clock: systemClock });
    const asked = new ScriptedSimulator({ next: (t) => t + 2, out: { x: (t) => t } });
    const controller = new Asking({ next: (t) => t + 2 }, (requests, time) => {
      if (time === 2) requests.setData({ 'B.M0': { 'A.M0': { y: 42 } } });
    });
    const [a] = await started(world, 'A', asked);
    const [b] = await started(world, 'B', controller);
    world.connect(a!, b!, ['x'], { asyncRequests: true });
    await world.run({ until: 8 });
    assert.deepEqual(asked.got('y', 'B.M0'), [undefined, undefined, 42, undefined]);
  });

  test('data come from what is stored, else from the simulator', async () => {
    const world = new World({ clock: systemClock });
    const answers: unknown[] = [];
    const asked = new ScriptedSimulator({ out: { x: (t) => t * 10, y: (t) => t * 100 } });
    const controller = new Asking({}, (requests) => answers.push(requests.getData({ 'A.M0': ['x', 'y'] })));
    const [a] = await started(world, 'A', asked);
    const [b] = await started(world, 'B', controller);
    world.connect(a!, b!, ['x'], { asyncRequests: true });
    await world.run({ until: 2 });
    assert.deepEqual(answers, [{ 'A.M0': { x: 0, y: 0 } }, { 'A.M0': { x: 10, y: 100 } }]);
  });

  /** @param asks what B asks for in its step; A is connected to it as `connect` does */
  async function refusedWith(
    asks: (requests: Requests) => unknown,
    connect: (world: World, a: Entity, b: Entity) => void,
  ): Promise<CosimError> {
    const world = new World({ clock: systemClock });
    const [a] = await started(world, 'A', new ScriptedSimulator({}));
    const [b] = await started(world, 'B', new Asking({}, (requests) => void asks(requests)));
    connect(world, a!, b!);
    return world.run({ until: 1 }).then(
      () => assert.fail('it was not refused'),
      (error: unknown) => (assert.ok(error instanceof CosimError), error),
    );
  }

  test('who is not connected is told so, who is connected without asyncRequests is told that; each with the remedy', async () => {
    const asks = [
      (requests: Requests) => requests.setData({ 'B.M0': { 'A.M0': { y: 1 } } }),
      (requests: Requests) => requests.getData({ 'A.M0': ['x'] }),
    ];
    for (const ask of asks) {
      const apart = await refusedWith(ask, () => undefined);
      assert.deepEqual([apart.code, apart.whoActs], ['ASYNC_NOT_CONNECTED', 'the author of the scenario']);
      assert.match(apart.message, /no connection leads from A to B/);
      assert.match(apart.hint, /connect an entity of A to one of B with asyncRequests/);
      const closed = await refusedWith(ask, (world, a, b) => world.connect(a, b, ['x']));
      assert.equal(closed.code, 'ASYNC_NOT_ENABLED');
      assert.match(closed.message, /the connection from A to B is without asyncRequests/);
      // A connection the other way leads nowhere, whatever it allows.
      const backwards = await refusedWith(ask, (world, a, b) => world.connect(b, a, ['x'], { asyncRequests: true }));
      assert.equal(backwards.code, 'ASYNC_NOT_CONNECTED');
    }
    const unknown = await refusedWith(
      (requests) => requests.getData({ 'C.M0': ['x'] }),
      (world, a, b) => world.connect(a, b, ['x']),
    );
    assert.equal(unknown.code, 'ENTITY_UNKNOWN');
  });

  test('an event needs real time; there it makes the simulator step, a late one as soon as it can', async () => {
    const clock = new VirtualClock();
    const world = new World({ clock });
    const simulator = Object.assign(new Asking({ type: 'event-based', next: () => null }, () => undefined), { isOutside: true });
    await started(world, 'A', simulator);
    world.setInitialEvent('A', 1);
    const running = world.run({ until: 10, rtFactor: 1 });
    clock.timer('test', 2_500, () => simulator.requests?.setEvent(4));
    clock.timer('test', 6_200, () => simulator.requests?.setEvent(5));
    clock.timer('test', 7_000, () => simulator.requests?.setEvent(10));
    while (await clock.fireNext());
    const summary = await running;
    assert.deepEqual(simulator.times, [1, 4, 5]);
    assert.equal(clock.monotonicMs() >= 10_000, true, 'it may be woken until the end');
    assert.equal(summary.completed, true);

    const hurried = new World({ clock: systemClock });
    await started(hurried, 'A', new Asking({}, (requests) => requests.setEvent(3)));
    await assert.rejects(hurried.run({ until: 5 }), /real time/);
  });

  test('progress, the graph of entities, extra methods', async () => {
    const world = new World({ clock: systemClock });
    const percents: number[] = [];
    const parent = new (class extends Asking {
      override create(): CreatedEntity[] {
        return [{ eid: 'p', type: 'M', children: [{ eid: 'c', type: 'M', rel: ['p'] }] }];
      }
    })({}, (requests) => percents.push(requests.progress() as number));
    const handle = await world.start('A', parent);
    const [a] = await handle.create(1, 'M');
    const [b] = await started(world, 'B', new ScriptedSimulator({}));
    world.connect(a!.children[0]!, b!, ['x']);
    const neighbours = { 'A.p': { sid: 'A', type: 'M' }, 'B.M0': { sid: 'B', type: 'M' } };
    assert.deepEqual(await parent.requests?.relatedTo(['A.c']), { 'A.c': neighbours });
    const graph = await parent.requests?.relatedGraph();
    assert.deepEqual(Object.keys(graph?.nodes ?? {}), ['A.p', 'A.c', 'B.M0']);
    assert.equal(graph?.edges.length, 2);
    assert.deepEqual(await handle.call('echo', [1], { two: 2 }), ['echo', [1], { two: 2 }]);
    await assert.rejects(handle.call('shout'), /no extra method shout; it has echo/);
    await world.run({ until: 4 });
    assert.deepEqual(percents, [0, 25, 50, 75]);
  });
});

describe('patterns of connections', () => {
  async function entities(count: number) {
    const world = new World({ clock: systemClock });
    const dest = new ScriptedSimulator({ next: () => 100 });
    const sources = await started(world, 'A', new ScriptedSimulator({ out: { x: (_t, _in, eid) => eid } }), count);
    const dests = await started(world, 'B', dest, 3);
    const run = async () => {
      await world.run({ until: 1 });
      return Object.fromEntries(
        Object.entries(dest.steps[0]?.inputs ?? {}).map(([eid, attrs]) => [eid, Object.keys(attrs['x'] ?? attrs['y'] ?? {})]),
      );
    };
    return { world, sources, dests, run };
  }

  test('one, zip, many to one', async () => {
    const zipped = await entities(3);
    connectZip(zipped.world, zipped.sources, zipped.dests, ['x']);
    assert.deepEqual(await zipped.run(), { M0: ['A.M0'], M1: ['A.M1'], M2: ['A.M2'] });
    const one = await entities(3);
    connectOne(one.world, one.sources[2]!, one.dests[1]!, 'x', 'y');
    assert.deepEqual(await one.run(), { M1: ['A.M2'] });
    const many = await entities(2);
    connectManyToOne(many.world, many.sources, many.dests[0]!, ['x']);
    assert.deepEqual(await many.run(), { M0: ['A.M0', 'A.M1'] });
    assert.throws(() => connectZip(many.world, many.sources, many.dests, ['x']), /2 sources and 3 destinations/);
  });

  test('randomly: evenly, at most so many, the same for the same seed', async () => {
    const drawn: unknown[] = [];
    for (const seed of [1, 1, 2]) {
      const { world, sources, dests, run } = await entities(7);
      const connected = connectRandomly(world, sources, dests, ['x'], { random: seededRandom(seed) });
      const got = await run();
      assert.equal(connected.size, 3);
      assert.deepEqual(
        Object.values(got)
          .map((its) => its.length)
          .sort((a, b) => a - b),
        [2, 2, 3],
      );
      drawn.push(got);
    }
    assert.deepEqual(drawn[0], drawn[1]);
    assert.notDeepEqual(drawn[0], drawn[2]);
    const { world, sources, dests, run } = await entities(6);
    connectRandomly(world, sources, dests, ['x'], { random: seededRandom(5), evenly: false, maxConnects: 2 });
    assert.deepEqual(
      Object.values(await run()).map((its) => its.length),
      [2, 2, 2],
    );
    assert.throws(
      () => connectRandomly(world, [...sources, ...sources], dests, ['x'], { random: seededRandom(5), evenly: false, maxConnects: 2 }),
      /12 sources/,
    );
  });
});

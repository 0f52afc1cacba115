import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock, yieldToEventLoop } from '../../../../../common/clock.ts';
import type { Requests, SimulatorMeta } from '../../../../../edge/simulator/cosim/simulator.ts';
import { World } from '../../../../../edge/simulator/cosim/world.ts';
import { answerRequest } from '../../../../../edge/simulator/remote/remote-requests.ts';
import { PythonFloat } from '../../../../../edge/simulator/remote/python-json.ts';
import { NOBODY_TO_ASK } from '../../../../../edge/simulator/scenario/offered-models.ts';
import { ScriptedSimulator } from '../cosim/scripted-simulator.ts';

/** Asks as a simulator at the other end of a wire does, and notes by which name it is refused. */
class AskingOverWire extends ScriptedSimulator {
  readonly names: string[] = [];
  private readonly asks: readonly [call: string, args: unknown[]][];
  private requests: Requests | undefined;

  constructor(asks: readonly [call: string, args: unknown[]][]) {
    super({});
    this.asks = asks;
  }

  override init(sid: string, _resolution?: number, _params?: unknown, requests?: Requests): SimulatorMeta {
    this.requests = requests;
    return super.init(sid);
  }

  override step(time: number, ...rest: [never, never]): number | null | Promise<number | null> {
    for (const [call, args] of this.asks) {
      const note = (name: string) => void this.names.push(name);
      answerRequest({ call, args, named: {}, succeed: () => note('answered'), fail: note }, this.requests as Requests);
    }
    return super.step(time, ...rest);
  }
}

test('a refusal has the name that mosaik gives it, of the first entity that is refused', async () => {
  const world = new World({ clock: systemClock });
  const b = new AskingOverWire([
    ['get_data', [{ 'open.M0': ['x'] }]],
    ['get_data', [{ 'plain.M0': ['x'] }]],
    ['get_data', [{ 'apart.M0': ['x'] }]],
    ['get_data', [{ 'after.M0': ['x'] }]],
    ['get_data', [{ 'apart.M0': ['x'], 'plain.M0': ['x'] }]],
    ['set_data', [{ 'B.M0': { 'plain.M0': { y: 1 } } }]],
    ['set_data', [{ 'B.M0': { 'apart.M0': { y: 1 } } }]],
    ['get_data', [{ 'nobody.M0': ['x'] }]],
    ['get_related_entities', ['nobody.M0']],
    ['set_event', [5]],
  ]);
  const entities = new Map<string, Awaited<ReturnType<Awaited<ReturnType<World['start']>>['create']>>[number]>();
  for (const sid of ['open', 'plain', 'apart', 'after']) {
    const [entity] = await (await world.start(sid, new ScriptedSimulator({}))).create(1, 'M');
    entities.set(sid, entity!);
  }
  const [asker] = await (await world.start('B', b)).create(1, 'M');
  world.connect(entities.get('open')!, asker!, ['x'], { asyncRequests: true });
  world.connect(entities.get('plain')!, asker!, ['x']);
  // It gets data from B; that lets B ask nothing.
  world.connect(asker!, entities.get('after')!, ['x']);
  await world.run({ until: 1 });
  assert.deepEqual(b.names, [
    'answered',
    'AsyncRequestsNotEnabledError',
    'AsyncRequestsNotConnectedError',
    'AsyncRequestsNotConnectedError',
    'AsyncRequestsNotConnectedError',
    'AsyncRequestsNotEnabledError',
    'AsyncRequestsNotConnectedError',
    'KeyError',
    'KeyError',
    'EventInNonRealTimeModeError',
  ]);
});

test("progress is a float, as mosaik's is, also where it is whole", async () => {
  const answers: unknown[] = [];
  const ask = (progress: Requests['progress']) =>
    answerRequest(
      { call: 'get_progress', args: [], named: {}, succeed: (value) => void answers.push(value), fail: assert.fail },
      { ...NOBODY_TO_ASK, progress },
    );
  ask(() => 40);
  ask(() => Promise.resolve(33.5));
  await yieldToEventLoop();
  assert.deepEqual(answers, [new PythonFloat(40), new PythonFloat(33.5)]);
});

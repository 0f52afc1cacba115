/** `fogline serve`: our simulators as processes of a mosaik scenario. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../common/clock.ts';
import { silentLogger } from '../../common/logger.ts';
import type { CreatedEntity, Inputs, Outputs, Requests, Simulator, SimulatorMeta } from '../../edge/simulator/cosim/simulator.ts';
import { World } from '../../edge/simulator/cosim/world.ts';
import { ASSET_SIMULATORS } from '../../edge/simulator/models/assets/registry.ts';
import { ServedHousehold } from '../../edge/simulator/models/served-household.ts';
import { type ServeEnd, serveSimulator } from '../../edge/simulator/remote/serve.ts';
import { remoteSimulator } from '../../edge/simulator/remote/start-remote.ts';
import { freePort } from '../doubles/free-port.ts';
import { pythonWith } from '../doubles/python-with.ts';
import { writeTinyData } from '../truth/tiny-data.ts';

const ENTRY = fileURLToPath(new URL('../../fogline.ts', import.meta.url));
const SCENARIO_RUNNER = fileURLToPath(new URL('../doubles/mosaik-scenario.py', import.meta.url));
const SERVE = [process.execPath, '--import', import.meta.resolve('tsx'), ENTRY, 'serve'];
const UNTIL = 400;

const python = pythonWith('mosaik');
const noMosaik = python === undefined ? 'no python that can import mosaik (FOGLINE_MOSAIK_PYTHON, FOGLINE_PYTHON, python3)' : false;
const folder = mkdtempSync(join(tmpdir(), 'fogline-serve-'));
const householdFolder = join(folder, 'households');

before(() => writeTinyData(householdFolder, { households: 2, seconds: UNTIL, seed: 4 }));
after(() => rmSync(folder, { recursive: true, force: true }));

interface Entry {
  simulator: string;
  params: Record<string, unknown>;
  model: string;
  create?: Record<string, unknown>;
  mode?: 'connect';
  port?: number;
}

const SIMULATORS: Record<string, Entry> = {
  home: { simulator: 'household', params: { folder: householdFolder }, model: 'Household', create: { household: 'home-2' } },
  sun: {
    simulator: 'pv',
    params: { start: '2019-06-01T09:00:00Z', step_seconds: 60, seed: 3 },
    model: 'PV',
    create: { peak_power_w: 7000 },
  },
  store: { simulator: 'battery', params: { start: '2019-06-01T09:00:00Z', step_seconds: 60 }, model: 'Battery' },
};
/** The battery takes what the sun gives. */
const CONNECTIONS: [string, string, [string, string][], number | null][] = [['sun', 'store', [['power', 'setpoint']], -1]];
const COLLECT: Record<string, string[]> = { home: ['power', 'energy'], sun: ['power'], store: ['power', 'soc'] };

/** Notes every step. */
class Collector implements Simulator {
  readonly seen: [number, Inputs][] = [];

  init(): SimulatorMeta {
    return { type: 'event-based', models: { C: { params: [], attrs: [], anyInputs: true } } };
  }

  create(_: number, type: string): CreatedEntity[] {
    return [{ eid: 'c', type }];
  }

  step(time: number, inputs: Inputs): null {
    this.seen.push([time, inputs]);
    return null;
  }

  getData(): Outputs {
    return { data: {} };
  }
}

async function ownWorld(): Promise<[number, Inputs][]> {
  const world = new World({ clock: systemClock });
  const collector = new Collector();
  const [sink] = await (await world.start('Collector', collector)).create(1, 'C');
  const entities = new Map<string, Awaited<ReturnType<typeof create>>>();
  const create = async (sid: string, { simulator, params, model, create: settings }: Entry) => {
    const its =
      simulator === 'household' ? new ServedHousehold({ folder: undefined, logger: silentLogger }) : ASSET_SIMULATORS[simulator]!();
    const started = await world.start(sid, its, params);
    return (await started.create(1, model, settings))[0]!;
  };
  for (const [sid, entry] of Object.entries(SIMULATORS)) entities.set(sid, await create(sid, entry));
  for (const [source, dest, pairs, factor] of CONNECTIONS) {
    const transform = (value: unknown) => (value as number) * (factor ?? 1);
    world.connect(entities.get(source)!, entities.get(dest)!, pairs, { transform });
  }
  for (const [sid, attrs] of Object.entries(COLLECT)) world.connect(entities.get(sid)!, sink!, attrs);
  await world.run({ until: UNTIL });
  return collector.seen;
}

function inMosaik(simulators: Record<string, Entry>): Promise<{ seen: [number, Inputs][]; ended: number[] }> {
  const scenario = {
    command: SERVE.join(' '),
    simulators,
    connections: CONNECTIONS,
    collect: COLLECT,
    until: UNTIL,
  };
  const file = join(folder, 'scenario.json');
  writeFileSync(file, JSON.stringify(scenario));
  return new Promise((resolve, reject) => {
    execFile(python!, [SCENARIO_RUNNER, file], { timeout: 300_000, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      if (error === null) resolve(JSON.parse(stdout));
      else reject(new Error(stderr, { cause: error }));
    });
  });
}

describe('in a real mosaik', { skip: noMosaik }, () => {
  test('household, PV and battery give the same values as in our own world, started and connected to', async () => {
    const expected = await ownWorld();
    assert.ok(expected.length > UNTIL / 3, `${expected.length} steps`);
    assert.ok(new Set(expected.map(([, inputs]) => inputs['c']?.['soc']?.['store.battery-0'])).size > 3, 'the battery is charged');
    const started = await inMosaik(SIMULATORS);
    assert.deepEqual(started.seen, expected);
    const mode = 'connect' as const;
    const waiting: Record<string, Entry> = {};
    for (const [sid, entry] of Object.entries(SIMULATORS)) waiting[sid] = { ...entry, mode, port: await freePort() };
    const connected = await inMosaik(waiting);
    assert.deepEqual(connected.seen, expected);
    assert.deepEqual(connected.ended, [0, 0, 0]);
  });
});

/** Asks for everything in its step, and has an extra method. */
class Curious implements Simulator {
  readonly answers: unknown[] = [];
  finalized = 0;
  private requests: Requests | undefined;

  init(_sid: string, _timeResolution: number, params: Record<string, unknown>, requests: Requests): SimulatorMeta {
    this.requests = requests;
    this.answers.push(params);
    return { type: 'time-based', models: { M: { params: [], attrs: ['x'] } }, extraMethods: ['add'] };
  }

  create(num: number, type: string): CreatedEntity[] {
    return Array.from({ length: num }, (_, i) => ({ eid: `e${i}`, type, rel: i > 0 ? ['e0'] : [], extraInfo: { i }, children: [] }));
  }

  async step(time: number, inputs: Inputs): Promise<number> {
    const { requests } = this;
    this.answers.push(inputs);
    if (time === 0) {
      this.answers.push(await requests?.progress(), await requests?.relatedTo(['C.e1']), await requests?.getData({ 'A.e': ['x'] }));
      requests?.setData({ 'C.e0': { 'A.e': { y: 5 } } });
    }
    if (time === 2) requests?.setEvent(9);
    return time + 1;
  }

  getData(): Outputs {
    return { data: { e0: { x: Number.NaN } }, time: undefined } as unknown as Outputs;
  }

  call(method: string, [a, b]: readonly unknown[], { c }: Readonly<Record<string, unknown>>): unknown {
    return [method, (a as number) + (b as number) + (c as number)];
  }

  finalize(): void {
    this.finalized++;
  }
}

class Asked implements Simulator {
  readonly seen: Inputs[] = [];

  init(): SimulatorMeta {
    return { type: 'time-based', models: { M: { params: [], attrs: ['x', 'y'] } } };
  }

  create(): CreatedEntity[] {
    return [{ eid: 'e', type: 'M' }];
  }

  step(time: number, inputs: Inputs): number {
    this.seen.push(inputs);
    return time + 1;
  }

  getData(): Outputs {
    return { data: { e: { x: 1.5, y: 0 } } };
  }
}

describe('a served simulator, in a world of ours', () => {
  async function serve(simulator: Simulator, stop = new AbortController()) {
    const address = `127.0.0.1:${await freePort()}`;
    const end: Promise<ServeEnd> = serveSimulator({
      simulator,
      address,
      listen: true,
      timeoutMs: 20_000,
      clock: systemClock,
      signal: stop.signal,
      logger: silentLogger,
    });
    const remote = () => remoteSimulator({ clock: systemClock, launch: { connect: address }, environment: {} });
    return { end, remote, address, stop };
  }

  test('asks the world over the wire, answers extra methods, and a refused request fails its step', async () => {
    const curious = new Curious();
    const { end, remote } = await serve(curious);
    const world = new World({ clock: systemClock });
    const asked = new Asked();
    const a = await world.start('A', asked);
    const c = await world.start('C', remote(), { word: 'Grüße', nan: Number.NaN });
    const [source] = await a.create(1, 'M');
    const [e0, e1] = await c.create(2, 'M');
    assert.deepEqual(e1!.extraInfo, { i: 1 });
    assert.deepEqual(await c.call('add', [1, 2], { c: 3 }), ['add', 6]);
    world.connect(source!, e0!, ['x'], { asyncRequests: true });
    await assert.rejects(world.run({ until: 5 }), (error: Error) => {
      assert.match(error.message, /^C, step at 2: it failed with CosimError: set_event was refused: EventInNonRealTimeModeError/);
      return true;
    });
    assert.equal(await end, 'stopped');
    const x = { e0: { x: { 'A.e': 1.5 } } };
    assert.deepEqual(curious.answers, [
      { word: 'Grüße', nan: Number.NaN },
      x,
      0,
      { 'C.e1': { 'C.e0': { sid: 'C', type: 'M' } } },
      { 'A.e': { x: 1.5 } },
      x,
      x,
    ]);
    assert.deepEqual(asked.seen.slice(0, 3), [{}, { e: { y: { 'C.e0': 5 } } }, {}]);
    assert.equal(curious.finalized, 1);
  });

  test('is finalized when the connection is lost, and when this process is told to end', async () => {
    for (const how of ['lost', 'aborted'] as const) {
      const simulator = new Curious();
      const { end, remote, stop } = await serve(simulator);
      const peer = remote();
      await peer.init('C', 1, {}, {} as Requests);
      if (how === 'aborted') stop.abort('SIGTERM');
      else (peer as unknown as { channel: { destroy(): void } }).channel.destroy();
      assert.equal(await end, how);
      assert.equal(simulator.finalized, 1);
      await peer.finalize();
    }
  });

  test('nobody there: an error that says what to do', async () => {
    const options = { simulator: new Asked(), clock: systemClock, signal: new AbortController().signal, logger: silentLogger };
    const address = `127.0.0.1:${await freePort()}`;
    await assert.rejects(
      serveSimulator({ ...options, address, listen: false, timeoutMs: 5_000 }),
      /mosaik is not reached at .*ECONNREFUSED/,
    );
    await assert.rejects(serveSimulator({ ...options, address, listen: true, timeoutMs: 100 }), /did not connect .* within 0\.1 s/);
    await assert.rejects(serveSimulator({ ...options, address: 'nowhere', listen: true, timeoutMs: 100 }), /nowhere is not an address/);
  });
});

describe('the command', () => {
  test('names the simulators there are; ends with 0 on SIGTERM', async () => {
    const [node, ...args] = SERVE as [string, ...string[]];
    const unknown = spawn(node, [...args, 'windmill', '127.0.0.1:1'], { stdio: ['ignore', 'ignore', 'pipe'] });
    let told = '';
    unknown.stderr.setEncoding('utf8').on('data', (text: string) => (told += text));
    assert.deepEqual(await once(unknown, 'close'), [2, null]);
    assert.match(told, /there is no simulator windmill\n.*household, .*pv/);
    const waiting = spawn(node, [...args, 'pv', `127.0.0.1:${await freePort()}`, '--remote', '--log-level', 'info'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    await once(waiting.stderr, 'data');
    waiting.kill('SIGTERM');
    assert.deepEqual(await once(waiting, 'close'), [0, null]);
  });
});

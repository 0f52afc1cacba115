/** Simulators in processes of their own, in Python: how they are started, spoken with and ended, and what happens when they misbehave. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../common/clock.ts';
import { CosimError } from '../../edge/simulator/cosim/errors.ts';
import type { CreatedEntity, Inputs, Outputs, Simulator, SimulatorMeta } from '../../edge/simulator/cosim/simulator.ts';
import { World } from '../../edge/simulator/cosim/world.ts';
import { type Launch, remoteSimulator, type StartRemoteOptions } from '../../edge/simulator/remote/start-remote.ts';
import { isAlive } from '../doubles/process-state.ts';

const FAULTS = join(import.meta.dirname, '../../../shared/conformance/faults');
const RAW_SIM = join(FAULTS, 'raw_sim.py');
const PEER = join(import.meta.dirname, '../doubles/wire-peer.py');
const python = process.env['FOGLINE_PYTHON'] || 'python3';
const noFaults = existsSync(RAW_SIM) ? false : 'the misbehaving peers are not on this machine (../shared/conformance/faults)';

/** Well above what a peer needs that does answer. */
const TIMEOUT_MS = 1_500;

/** Enough for a Python on a busy machine. */
const START_TIMEOUT_MS = 3_000;

const written: string[] = [];

function remote(launch: Launch, options: Partial<StartRemoteOptions> = {}) {
  const onOutput = (_: string, line: string) => void written.push(line);
  return remoteSimulator({ clock: systemClock, launch, python, environment: process.env, stopTimeoutMs: 5_000, onOutput, ...options });
}

/** In this process; it notes how it ended. */
class Healthy implements Simulator {
  finalized = 0;
  readonly seen: Inputs[] = [];

  init(): SimulatorMeta {
    return { type: 'time-based', models: { M: { params: [], attrs: ['x'] } } };
  }

  create(): CreatedEntity[] {
    return [{ eid: 'e', type: 'M' }];
  }

  step(time: number, inputs: Inputs): number {
    this.seen.push(inputs);
    return time + 1;
  }

  getData(): Outputs {
    return { data: { e: { x: 1 } } };
  }

  finalize(): void {
    this.finalized++;
  }
}

async function rejection(promise: Promise<unknown>): Promise<CosimError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof CosimError, `a CosimError was expected, got ${String(error)}`);
  return error;
}

describe('a simulator started by command', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'fogline-remote-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** What the peer has noted. */
  const notes = () => readFileSync(join(folder, 'notes'), 'utf8').trim().split('\n');

  async function play(script: object, options: Partial<StartRemoteOptions> = {}) {
    rmSync(join(folder, 'notes'), { force: true });
    const world = new World({ clock: systemClock });
    const cmd = `%(python)s "${PEER}" %(addr)s notes`;
    const peer = remote({ cmd, cwd: folder, env: { SCRIPT: JSON.stringify(script) } }, options);
    const healthy = new Healthy();
    try {
      const it = await world.start('peer', peer, { ratio: Number.NaN, big: 2n ** 70n, word: 'Straße' });
      const other = await world.start('healthy', healthy);
      const [a] = await it.create(1, 'M');
      const [b] = await other.create(1, 'M');
      world.connect(a!, b!, ['x']);
      await world.run({ until: 3 });
    } finally {
      await world.stop();
    }
    return healthy;
  }

  test('it is told everything in order, values of all kinds arrive, and it may take its time to finish', async () => {
    const healthy = await play({ out: ['NaN', '123456789012345678901', '[1.5, null, "ä"]'], finalizeSeconds: 0.5 });
    assert.deepEqual(healthy.seen, [
      { e: { x: { 'peer.e': Number.NaN } } },
      { e: { x: { 'peer.e': 123456789012345678901n } } },
      { e: { x: { 'peer.e': [1.5, null, 'ä'] } } },
    ]);
    const [init, ...rest] = notes().filter((note) => note !== 'more waiting');
    assert.equal(init, `init peer time_resolution=1.0 ratio=nan big=${2n ** 70n} word=Straße`);
    assert.deepEqual(rest.slice(0, 4), ['create 1 M', 'setup_done', 'step 0 {} 3', 'get_data']);
    assert.deepEqual(rest.slice(-2), ['stop', 'finished']);
    assert.equal(healthy.finalized, 1);
  });

  test('one that takes too long to finish is ended, and that is told', async () => {
    const warnings: string[] = [];
    const warn = (message: string) => void warnings.push(message);
    await play({ out: ['1', '2', '3'] }, { warn });
    assert.deepEqual(warnings, []);
    await play({ out: ['1', '2', '3'], finalizeSeconds: 60 }, { stopTimeoutMs: 300, warn });
    assert.deepEqual(warnings, [
      'peer was still busy 0.3 s after it had been told to stop, and was ended: what it had not finished is lost',
    ]);
    assert.equal(notes().at(-1), 'stop');
    const pid = Number(written.findLast((line) => line.startsWith('pid '))?.slice(4));
    assert.ok(pid > 0 && !isAlive(pid));
  });

  test('get_data follows step at once, unless the peer has asked for something in a step', async () => {
    await play({ out: ['1', '2', '3'], delaySeconds: 0.1 });
    assert.equal(notes().filter((note) => note === 'more waiting').length, 3);
    await play({ out: ['1', '2', '3'], delaySeconds: 0.1, asks: 1 });
    const asked = notes();
    assert.ok(asked.some((note) => note.startsWith('progress ')));
    assert.equal(asked.filter((note) => note === 'more waiting').length, 2);
    await play({ out: ['1', '2', '3'], delaySeconds: 0.1 }, { pipelined: false });
    assert.ok(!notes().includes('more waiting'));
  });

  test('a step that answers 1.0 is told so', async () => {
    const error = await rejection(play({ next: '1.0' }));
    assert.equal(error.code, 'NEXT_STEP_INVALID');
    assert.match(error.message, /peer, step at 0: 1\.0 is not written as a whole number/);
  });

  test('a next step beyond our whole numbers is after the end of the run: sys.maxsize, Python says, and means never', async () => {
    for (const next of [String(2n ** 63n - 1n), String(2n ** 70n)]) {
      await play({ next, out: ['1'] });
      assert.equal(notes().filter((line) => line.startsWith('step ')).length, 1, next);
    }
    const error = await rejection(play({ next: String(-(2n ** 70n)), out: ['1'] }));
    assert.equal(error.code, 'NEXT_STEP_INVALID');
  });

  test('a time of outputs that is none is told so, not taken for an entity', async () => {
    for (const time of ['null', '"soon"', '{"x": 1}']) {
      const error = await rejection(play({ out: ['1', '2', '3'], more: `, "time": ${time}` }));
      assert.equal(error.code, 'ANSWER_INVALID');
      assert.match(error.message, /peer, get_data at 0: time is .*, a whole tick is wanted/);
      assert.deepEqual(error.place, { sid: 'peer', call: 'get_data', time: 0 });
    }
    const never = await play({ out: ['1', '2', '3'], more: `, "time": ${2n ** 70n}` });
    const nothing = { e: { x: { 'peer.e': null } } };
    assert.deepEqual(never.seen, [nothing, nothing, nothing], 'outputs for a time after the end of every run');
    const healthy = await play({ out: ['1', '2', '3'], more: ', "time": 2' });
    assert.deepEqual(healthy.seen.at(-1), { e: { x: { 'peer.e': 3 } } });
  });

  test('a time limit that is too short names the setting that raises it', async () => {
    const silent = await rejection(play({ out: ['1'], delaySeconds: 30 }, { callTimeoutMs: 300, stopTimeoutMs: 300 }));
    assert.match(silent.hint, /raise stepTimeoutSeconds in the scenario file, callTimeoutMs in a program/);
    const world = new World({ clock: systemClock });
    const late = remote({ cmd: 'sh -c "sleep 60" %(addr)s' }, { startTimeoutMs: 300 });
    assert.match(
      (await rejection(world.start('A', late))).hint,
      /raise startTimeoutSeconds in the scenario file, startTimeoutMs in a program/,
    );
    await world.stop();
  });

  test('its exception has its name, message and traceback in the error', async () => {
    const error = await rejection(play({ raise: 'no wind' }));
    assert.equal(error.code, 'SIMULATOR_FAILED');
    assert.match(error.message, /peer, step at 0: it failed with ValueError: no wind/);
    assert.match(error.hint, /Traceback/);
  });

  test('its death is told with its exit code and its last words', async () => {
    const error = await rejection(play({ exit: 7 }));
    assert.equal(error.code, 'SIMULATOR_GONE');
    assert.match(error.message, /peer, step at 0: .*its process ended with exit code 7; its last lines:\n {2}out of fuel/s);
  });
});

describe('a simulator that does not start', () => {
  const connects = 'import socket, sys, time; h, p = sys.argv[1].split(chr(58)); s = socket.create_connection((h, int(p)))';
  const cases: [string, Launch, RegExp][] = [
    ['no such folder', { cmd: 'true %(addr)s', cwd: 'no-such-folder' }, /its folder \S+no-such-folder does not exist/],
    ['no such program', { cmd: 'no-such-program-at-all %(addr)s' }, /its process could not be started \(.*ENOENT/],
    [
      'it ends before it connects',
      { cmd: `%(python)s -c "import sys; sys.exit('no licence')"` },
      /exit code 1; its last lines:\n {2}no licence/,
    ],
    ['it never connects', { cmd: `%(python)s -c "import time; time.sleep(600)"` }, /did not connect within 3 s/],
    [
      'it never answers to init',
      {
        cmd: `%(python)s -c "${connects}; time.sleep(600)" %(addr)s`,
      },
      /init before the run: no answer for 3 s/,
    ],
    ['nobody listens', { connect: '127.0.0.1:1' }, /can't connect to 127\.0\.0\.1:1/],
  ];
  for (const [name, launch, expected] of cases) {
    test(name, async () => {
      const world = new World({ clock: systemClock });
      const error = await rejection(world.start('A', remote(launch, { startTimeoutMs: START_TIMEOUT_MS })));
      assert.match(error.message, expected);
      assert.match(error.message, /^A[:,]/);
      await world.stop();
    });
  }
});

describe('a peer that misbehaves in its second step', { skip: noFaults }, () => {
  const FAULTY: Record<string, [string, RegExp]> = {
    kill: ['SIMULATOR_GONE', /its process was ended by SIGKILL/],
    rst: ['SIMULATOR_GONE', /the connection (broke|was closed)/],
    garbage: ['PROTOCOL_BROKEN', /"?not json/],
    failstr: ['SIMULATOR_FAILED', /plain error text/],
    failnull: ['SIMULATOR_FAILED', /it did not say why/],
    unknownid: ['PROTOCOL_BROKEN', /a reply to request 9999/],
    hang: ['SIMULATOR_SILENT', /no answer for 1\.5 s/],
    halfframe: ['SIMULATOR_SILENT', /no answer for 1\.5 s/],
    hugeframe: ['PROTOCOL_BROKEN', /a frame of 4294967295 bytes is announced/],
  };
  for (const [mode, [code, expected]] of Object.entries(FAULTY)) {
    test(`${mode}: the run ends with an error that names simulator, call and time; the others finish; no process is left`, async () => {
      const { error, healthy, remoteHealthy, pids } = await misbehave(mode);
      assert.ok(error !== undefined);
      assert.equal(error.code, code);
      assert.match(error.message, /^R, (step|get_data) at 1: /);
      assert.match(error.message, expected);
      assert.notEqual(error.hint, '');
      assert.equal(healthy.finalized, 1);
      assert.ok(remoteHealthy.includes('"stop"'), 'the healthy one outside was told to stop');
      for (const pid of pids) assert.ok(!isAlive(pid), `process ${pid} is left`);
    });
  }

  test('nan: NaN is a value like others', async () => {
    const { error, healthy } = await misbehave('nan');
    assert.equal(error, undefined);
    assert.deepEqual(
      healthy.seen,
      Array.from({ length: 3 }, () => ({ e: { x: { 'R.e': Number.NaN } } })),
    );
  });

  async function misbehave(mode: string) {
    const lines: string[] = [];
    const onOutput = (_: string, line: string) => void lines.push(line);
    const world = new World({ clock: systemClock });
    const healthy = new Healthy();
    const runs = "import os, runpy, sys; print('pid', os.getpid()); sys.argv.pop(0); runpy.run_path(sys.argv[0])";
    const command = (its: string) => ({ cmd: `%(python)s -u -c "${runs}" "${RAW_SIM}" ${its} %(addr)s` });
    let error: CosimError | undefined;
    try {
      const bad = await world.start('R', remote(command(mode), { callTimeoutMs: TIMEOUT_MS, onOutput }));
      const good = await world.start('G', remote(command('ok'), { onOutput }));
      const local = await world.start('H', healthy);
      const [r] = await bad.create(1, 'M');
      const [g] = await good.create(1, 'M');
      const [h] = await local.create(1, 'M');
      world.connect(r!, h!, ['x']);
      world.connect(h!, g!, ['x']);
      const beganMs = systemClock.monotonicMs();
      error = await world.run({ until: 3 }).then(
        () => undefined,
        (thrown: CosimError) => thrown,
      );
      assert.ok(systemClock.monotonicMs() - beganMs < TIMEOUT_MS + 10_000, 'it ends soon after the time limit');
    } finally {
      await world.stop();
    }
    const pids = lines.filter((line) => line.startsWith('pid ')).map((line) => Number(line.slice(4)));
    assert.equal(pids.length, 2);
    return { error, healthy, remoteHealthy: lines.filter((line) => line.startsWith('RECV')).join('\n'), pids };
  }
});

describe('a simulator that is connected to', () => {
  test('it is spoken with, and a refusal of the world reaches it by the name mosaik gives it', async () => {
    const got: unknown[] = [];
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      serveByHand(socket, got);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const world = new World({ clock: systemClock });
    const started = await world.start('A', remote({ connect: `127.0.0.1:${port}` }));
    await started.create(1, 'M');
    await world.run({ until: 1 });
    server.close();
    sockets.forEach((socket) => socket.destroy());
    assert.deepEqual(got, [
      ['init', ['A'], { time_resolution: 1 }],
      ['create', [1, 'M'], {}],
      ['setup_done', [], {}],
      ['step', [0, {}, 1], {}],
      [2, 77, 'EventInNonRealTimeModeError'],
      [1, 78, { nodes: { 'A.e': { sid: 'A', type: 'M' } }, edges: [] }],
      [1, 79, {}],
      [1, 80, { 'A.e': {} }],
      [1, 81, 0],
      [2, 82, 'KeyError'],
      [2, 83, 'TypeError'],
      [2, 84, 'TypeError'],
      ['stop', [], {}],
    ]);
  });
});

/** A simulator of a few lines that asks for many things in its step. */
function serveByHand(socket: Socket, got: unknown[]): void {
  const send = (message: unknown) => {
    const body = Buffer.from(JSON.stringify(message));
    const header = Buffer.alloc(4);
    header.writeUInt32BE(body.length);
    socket.write(Buffer.concat([header, body]));
  };
  const asks = [
    ['set_event', [5], {}],
    ['get_related_entities', [null], {}],
    ['get_related_entities', ['A.e'], {}],
    ['get_related_entities', [['A.e']], {}],
    ['get_progress', [], {}],
    ['get_related_entities', ['A.nobody'], {}],
    ['set_data', [7], {}],
    ['open_window', [], {}],
  ];
  let rest = Buffer.alloc(0);
  let stepId = 0;
  let answered = 0;
  const take = (message: [number, number, unknown]) => {
    const [type, id, content] = message;
    if (type !== 0) {
      got.push([type, id, type === 2 ? (content as string[])[0] : content]);
      answered++;
      if (answered === asks.length) send([1, stepId, 1]);
      return;
    }
    got.push(content);
    const [call] = content as [string];
    if (call === 'init') send([1, id, { api_version: '3.0', type: 'time-based', models: { M: { params: [], attrs: ['x'] } } }]);
    else if (call === 'create') send([1, id, [{ eid: 'e', type: 'M' }]]);
    else if (call === 'setup_done') send([1, id, null]);
    else if (call === 'step') {
      stepId = id;
      asks.forEach((ask, index) => send([0, 77 + index, ask]));
    } else socket.end();
  };
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
      const end = 4 + rest.readUInt32BE(0);
      const message = JSON.parse(rest.toString('utf8', 4, end)) as [number, number, unknown];
      rest = rest.subarray(end);
      take(message);
    }
  });
}

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { systemClock } from '../../../../../common/clock.ts';
import { ConfigError, OperatingError } from '../../../../../common/errors.ts';
import { World } from '../../../../../edge/simulator/cosim/world.ts';
import type { RunStatus } from '../../../../../edge/simulator/trace/live-status.ts';
import { KEPT_MAX } from '../../../../../edge/simulator/trace/kept-aside.ts';
import { RunWatch, type RunWatchOptions } from '../../../../../edge/simulator/trace/run-watch.ts';
import { ScriptedSimulator } from '../cosim/scripted-simulator.ts';
import { readTrace, temporaryFolder } from './recorded-run.ts';

function watchOf(t: TestContext, options: Partial<RunWatchOptions>): RunWatch {
  const { signal } = new AbortController();
  const watch = new RunWatch({ recordFile: '', statusPort: null, scenario: 'test', until: 9, clock: systemClock, signal, ...options });
  t.after(() => watch.stop());
  return watch;
}

const codeOf = (url: string, method = 'GET'): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const asked = request(url, { method }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    asked.on('error', reject);
    asked.end();
  });

test('without a file and a port nothing looks on', async (t) => {
  const watch = watchOf(t, {});
  assert.equal(await watch.start(), undefined);
  const simulator = new ScriptedSimulator({});
  assert.equal(watch.around(simulator), simulator);
});

test('the page tells how far the run is and who is waited for', async (t) => {
  const watch = watchOf(t, { statusPort: 0 });
  const url = (await watch.start()) as string;
  const status = async () => (await (await fetch(url)).json()) as RunStatus;
  assert.equal((await status()).state, 'building');
  const world = new World({ clock: systemClock, around: watch.around });
  let letGo: () => void = () => undefined;
  class Slow extends ScriptedSimulator {
    override step(time: number): number | Promise<number> {
      if (time !== 5) return time + 1;
      return new Promise((resolve) => {
        letGo = () => resolve(6);
      });
    }
  }
  const [a] = await (await world.start('slow', new Slow({ out: { x: () => 1 } }))).create(1, 'M');
  const [b] = await (await world.start('sink', new ScriptedSimulator({}))).create(1, 'M');
  world.connect(a!, b!, ['x']);
  watch.sees(world);
  const run = world.run({ until: 9, signal: watch.signal });
  let now = await status();
  while (now.waitingFor.length === 0) now = await status();
  assert.deepEqual([now.state, now.tick, now.until, now.steps, now.waitingFor], ['running', 5, 9, 11, [{ sid: 'slow', time: '5' }]]);
  assert.deepEqual(
    now.profile.map(({ sid, steps }) => [sid, steps]),
    [
      ['slow', 6],
      ['sink', 5],
    ],
  );
  assert.ok(now.ticksPerSecondMean > 0);
  letGo();
  const { profile } = await run;
  assert.deepEqual((await status()).waitingFor, []);
  assert.equal(profile.find(({ sid }) => sid === 'sink')?.waitedFor[0]?.sid, 'slow');
  assert.deepEqual([await codeOf(url.replace('/status', '/livez')), await codeOf(url.replace('/status', '/'))], [200, 404]);
  assert.equal(await codeOf(url, 'POST'), 405);
  await watch.stop();
  await assert.rejects(codeOf(url));
});

test('a port that is taken, a file that can not be made', async (t) => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  t.after(() => taken.close());
  const { port } = taken.address() as { port: number };
  const recordFile = join(temporaryFolder(t), 'a.trace');
  const refused = (error: unknown) => error instanceof OperatingError && error.code === 'PORT_TAKEN' && /status_port/.test(error.hint);
  await assert.rejects(watchOf(t, { statusPort: port, recordFile }).start(), refused);
  await assert.rejects(watchOf(t, { recordFile: join(recordFile, 'x') }).start(), ConfigError);
});

test('the recording has what the run was, and how it ended', async (t) => {
  const recordFile = join(temporaryFolder(t), 'a.trace');
  const origins = {
    models: { A: 'pv' },
    replay: { range: { t0Ms: 0, startMs: 0, endMs: Number.POSITIVE_INFINITY, passMs: undefined }, households: 1, firstPass: 0 },
  };
  const watch = watchOf(t, { recordFile, origins, until: 7 });
  await watch.start();
  const world = new World({ clock: systemClock, around: watch.around });
  await world.start('A', new ScriptedSimulator({}));
  watch.sees(world);
  const summary = await world.run({ until: 7, signal: watch.signal });
  watch.ended(summary);
  await watch.stop();
  const { header, end } = await readTrace(recordFile);
  assert.deepEqual([header.scenario, header.until, header.origins], ['test', 7, origins]);
  assert.deepEqual(end, { steps: 7, completed: true, traceHash: summary.traceHash });
});

test('a disk that is full ends the run, and is told', async (t) => {
  if (process.platform !== 'linux') return t.skip('needs /dev/full');
  const watch = watchOf(t, { recordFile: '/dev/full' });
  await watch.start();
  const world = new World({ clock: systemClock, around: watch.around });
  await world.start('A', new ScriptedSimulator({ out: { x: () => 'x'.repeat(10_000) } }));
  const summary = await world.run({ until: 10_000_000, signal: watch.signal });
  assert.equal(summary.completed, false);
  watch.ended(summary);
  await assert.rejects(watch.stop(), (error) => error instanceof OperatingError && error.code === 'DISK_FULL');
  await watch.stop();
});

test('an earlier recording is kept aside with a number and told, whatever number is taken; a pipe or an empty file is not', async (t) => {
  const folder = temporaryFolder(t);
  const recordFile = join(folder, 'a.trace');
  const told: string[] = [];
  const recordOnce = async () => {
    const watch = watchOf(t, { recordFile, onKeptAside: (aside) => told.push(aside) });
    await watch.start();
    watch.ended({ completed: true, traceHash: '0' });
    await watch.stop();
    return readFileSync(recordFile);
  };
  writeFileSync(recordFile, '');
  await recordOnce();
  assert.deepEqual(told, [], 'nothing is lost of an empty file');
  writeFileSync(recordFile, 'of a run that crashed');
  writeFileSync(`${recordFile}.2`, "somebody else's");
  await recordOnce();
  const third = await recordOnce();
  assert.deepEqual(told, [`${recordFile}.1`, `${recordFile}.3`]);
  assert.equal(readFileSync(`${recordFile}.1`, 'utf8'), 'of a run that crashed');
  assert.equal(readFileSync(`${recordFile}.2`, 'utf8'), "somebody else's");
  assert.deepEqual(readdirSync(folder).sort(), ['a.trace', 'a.trace.1', 'a.trace.2', 'a.trace.3']);
  assert.ok(third.length > 0);
});

test('without a number that is free nothing is written', async (t) => {
  const folder = temporaryFolder(t);
  const recordFile = join(folder, 'a.trace');
  for (const name of ['a.trace', ...Array.from({ length: KEPT_MAX }, (_, i) => `a.trace.${i + 1}`)])
    writeFileSync(join(folder, name), name);
  await assert.rejects(watchOf(t, { recordFile }).start(), (error) => error instanceof ConfigError && /1000 earlier/.test(error.message));
  assert.equal(readFileSync(recordFile, 'utf8'), 'a.trace');
});

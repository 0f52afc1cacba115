import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gunzipSync } from 'node:zlib';
import { systemClock } from '../../../../../common/clock.ts';
import { ConfigError, OperatingError } from '../../../../../common/errors.ts';
import type { StepRecord } from '../../../../../edge/simulator/cosim/run-options.ts';
import { World } from '../../../../../edge/simulator/cosim/world.ts';
import { TraceRecorder } from '../../../../../edge/simulator/trace/recorder.ts';
import { isStep } from '../../../../../edge/simulator/trace/trace-format.ts';
import { openTrace } from '../../../../../edge/simulator/trace/trace-reader.ts';
import { play } from '../cosim/random-scenario.ts';
import { ScriptedSimulator } from '../cosim/scripted-simulator.ts';
import { readTrace, record, temporaryFolder } from './recorded-run.ts';

const SEEDS = Array.from({ length: 160 }, (_, seed) => seed);

test('what is read back is what the run was: every step, its inputs and its answers', async (t) => {
  const folder = temporaryFolder(t);
  let runs = 0;
  let rounds = 0;
  for (const seed of SEEDS) {
    const file = join(folder, `${seed}.trace`);
    const told: StepRecord[] = [];
    let hash: string | undefined;
    await record(file, async (around) => {
      const played = await play(seed, { until: 60, onStep: (step) => told.push(step) }, systemClock, undefined, around);
      hash = played?.summary.traceHash;
      return played === undefined ? undefined : { completed: true };
    });
    if (hash === undefined) continue;
    runs++;
    const plain = await play(seed, { until: 60 }, systemClock, undefined);
    assert.equal(hash, plain?.summary.traceHash, `seed ${seed}: recording changes nothing`);
    const { header, lines, end, torn } = await readTrace(file);
    assert.equal(torn, undefined);
    assert.deepEqual(end, { steps: told.length, completed: true });
    assert.deepEqual(
      header.simulators.map(({ sid }) => sid),
      plain?.summary.profile.map(({ sid }) => sid),
    );
    for (const { calls, meta } of header.simulators) {
      assert.equal(meta?.models['M']?.attrs.length, 2);
      assert.deepEqual(calls, [{ call: 'create', num: 1, model: 'M', params: {}, answer: [{ eid: 'e', type: 'M' }] }]);
    }
    const read = lines.map((line) => (assert.ok(isStep(line)), line));
    assert.deepEqual(
      read.map(({ sid, time, inputs, maxAdvance, next, outputs }) => ({ sid, time, inputs, maxAdvance, next, outputs })),
      told.map(({ sid, time, inputs, maxAdvance, next, outputs }) => ({ sid, time: time.tick, inputs, maxAdvance, next, outputs })),
    );
    rounds += read.filter(({ round }) => round !== undefined).length;
  }
  assert.ok(runs > 20, `${runs} of the seeds are scenarios`);
  assert.ok(rounds > 10, `${rounds} steps in later rounds`);
});

test('a file that was cut anywhere is readable up to its last whole line', async (t) => {
  const folder = temporaryFolder(t);
  const whole = join(folder, 'whole.trace');
  const packed = (steps: number) =>
    record(whole, async (around) => {
      const world = new World({ clock: systemClock, around });
      const simulator = new ScriptedSimulator({ out: { x: (time) => Math.sin(time) } });
      const sink = new ScriptedSimulator({});
      const [a] = await (await world.start('A', simulator)).create(1, 'M');
      const [b] = await (await world.start('B', sink)).create(1, 'M');
      world.connect(a!, b!, ['x']);
      return world.run({ until: steps }).then(({ completed }) => ({ completed }));
    });
  await packed(3_000);
  const all = await readTrace(whole);
  assert.equal(all.lines.length, 6_000);
  const bytes = readFileSync(whole);
  let longest = 0;
  for (const part of [0.2, 0.5, 0.77, 0.999]) {
    const torn = join(folder, 'torn.trace');
    writeFileSync(torn, bytes.subarray(0, Math.floor(bytes.length * part)));
    const read = await readTrace(torn);
    assert.match(read.torn ?? '', /ends before its run did/);
    assert.equal(read.end, undefined);
    assert.ok(read.lines.length >= longest && read.lines.length < 6_001, `${part}: ${read.lines.length} lines`);
    assert.deepEqual(read.lines, all.lines.slice(0, read.lines.length));
    longest = read.lines.length;
  }
  assert.ok(longest > 5_000, `${longest} lines of nearly all the file`);
  const damaged = Buffer.from(bytes);
  damaged.fill(0, Math.floor(bytes.length / 2));
  writeFileSync(join(folder, 'damaged.trace'), damaged);
  const read = await readTrace(join(folder, 'damaged.trace'));
  assert.notEqual(read.torn, undefined);
  assert.ok(read.lines.length > 0);
  const unpacked = join(folder, 'unpacked.trace');
  writeFileSync(unpacked, gunzipSync(bytes));
  assert.equal((await readTrace(unpacked)).lines.length, 6_000);
});

test('what was recorded is in the file soon, though the run goes on', async (t) => {
  const file = join(temporaryFolder(t), 'a.trace');
  const recorder = new TraceRecorder({ file, clock: systemClock, scenario: '', onFailure: assert.ifError });
  await recorder.start();
  const world = new World({ clock: systemClock, around: recorder.around });
  const simulator = new ScriptedSimulator({ async: true });
  await world.start('A', simulator);
  const stop = new AbortController();
  const run = world.run({ until: 1_000_000, rtFactor: 0.01, signal: stop.signal });
  const linesNow = () =>
    readTrace(file).then(
      ({ lines }) => lines.length,
      () => 0,
    );
  while ((await linesNow()) < 3) await systemClock.sleep(50);
  const torn = await readTrace(file);
  assert.notEqual(torn.torn, undefined);
  stop.abort();
  const { completed } = await run;
  await recorder.close({ completed });
  const { end, lines } = await readTrace(file);
  assert.deepEqual(end, { steps: simulator.steps.length, completed: false });
  assert.equal(lines.length, simulator.steps.length);
});

test('a step that fails is recorded, and so is why', async (t) => {
  const file = join(temporaryFolder(t), 'a.trace');
  await record(file, async (around) => {
    const world = new World({ clock: systemClock, around });
    await world.start('A', new ScriptedSimulator({ failAt: 2 }));
    await assert.rejects(world.run({ until: 10 }), /A failed in its step at 2: scripted failure/);
    return { failed: 'A failed' };
  });
  const { lines, end } = await readTrace(file);
  assert.deepEqual(lines.at(-1), { sid: 'A', time: 2, inputs: {}, maxAdvance: 10, failed: 'scripted failure' });
  assert.deepEqual(end, { steps: 3, failed: 'A failed' });
});

test('memory does not grow with the steps recorded', async (t) => {
  const file = join(temporaryFolder(t), 'a.trace');
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const usedBytes = () => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const steps = 100_000;
  const used: number[] = [];
  await record(file, async (around) => {
    const world = new World({ clock: systemClock, around });
    let at = 0;
    const take = (time: number) => {
      if (time % 20_000 === 19_999 && at++ < 5) used.push(usedBytes());
      return time * 1.1;
    };
    const quiet = { init: () => ({ type: 'time-based' as const, models: { M: { params: [], attrs: ['x'] } } }) };
    let now = 0;
    const source = {
      ...quiet,
      create: () => [{ eid: 'e', type: 'M' }],
      step: (time: number) => (now = time) + 1,
      getData: () => ({ data: { e: { x: take(now) } } }),
    };
    const sink = { ...quiet, create: () => [{ eid: 'e', type: 'M' }], step: (time: number) => time + 2, getData: () => ({ data: {} }) };
    const [a] = await (await world.start('A', source)).create(1, 'M');
    const [b] = await (await world.start('B', sink)).create(1, 'M');
    world.connect(a!, b!, ['x']);
    const summary = await world.run({ until: Math.ceil((steps * 2) / 3) });
    assert.ok(summary.steps >= steps);
    return { completed: true };
  });
  assert.equal(used.length, 3);
  const [early = 0, , late = 0] = used;
  assert.ok(late < early * 1.3, `bytes used: ${used.join(', ')}`);
  const trace = await openTrace(file);
  let count = 0;
  for await (const line of trace.lines()) if (isStep(line)) count++;
  assert.equal(count, trace.end?.steps);
  assert.ok(statSync(file).size / count < 40, `${statSync(file).size / count} bytes per step`);
});

test('steps wait while the file does not take what is recorded', async (t) => {
  const file = join(temporaryFolder(t), 'a.trace');
  const recorder = new TraceRecorder({ file, clock: systemClock, scenario: '', onFailure: assert.ifError });
  await recorder.start();
  recorder.addStep('{}');
  assert.equal(recorder.room(), undefined);
  const line = JSON.stringify({ sid: 'A', text: 'x'.repeat(100_000) });
  while (recorder.room() === undefined) recorder.addStep(line);
  await recorder.room();
  assert.equal(recorder.room(), undefined);
  await recorder.close({});
});

test('a file that can not be written or read says so', async (t) => {
  const folder = temporaryFolder(t);
  const nowhere = new TraceRecorder({ file: join(folder, 'no', 'x'), clock: systemClock, scenario: '', onFailure: assert.ifError });
  await assert.rejects(nowhere.start(), ConfigError);
  await assert.rejects(openTrace(join(folder, 'none')), ConfigError);
  for (const [text, reason] of [
    ['', /no whole line/],
    ['hello\n', /no JSON/],
    ['{"a":1}\n', /no recording/],
    ['{"format":"fogline-trace","version":99}\n', /version 99/],
  ] as const) {
    writeFileSync(join(folder, 'odd'), text);
    await assert.rejects(openTrace(join(folder, 'odd')), (error) => error instanceof OperatingError && reason.test(error.message));
  }
});

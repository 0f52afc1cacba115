import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../../../../common/clock.ts';
import { TraceHash } from '../../../../../edge/simulator/cosim/trace-hash.ts';
import { World } from '../../../../../edge/simulator/cosim/world.ts';
import { ScriptedSimulator, type Script } from './scripted-simulator.ts';

function hashOf(values: readonly unknown[]): string {
  const hash = new TraceHash(1);
  for (const value of values) hash.add(0, value);
  return hash.digest(['s']);
}

test('values that differ in JSON differ in the hash', () => {
  const values: unknown[] = [
    null,
    true,
    false,
    0,
    1,
    -1,
    1e-300,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '',
    '1',
    'ab',
    'ba',
    [],
    [1],
    [[1]],
    ['a', 'b'],
    ['ab'],
    {},
    { a: 1 },
    { b: 1 },
    { a: 1, b: 1 },
    { b: 1, a: 1 },
    [{ a: 1 }],
    10n ** 20n,
    10n ** 20n + 1n,
  ];
  assert.equal(new Set(values.map((value) => hashOf([value]))).size, values.length);
  assert.equal(hashOf([0]), hashOf([-0]), 'JSON has one zero');
  assert.notEqual(hashOf([1, 2]), hashOf([2, 1]));
});

test('which simulator is told first does not matter, who is told what does', () => {
  const [one, other, swapped] = [new TraceHash(2), new TraceHash(2), new TraceHash(2)];
  for (const simulator of [0, 1, 0, 1]) one.add(simulator, `to ${simulator}`);
  for (const simulator of [1, 1, 0, 0]) other.add(simulator, `to ${simulator}`);
  for (const simulator of [0, 1, 0, 1]) swapped.add(simulator, `to ${1 - simulator}`);
  assert.equal(one.digest(['a', 'b']), other.digest(['a', 'b']));
  assert.notEqual(one.digest(['a', 'b']), swapped.digest(['a', 'b']));
});

async function runHash(script: Script, reader: Script = {}): Promise<string | undefined> {
  const world = new World({ clock: systemClock });
  const [a] = await (await world.start('A', new ScriptedSimulator(script))).create(1, 'M');
  const [b] = await (await world.start('B', new ScriptedSimulator(reader))).create(1, 'M');
  world.connect(a!, b!, ['x']);
  return (await world.run({ until: 20 })).traceHash;
}

test('a run is known by its hash: one value, one step, one time makes another', async () => {
  const runs: Script[] = [
    { out: { x: (t) => t } },
    { out: { x: (t) => (t === 13 ? -t : t) } },
    { out: { x: (t) => t }, next: (t) => t + 2 },
    { out: { x: (t) => t }, outTime: (t) => t + 1 },
  ];
  const hashes = await Promise.all(runs.map((script) => runHash(script)));
  assert.equal(new Set(hashes).size, runs.length);
  assert.equal(await runHash(runs[0]!), hashes[0]);
  assert.notEqual(await runHash(runs[0]!, { next: (t) => t + 3 }), hashes[0]);
});

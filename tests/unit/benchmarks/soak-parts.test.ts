/** Is a fault of a long run called seen when it was, and only then? */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { holding, lasting, type SoakParts } from '../../../benchmarks/soak-parts.ts';
import type { PartName } from '../../crash/fleet.ts';

const MORE_MS = 300;

test('what never takes effect is waited for, and then it is not seen', async () => {
  let looks = 0;
  assert.equal(await lasting(0, () => ++looks < 0, MORE_MS), false);
  assert.ok(looks > 1, `${looks} looks`);
});

test('what takes effect late is seen, and what was seen once stays so', async () => {
  let looks = 0;
  assert.equal(await lasting(0, () => ++looks === 2, MORE_MS), true);
  let isFirst = true;
  const once = () => {
    const was = isFirst;
    isFirst = false;
    return was;
  };
  assert.equal(await lasting(MORE_MS, once, 0), true);
});

test('a promise that is broken meanwhile is no fault that was seen', async () => {
  const broken = () => Promise.reject(new Error('an ack without a commit'));
  await assert.rejects(lasting(0, broken, MORE_MS), /an ack without a commit/);
});

test('parts that a fault has in its hands are its alone, and run afterwards, whatever became of it', async () => {
  const running = new Set<PartName>(['cloud', 'edge']);
  const fleet = { isRunning: (part: PartName) => running.has(part), start: (part: PartName) => void running.add(part) };
  const parts = { fleet, held: new Set<PartName>() } as unknown as SoakParts;
  const failing = holding(parts, ['cloud', 'edge'], async () => {
    running.delete('cloud');
    assert.deepEqual([...parts.held], ['cloud', 'edge']);
    throw new Error('the fault failed');
  });
  await assert.rejects(failing, /the fault failed/);
  assert.deepEqual([...parts.held], []);
  assert.deepEqual([...running].toSorted(), ['cloud', 'edge']);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutCatchingUp } from '../../../../edge/simulator/report.ts';

test('the steps through what is published have no speed', () => {
  const speeds = (fromTick: number) => {
    const paced = withoutCatchingUp(fromTick);
    return [3_000, 6_535, 6_600].map((tick) => {
      const { ticksPerSecond } = paced({ tick, untilTick: 9_000, steps: 1, ticksPerSecond: 720, etaSeconds: 9 });
      return ticksPerSecond;
    });
  };
  assert.deepEqual(speeds(6_000), [0, 0, 720]);
  assert.deepEqual(speeds(0), [720, 720, 720]);
});

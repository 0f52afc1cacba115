import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Clock, systemClock } from '../../../common/clock.ts';
import { Waker } from '../../../common/waker.ts';
import { VirtualClock } from '../../doubles/virtual-clock.ts';

const DAY_MS = 86_400_000;
const CLOCKS: [string, () => Clock][] = [
  ['the system clock', () => systemClock],
  ['a virtual clock', () => new VirtualClock()],
];

for (const [name, makeClock] of CLOCKS) {
  describe(`a waker on ${name}`, () => {
    it('ends a sleep in the calling turn, and a second call changes nothing', async () => {
      const clock = makeClock();
      const waker = new Waker();
      const sleep = clock.sleep(DAY_MS, waker);
      assert.equal(waker.aborted, false);
      waker.wake();
      waker.wake();
      await sleep;
      assert.ok(waker.aborted && clock.monotonicMs() < DAY_MS);
      if (clock instanceof VirtualClock) assert.deepEqual(clock.pending(), []);
    });

    it('lets no sleep begin when it was called before', async () => {
      const waker = new Waker();
      waker.wake();
      await makeClock().sleep(DAY_MS, waker);
    });
  });
}

describe('a waker', () => {
  it('is free again after a sleep that nobody ended', async () => {
    const clock = new VirtualClock();
    const waker = new Waker();
    for (const ms of [10, 20]) {
      const sleep = clock.sleep(ms, waker);
      await clock.advance(ms);
      await sleep;
    }
    waker.wake();
    assert.equal(clock.monotonicMs(), 30);
  });

  it('refuses a second sleep while it has one: it would be ended by nobody', () => {
    const clock = new VirtualClock();
    const waker = new Waker();
    void clock.sleep(DAY_MS, waker);
    return assert.rejects(clock.sleep(DAY_MS, waker), /for one sleep/);
  });
});

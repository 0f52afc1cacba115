import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LinkReply } from '../../../../common/messages.ts';
import { type Random, seededRandom } from '../../../../common/random.ts';
import { Credit, IN_FLIGHT_FIRST } from '../../../../edge/server/credit.ts';
import { VirtualClock } from '../../../doubles/virtual-clock.ts';

const parts = (inFlightMax?: number): LinkReply => ({
  kind: 'parts',
  startId: 's',
  verdicts: [],
  postalCodes: {},
  generations: {},
  ...(inFlightMax === undefined ? {} : { inFlightMax }),
});

/** One that has learned that the way is wide. */
function wide(linkMax: number, clock: VirtualClock, random: Random): Credit {
  const credit = new Credit(linkMax, clock, random);
  for (let i = 0; i < linkMax; i++) credit.answered(0);
  return credit;
}

test('begins small, grows by one with each quick reply up to what the link carries, halves with each slow or lost one', () => {
  const credit = new Credit(6, new VirtualClock(), seededRandom(1));
  const seen = [credit.inFlightMax];
  for (const share of [0.01, 0.1, 0.05, 0.02, 0.01]) {
    credit.answered(share);
    seen.push(credit.inFlightMax);
  }
  assert.deepEqual(seen, [2, 3, 4, 5, 6, 6]);
  credit.answered(0.2);
  assert.equal(credit.inFlightMax, 6, 'neither soon nor slow');
  credit.answered(0.5);
  assert.equal(credit.inFlightMax, 3);
  for (let i = 0; i < 3; i++) credit.lost();
  assert.equal(credit.inFlightMax, 1);
});

test('what the cloud gives, never above what the link carries and never below one', () => {
  const credit = wide(4, new VirtualClock(), seededRandom(1));
  assert.equal(credit.inFlightMax, 4);
  assert.equal(credit.take(parts(2)), false);
  assert.equal(credit.inFlightMax, 2);
  credit.take(parts(100));
  assert.equal(credit.inFlightMax, 4);
  credit.take(parts(1));
  credit.take({ kind: 'heartbeat', startId: 's', spreadMs: 0 });
  assert.equal(credit.inFlightMax, 1, 'other replies say nothing of it');
  credit.take(parts());
  assert.equal(credit.inFlightMax, 4, 'a cloud that says nothing gives all: an older one never does');
});

test('busy holds everything for the time given and a random part of it again, and then begins with one', async () => {
  const clock = new VirtualClock();
  const values = [0.5, 0.25];
  const random: Random = { next: () => values.shift() ?? 0, below: () => 0 };
  const credit = wide(4, clock, random);
  assert.equal(credit.take({ kind: 'busy', startId: 's', retryAfterMs: 1_000 }), true);
  assert.deepEqual([credit.inFlightMax, credit.waitMs()], [0, 1_500]);
  credit.take({ kind: 'busy', startId: 's', retryAfterMs: 1_000 });
  assert.equal(credit.waitMs(), 1_500, 'the longest wait holds');
  await clock.advance(1_500);
  assert.deepEqual([credit.inFlightMax, credit.waitMs()], [1, 0]);
  credit.take(parts());
  assert.equal(credit.inFlightMax, 4);
});

test('a cloud that names an absurd time is asked again within two minutes, and a link that went down forgets it', () => {
  const credit = new Credit(4, new VirtualClock(), seededRandom(1));
  credit.take({ kind: 'busy', startId: 's', retryAfterMs: 1e12 });
  assert.ok(credit.waitMs() <= 120_000);
  credit.forget();
  assert.deepEqual([credit.inFlightMax, credit.waitMs()], [IN_FLIGHT_FIRST, 0]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LinkReply } from '../../../../common/messages.ts';
import { type Random, seededRandom } from '../../../../common/random.ts';
import { Credit } from '../../../../edge/server/credit.ts';
import { VirtualClock } from '../../../doubles/virtual-clock.ts';

const parts = (inFlightMax?: number): LinkReply => ({
  kind: 'parts',
  startId: 's',
  verdicts: [],
  postalCodes: {},
  generations: {},
  ...(inFlightMax === undefined ? {} : { inFlightMax }),
});

test('what the cloud gives, never above what the link carries and never below one', () => {
  const credit = new Credit(4, new VirtualClock(), seededRandom(1));
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
  const credit = new Credit(4, clock, random);
  assert.equal(credit.take({ kind: 'busy', startId: 's', retryAfterMs: 1_000 }), true);
  assert.deepEqual([credit.inFlightMax, credit.waitMs()], [0, 1_500]);
  credit.take({ kind: 'busy', startId: 's', retryAfterMs: 1_000 });
  assert.equal(credit.waitMs(), 1_500, 'the longest wait holds');
  await clock.advance(1_500);
  assert.deepEqual([credit.inFlightMax, credit.waitMs()], [1, 0]);
  credit.take(parts());
  assert.equal(credit.inFlightMax, 4);
  assert.equal(credit.busyCount, 2);
});

test('a cloud that names an absurd time is asked again within two minutes, and a link that went down forgets it', () => {
  const credit = new Credit(4, new VirtualClock(), seededRandom(1));
  credit.take({ kind: 'busy', startId: 's', retryAfterMs: 1e12 });
  assert.ok(credit.waitMs() <= 120_000);
  credit.forget();
  assert.deepEqual([credit.inFlightMax, credit.waitMs()], [4, 0]);
});

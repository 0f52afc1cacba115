import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { addSeries } from '../../../../../cloud/server/analytics/add-series.ts';
import { BUCKETS_READ_MAX, readSums } from '../../../../../cloud/server/api/read-sums.ts';
import { ReadGate, READS_AT_ONCE_MAX, READS_WAITING_MAX } from '../../../../../cloud/server/api/read-gate.ts';
import { Problem } from '../../../../../cloud/server/api/problem.ts';
import type { BucketsQuery, SeriesKey } from '../../../../../cloud/server/storage/series-store.ts';
import { ForwardingStore } from '../../../../doubles/forwarding-store.ts';
import { type RunningCloud, runCloud, T0_MS, WINDOW_MS } from '../../../../doubles/running-cloud.ts';

const BUCKETS = 10_000;
const EDGES = Array.from({ length: BUCKETS + 1 }, (_, i) => T0_MS + i * WINDOW_MS);
const key = (household: string): SeriesKey => ({ household, field: 'power' });
const NOBODY = Array.from({ length: 12 }, (_, i) => key(`nobody-${i}`));
let cloud: RunningCloud;

before(async () => {
  cloud = await runCloud({ states: { a: 'DE-BB', b: 'DE-BB', c: 'DE-TH' } });
  await cloud.shipPower('a', 100, 20);
  await cloud.shipPower('b', 30, 40);
  await cloud.shipPower('c', 7, 20, T0_MS + 30 * WINDOW_MS);
});

after(() => cloud.stop());

/** Tells what it is asked for at once. */
class CountingStore extends ForwardingStore {
  readonly asked: number[] = [];

  override buckets(query: BucketsQuery): ReturnType<ForwardingStore['buckets']> {
    this.asked.push(query.series.length * (query.edges.length - 1));
    return super.buckets(query);
  }
}

function parts(store: ForwardingStore) {
  const settings = { windowMs: WINDOW_MS, priceEurPerKwh: 0.3, dataLabel: '', meterUsageHousehold: '', pageDir: '' };
  return { store, settings, intervalMsOf: () => WINDOW_MS, gate: new ReadGate(), signal: new AbortController().signal };
}

test('read in pieces, sums are those of reading all at once; what is not stored adds nothing, and hides no extreme', async () => {
  const store = new CountingStore(cloud.store);
  const keys = [[key('a'), ...NOBODY, key('b'), ...NOBODY, key('c')], [key('b')], NOBODY, [...NOBODY, key('c')], []];
  const sums = await readSums(parts(store), keys, EDGES);
  const whole = await cloud.store.buckets({ series: ['a', 'b', 'c'].map(key), edges: EDGES });
  const [, b, c] = whole;
  const told = (windows: Float64Array | undefined) => windows?.map((its) => Math.min(1, its));
  const householdsTold = Float64Array.from(EDGES.slice(1), (_, i) => whole.filter(({ windows }) => windows[i] !== 0).length);
  assert.deepEqual(sums[0], { ...addSeries(whole, () => true), households: 3, householdsTold });
  const alone = [b, c].map((its) => ({ ...its, households: 1, householdsTold: told(its?.windows) }));
  assert.deepEqual([sums[1], sums[3]], alone);
  assert.deepEqual([sums[2]?.devices, sums[4]?.devices, sums[4]?.windows.length], [0, 0, BUCKETS]);
  assert(store.asked.length >= 5);
  assert(
    store.asked.every((buckets) => buckets <= 100_000),
    store.asked.join(),
  );
});

test('beyond the limit nothing is read', async () => {
  const store = new CountingStore(cloud.store);
  const many = Array.from({ length: BUCKETS_READ_MAX / BUCKETS + 1 }, (_, i) => key(`h${i}`));
  await assert.rejects(readSums(parts(store), [many], EDGES), /one answer reads up to 2000000/);
  assert.deepEqual(store.asked, []);
});

test('so many reads at once, so many that wait, the next is told to come back; a place is given on, also by one that fails', async () => {
  const gate = new ReadGate();
  const { signal } = new AbortController();
  let running = 0;
  let most = 0;
  const ends: (() => void)[] = [];
  const read = async (n: number) => {
    running++;
    most = Math.max(most, running);
    await new Promise<void>((resolve) => ends.push(resolve));
    running--;
    if (n % 3 === 0) throw new Error('broken');
    return n;
  };
  const all = Array.from({ length: READS_AT_ONCE_MAX + READS_WAITING_MAX }, (_, n) => gate.run(signal, () => read(n)));
  const settled = Promise.allSettled(all);
  await assert.rejects(
    gate.run(signal, () => read(-1)),
    (error) => error instanceof Problem && error.status === 503,
  );
  const gone = AbortSignal.abort();
  for (let done = 0; done < all.length; ) {
    await new Promise((resolve) => setImmediate(resolve));
    for (const end of ends.splice(0)) {
      end();
      done++;
    }
  }
  const results = await settled;
  assert.equal(most, READS_AT_ONCE_MAX);
  assert.equal(results.filter(({ status }) => status === 'rejected').length, Math.ceil(all.length / 3));
  await assert.rejects(
    gate.run(gone, () => read(1)),
    { name: 'AbortError' },
  );
  const after = Array.from({ length: READS_AT_ONCE_MAX }, (_, n) => gate.run(signal, () => read(n * 3 + 1)));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(ends.length, READS_AT_ONCE_MAX);
  for (const end of ends) end();
  assert.equal((await Promise.all(after)).length, READS_AT_ONCE_MAX);
});

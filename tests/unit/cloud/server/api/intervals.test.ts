import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { documentedFetch } from '../../../../doubles/documented-fetch.ts';
import { type RunningCloud, runCloud, T0_MS, WINDOW_MS } from '../../../../doubles/running-cloud.ts';

const QUARTER_MS = 900_000;
const QUARTERS = 96;
/** Of the day: one value missing, then two hours. */
const MISSING = new Set([10, 40, 41, 42, 43, 44, 45, 46, 47]);

let cloud: RunningCloud;
const json = async (path: string) => (await (await documentedFetch(cloud.url + path)).json()) as Record<string, unknown>;

before(async () => {
  cloud = await runCloud({ states: { rare: 'DE-BB', plain: 'DE-TH' }, intervalsMs: { rare: QUARTER_MS } });
  const day = Array.from({ length: QUARTERS }, (_, i) => i).filter((i) => !MISSING.has(i));
  const entries = day.map((i) => ({ timeMs: T0_MS + i * QUARTER_MS, values: { power: 400 } }));
  await cloud.ship('rare', entries);
  await cloud.ship('plain', entries);
});
after(() => cloud.stop());

test('a reading of every quarter of an hour stands for the quarter in coverage and energy', async () => {
  const query = 'from=first&to=latest-5s&resolution=15m&stats=mean,energy,coverage';
  const { series } = await json(`/api/v1/series?series=rare.power,plain.power&${query}`);
  const [rare, plain] = series as { columns: Record<string, (number | null)[]> }[];
  for (let i = 0; i < QUARTERS - 1; i++) {
    const isThere = !MISSING.has(i);
    assert.deepEqual(
      ['mean', 'energyKwh', 'coverage'].map((name) => rare?.columns[name]?.[i]),
      isThere ? [400, 0.1, 1] : [null, null, 0],
      String(i),
    );
  }
  // Of one whose interval is not known only the window is there.
  assert.equal(plain?.columns['coverage']?.[0], 0.0056);
});

test('what is three intervals or longer is a gap; a value that is missing alone is none', async () => {
  const { gaps } = await json('/api/v1/households/rare/gaps');
  assert.deepEqual(
    (gaps as { from: string; to: string }[]).map(({ from, to }) => [Date.parse(from), Date.parse(to)]),
    [[T0_MS + 39 * QUARTER_MS + WINDOW_MS, T0_MS + 48 * QUARTER_MS]],
  );
  const plain = await json('/api/v1/households/plain/gaps');
  assert.equal((plain['gaps'] as unknown[]).length, QUARTERS - MISSING.size - 1);
});

test('profile and state count the time that the readings stand for', async () => {
  const profile = await json('/api/v1/households/rare/profile?from=first&to=latest');
  assert.equal(profile['gapCount'], 1);
  assert.equal(Math.round((profile['energyKwh'] as number) * 1e6) / 1e6, 8.7);
  assert.equal(profile['baseLoadW'], 400);
  const { state } = await json('/api/v1/states/DE-BB?from=first&to=latest');
  assert.equal(Math.round((state as { meanW: number }).meanW * 1e6) / 1e6, 400);
});

test('pages hear the interval, and no bucket is chosen that is shorter', async () => {
  assert.equal((await json('/api/v1/households/rare/devices'))['intervalSeconds'], 900);
  assert.equal((await json('/api/v1/households/plain/devices'))['intervalSeconds'], WINDOW_MS / 1_000);
  assert.equal((await json('/api/v1/series?series=rare.power&from=first&to=latest&points=2000'))['resolution'], '15m');
  assert.equal((await json('/api/v1/series?series=plain.power&from=first&to=latest&points=2000'))['resolution'], '1m');
});

test('figures of all time count what the readings stand for too, as those of a range do', async () => {
  const rows = (await json('/api/v1/states'))['states'] as { state: string; meanW: number; coveredHours: number; rough: boolean }[];
  const rare = rows.find(({ state }) => state === 'DE-BB');
  assert.deepEqual([Math.round((rare?.meanW ?? 0) * 1e6) / 1e6, rare?.coveredHours, rare?.rough], [400, 21.75, false]);
  const plain = rows.find(({ state }) => state === 'DE-TH');
  assert.deepEqual([plain?.coveredHours.toFixed(6), plain?.rough], [((87 * WINDOW_MS) / 3_600_000).toFixed(6), true]);
});

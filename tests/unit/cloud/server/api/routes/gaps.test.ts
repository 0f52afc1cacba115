import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { GapReply, GapsReply } from '../../../../../../cloud/server/api/api-types.ts';
import { documentedFetch as fetch } from '../../../../../doubles/documented-fetch.ts';
import { type RunningCloud, runCloud, T0_MS, WINDOW_MS } from '../../../../../doubles/running-cloud.ts';

let cloud: RunningCloud;
const at = (window: number) => new Date(T0_MS + window * WINDOW_MS).toISOString();

before(async () => {
  cloud = await runCloud({ states: { a: 'DE-BB', b: 'DE-BB' } });
  await cloud.shipPower('b', 100, 3);
  for (const window of [0, 1, 3, 4, 4_325, 4_326]) await cloud.shipPower('a', 100, 1, T0_MS + window * WINDOW_MS);
});

after(() => cloud.stop());

async function get(path: string): Promise<GapsReply> {
  const response = await fetch(cloud.url + path);
  assert.equal(response.status, 200, `${path}: ${response.status}`);
  return (await response.json()) as GapsReply;
}

test('gaps: from the end of the window before to the start of the window after, however short or long', async () => {
  const reply = await get('/api/v1/households/a/gaps');
  const no = { device: 'meter', exact: true, reason: 'no readings', declared: 0 };
  assert.deepEqual(reply.gaps, [
    { ...no, from: at(2), to: at(3), seconds: 5 },
    { ...no, from: at(5), to: at(4_325), seconds: 21_600 },
  ]);
  assert.deepEqual([reply.nextCursor, reply.dataLabel], [null, 'synthetic']);
  assert.deepEqual((await get('/api/v1/households/b/gaps')).gaps, [], 'no gap where no window is missing');
});

test('gaps in pages are the same list, and from and to select what reaches into them', async () => {
  const pages: GapReply[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const reply: GapsReply = await get(`/api/v1/households/a/gaps?limit=1${cursor === '' ? '' : `&cursor=${cursor}`}`);
    assert.ok(reply.gaps.length <= 1);
    pages.push(...reply.gaps);
    cursor = reply.nextCursor;
  }
  const { gaps } = await get('/api/v1/households/a/gaps');
  assert.deepEqual(pages, gaps);
  assert.deepEqual((await get(`/api/v1/households/a/gaps?from=${at(100)}&to=${at(101)}`)).gaps, gaps.slice(1));
  assert.deepEqual((await get(`/api/v1/households/a/gaps?to=${at(5)}`)).gaps, gaps.slice(0, 1));
});

test('gaps whose windows were forgotten are told by minutes, with how much is missing', async (t) => {
  const its = await runCloud({ states: { a: 'DE-BB' } });
  t.after(() => its.stop());
  for (const [window, count] of [
    [0, 3],
    [5, 31],
    [60, 600],
  ] as const)
    await its.shipPower('a', 100, count, T0_MS + window * WINDOW_MS);
  await its.store.deleteBefore(T0_MS + 3_000_000);
  const { gaps } = (await (await fetch(`${its.url}/api/v1/households/a/gaps`)).json()) as GapsReply;
  assert.deepEqual(
    gaps.map(({ from, to, seconds, exact }) => [from, to, seconds, exact]),
    [
      [at(1), at(11), 10, false],
      [at(36), at(60), 120, true],
    ],
  );
  const profile = await (await fetch(`${its.url}/api/v1/households/a/profile?from=${at(0)}&to=${at(60)}`)).json();
  assert.deepEqual([(profile as { gapCount: number }).gapCount, (profile as { gapSeconds: number }).gapSeconds], [2, 130]);
});

test('an unknown household and a parameter nobody knows are refused', async () => {
  for (const [path, status] of [
    ['/api/v1/households/nobody/gaps', 404],
    ['/api/v1/households/a/gaps?field=power', 400],
    ['/api/v1/households/a/gaps?cursor=xx', 400],
    [`/api/v1/households/a/gaps?from=${at(3)}&to=${at(2)}`, 400],
  ] as const) {
    const response = await fetch(cloud.url + path);
    assert.equal(response.status, status, path);
    assert.match(response.headers.get('content-type') ?? '', /problem\+json/);
  }
});

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { EXPORTS_MAX } from '../../../../../../cloud/server/api/routes/export.ts';
import { systemClock } from '../../../../../../common/clock.ts';
import { documentedFetch as fetch } from '../../../../../doubles/documented-fetch.ts';
import { type RunningCloud, runCloud, T0_MS } from '../../../../../doubles/running-cloud.ts';
import { until } from '../../../../../doubles/until.ts';

const WINDOWS = 4_000;
let cloud: RunningCloud;

before(async () => {
  cloud = await runCloud({ states: { a: 'DE-BB', b: 'DE-BE' } });
  await cloud.shipPower('a', 100.1, WINDOWS);
  await cloud.shipPower('b', 200, 3);
});

after(() => cloud.stop());

test('csv and ndjson: every window with full digits, as an attachment with its type', async () => {
  const csv = await fetch(`${cloud.url}/api/v1/export`);
  assert.equal(csv.headers.get('content-type'), 'text/csv; charset=utf-8');
  assert.equal(csv.headers.get('content-disposition'), 'attachment; filename="fogline-export.csv"');
  const lines = (await csv.text()).trimEnd().split('\n');
  assert.equal(lines.length, 1 + WINDOWS + 3);
  assert.equal(lines[0], 'household,device,field,window_start,mean,min,max,last,count');
  assert.equal(lines[1], 'a,meter,power,2019-12-24T06:00:00.000Z,100.1,100.1,100.1,100.1,1');
  assert.equal(lines.at(-1), 'b,meter,power,2019-12-24T06:00:10.000Z,200,200,200,200,1');
  const ndjson = await fetch(`${cloud.url}/api/v1/export?format=ndjson&household=b&from=${T0_MS + 5_000}`);
  assert.match(ndjson.headers.get('content-type') ?? '', /^application\/x-ndjson/);
  const rows = (await ndjson.text()).trimEnd().split('\n');
  assert.deepEqual(
    rows.map((line) => (JSON.parse(line) as { window_start: string }).window_start),
    ['2019-12-24T06:00:05.000Z', '2019-12-24T06:00:10.000Z'],
  );
});

test('an export that matches nothing is the title line', async () => {
  const response = await fetch(`${cloud.url}/api/v1/export?household=b&from=2030-01-01T00:00:00Z`);
  assert.equal(response.status, 200);
  assert.equal(await response.text(), 'household,device,field,window_start,mean,min,max,last,count\n');
});

test('a store that fails in the middle cuts the connection: nobody takes the export for whole', async () => {
  Object.assign(cloud.store, { rowsBefore: 2_000, failWith: new Error('disk gone') });
  const response = await fetch(`${cloud.url}/api/v1/export`);
  assert.equal(response.status, 200);
  await assert.rejects(response.text());
  Object.assign(cloud.store, { rowsBefore: 0, failWith: undefined });
  await until(() => cloud.store.openRanges === 0, 'the range is let go');
});

test('a client that goes away ends the reading', async () => {
  let letGo = () => {};
  const hang = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  Object.assign(cloud.store, { rowsBefore: 2_000, rowsGiven: 0, hang });
  const giveUp = new AbortController();
  const response = await fetch(`${cloud.url}/api/v1/export`, { signal: giveUp.signal });
  await response.body?.getReader().read();
  giveUp.abort();
  await systemClock.sleep(100);
  letGo();
  await until(() => cloud.store.openRanges === 0, 'the range is let go');
  assert(cloud.store.rowsGiven < WINDOWS, `${cloud.store.rowsGiven} rows were read`);
  Object.assign(cloud.store, { rowsBefore: 0, hang: undefined });
});

test('HEAD reads one row at most and leaves nothing open', async () => {
  const response = await fetch(`${cloud.url}/api/v1/export`, { method: 'HEAD' });
  assert.equal(response.status, 200);
  assert.equal(cloud.store.openRanges, 0);
});

test('only so many exports run at once; the next says when to come back', async () => {
  let letGo = () => {};
  cloud.store.hang = new Promise((resolve) => {
    letGo = resolve;
  });
  const running = Array.from({ length: EXPORTS_MAX }, () => fetch(`${cloud.url}/api/v1/export?format=ndjson&household=b`));
  await until(() => cloud.store.openRanges === EXPORTS_MAX, 'all are running');
  const refused = await fetch(`${cloud.url}/api/v1/export`);
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get('retry-after'), '10');
  assert.match(refused.headers.get('content-type') ?? '', /problem\+json/);
  letGo();
  cloud.store.hang = undefined;
  for (const response of await Promise.all(running)) assert.equal((await response.text()).trimEnd().split('\n').length, 3);
  assert.equal((await fetch(`${cloud.url}/api/v1/export?household=b`)).status, 200);
});

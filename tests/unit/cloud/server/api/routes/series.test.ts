import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import type { ProblemReply, SeriesReply, SeriesRow, SeriesRowsReply } from '../../../../../../cloud/server/api/api-types.ts';
import { CELLS_MAX, POINTS_MAX, SERIES_BUCKETS_MAX, SERIES_MAX } from '../../../../../../cloud/server/api/series-answer.ts';
import { BUCKETS_READ_MAX } from '../../../../../../cloud/server/api/read-sums.ts';
import { OperatingError } from '../../../../../../common/errors.ts';
import { isoTime } from '../../../../../../common/iso-time.ts';
import { documentedFetch } from '../../../../../doubles/documented-fetch.ts';
import { type RunningCloud, runCloud, T0_MS, WINDOW_MS } from '../../../../../doubles/running-cloud.ts';
import { VirtualClock } from '../../../../../doubles/virtual-clock.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const clock = new VirtualClock();
let cloud: RunningCloud;

/** a: one hour with a hole of two quarters; b: two devices; -c: an id that a spreadsheet would take for a formula. */
before(async () => {
  cloud = await runCloud({ clock, states: { a: 'DE-BB', b: 'DE-BB', '-c': 'DE-TH' } });
  await cloud.shipPower('a', 100, 180);
  await cloud.shipPower('a', 300, 180, T0_MS + 45 * MINUTE_MS);
  const hour = (watts: number) => Array.from({ length: 720 }, (_, i) => ({ timeMs: T0_MS + i * WINDOW_MS, values: { power: watts } }));
  await cloud.ship('b', hour(1_000), 'meter');
  await cloud.ship('b', hour(200).slice(0, 360), 'heat_pump');
  await cloud.ship('-c', [
    { timeMs: T0_MS, values: { power: -1 / 3, energy: 2.1234567 } },
    { timeMs: T0_MS + 1_000, values: { power: 1, energy: 2.1234567 } },
  ]);
  await clock.advance(2_000);
});

after(() => cloud.stop());

const HOUR = `from=${isoTime(T0_MS)}&to=${isoTime(T0_MS + HOUR_MS)}`;

async function answer(query: string, headers: Record<string, string> = {}): Promise<Response> {
  return documentedFetch(`${cloud.url}/api/v1/series?${query}`, { headers });
}

async function series(query: string): Promise<SeriesReply> {
  const response = await answer(query);
  assert.equal(response.status, 200, await response.clone().text());
  return (await response.json()) as SeriesReply;
}

async function problem(query: string): Promise<ProblemReply> {
  const response = await answer(query);
  assert.match(response.headers.get('content-type') ?? '', /problem\+json/, query);
  return (await response.json()) as ProblemReply;
}

test('every bucket of the range is there; a hole is null, never 0 and never left out', async () => {
  const reply = await series(`series=a.power&${HOUR}&resolution=15m&stats=mean,min,max,last,sum,count,energy,coverage`);
  assert.deepEqual(
    reply.starts,
    [0, 15, 30, 45].map((minutes) => isoTime(T0_MS + minutes * MINUTE_MS)),
  );
  assert.deepEqual([reply.from, reply.to], [isoTime(T0_MS), isoTime(T0_MS + HOUR_MS)]);
  assert.deepEqual([reply.resolution, reply.windowSeconds, reply.tz, reply.dataLabel], ['15m', 5, 'Europe/Berlin', 'synthetic']);
  assert.deepEqual(reply.series, [
    {
      series: 'a.power',
      household: 'a',
      device: null,
      state: null,
      field: 'power',
      unit: 'W',
      members: 1,
      households: 1,
      columns: {
        mean: [100, null, null, 300],
        min: [100, null, null, 300],
        max: [100, null, null, 300],
        last: [100, null, null, 300],
        sum: [18_000, null, null, 54_000],
        count: [180, null, null, 180],
        energyKwh: [0.025, null, null, 0.075],
        coverage: [1, 0, 0, 1],
      },
    },
  ]);
});

test('json in rows, csv and ndjson in both layouts have the same numbers', async () => {
  const asked = `series=a.power,b.power,state:DE-TH.power&${HOUR}&resolution=15m&stats=mean,min,coverage`;
  const columns = await series(asked);
  const wanted = columns.series.flatMap((its) =>
    columns.starts.map((start, i) => {
      const { mean = [], min = [], coverage = [] } = its.columns;
      return { start, series: its.series, mean: mean[i] ?? null, min: min[i] ?? null, coverage: coverage[i] ?? null };
    }),
  );
  assert.equal(wanted.length, 12);
  const rows = (await (await answer(`${asked}&layout=rows`)).json()) as SeriesRowsReply;
  assert.deepEqual(rows.rows, wanted);
  assert.deepEqual(
    rows.series,
    columns.series.map(({ columns: _columns, ...head }) => head),
  );
  const ndjson = (await (await answer(`${asked}&format=ndjson`)).text()).trimEnd().split('\n');
  assert.deepEqual(
    ndjson.map((line) => JSON.parse(line) as SeriesRow),
    wanted,
  );
  const [title, ...lines] = (await (await answer(`${asked}&format=csv`)).text()).trimEnd().split('\n');
  assert.equal(title, 'start,series,mean,min,coverage');
  const number = (text: string | undefined) => (text === '' ? null : Number(text));
  assert.deepEqual(
    lines.map((line) => {
      const [start, its, mean, min, coverage] = line.split(',');
      return { start, series: its, mean: number(mean), min: number(min), coverage: number(coverage) };
    }),
    wanted,
  );
  const wide = (await (await answer(`${asked}&format=csv&layout=columns`)).text()).trimEnd().split('\n');
  assert.equal(wide.length, 5);
  assert.equal(wide[0]?.split(',').slice(0, 4).join(), 'start,a.power.mean,a.power.min,a.power.coverage');
  assert.equal(wide[2]?.split(',').slice(0, 4).join(), `${isoTime(T0_MS + 15 * MINUTE_MS)},,,0`);
  const wideRows = (await (await answer(`${asked}&format=ndjson&layout=columns`)).text()).trimEnd().split('\n');
  assert.equal((JSON.parse(wideRows[1] ?? '') as Record<string, unknown>)['a.power.mean'], null);
});

test('the header Accept chooses the form where no parameter does', async () => {
  const typeOf = async (accept: string, more = '') =>
    (await answer(`series=a.power&${HOUR}&resolution=15m${more}`, { Accept: accept })).headers.get('content-type')?.split(';')[0];
  assert.equal(await typeOf('text/csv'), 'text/csv');
  assert.equal(await typeOf('application/x-ndjson'), 'application/x-ndjson');
  for (const accept of ['*/*', 'text/html,*/*;q=0.8', 'application/json', 'image/png'])
    assert.equal(await typeOf(accept), 'application/json');
  assert.equal(await typeOf('text/csv', '&format=json'), 'application/json');
});

test('a file names its range; what a spreadsheet would take for a formula is text', async () => {
  const response = await answer(`series=-c/meter.power&${HOUR}&resolution=1h&format=csv`);
  assert.equal(response.headers.get('content-disposition'), 'attachment; filename=fogline-series-20191224T060000Z-20191224T070000Z-1h.csv');
  assert.match(response.headers.get('content-type') ?? '', /^text\/csv; charset=utf-8/);
  const [, row] = (await response.text()).split('\n');
  assert.equal(row, `${isoTime(T0_MS)},'-c/meter.power,0.33,-0.33,1,0.0014`);
  const energy = await series(`series=-c.energy&${HOUR}&resolution=1h&stats=last,energy`);
  assert.deepEqual([energy.series[0]?.unit, energy.series[0]?.columns], ['kWh', { last: [2.123457], energyKwh: [null] }]);
});

test('sums add what is there, tell how much that is, and know no extremes', async () => {
  const reply = await series(`series=b.power,b/meter.power,state:DE-BB.power,all.power,state:DE-HH.power&${HOUR}&resolution=30m`);
  const [both, meter, state, all, nobody] = reply.series;
  assert.deepEqual(both?.columns, { mean: [1_200, 1_000], min: [null, null], max: [null, null], coverage: [1, 0.5] });
  assert.deepEqual([both?.members, meter?.members, state?.members, all?.members, nobody?.members], [2, 1, 3, 4, 0]);
  assert.deepEqual(meter?.columns.min, [1_000, 1_000]);
  assert.deepEqual(state?.columns.mean, [1_250, 1_150], 'one of two is silent in half of each');
  assert.deepEqual(state?.columns.coverage, [0.8333, 0.5]);
  assert.deepEqual(nobody?.columns.mean, [null, null]);
  assert.deepEqual(nobody?.columns.coverage, [null, null]);
  assert.deepEqual([state?.state, state?.household, all?.household], ['DE-BB', null, null]);
  const raw = await series(`series=b.power&from=${isoTime(T0_MS)}&to=${isoTime(T0_MS + WINDOW_MS)}&resolution=raw`);
  assert.deepEqual(raw.series[0]?.columns.max, [1_200]);
});

test('a sum of households with gaps: its mean is that of its shorter buckets, its energy adds up, and who is missing is told', async () => {
  const of = async (resolution: string) => {
    const { series: sums } = await series(
      `series=state:DE-BB.power,all.power&${HOUR}&resolution=${resolution}&stats=mean,energy,coverage,households`,
    );
    return sums.map(({ columns: { mean = [], energyKwh = [], coverage = [], households: told = [] }, households }) => ({
      mean: mean.map((its) => its ?? Number.NaN),
      energyKwh: energyKwh.reduce<number>((sum, its) => sum + (its ?? 0), 0),
      coverage: coverage as number[],
      told,
      households,
    }));
  };
  const fine = await of('15m');
  assert.deepEqual(fine[0]?.told, [2, 1, 1, 2]);
  assert.deepEqual([fine[0]?.households, fine[1]?.households, fine[1]?.told], [2, 3, [3, 1, 1, 2]]);
  for (const resolution of ['raw', '1m', '5m', '30m', '1h']) {
    const other = await of(resolution);
    for (const [i, { mean, energyKwh, coverage }] of other.entries()) {
      const its = fine[i] as (typeof fine)[number];
      const average = (all: readonly number[]) => all.reduce((sum, value) => sum + value, 0) / all.length;
      assert.ok(Math.abs(average(mean) - average(its.mean)) < 0.01, `mean of ${resolution}: ${average(mean)}, of 15m ${average(its.mean)}`);
      assert.ok(Math.abs(average(coverage) - average(its.coverage)) < 1e-3, `coverage of ${resolution}`);
      assert.ok(Math.abs(energyKwh - its.energyKwh) < 1e-3, `energy of ${resolution}: ${energyKwh}, of 15m ${its.energyKwh}`);
    }
  }
  const [state] = await of('1h');
  assert.deepEqual([state?.mean, state?.told], [[1_200], [2]]);
});

test('days follow the clocks of the zone: 92, 96 and 100 quarters, and a day of 23 or 25 hours is one bucket', async () => {
  const day = (from: string, to: string, rest: string) => series(`series=all.power&from=${from}&to=${to}&${rest}`);
  assert.equal((await day('2019-03-31T00:00:00%2B01:00', '2019-04-01T00:00:00%2B02:00', 'resolution=15m')).starts.length, 92);
  assert.equal((await day('2019-10-27T00:00:00%2B02:00', '2019-10-28T00:00:00%2B01:00', 'resolution=15m')).starts.length, 100);
  const days = await day('2019-10-26T22:00:00Z', '2019-10-28T23:00:00Z', 'resolution=1d');
  assert.deepEqual(days.starts, ['2019-10-26T22:00:00.000Z', '2019-10-27T23:00:00.000Z']);
  const utc = await day('2019-10-26T22:00:00Z', '2019-10-28T23:00:00Z', 'resolution=1d&tz=UTC');
  assert.deepEqual(utc.starts, ['2019-10-26T00:00:00.000Z', '2019-10-27T00:00:00.000Z', '2019-10-28T00:00:00.000Z']);
  const hours = await day('2019-10-26T22:00:00Z', '2019-10-27T23:00:00Z', 'resolution=1h');
  assert.equal(hours.starts.length, 25);
  const months = await day('2019-01-01T12:00:00Z', '2019-12-31T12:00:00Z', 'resolution=1M');
  assert.equal(months.starts.length, 12);
  assert.equal(months.from, '2018-12-31T23:00:00.000Z');
});

test('words for times: the newest data, the first, the present; a plus that was not encoded is understood', async () => {
  const latest = T0_MS + HOUR_MS;
  const byDefault = await series('series=a.power');
  assert.deepEqual([byDefault.to, byDefault.resolution], [isoTime(latest), '5m']);
  assert.equal(byDefault.starts.length, 288);
  assert.equal((await series('series=a.power&from=latest-15m&resolution=15m')).series[0]?.columns.mean?.[0], 300);
  assert.equal((await series('series=a.power&from=first&to=first+15m&resolution=15m')).series[0]?.columns.mean?.[0], 100);
  assert.equal((await series(`series=a.power&from=${T0_MS}&to=latest&resolution=1h`)).starts.length, 1);
  const plus = await series('series=a.power&from=2019-12-24T07:00:00+01:00&to=latest&resolution=1h');
  assert.equal(plus.from, isoTime(T0_MS));
  const now = await series('series=a.power&from=now-1h&to=now&resolution=15m');
  assert.deepEqual(new Set(now.series[0]?.columns.mean), new Set([null]));
  assert.equal((await series('series=a.power&from=latest&to=latest')).starts.length, 0);
  assert.equal((await series('series=a.power&from=-8640000000000000&to=8640000000000000&resolution=1y')).starts.length > 0, true);
});

test('points take the finest resolution that has no more', async () => {
  for (const [points, resolution] of [
    [2, '30m'],
    [12, '5m'],
    [60, '1m'],
    [1_000, 'raw'],
  ] as const) {
    const reply = await series(`series=a.power&${HOUR}&points=${points}`);
    assert.equal(reply.resolution, resolution);
    assert(reply.starts.length <= points);
  }
});

test('every series that is not stored is named, with its place in the list; the others are answered where that is asked for', async () => {
  const asked = `series=nobody.power,a.power,a/boiler.power,a.warmth,all.power&${HOUR}&resolution=15m&stats=mean,coverage`;
  const refused = await problem(asked);
  assert.deepEqual([refused.status, refused.type], [404, 'urn:fogline:problem:no-such-series']);
  assert.deepEqual(
    refused.errors?.map(({ parameter, pointer, detail }) => [parameter, pointer, detail.split(';')[0]]),
    [
      ['series', '/series/0', 'nobody.power is not stored'],
      ['series', '/series/2', 'a/boiler.power is not stored'],
      ['series', '/series/3', 'a.warmth: no field warmth is stored'],
    ],
  );
  assert.match(refused.detail, /^3 of 5 series are not stored: nobody\.power, a\/boiler\.power, a\.warmth; .*unknown=null/);
  const { series: answered } = await series(`${asked}&unknown=null`);
  assert.deepEqual(
    answered.map(({ series: its, members, columns }) => [its, members, columns.mean?.[0], columns.coverage?.[1]]),
    [
      ['nobody.power', 0, null, null],
      ['a.power', 1, 100, 0],
      ['a/boiler.power', 0, null, null],
      ['a.warmth', 0, null, null],
      ['all.power', 4, 1_300, 0.5],
    ],
  );
  const rows = await (await answer(`${asked}&unknown=null&format=csv`)).text();
  assert.ok(rows.includes(`${isoTime(T0_MS)},nobody.power,,\n`), rows);
});

test('every text in the list that is no reference is named', async () => {
  const { status, errors } = await problem('series=a,b.power,state:XX.power');
  assert.equal(status, 400);
  assert.deepEqual(
    errors?.map(({ pointer }) => pointer),
    ['/series/0', '/series/2'],
  );
});

test('what is asked wrongly is a 400 that says how to mend it; what is not stored is a 404', async () => {
  const many = (count: number) => Array.from({ length: count }, (_, i) => `h${i}.power`).join();
  const table: [query: string, status: number, parameter: string, detail: RegExp][] = [
    ['', 400, 'series', /./],
    ['series=a', 400, 'series', /HOUSEHOLD\.FIELD/],
    ['series=a.power,', 400, 'series', /HOUSEHOLD\.FIELD/],
    ['series=a/b/c.power', 400, 'series', /no series at/],
    ['series=state:Bayern.power', 400, 'series', /state:DE-BB/],
    ['series=a.power,a.power', 400, 'series', /twice/],
    [`series=${many(SERIES_MAX + 1)}`, 400, 'series', new RegExp(`no more than ${SERIES_MAX}`)],
    ['series=a.power&from=2019-12-24T06:00:00', 400, 'from', /has no zone.*another instant/],
    ['series=a.power&from=2019-12-24', 400, 'from', /has no zone/],
    ['series=a.power&to=yesterday', 400, 'to', /latest-24h/],
    ['series=a.power&from=2&to=1', 400, 'from', /swap/],
    ['series=a.power&tz=Berlin', 400, 'tz', /Europe\/Berlin/],
    ['series=a.power&tz=%2B01:00', 400, 'tz', /IANA/],
    ['series=a.power&resolution=2m', 400, 'resolution', /one of raw, 10s/],
    ['series=a.power&resolution=1h&points=10', 400, 'points', /one of the two/],
    ['series=a.power&tz=Africa/Monrovia&from=1910-01-01Z&to=1911-01-01Z&resolution=1d', 400, 'resolution', /whole windows of 5 s/],
    ['series=a.power&points=1', 400, 'points', new RegExp(`2 to ${POINTS_MAX}`)],
    [`series=a.power&points=${POINTS_MAX + 1}`, 400, 'points', new RegExp(`2 to ${POINTS_MAX}`)],
    ['series=a.power&stats=median', 400, 'stats', /take of mean, min/],
    ['series=a.power&format=xlsx', 400, 'format', /json, csv, ndjson/],
    ['series=a.power&from=0&to=latest&resolution=raw', 400, 'resolution', new RegExp(`more than ${SERIES_BUCKETS_MAX} buckets: take`)],
    [`series=${many(90)}&from=latest-40h&resolution=1m`, 400, 'series', new RegExp(`no more than ${CELLS_MAX}`)],
    ['series=nobody.power', 404, 'series', /nobody\.power is not stored/],
    ['series=a/boiler.power', 404, 'series', /not stored/],
  ];
  for (const [query, status, parameter, detail] of table) {
    const found = await problem(query);
    assert.equal(found.status, status, query);
    assert.equal(found.errors?.[0]?.parameter, parameter, query);
    assert.match(found.errors?.[0]?.detail ?? '', detail, query);
  }
  assert.match((await problem('series=a.pwoer')).detail, /no field pwoer is stored; there are energy, power/);
  assert(BUCKETS_READ_MAX > SERIES_BUCKETS_MAX * SERIES_MAX);
});

test('what is not kept any more is a 410 with what to do instead', async () => {
  cloud.store.failWith = new OperatingError('FORGOTTEN', 'windows before May are not kept', { retryable: false, hint: 'ask for 1m' });
  const failing = cloud.store;
  failing.failBuckets = true;
  const found = await problem(`series=a.power&${HOUR}&resolution=raw`);
  Object.assign(failing, { failWith: undefined, failBuckets: false });
  assert.deepEqual([found.status, found.type], [410, 'urn:fogline:problem:forgotten']);
  assert.match(found.detail, /ask for 1m/);
});

test('an answer has a weak ETag and is not sent twice; how long it may be kept goes by how old its range is', async () => {
  const first = await answer(`series=a.power&${HOUR}`);
  const tag = first.headers.get('etag') ?? '';
  assert.match(tag, /^W\/"/);
  const withTag = (series: string) => rawGet(`/api/v1/series?series=${series}&${HOUR}`, { 'If-None-Match': tag });
  const again = await withTag('a.power');
  assert.deepEqual([again.status, again.body.length], [304, 0]);
  assert.equal((await withTag('b.power')).status, 200);
  const kept = async (query: string) => (await answer(`series=a.power&${query}`)).headers.get('cache-control');
  assert.equal(await kept(HOUR), 'private, no-cache');
  assert.equal(await kept('from=2019-12-24T04:00:00Z&to=2019-12-24T05:30:00Z'), 'private, max-age=30');
  assert.equal(await kept('from=2019-12-20T00:00:00Z&to=2019-12-21T00:00:00Z'), 'private, max-age=300');
  assert.equal(await kept('from=latest-10d&to=latest-9d'), 'private, no-cache');
  assert.equal((await problem('series=')).status, 400);
});

test('HEAD has the head and no body; a long answer is gzipped for who takes it, and only for them', async () => {
  const head = await documentedFetch(`${cloud.url}/api/v1/series?series=a.power&${HOUR}`, { method: 'HEAD' });
  assert.equal(head.status, 200);
  assert.match(head.headers.get('content-type') ?? '', /^application\/json/);
  assert.equal(await head.text(), '');
  const path = `/api/v1/series?series=a.power&${HOUR}&resolution=10s`;
  const plain = await rawGet(path, {});
  const zipped = await rawGet(path, { 'Accept-Encoding': 'gzip' });
  assert.deepEqual([plain.encoding, zipped.encoding], [undefined, 'gzip']);
  assert(zipped.body.length * 5 < plain.body.length, `${zipped.body.length} of ${plain.body.length} bytes`);
  assert.equal(gunzipSync(zipped.body).toString('utf8'), plain.body.toString('utf8'));
  assert.equal(zipped.vary, 'Accept, Accept-Encoding');
});

interface RawAnswer {
  status: number | undefined;
  encoding: string | undefined;
  vary: string | undefined;
  body: Buffer;
}

/** Without what fetch does on its own to a body, and to a request with a tag. */
function rawGet(path: string, headers: Record<string, string>): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const asked = request({ port: cloud.port, host: '127.0.0.1', path, headers, agent: false }, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('end', () =>
        resolve({
          status: response.statusCode,
          encoding: response.headers['content-encoding'],
          vary: response.headers.vary,
          body: Buffer.concat(pieces),
        }),
      );
    });
    asked.on('error', reject).end();
  });
}

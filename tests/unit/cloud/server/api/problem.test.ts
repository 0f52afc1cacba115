import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ProblemReply } from '../../../../../cloud/server/api/api-types.ts';
import { REQUESTS_PER_ADDRESS_PER_MINUTE } from '../../../../../cloud/server/api/rate-limits.ts';
import { PROBLEM_DETAILS } from '../../../../../cloud/server/api/problem-details.ts';
import { asProblem } from '../../../../../cloud/server/api/problem.ts';
import { SERIES_BUCKETS_MAX } from '../../../../../cloud/server/api/series-answer.ts';
import { planRuns } from '../../../../../cloud/server/storage/bucket-plan.ts';
import { bucketError } from '../../../../../cloud/server/storage/bucket-rows.ts';
import { damageError } from '../../../../../cloud/server/storage/part-seals.ts';
import { OperatingError } from '../../../../../common/errors.ts';
import type { Logger } from '../../../../../common/logger.ts';
import { documentedFetch as fetch } from '../../../../doubles/documented-fetch.ts';
import { type RunningCloud, runCloud, T0_MS, WINDOW_MS } from '../../../../doubles/running-cloud.ts';
import { VirtualClock } from '../../../../doubles/virtual-clock.ts';

const lines: string[] = [];
const line = (fields: object, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`);
const logger: Logger = { debug() {}, info() {}, warn: line, error: line };
const clock = new VirtualClock();
let cloud: RunningCloud;

before(async () => {
  cloud = await runCloud({ clock, logger, states: { a: 'DE-BB' } });
  await cloud.shipPower('a', 100, 3);
});

after(() => cloud.stop());

/** The problem at a path; fails when the answer is none. */
async function problemAt(path: string, init?: RequestInit): Promise<ProblemReply & { allow: string | null }> {
  const response = await fetch(cloud.url + path, init);
  assert.match(response.headers.get('content-type') ?? '', /^application\/problem\+json/, path);
  assert.equal(response.headers.get('cache-control'), 'no-store');
  const body = (await response.json()) as ProblemReply;
  assert.equal(body.status, response.status);
  assert.match(body.type, /^urn:fogline:problem:/);
  assert(body.title.length > 0);
  return { ...body, allow: response.headers.get('allow') };
}

test('a path that is not there is a 404 that names the ones that are', async () => {
  for (const path of ['/nothing', '/api', '/api/v1/nothing', '/api/v1/households/a/b', '/assets/nothing.js', '/api/v1/stream/x']) {
    const problem = await problemAt(path);
    assert.equal(problem.status, 404);
    assert.equal(problem.instance, path);
    assert.match(problem.detail, /\/api\/v1\/states/);
  }
});

test('whatever is not GET is a 405 that says so', async () => {
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    for (const path of ['/', '/api/v1/states', '/nothing']) {
      const problem = await problemAt(path, { method });
      assert.equal(problem.status, 405);
      assert.equal(problem.allow, 'GET, HEAD');
      assert.match(problem.detail, /use GET/);
    }
  }
  const head = await fetch(`${cloud.url}/api/v1/states`, { method: 'HEAD' });
  assert.equal(head.status, 200);
});

test('a damaged window is a problem of its own, which says what to ask for instead; no retry would help', async () => {
  cloud.store.failWith = damageError({ household: 'a', device: 'meter', startMs: T0_MS, fromSeq: 1, toSeq: 5 }, WINDOW_MS);
  const response = await fetch(`${cloud.url}/api/v1/households/a/windows`);
  assert.equal(response.headers.get('retry-after'), null);
  for (const path of ['/api/v1/households/a/windows', '/api/v1/export']) {
    const problem = await problemAt(path);
    assert.deepEqual([problem.status, problem.type], [500, 'urn:fogline:problem:damaged']);
    assert.match(problem.detail, /checksum of seqs 1 to 5 of a, meter, window .*; what to do: ask for the time before .* or for a coarser/);
  }
  cloud.store.failWith = undefined;
});

test('a form that is none, or too large, is refused for what it is', async () => {
  const form = (type: string, body: string) => problemAt('/login', { method: 'POST', headers: { 'content-type': type }, body });
  const json = await form('application/json', '{"token":"x"}');
  assert.deepEqual([json.status, json.type], [415, 'urn:fogline:problem:unsupported-media-type']);
  const large = await form('application/x-www-form-urlencoded', `token=${'x'.repeat(5_000)}`);
  assert.deepEqual([large.status, large.type], [413, 'urn:fogline:problem:too-large']);
});

test('too many requests are a 429 with a time to come back', async (t) => {
  const busy = await runCloud({ states: {} });
  t.after(() => busy.stop());
  let status = 200;
  for (let i = 0; i <= REQUESTS_PER_ADDRESS_PER_MINUTE && status === 200; i += 50) {
    const answers = await Promise.all(Array.from({ length: 50 }, () => globalThis.fetch(`${busy.url}/livez`)));
    await Promise.all(answers.map((answer) => answer.text()));
    status = answers.at(-1)?.status ?? 0;
  }
  const refused = await fetch(`${busy.url}/api/v1/states`);
  assert.equal(refused.status, 429);
  assert(Number(refused.headers.get('retry-after')) > 0);
  assert.match(refused.headers.get('ratelimit-policy') ?? '', /6000/);
  assert.equal(((await refused.json()) as ProblemReply).type, 'urn:fogline:problem:too-many-requests');
});

test('an unknown household is a 404', async () => {
  const problem = await problemAt('/api/v1/households/nobody/windows');
  assert.equal(problem.status, 404);
  assert.match(problem.detail, /no household nobody is known; \/api\/v1\/households/);
  assert.equal((await problemAt('/api/v1/export?household=nobody')).status, 404);
});

test('a field that nobody has sent is a 404 that names the stored ones', async () => {
  for (const path of ['/api/v1/households/a/windows?field=pwoer', '/api/v1/export?field=pwoer']) {
    const problem = await problemAt(path);
    assert.equal(problem.status, 404, path);
    assert.match(problem.detail, /no field pwoer is stored; there are .*power/, path);
  }
});

test('a bad parameter is a 400 that names it and says how to mend it', async () => {
  const windows = '/api/v1/households/a/windows';
  const table: [path: string, parameter: string, detail: RegExp][] = [
    ['/api/v1/states?state=DE-BB', 'state', /this path takes from, to/],
    [`${windows}?form=1`, 'form', /did you mean from\?/],
    [`${windows}?colour=1`, 'colour', /is not known: this path takes field, from/],
    [`${windows}?from=2019-12-24T06:00:00`, 'from', /with its zone, e\.g\. 2019-12-24T06:00:00Z/],
    [`${windows}?from=yesterday`, 'from', /is not a time/],
    [`${windows}?from=2&to=1`, 'from', /after to: swap/],
    [`${windows}?from=1&from=2`, 'from', /more than once/],
    [`${windows}?limit=0`, 'limit', /1 to 10000/],
    [`${windows}?limit=10001`, 'limit', /1 to 10000/],
    [`${windows}?limit=-1`, 'limit', /must be a whole number, 1 to 10000/],
    [`${windows}?limit=1e3`, 'limit', /1 to 10000/],
    [`${windows}?resolution=5m`, 'resolution', /one of raw, 1m, 15m, 1h, 1d/],
    [`${windows}?cursor=xyz`, 'cursor', /give back nextCursor/],
    [`${windows}?cursor=${Buffer.from('["a","b"]').toString('base64url')}`, 'cursor', /give back nextCursor/],
    [`${windows}?cursor=${'x'.repeat(2_000)}`, 'cursor', /longer than/],
    [`${windows}?field=a/b`, 'field', /not an id/],
    ['/api/v1/households?state=Bayern', 'state', /one of .*DE-BY/],
    ['/api/v1/export?format=xml', 'format', /one of csv, ndjson/],
    ['/api/v1/export?household=%00', 'household', /not an id/],
    ['/api/v1/edges?x=1', 'x', /takes no parameters/],
  ];
  for (const [path, parameter, detail] of table) {
    const problem = await problemAt(path);
    assert.equal(problem.status, 400, path);
    assert.equal(problem.errors?.[0]?.parameter, parameter, path);
    assert.match(problem.errors?.[0]?.detail ?? '', detail, path);
    assert.match(problem.detail, detail, path);
  }
});

test('what can come of an address has a code and values, for who words it in another language', async () => {
  const windows = '/api/v1/households/a/windows';
  const table: [path: string, figure: ProblemReply['figure']][] = [
    ['/api/v1/households/nobody/windows', { code: 'household-unknown', values: { household: 'nobody' } }],
    ['/api/v1/edges/nobody', { code: 'edge-unknown', values: { edge: 'nobody' } }],
    ['/api/v1/series?series=nobody.power', { code: 'series-unknown', values: { series: 'nobody.power' } }],
    [
      '/api/v1/series?series=a.power,b.power,c.power',
      { code: 'some-series-unknown', values: { n: 2, asked: 3, names: 'b.power, c.power' } },
    ],
    [`${windows}?from=yesterday`, { code: 'not-a-time', values: { parameter: 'from' } }],
    [`${windows}?to=2019-12-24`, { code: 'time-without-zone', values: { parameter: 'to' } }],
    [`${windows}?from=2&to=1`, { code: 'from-after-to', values: { parameter: 'from' } }],
    ['/api/v1/series?series=a.power&tz=Bonn', { code: 'not-a-zone', values: { parameter: 'tz' } }],
    [
      '/api/v1/series?series=a.power&from=2000-01-01T00:00:00Z&to=2020-01-01T00:00:00Z&resolution=1m',
      { code: 'too-many-buckets', values: { parameter: 'resolution', resolution: '1m', most: SERIES_BUCKETS_MAX, coarser: '1d' } },
    ],
    ['/api/v1/households/a/profile?from=2010-01-01T00:00:00Z', { code: 'over-a-year', values: { parameter: 'from' } }],
    [`${windows}?from=yesterday&to=tomorrow`, undefined],
    [`${windows}?colour=1`, undefined],
  ];
  for (const [path, figure] of table) assert.deepEqual((await problemAt(path)).figure, figure, path);
});

test('what the store throws has them too', () => {
  const kept = [{ levelMs: 5_000, fromMs: T0_MS }];
  const damaged = { household: 'a', device: 'meter', startMs: T0_MS, fromSeq: 1, toSeq: 5 };
  const codeOf = (error: unknown) => PROBLEM_DETAILS.of(asProblem(error).message)?.code;
  assert.equal(codeOf(damageError(damaged, WINDOW_MS)), 'part-damaged');
  assert.equal(codeOf(bucketError({ household: 'a', device: 'meter', field: 'power' }, T0_MS)), 'bucket-damaged');
  assert.throws(
    () => planRuns([T0_MS - 5_000, T0_MS], kept),
    (error: unknown) => codeOf(error) === 'forgotten',
  );
  assert.equal(codeOf(new Error('a bug')), 'server-fault');
});

test('an unreadable path is a 400, and a long one is not echoed whole', async () => {
  assert.equal((await problemAt('/api/v1/households/%ff/windows')).status, 400);
  const problem = await problemAt(`/${'x'.repeat(5_000)}`);
  assert.equal(problem.status, 404);
  assert(problem.instance.length < 250 && problem.detail.length < 400);
});

test('a store that refuses is a 503 with its hint; a bug is a 500 that keeps its words to the log', async () => {
  const paths = ['/api/v1/states', '/api/v1/households', '/api/v1/households/a/windows', '/api/v1/export', '/api/data', '/readyz'];
  try {
    cloud.store.failWith = new OperatingError('DISK_FULL', 'no space', { retryable: true, hint: 'make room on the disk' });
    for (const path of paths) {
      await clock.advance(60_000);
      const problem = await problemAt(path);
      assert.equal(problem.status, 503, path);
      assert.match(problem.detail, /no space; what to do: make room on the disk/);
    }
    cloud.store.failWith = new Error('secret words of a bug');
    for (const path of paths) {
      await clock.advance(60_000);
      lines.length = 0;
      const problem = await problemAt(path);
      assert.equal(problem.status, 500, path);
      assert.doesNotMatch(JSON.stringify(problem), /secret/);
      assert.equal(lines.length, 1);
    }
  } finally {
    cloud.store.failWith = undefined;
    await clock.advance(60_000);
  }
  assert.equal((await fetch(`${cloud.url}/api/v1/states`)).status, 200);
});

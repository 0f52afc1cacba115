import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Doors, isOurName } from '../../../../../cloud/server/api/doors.ts';
import { STREAMS_PER_ADDRESS_MAX } from '../../../../../cloud/server/api/live-sse.ts';
import { LOGINS_PER_ADDRESS_PER_MINUTE, REFUSALS_PER_ADDRESS_PER_MINUTE } from '../../../../../cloud/server/api/rate-limits.ts';
import { SESSION_AGE_MAX_MS, SESSION_IDLE_MAX_MS, Sessions, SESSIONS_MAX } from '../../../../../cloud/server/api/sessions.ts';
import { rawRequest } from '../../../../doubles/raw-get.ts';
import { documentedFetch as fetch } from '../../../../doubles/documented-fetch.ts';
import { type RunningCloud, runCloud } from '../../../../doubles/running-cloud.ts';
import { VirtualClock } from '../../../../doubles/virtual-clock.ts';

const TOKEN = 'fogline_the-right-one';
/** What the page is served from in these tests. */
const PAGES = { 'index.html': '<!doctype html><title>page</title>', 'login.html': '<!doctype html><title>form</title>' };

/** Tokens by id, as the file has them; deleting one revokes it. */
function tokensOf(byId: Map<string, string>): Doors['tokens'] {
  return { idOf: (token) => [...byId].find(([, its]) => its === token)?.[0], holds: (id) => byId.has(id) };
}

async function lockedCloud(t: TestContext, doors: Partial<Doors> = {}, clock?: VirtualClock) {
  const pageDir = mkdtempSync(join(tmpdir(), 'fogline-doors-'));
  mkdirSync(join(pageDir, 'assets'));
  for (const [name, text] of Object.entries(PAGES)) writeFileSync(join(pageDir, name), text);
  writeFileSync(join(pageDir, 'assets', 'a.css'), 'p {}');
  const tokens = new Map([['t1', TOKEN]]);
  const settings = { pageDir };
  const all = { demandsToken: true, tokens: tokensOf(tokens), ...doors };
  const cloud = await runCloud({ states: { a: 'DE-BB' }, settings, doors: all, ...(clock === undefined ? {} : { clock }) });
  t.after(async () => {
    await cloud.stop();
    rmSync(pageDir, { recursive: true, force: true });
  });
  return { cloud, tokens };
}

function login(cloud: RunningCloud, token: string, headers: Record<string, string> = {}, from?: string) {
  const body = new URLSearchParams({ token }).toString();
  const form = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(body.length) };
  return rawRequest(cloud.port, '/login', { method: 'POST', headers: { ...form, ...headers }, body, ...(from ? { from } : {}) });
}

test('where the page is not built the form is a problem of its own kind', async (t) => {
  const cloud = await runCloud({ states: {}, doors: { demandsToken: true, tokens: tokensOf(new Map()) } });
  t.after(() => cloud.stop());
  const { status, body } = await rawRequest(cloud.port, '/login');
  assert.deepEqual([status, (JSON.parse(String(body)) as { type: string }).type], [503, 'urn:fogline:problem:page-not-built']);
});

const cookieOf = (header: string[] | undefined) => header?.[0]?.split(';')[0] ?? '';
const withToken = (token = TOKEN) => ({ headers: { authorization: `Bearer ${token}` } });

test('on loopback no token is asked for; where one is demanded nothing but /livez, form and style opens without', async (t) => {
  const { cloud: open } = await lockedCloud(t, { demandsToken: false });
  for (const path of ['/', '/api/v1/states', '/api/v1/edges', '/metrics', '/readyz'])
    assert.equal((await fetch(open.url + path)).status, 200, path);
  const { cloud } = await lockedCloud(t, { isBehindProxy: true });
  const closed = ['/', '/index.html', '/api/v1/states', '/api/v1/households', '/api/v1/households/a/windows', '/api/v1/households/a/gaps'];
  closed.push('/api/v1/edges', '/api/v1/stream', '/api/v1/export', '/api/data', '/readyz', '/metrics', '/nothing', '/login.html');
  for (const path of closed) {
    const refused = await rawRequest(cloud.port, path);
    assert.equal(refused.status, 401, path);
    assert.equal(refused.headers['content-type'], 'application/problem+json; charset=utf-8');
    assert.match(refused.headers['www-authenticate'] ?? '', /^Bearer/);
    assert.equal(refused.headers['cache-control'], 'no-store');
  }
  for (const path of ['/livez', '/login', '/assets/a.css']) assert.equal((await rawRequest(cloud.port, path)).status, 200, path);
  for (const path of ['/', '/api/v1/states', '/metrics', '/readyz'])
    assert.equal((await fetch(cloud.url + path, withToken())).status, 200, path);
  const other = await fetch(`${cloud.url}/api/v1/states`, { method: 'POST', ...withToken() });
  assert.equal(other.status, 405);
});

test('a wrong token opens nothing, wherever it is shown, and no error repeats it', async (t) => {
  const { cloud } = await lockedCloud(t);
  for (const authorization of [`Bearer ${TOKEN}x`, 'Bearer ', TOKEN, `Basic ${TOKEN}`, `Bearer ${'x'.repeat(5_000)}`]) {
    const { status, body } = await rawRequest(cloud.port, '/api/v1/states', { headers: { authorization } });
    assert.equal(status, 401, authorization);
    assert(!body.includes(TOKEN));
  }
  for (const path of [`/api/v1/states?token=${TOKEN}`, `/api/v1/states?access_token=${TOKEN}`])
    assert.equal((await rawRequest(cloud.port, path)).status, 401);
  const cookie = await rawRequest(cloud.port, '/api/v1/states', { headers: { cookie: `fogline=${TOKEN}` } });
  assert.equal(cookie.status, 401);
});

test('metrics are open to this machine, unless a proxy stands before us', async (t) => {
  const { cloud } = await lockedCloud(t);
  assert.equal((await rawRequest(cloud.port, '/metrics')).status, 200);
  assert.equal((await rawRequest(cloud.port, '/api/v1/edges')).status, 401);
});

test('the form gives a session cookie that only this site sends, and that ends by leaving', async (t) => {
  const { cloud } = await lockedCloud(t);
  const first = await rawRequest(cloud.port, '/', { headers: { accept: 'text/html' } });
  assert.deepEqual([first.status, first.headers.location], [303, '/login']);
  const form = await rawRequest(cloud.port, '/login');
  assert.match(form.body, /form/);
  assert.match(String(form.headers['content-security-policy']), /form-action 'self'.*script-src 'none'/);
  const wrong = await login(cloud, 'fogline_wrong');
  assert.deepEqual([wrong.status, wrong.headers.location, wrong.headers['set-cookie']], [303, '/login#wrong', undefined]);
  const right = await login(cloud, TOKEN);
  assert.deepEqual([right.status, right.headers.location], [303, '/']);
  const set = right.headers['set-cookie']?.[0] ?? '';
  assert.match(set, /^fogline=[\w-]{43}; Max-Age=43200; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Strict$/);
  assert(!set.includes(TOKEN));
  const cookie = cookieOf(right.headers['set-cookie']);
  assert.equal((await rawRequest(cloud.port, '/', { headers: { cookie } })).body, PAGES['index.html']);
  const again = cookieOf((await login(cloud, TOKEN, { cookie })).headers['set-cookie']);
  assert.notEqual(again, cookie);
  assert.equal((await rawRequest(cloud.port, '/api/v1/edges', { headers: { cookie } })).status, 401, 'the session before is over');
  assert.equal((await rawRequest(cloud.port, '/api/v1/edges', { headers: { cookie: again } })).status, 200);
  await rawRequest(cloud.port, '/logout', { method: 'POST', headers: { cookie: again } });
  assert.equal((await rawRequest(cloud.port, '/api/v1/edges', { headers: { cookie: again } })).status, 401);
});

test('behind a proxy with TLS the cookie is Secure and browsers are told to stay; without a proxy nobody can claim TLS', async (t) => {
  const { cloud } = await lockedCloud(t, { isBehindProxy: true });
  const right = await login(cloud, TOKEN, { 'x-forwarded-proto': 'https', 'x-forwarded-for': '192.0.2.7' });
  assert.match(right.headers['set-cookie']?.[0] ?? '', /^__Host-fogline=.*; HttpOnly; Secure; SameSite=Strict$/);
  assert.match(String(right.headers['strict-transport-security']), /max-age=\d{7,}/);
  const { cloud: direct } = await lockedCloud(t);
  const claimed = await login(direct, TOKEN, { 'x-forwarded-proto': 'https' });
  assert.doesNotMatch(claimed.headers['set-cookie']?.[0] ?? '', /Secure|__Host/);
  assert.equal(claimed.headers['strict-transport-security'], undefined);
});

test('no other site logs a browser in or out', async (t) => {
  const { cloud } = await lockedCloud(t);
  for (const headers of [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'http://evil.test' },
    { origin: 'null' },
  ]) {
    assert.equal((await login(cloud, TOKEN, headers as Record<string, string>)).status, 403, JSON.stringify(headers));
    assert.equal((await rawRequest(cloud.port, '/logout', { method: 'POST', headers: headers as Record<string, string> })).status, 403);
  }
  assert.equal((await login(cloud, TOKEN, { 'sec-fetch-site': 'same-origin', origin: cloud.url })).status, 303);
});

test('a revoked token ends its requests, its sessions and its open streams', async (t) => {
  const clock = new VirtualClock();
  const { cloud, tokens } = await lockedCloud(t, {}, clock);
  const cookie = cookieOf((await login(cloud, TOKEN)).headers['set-cookie']);
  const streams = await Promise.all([
    fetch(`${cloud.url}/api/v1/stream`, withToken()),
    fetch(`${cloud.url}/api/v1/stream`, { headers: { cookie } }),
  ]);
  const ended = Promise.all(streams.map(async (stream) => /^event: ?live$/m.test(await stream.text())));
  tokens.clear();
  for (let second = 0; second < 3; second++) await clock.advance(1_000);
  assert.deepEqual(await ended, [true, true]);
  assert.equal((await fetch(`${cloud.url}/api/v1/edges`, withToken())).status, 401);
  assert.equal((await rawRequest(cloud.port, '/api/v1/edges', { headers: { cookie } })).status, 401);
});

test('sessions end by age and by being idle, and there are not many of them', async () => {
  const clock = new VirtualClock();
  const held = new Set(['t1']);
  const sessions = new Sessions({ idOf: () => undefined, holds: (id) => held.has(id) }, clock);
  const idle = sessions.begin('t1');
  const busy = sessions.begin('t1');
  let openMs = 0;
  for (; sessions.use(busy) !== undefined && openMs <= SESSION_AGE_MAX_MS; openMs += SESSION_IDLE_MAX_MS / 2)
    await clock.advance(SESSION_IDLE_MAX_MS / 2);
  assert.equal(openMs, SESSION_AGE_MAX_MS);
  assert.equal(sessions.use(idle), undefined);
  const eldest = sessions.begin('t1');
  const others = Array.from({ length: SESSIONS_MAX }, () => sessions.begin('t1'));
  assert.equal(sessions.use(eldest), undefined);
  assert.equal(sessions.use(others[0]!), 't1');
  held.clear();
  assert.equal(sessions.use(others[1]!), undefined);
});

test('the Host header: on loopback only its names, elsewhere those given, any where a token guards and none are given', () => {
  const table: [host: string | undefined, demandsToken: boolean, names: string[], isOurs: boolean][] = [
    ['127.0.0.1:5006', false, [], true],
    ['LOCALHOST', false, [], true],
    ['[::1]:5006', false, [], true],
    ['127.8.9.1', false, [], true],
    ['evil.test:5006', false, [], false],
    ['127.0.0.1.evil.test', false, [], false],
    ['localhost.evil.test', false, [], false],
    ['evil.test@127.0.0.1', false, [], false],
    ['0.0.0.0:5006', false, [], false],
    ['192.168.1.5:5006', false, [], false],
    ['', false, [], false],
    [undefined, false, [], false],
    ['localhost:x', false, [], false],
    ['power.example.org', false, ['power.example.org'], true],
    ['evil.test', true, [], true],
    ['evil.test', true, ['power.example.org'], false],
    ['Power.Example.org:443', true, ['power.example.org'], true],
  ];
  for (const [host, demandsToken, names, isOurs] of table)
    assert.equal(isOurName(host, { demandsToken, names }), isOurs, `${host} ${demandsToken} ${names.join()}`);
});

test('a page whose name was turned to loopback gets nothing, not even livez', async (t) => {
  const { cloud } = await lockedCloud(t, { demandsToken: false });
  for (const path of ['/', '/livez', '/api/v1/states', '/metrics']) {
    const refused = await rawRequest(cloud.port, path, { headers: { host: `evil.test:${cloud.port}` } });
    assert.equal(refused.status, 421, path);
    assert.equal(refused.headers['content-type'], 'application/problem+json; charset=utf-8');
  }
});

test('tries at the form are few, for each address alone, and the answer says when to come back', async (t) => {
  const { cloud } = await lockedCloud(t);
  for (let i = 0; i < LOGINS_PER_ADDRESS_PER_MINUTE; i++) assert.equal((await login(cloud, 'fogline_no')).status, 303);
  const beyond = await login(cloud, TOKEN);
  assert.equal(beyond.status, 429);
  assert.equal(beyond.headers['content-type'], 'application/problem+json; charset=utf-8');
  assert(Number(beyond.headers['retry-after']) > 0 && Number(beyond.headers['retry-after']) <= 60);
  assert.equal(beyond.headers['set-cookie'], undefined);
  assert.equal((await login(cloud, TOKEN, {}, '127.0.0.2')).headers.location, '/');
});

test('refused requests are few, and whoever has a good token is not held up by those of others at the same address', async (t) => {
  const { cloud } = await lockedCloud(t);
  const wrong = { headers: { authorization: 'Bearer fogline_no' } };
  for (let i = 0; i < REFUSALS_PER_ADDRESS_PER_MINUTE; i++)
    assert.equal((await rawRequest(cloud.port, '/api/v1/edges', wrong)).status, 401);
  const beyond = await rawRequest(cloud.port, '/api/v1/edges', wrong);
  assert.equal(beyond.status, 429);
  assert(Number(beyond.headers['retry-after']) > 0);
  assert.equal((await fetch(`${cloud.url}/api/v1/edges`, withToken())).status, 200);
});

test('one address opens no more than its share of the live streams', async (t) => {
  const clock = new VirtualClock();
  const { cloud } = await lockedCloud(t, {}, clock);
  const stop = new AbortController();
  t.after(() => stop.abort());
  const open = () => fetch(`${cloud.url}/api/v1/stream`, { ...withToken(), signal: stop.signal });
  const streams = await Promise.all(Array.from({ length: STREAMS_PER_ADDRESS_MAX }, open));
  assert(streams.every(({ status }) => status === 200));
  const beyond = await open();
  assert.equal(beyond.status, 429);
  assert.equal(beyond.headers.get('retry-after'), '10');
});

test('what the server keeps of a session can not be used as one', () => {
  const sessions = new Sessions({ idOf: () => undefined, holds: () => true }, new VirtualClock());
  const secret = sessions.begin('t1');
  const kept = createHash('sha256').update(secret).digest('base64');
  assert(JSON.stringify([...(sessions as unknown as { open: Map<string, unknown> }).open]).includes(kept));
  assert.equal(sessions.use(kept), undefined);
});

test('one address that opens connections and says nothing does not hold the port: others are answered', async (t) => {
  const { cloud } = await lockedCloud(t, { demandsToken: false });
  const sockets = Array.from({ length: 1_100 }, () => connect({ host: '127.0.0.1', port: cloud.port }).on('error', () => undefined));
  t.after(() => sockets.forEach((socket) => socket.destroy()));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  const reply = await rawRequest(cloud.port, '/livez', { from: '127.0.0.2' });
  assert.equal(reply.status, 200);
});

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { brotliCompressSync } from 'node:zlib';
import type { EdgesReply } from '../../../../../../cloud/server/api/api-types.ts';
import { OperatingError } from '../../../../../../common/errors.ts';
import { documentedFetch as fetch } from '../../../../../doubles/documented-fetch.ts';
import { type RunningCloud, runCloud } from '../../../../../doubles/running-cloud.ts';
import { VirtualClock } from '../../../../../doubles/virtual-clock.ts';

async function cloudFor(t: TestContext, options: Partial<Parameters<typeof runCloud>[0]> = {}): Promise<RunningCloud> {
  const cloud = await runCloud({ states: { a: 'DE-BB' }, ...options });
  t.after(() => cloud.stop());
  return cloud;
}

test('livez stays well when the store does not; readyz follows the store', async (t) => {
  const clock = new VirtualClock();
  const cloud = await cloudFor(t, { clock });
  assert.deepEqual(await (await fetch(`${cloud.url}/readyz`)).json(), { status: 'ready', grpc: 'off', redis: 'off' });
  cloud.store.failWith = new OperatingError('STORE_DAMAGED', 'damaged', { retryable: false, hint: 'put a backup in its place' });
  await clock.advance(2_000);
  assert.equal((await fetch(`${cloud.url}/readyz`)).status, 503);
  assert.equal((await fetch(`${cloud.url}/livez`)).status, 200);
  cloud.store.failWith = undefined;
  assert.equal((await fetch(`${cloud.url}/readyz`)).status, 200);
});

test('a store that hangs is not ready after the deadline', async (t) => {
  const clock = new VirtualClock();
  const cloud = await cloudFor(t, { clock });
  let letGo = () => {};
  cloud.store.hang = new Promise((resolve) => {
    letGo = resolve;
  });
  const asked = cloud.store.asked.powerTotals;
  const answer = fetch(`${cloud.url}/readyz`);
  while (cloud.store.asked.powerTotals === asked) await new Promise((resolve) => setImmediate(resolve));
  await clock.advance(2_000);
  assert.equal((await answer).status, 503);
  letGo();
});

test('metrics count requests by route, never by household, and end with the process figures that were asked for', async (t) => {
  const cloud = await cloudFor(t);
  await cloud.shipPower('a', 1, 1);
  await (await fetch(`${cloud.url}/api/v1/households/a/windows`)).text();
  await (await fetch(`${cloud.url}/secret-path`)).text();
  const response = await fetch(`${cloud.url}/metrics`);
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  const text = await response.text();
  assert.match(text, /fogline_http_requests_total\{route="\/api\/v1\/households\/:id\/windows",status="200"\} 1/);
  assert.match(text, /fogline_http_requests_total\{route="other",status="404"\} 1/);
  assert.match(text, /fogline_http_request_seconds_count\{route="other"\} 1/);
  assert.doesNotMatch(text, /secret-path/);
});

test('edges are those that liveness knows', async (t) => {
  const cloud = await cloudFor(t);
  cloud.heartbeat('edge-1', { queued: 2, sent: 1 });
  const { edges } = (await (await fetch(`${cloud.url}/api/v1/edges`)).json()) as EdgesReply;
  assert.deepEqual(
    edges.map((edge) => [edge.edge, edge.state, edge.queued]),
    [['edge-1', 'live', 3]],
  );
});

test('without a built page the root says how to make it', async (t) => {
  const cloud = await cloudFor(t);
  const response = await fetch(cloud.url);
  assert.equal(response.status, 503);
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain/);
  assert.match(await response.text(), /npm ci/);
});

test('the page is served with a policy that allows no other origin; nothing beside its folder is', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-page-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'web', 'assets'), { recursive: true });
  writeFileSync(join(folder, 'secret.txt'), 'secret');
  writeFileSync(join(folder, 'web', 'index.html'), '<!doctype html><title>page</title>');
  writeFileSync(join(folder, 'web', 'assets', 'main-1234.js'), 'void 0;');
  const cloud = await cloudFor(t, { settings: { pageDir: join(folder, 'web') } });
  const page = await fetch(cloud.url);
  assert.equal(page.status, 200);
  assert.match(await page.text(), /<title>page/);
  const policy = page.headers.get('content-security-policy') ?? '';
  assert.match(policy, /default-src 'self'/);
  assert.doesNotMatch(policy, /unsafe|http|\*|data:/);
  assert.equal(page.headers.get('x-content-type-options'), 'nosniff');
  assert.equal(page.headers.get('x-powered-by'), null);
  assert.equal(page.headers.get('cache-control'), 'no-cache');
  const asset = await fetch(`${cloud.url}/assets/main-1234.js`);
  assert.match(asset.headers.get('cache-control') ?? '', /immutable/);
  for (const path of ['/../secret.txt', '/%2e%2e/secret.txt', '/assets/..%2f..%2fsecret.txt', '/..%5csecret.txt']) {
    const { status, body } = await rawGet(cloud.port, path);
    assert(status === 404 || status === 403 || status === 400, `${path}: ${status}`);
    assert.doesNotMatch(body, /^secret$/);
  }
});

test('each page has the document that names its scripts, and a script that lies there packed is sent so', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-page-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'assets'));
  const script = `void ${JSON.stringify('a'.repeat(3_000))};`;
  for (const [name, text] of Object.entries({ 'index.html': 'any', 'explore.html': 'explorer', 'overview.html': 'overview' }))
    writeFileSync(join(folder, name), `<!doctype html><title>${text}</title>`);
  writeFileSync(join(folder, 'assets', 'main-1.js'), script);
  writeFileSync(join(folder, 'assets', 'main-1.js.br'), brotliCompressSync(script));
  writeFileSync(join(folder, 'assets', 'other-1.js'), script);
  const cloud = await cloudFor(t, { settings: { pageDir: folder } });
  const titles: Record<string, string> = {
    '/explore?series=all.power': 'explorer',
    '/': 'overview',
    '/states/DE-BB': 'any',
    '/fleet': 'any',
  };
  for (const [path, title] of Object.entries(titles)) assert.match(await (await fetch(cloud.url + path)).text(), new RegExp(title), path);
  const nowhere = await globalThis.fetch(`${cloud.url}/nowhere`, { headers: { accept: 'text/html' } });
  assert.equal(nowhere.status, 404);
  assert.match(await nowhere.text(), /any/);
  const asked = [
    ['main-1.js', 'gzip, deflate, br', 'br'],
    ['main-1.js', 'gzip', 'gzip'],
    ['main-1.js', 'identity', null],
    ['other-1.js', 'gzip, br', 'br'],
  ] as const;
  for (const [name, accepted, sent] of asked) {
    const response = await fetch(`${cloud.url}/assets/${name}`, { headers: { 'accept-encoding': accepted } });
    const what = `${name} for ${accepted}`;
    assert.equal(response.headers.get('content-encoding'), sent, what);
    assert.match(response.headers.get('content-type') ?? '', /^text\/javascript/, what);
    assert.match(response.headers.get('cache-control') ?? '', /immutable/, what);
    assert.match(response.headers.get('vary') ?? '', /accept-encoding/i, what);
    assert.equal(await response.text(), script, what);
  }
  assert.equal((await fetch(`${cloud.url}/assets/none-1.js`, { headers: { 'accept-encoding': 'br' } })).status, 404);
  // What was sent packed is held: a name means the same bytes for ever.
  rmSync(join(folder, 'assets', 'main-1.js.br'));
  const [path, headers] = [`${cloud.url}/assets/main-1.js`, { 'accept-encoding': 'br' }];
  const held = await globalThis.fetch(path, { headers });
  assert.equal(await held.text(), script);
  const head = await globalThis.fetch(path, { method: 'HEAD', headers });
  assert.deepEqual([head.status, head.headers.get('content-length')], [200, String(brotliCompressSync(script).length)]);
});

test('a taken port says which setting to change', async (t) => {
  const first = await cloudFor(t);
  const second = await cloudFor(t);
  await second.api.stop();
  await assert.rejects(second.api.start('127.0.0.1', first.port), (error) => {
    assert(error instanceof OperatingError);
    assert.equal(error.code, 'PORT_TAKEN');
    assert.match(error.hint, /cloud\.http_port/);
    return true;
  });
});

/** A path exactly as written; fetch would tidy it up. */
function rawGet(port: number, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ port, host: '127.0.0.1', path, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (piece: string) => {
        body += piece;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    asked.on('error', reject).end();
  });
}

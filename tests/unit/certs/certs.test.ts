import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { allow, edge, type EdgeCertOptions, init, list, revoke, rotate } from '../../../certs/main.ts';
import { systemClock } from '../../../common/clock.ts';
import { configWith } from '../../../common/config.ts';
import { fromMs, readBundle, readCloudCredentials, readEdges, readRevoked } from '../../../common/link/cert-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'fogline-certs-test-'));
after(() => rmSync(folder, { recursive: true, force: true }));
let folders = 0;

/** What a command prints as JSON. */
async function said<T>(command: () => Promise<number>): Promise<T> {
  const write = process.stdout.write.bind(process.stdout);
  let text = '';
  // The test runner writes there too, in bytes.
  process.stdout.write = ((chunk: string | Uint8Array) => {
    if (typeof chunk !== 'string') return write(chunk);
    text += chunk;
    return true;
  }) as typeof write;
  try {
    assert.equal(await command(), 0);
  } finally {
    process.stdout.write = write;
  }
  return JSON.parse(text) as T;
}

async function newCa(host: string[] = ['cloud.example']) {
  const dir = join(folder, `ca-${++folders}`);
  const common = { config: configWith({}), stateDir: folder, json: true, signal: new AbortController().signal, dir };
  await said(() => init({ ...common, host }));
  const bundle = async (id: string, wish: Partial<EdgeCertOptions> = { anyHousehold: true }) => {
    const out = join(folder, `${id}-${++folders}.pem`);
    await said(() => edge({ ...common, edge: id, out, ...wish }));
    return out;
  };
  return { dir, common, bundle };
}

interface Listed {
  certificates: { edge: string; serial: string; state: string; group: string | null; households: number | string | null }[];
}

const isPrivate = (path: string) => (statSync(path).mode & 0o077) === 0;

test("init: a CA, the cloud's certificate for its names, keys for their owner only; never a second CA in one folder", async () => {
  const { dir, common } = await newCa(['cloud.example', '192.0.2.7']);
  const cloud = new X509Certificate(readCloudCredentials(dir).certificate);
  for (const name of ['cloud.example', 'localhost']) assert.ok(cloud.checkHost(name) !== undefined, name);
  for (const address of ['192.0.2.7', '127.0.0.1', '::1']) assert.ok(cloud.checkIP(address) !== undefined, address);
  assert.equal(cloud.checkHost('other.example'), undefined);
  const ca = new X509Certificate(readFileSync(join(dir, 'ca.pem'), 'utf8'));
  assert.ok(cloud.verify(ca.publicKey) && ca.ca && !cloud.ca);
  for (const name of ['cloud.pem', 'private/ca.key', 'private/issued.json', 'private']) assert.ok(isPrivate(join(dir, name)), name);
  await assert.rejects(init(common), { name: 'ConfigError', message: /holds a CA already/ });
});

test('edge: one private file, its key nowhere in the folder, the id in the certificate; never over another file', async () => {
  const { dir, common, bundle } = await newCa();
  const file = await bundle('edge-1');
  assert.ok(isPrivate(file));
  const held = readBundle(file);
  assert.equal(held.edge, 'edge-1');
  assert.deepEqual(held.cloud, { host: 'cloud.example', heartbeatPort: 63_270, dataPort: 63_271 });
  const middle = held.key.split('\n')[1] as string;
  for (const path of readdirSync(dir, { recursive: true, encoding: 'utf8' }).map((name) => join(dir, name)))
    if (statSync(path).isFile()) assert.ok(!readFileSync(path, 'utf8').includes(middle), path);
  assert.ok(readFileSync(file, 'utf8').includes(middle));
  await assert.rejects(edge({ ...common, edge: 'edge-2', anyHousehold: true, out: file }), {
    name: 'ConfigError',
    message: /there already/,
  });
  await assert.rejects(edge({ ...common, edge: 'edge-1', anyHousehold: true, out: `${file}2` }), { remedy: /certs rotate --edge edge-1/ });
  assert.ok(!existsSync(`${file}2`));
  const shown = await said<{ bundle: string }>(() => edge({ ...common, edge: 'edge-3', anyHousehold: true }));
  assert.match(shown.bundle, /BEGIN PRIVATE KEY/);
});

test('edge: what it may own must be said, in one way, with usable ids', async () => {
  const { dir, common, bundle } = await newCa();
  await assert.rejects(edge({ ...common, edge: 'edge-1' }), { name: 'ConfigError', message: /say what edge edge-1 may own/ });
  await assert.rejects(edge({ ...common, edge: 'edge-1', households: 'h1,h/2' }), { message: /"h\/2" is no household/ });
  await assert.rejects(edge({ ...common, edge: 'edge-1', households: 'h1', anyHousehold: true }), { message: /said twice/ });
  await assert.rejects(edge({ ...common, edge: 'e/1', anyHousehold: true }), { message: /is no id/ });
  await assert.rejects(edge({ ...common, edge: 'edge-1', group: 'north' }), { message: /no group north/ });
  const file = join(folder, 'households.txt');
  writeFileSync(file, 'h3\nh4\n');
  await bundle('edge-1', { households: 'h1,h2', group: 'north' });
  await bundle('edge-2', { group: 'north' });
  await bundle('edge-3', { householdsFile: file });
  assert.deepEqual(readEdges(dir), {
    groups: { north: ['h1', 'h2'], 'edge-3': ['h3', 'h4'] },
    edges: { 'edge-1': 'north', 'edge-2': 'north', 'edge-3': 'edge-3' },
  });
  await said(() => allow({ ...common, edge: 'edge-2', households: 'h2,h9' }));
  assert.deepEqual(readEdges(dir).groups['north'], ['h1', 'h2', 'h9']);
  await assert.rejects(allow({ ...common, edge: 'edge-2' }), { message: /say what/ });
  await assert.rejects(allow({ ...common, edge: 'edge-5', anyHousehold: true }), { message: /no edge edge-5/ });
});

test('revoke, rotate, list: every certificate of the edge, or all but the newest; then it may have a new one', async () => {
  const { dir, common, bundle } = await newCa();
  await bundle('edge-1');
  await assert.rejects(revoke({ ...common, edge: 'edge-1', old: true }), { message: /no older certificate/ });
  const renewed = join(folder, `renewed-${++folders}.pem`);
  await said(() => rotate({ ...common, edge: 'edge-1', out: renewed }));
  const states = async () => (await said<Listed>(() => list(common))).certificates.map(({ edge: name, state }) => `${name} ${state}`);
  assert.deepEqual(await states(), [' valid', 'edge-1 valid', 'edge-1 valid']);
  await said(() => revoke({ ...common, edge: 'edge-1', old: true }));
  assert.deepEqual(await states(), [' valid', 'edge-1 revoked', 'edge-1 valid']);
  const [revoked] = readRevoked(dir);
  assert.notEqual(revoked?.serial, new X509Certificate(readBundle(renewed).certificate).serialNumber);
  await said(() => revoke({ ...common, edge: 'edge-1', old: false }));
  assert.deepEqual(await states(), [' valid', 'edge-1 revoked', 'edge-1 revoked']);
  await assert.rejects(revoke({ ...common, edge: 'edge-1', old: false }), { name: 'ConfigError' });
  await bundle('edge-1', {});
  assert.equal((await states()).at(-1), 'edge-1 valid');
  await assert.rejects(rotate({ ...common, edge: 'edge-4' }), { message: /no edge edge-4/ });
});

test('edge: let in again after a revocation it keeps its group, and what is named is added; only --group puts it in another', async () => {
  const { dir, common, bundle } = await newCa();
  await bundle('edge-1', { households: 'h1,h2,h3', group: 'north' });
  await bundle('edge-2', { group: 'north' });
  const again = async (wish: Partial<EdgeCertOptions>) => {
    await said(() => revoke({ ...common, edge: 'edge-1', old: false }));
    await bundle('edge-1', wish);
    const { edges, groups } = readEdges(dir);
    return [edges['edge-1'], groups[edges['edge-1'] ?? '']];
  };
  assert.deepEqual(await again({}), ['north', ['h1', 'h2', 'h3']]);
  assert.deepEqual(await again({ households: 'h9' }), ['north', ['h1', 'h2', 'h3', 'h9']]);
  assert.deepEqual(Object.keys(readEdges(dir).groups), ['north']);
  assert.deepEqual(await again({ households: 'h9', group: 'south' }), ['south', ['h9']]);
  assert.equal(readEdges(dir).edges['edge-2'], 'north');
});

test('rotate: each certificate of the cloud begins after the one before, whatever the clock does; bundles name the newest', async () => {
  const { dir, common, bundle } = await newCa();
  const beginsMs = () => fromMs(new X509Certificate(readCloudCredentials(dir).certificate));
  const rotated = async (aheadMs: number) => {
    const clock = { ...systemClock, nowMs: () => systemClock.nowMs() + aheadMs, monotonicMs: () => 0 } as typeof systemClock;
    await said(() => rotate({ ...common, clock }));
    return beginsMs();
  };
  const begun = [beginsMs(), await rotated(0), await rotated(0), await rotated(-3_600_000)];
  assert.deepEqual(
    begun.slice(1).map((ms, i) => ms > (begun[i] ?? 0)),
    [true, true, true],
    `${begun}`,
  );
  assert.equal(readBundle(await bundle('edge-1')).cloudSinceMs, begun.at(-1));
  await assert.rejects(rotated(-2 * 86_400_000), { name: 'ConfigError', remedy: /clock of this machine/ });
  assert.equal(beginsMs(), begun.at(-1), 'nothing was changed');
});

test("rotate: the cloud's new certificate keeps its names, or takes others; expired ones are listed as such", async () => {
  const { dir, common } = await newCa();
  const before = readCloudCredentials(dir);
  await said(() => rotate(common));
  const after = readCloudCredentials(dir);
  assert.notEqual(after.certificate, before.certificate);
  assert.ok(new X509Certificate(after.certificate).checkHost('cloud.example') !== undefined);
  await said(() => rotate({ ...common, host: ['new.example'] }));
  assert.equal(new X509Certificate(readCloudCredentials(dir).certificate).checkHost('cloud.example'), undefined);
  const states = async () => (await said<Listed>(() => list(common))).certificates.map(({ state }) => state);
  assert.deepEqual(await states(), ['replaced', 'replaced', 'valid'], 'edges that have met the newest refuse the others');
  const late = { ...systemClock, nowMs: () => systemClock.nowMs() + 398 * 86_400_000, monotonicMs: () => 0 } as typeof systemClock;
  const listed = await said<Listed>(() => list({ ...common, clock: late }));
  assert.deepEqual(new Set(listed.certificates.map(({ state }) => state)), new Set(['expired']));
});

test('files that others can read, damaged or foreign ones are refused with a remedy', async () => {
  const { dir, common, bundle } = await newCa();
  const file = await bundle('edge-1');
  chmodSync(file, 0o640);
  assert.throws(() => readBundle(file), { name: 'ConfigError', remedy: /chmod 600/ });
  chmodSync(file, 0o600);
  assert.equal(readBundle(file).edge, 'edge-1');
  const text = readFileSync(file, 'utf8');
  const other = readFileSync(await bundle('edge-2'), 'utf8');
  const bad: [string, RegExp][] = [
    ['', /certificate or key are missing/],
    [text.slice(0, -60), /certificate or key are missing/],
    [text.replace(/^host.*\n/, ''), /address is missing/],
    [text.replace(/-----BEGIN PRIVATE[\s\S]*$/, '') + other.slice(other.indexOf('-----BEGIN PRIVATE')), /not that of the certificate/],
  ];
  for (const [changed, why] of bad) {
    writeFileSync(file, changed);
    assert.throws(() => readBundle(file), { name: 'ConfigError', message: why });
  }
  chmodSync(join(dir, 'cloud.pem'), 0o644);
  assert.throws(() => readCloudCredentials(dir), { remedy: /chmod 600/ });
  chmodSync(join(dir, 'private/ca.key'), 0o644);
  await assert.rejects(rotate(common), { remedy: /chmod 600/ });
  for (const text of ['{', '[]', '{"v":2,"revoked":[]}', '{"v":1}', '{"v":1,"revoked":[{"edge":"e","serial":"xyz"}]}']) {
    writeFileSync(join(dir, 'revoked.json'), text);
    assert.throws(() => readRevoked(dir), { name: 'ConfigError' }, text);
  }
  for (const text of [
    '{"v":1,"groups":{},"edges":{"e":"g"}}',
    '{"v":1,"groups":{"g":"some"},"edges":{}}',
    '{"v":1,"groups":{"g":["h/1"]},"edges":{}}',
  ]) {
    writeFileSync(join(dir, 'edges.json'), text);
    assert.throws(() => readEdges(dir), { name: 'ConfigError' }, text);
  }
});

test('a folder without a CA, and one in which another command works', async () => {
  const { dir, common } = await newCa();
  await assert.rejects(list({ ...common, dir: join(folder, 'none') }), { name: 'ConfigError', message: /holds no CA/ });
  await assert.rejects(rotate({ ...common, dir: join(folder, 'none') }), { name: 'ConfigError', message: /holds no CA/ });
  writeFileSync(join(dir, 'private/lock'), '1\n');
  await assert.rejects(rotate(common), { name: 'ConfigError', message: /another fogline certs/ });
});

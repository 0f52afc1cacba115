import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../../../common/clock.ts';
import { CloudTrust } from '../../../../common/link/cloud-trust.ts';
import { EdgeCredentials } from '../../../../common/link/edge-credentials.ts';
import { LinkGate } from '../../../../common/link/link-gate.ts';
import { loadNanomsg } from '../../../../common/link/nanomsg-link.ts';
import { isLoopback, openLinkClient, openLinkServer, wantsTls } from '../../../../common/link/open-link.ts';
import { silentLogger } from '../../../../common/logger.ts';
import { seededRandom } from '../../../../common/random.ts';
import { testCerts } from '../../../doubles/test-certs.ts';

const isNanomsgHere = (await loadNanomsg(silentLogger)) !== undefined;
const parts = { port: 1, clock: systemClock, random: seededRandom(1), logger: silentLogger };

test('loopback is what only this machine reaches', () => {
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost', 'LocalHost', '::ffff:127.0.0.1']) assert.ok(isLoopback(host), host);
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '128.0.0.1', 'cloud.example', '127.example.org', 'localhost.example', '']) {
    assert.ok(!isLoopback(host), host);
  }
});

test('auto is nanomsg to loopback where it is installed, sp elsewhere', async () => {
  const expected = isNanomsgHere ? 'nanomsg' : 'sp';
  assert.equal((await openLinkClient({ ...parts, kind: 'auto', host: '127.0.0.1' })).transport, expected);
  assert.equal((await openLinkClient({ ...parts, kind: 'auto', host: '10.0.0.1', allowPlaintext: true })).transport, 'sp');
  assert.equal((await openLinkClient({ ...parts, kind: 'sp', host: '127.0.0.1' })).transport, 'sp');
});

test('nanomsg by name is nanomsg, or an error with a remedy', async () => {
  const opening = openLinkClient({ ...parts, kind: 'nanomsg', host: '127.0.0.1' });
  if (isNanomsgHere) assert.equal((await opening).transport, 'nanomsg');
  else await assert.rejects(opening, { name: 'ConfigError', remedy: /link\.kind = auto/ });
});

test("plaintext to or on another address than loopback needs the operator's word", async () => {
  for (const kind of ['auto', 'sp', 'nanomsg'] as const) {
    await assert.rejects(openLinkClient({ ...parts, kind, host: '192.0.2.1' }), { name: 'ConfigError', remedy: /link\.allow_plaintext/ });
    await assert.rejects(openLinkClient({ ...parts, kind, host: '192.0.2.1', allowPlaintext: false }), { name: 'ConfigError' });
  }
  assert.throws(() => openLinkServer({ ...parts, host: '0.0.0.0' }), { name: 'ConfigError', remedy: /link\.listen_host/ });
  openLinkServer({ ...parts, host: '0.0.0.0', allowPlaintext: true });
});

test("an address this machine does not have is the operator's to mend", async () => {
  const server = openLinkServer({ ...parts, port: 0, host: '192.0.2.1', allowPlaintext: true });
  await assert.rejects(
    server.start(async (payload) => payload),
    { name: 'ConfigError', remedy: /link\.listen_host/ },
  );
});

test('with certificates it is TLS, whatever the address, and never the addon', async () => {
  using certs = await testCerts();
  const tls = new EdgeCredentials(await certs.bundle('edge-1'), systemClock, silentLogger);
  for (const [kind, host] of [
    ['auto', '127.0.0.1'],
    ['auto', '192.0.2.1'],
    ['sp', '192.0.2.1'],
  ] as const) {
    assert.equal((await openLinkClient({ ...parts, kind, host, tls })).transport, 'sp over TLS');
  }
  await assert.rejects(openLinkClient({ ...parts, kind: 'nanomsg', host: '127.0.0.1', tls }), { name: 'ConfigError' });
  const trust = new CloudTrust({ folder: certs.dir, clock: systemClock, logger: silentLogger });
  openLinkServer({ ...parts, host: '0.0.0.0', tls: { trust, gate: new LinkGate(systemClock) } });
});

test('link.tls: auto is on where certificates are given, off is off, on without any is an error', () => {
  const cases = [
    ['auto', '', false],
    ['auto', '/certs', true],
    ['off', '/certs', false],
    ['on', '/certs', true],
  ] as const;
  for (const [tls, given, wanted] of cases) assert.equal(wantsTls(tls, given, 'link.certs_dir'), wanted, `${tls} ${given}`);
  assert.throws(() => wantsTls('on', '', 'link.certs_dir'), { name: 'ConfigError', remedy: /fogline certs/ });
});

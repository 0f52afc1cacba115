/** Who is let in over mutual TLS, and who is refused, with the reason that is counted; each refusal beside the same thing done right. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectPlain, createServer as createPlainServer } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { makeAuthority } from '../../certs/authority.ts';
import { systemClock } from '../../common/clock.ts';
import { EDGES_FILE, readBundle } from '../../common/link/cert-files.ts';
import { CloudTrust } from '../../common/link/cloud-trust.ts';
import { LinkRefusals, type RefusalReason } from '../../common/link/link-refusals.ts';
import { silentLogger } from '../../common/logger.ts';
import { decodeReply, encodeRequest } from '../../common/wire.ts';
import { many } from '../contract/link-suite.ts';
import { freePort } from '../doubles/free-port.ts';
import { PynngReq } from '../doubles/pynng-peer.ts';
import { pythonWith } from '../doubles/python-with.ts';
import { startCloud } from '../unit/cloud/server/receiver-cloud.ts';
import { closedOf, identity, nextConnectionSees, rawAsk, rawSocket, Site, whoAsks, withoutCertificate } from '../doubles/tls-site.ts';
import { until } from '../doubles/until.ts';

const PATIENT_MS = 30_000;
const SHORT_MS = 700;
const DAY_MS = 86_400_000;
/** As long as a client's first message must be, and nothing in it. */
const EMPTY_HELLO = Buffer.concat([Buffer.from('160301002d010000290303', 'hex'), Buffer.alloc(39)]);
const python = pythonWith('pynng');

describe('who is let in', { timeout: 300_000 }, () => {
  test('a certificate of ours: by its own id', async () => {
    await using site = await Site.open();
    assert.equal(await site.asked(await site.certs.bundle('edge-1')), 'you are edge-1');
    assert.equal(await site.asked(await site.certs.bundle('edge-2')), 'you are edge-2');
  });

  test('not: another CA, signed by itself, expired, not yet valid, none, and the cloud as an edge', async () => {
    await using site = await Site.open();
    const { certs } = site;
    const good = await certs.bundle('edge-1');
    await site.assertRefused(await certs.foreignBundle('edge-1'), 'unknown_ca');
    const self = await makeAuthority(systemClock.nowMs(), 10);
    // OpenSSL may blame its purpose before its issuer.
    const refused = () => site.refusals.count('unknown_ca') + site.refusals.count('unusable_certificate');
    const before = refused();
    assert.equal(await rawAsk(site, self.certificate, self.key), 'ended');
    assert.equal(refused(), before + 1);
    await site.assertRefused(await certs.bundle('edge-1', { ageDays: 20, days: 10 }), 'expired');
    await site.assertRefused(await certs.bundle('edge-1', { ageDays: -5 }), 'unusable_certificate');
    assert.equal(await withoutCertificate(site), 'ended');
    assert.equal(site.refusals.count('no_certificate'), 1);
    const cloudAsEdge = certs.path('cloud-as-edge.pem');
    const { certificate, key } = await certs.renewCloud();
    writeFileSync(cloudAsEdge, certificate + key, { mode: 0o600 });
    assert.equal(await rawAsk(site, certificate, key), 'ended');
    assert.ok(site.refusals.count('unusable_certificate') >= 2);
    assert.equal(site.taken, 0);
    assert.equal(await site.asked(good), 'you are edge-1');
  });

  test('not: an edge that edges.json does not name; it is told, and let in as soon as it is named', async () => {
    await using site = await Site.open();
    const bundle = await site.certs.bundle('edge-7', { isNamed: false });
    assert.match((await site.asked(bundle)) ?? '', /edges\.json does not name edge edge-7/);
    assert.equal(site.taken, 0);
    assert.ok(site.refusals.count('unknown_edge') > 0);
    site.certs.folder.bind('edge-7', 'edge-7', 'any');
    await until(() => site.trust.groupOf('edge-7') === 'edge-7', 'the cloud to read edges.json again');
    assert.equal(await site.asked(bundle), 'you are edge-7');
  });

  test('the edge asks nobody but the cloud: another name, another CA, an edge that plays the cloud', async () => {
    await using site = await Site.open();
    const bundle = await site.certs.bundle('edge-1');
    assert.equal(await site.asked(bundle, 'localhost'), 'you are edge-1');
    await site.certs.renewCloud({ hosts: ['cloud.example'] });
    await nextConnectionSees(site, 'cloud.example');
    assert.equal(await site.asked(bundle), undefined);
    assert.ok(site.logged.some(({ message }) => message.includes('fogline certs rotate --host')));
    const { certificate, key } = readBundle(bundle);
    writeFileSync(join(site.certs.dir, 'cloud.pem'), certificate + key, { mode: 0o600 });
    await nextConnectionSees(site, undefined);
    assert.equal(await site.asked(bundle), undefined);
    assert.equal(site.taken, 1);
  });

  test('TLS 1.2 is refused, 1.3 is not', async () => {
    await using site = await Site.open();
    const { certificate, key } = readBundle(await site.certs.bundle('edge-1'));
    assert.equal(await rawAsk(site, certificate, key, 'TLSv1.2'), 'ended');
    assert.equal(site.refusals.count('handshake'), 1);
    assert.equal(await rawAsk(site, certificate, key, 'TLSv1.3'), 'greeted');
  });
});

describe('revoked', { timeout: 300_000 }, () => {
  test('a revocation ends live connections without a restart, and says who must act; others stay; a new certificate gets in', async () => {
    await using site = await Site.open();
    const [bad, good] = [await site.client(await site.certs.bundle('edge-1')), await site.client(await site.certs.bundle('edge-2'))];
    for (const client of [bad, good]) await client.request(Buffer.from('who'), PATIENT_MS);
    const { connections } = site.server.counters;
    const began = systemClock.monotonicMs();
    site.certs.revoke('edge-1');
    await until(() => site.refusals.count('revoked') > 0, 'the end of the live connection');
    assert.ok(systemClock.monotonicMs() - began < 60_000);
    const words = String(await bad.request(Buffer.from('who'), PATIENT_MS));
    assert.match(words, /certificate of edge edge-1 is revoked.*fogline certs edge edge-1/);
    assert.equal(String(await good.request(Buffer.from('who'), PATIENT_MS)), 'you are edge-2');
    assert.ok(site.server.counters.connections > connections, 'the revoked edge has dialled again');
    assert.equal(site.taken, 3);
    assert.equal(await site.asked(await site.certs.bundle('edge-1')), 'you are edge-1');
  });

  test('a list that is damaged or gone changes nothing: who was revoked stays so, who was in stays in', async () => {
    await using site = await Site.open();
    const [bad, good] = [await site.certs.bundle('edge-1'), await site.certs.bundle('edge-2')];
    site.certs.revoke('edge-1');
    await until(() => site.trust.refusalOf(identity(site, 'edge-1')) === 'revoked', 'the revocation');
    writeFileSync(join(site.certs.dir, 'revoked.json'), '{"v":1,"revok');
    rmSync(join(site.certs.dir, EDGES_FILE));
    await systemClock.sleep(300);
    assert.match((await site.asked(bad)) ?? '', /revoked/);
    assert.equal(await site.asked(good), 'you are edge-2');
    const fresh = new CloudTrust({ folder: site.certs.dir, clock: systemClock, logger: silentLogger });
    assert.throws(() => fresh.start(), { name: 'ConfigError' });
  });

  test('rotated: old and new certificate hold at once, the old one until it is revoked; the file is taken at the next dial', async () => {
    await using site = await Site.open();
    const old = await site.certs.bundle('edge-1');
    const client = await site.client(old);
    assert.equal(String(await client.request(Buffer.from('who'), PATIENT_MS)), 'you are edge-1');
    const oldSerials = site.certs.folder.register().issued.filter(({ edge }) => edge === 'edge-1');
    const renewed = await site.certs.bundle('edge-1');
    assert.equal(await site.asked(renewed), 'you are edge-1');
    assert.equal(await site.asked(old), 'you are edge-1');
    // The new bundle takes the old one's place; the old certificate is revoked: the live connection ends and the next dial uses the new.
    writeFileSync(old, readFileSync(renewed), { mode: 0o600 });
    site.certs.folder.saveRevoked(oldSerials.map(({ serial }) => ({ edge: 'edge-1', serial, at: '2026-01-01T00:00:00.000Z' })));
    await until(() => site.refusals.count('revoked') > 0, 'the end of the live connection');
    assert.equal(String(await client.request(Buffer.from('who'), PATIENT_MS)), 'you are edge-1');
  });

  test("the cloud's new certificate is taken without a restart; who is in meets it soon, and is answered all along", async () => {
    await using site = await Site.open();
    const bundle = await site.certs.bundle('edge-1');
    const client = await site.client(bundle);
    await client.request(Buffer.from('who'), PATIENT_MS);
    const { connections } = site.server.counters;
    await site.certs.renewCloud({ hosts: ['127.0.0.1', 'new.example'] });
    await nextConnectionSees(site, 'new.example');
    await until(() => site.server.counters.connections > connections, 'the edge to dial again');
    assert.equal(String(await client.request(Buffer.from('who'), PATIENT_MS)), 'you are edge-1');
    assert.equal(await site.asked(bundle), 'you are edge-1');
  });

  test('a connection ends when its certificate expires', async () => {
    await using site = await Site.open();
    const issuedFor = (2_500 + DAY_MS) / DAY_MS;
    const client = await site.client(await site.certs.bundle('edge-1', { ageDays: 1, days: issuedFor }));
    assert.equal(String(await client.request(Buffer.from('who'), PATIENT_MS)), 'you are edge-1');
    await until(() => site.refusals.count('expired') > 0, 'the end of the connection');
    await assert.rejects(client.request(Buffer.from('who'), SHORT_MS), { code: 'LINK_TIMEOUT' });
  });
});

describe('before the handshake', { timeout: 300_000 }, () => {
  test('a handshake whose first byte comes alone is as good as any', async () => {
    await using site = await Site.open();
    const { ca, certificate: cert, key } = readBundle(await site.certs.bundle('edge-1'));
    const splitter = createPlainServer((client) => {
      const target = connectPlain({ port: site.port, host: '127.0.0.1', noDelay: true });
      target.pipe(client);
      client.once('data', (bytes: Buffer) => {
        target.write(bytes.subarray(0, 1));
        client.pause();
        systemClock.timer('the others', 50, () => {
          target.write(bytes.subarray(1));
          client.pipe(target);
        });
      });
      for (const socket of [client, target])
        socket.on('error', () => {}).once('close', () => [client, target].forEach((its) => its.destroy()));
    });
    const port = await freePort();
    await new Promise<void>((resolve) => splitter.listen(port, '127.0.0.1', resolve));
    const socket = connectTls({ port, host: '127.0.0.1', ca, cert, key });
    // The cloud's SP hello comes when the certificate is taken.
    await new Promise((resolve, reject) => socket.once('data', resolve).once('error', reject).once('close', reject));
    socket.destroy();
    await new Promise((resolve) => splitter.close(resolve));
    assert.equal(site.refusals.count('handshake') + site.refusals.count('handshake_time'), 0);
  });

  test('very many that say nothing: the oldest go long before their time, and an honest edge gets in', async () => {
    await using site = await Site.open();
    const silentFrom = (i: number) => connectPlain({ port: site.port, host: '127.0.0.1', localAddress: `127.0.3.${1 + (i % 8)}` });
    const crowd = many(600).map(silentFrom);
    const ended = crowd.map((socket) => closedOf(socket.on('error', () => {})));
    // Those that come later find the crowd older than a second.
    const later: ReturnType<typeof silentFrom>[] = [];
    await until(() => {
      later.push(silentFrom(later.length).on('error', () => {}));
      return site.refusals.count('handshake_time') >= 80;
    }, 'the oldest to be ended');
    await ended[0];
    assert.equal(await site.asked(await site.certs.bundle('edge-1')), 'you are edge-1');
    for (const socket of [...crowd, ...later]) socket.destroy();
  });

  test('many addresses that say nothing take no part of the rate of all: an honest edge gets in; those that begin TLS do', async () => {
    await using site = await Site.open({ allConnections: { perSecond: 0.001, burst: 3 } });
    const knockFrom = (host: number) => connectPlain({ port: site.port, host: '127.0.0.1', localAddress: `127.0.4.${host}` });
    const silent = many(20).map((_, i) => knockFrom(1 + i).on('error', () => {}));
    await Promise.all(silent.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
    assert.equal(await site.asked(await site.certs.bundle('edge-1')), 'you are edge-1');
    assert.equal(site.refusals.count('accept_rate'), 0);
    const begun = many(20).map((_, i) => knockFrom(101 + i));
    const ended = begun.map((socket) => closedOf(socket));
    for (const socket of begun) socket.write(EMPTY_HELLO);
    await until(() => site.refusals.count('accept_rate') === 18, 'eighteen of twenty to be refused');
    for (const socket of [...silent, ...begun]) socket.destroy();
    await Promise.all(ended);
    assert.equal(site.refusals.count('handshake_time'), 0);
  });

  test('what comes and goes without a byte is counted too', async () => {
    await using site = await Site.open();
    await closedOf(
      connectPlain(site.port, '127.0.0.1').on('connect', function (this: ReturnType<typeof connectPlain>) {
        this.end();
      }),
    );
    await until(() => site.refusals.count('handshake') === 1, 'it to be counted');
  });
});

describe('limits of an address', { timeout: 300_000 }, () => {
  test('a handshake that does not begin, or does not end, is ended in time; honest edges are answered meanwhile', async () => {
    await using site = await Site.open({}, whoAsks, 400);
    const bundle = await site.certs.bundle('edge-1');
    const silent = many(40).map(() => connectPlain(site.port, '127.0.0.1'));
    const slow = many(40).map(() => connectPlain(site.port, '127.0.0.1'));
    for (const socket of slow) socket.write(Buffer.from('160301', 'hex'));
    const ended = [...silent, ...slow].map((socket) => closedOf(socket));
    assert.equal(await site.asked(bundle), 'you are edge-1');
    await Promise.all(ended);
    assert.equal(site.refusals.count('handshake_time'), 80);
  });

  test('a hello byte by byte, and one that is cut, begin no handshake; an honest edge gets in meanwhile', async () => {
    await using site = await Site.open({ allConnections: { perSecond: 0.001, burst: 2 } }, whoAsks, 2_000);
    const slow = many(20).map(() => connectPlain(site.port, '127.0.0.1'));
    const ended = slow.map((socket) => closedOf(socket));
    for (let at = 0; at < 10; at++) {
      for (const socket of slow) socket.write(EMPTY_HELLO.subarray(at, at + 1));
      await systemClock.sleep(10);
    }
    assert.equal(await site.asked(await site.certs.bundle('edge-1')), 'you are edge-1');
    await Promise.all(ended);
    assert.deepEqual([site.refusals.count('accept_rate'), site.refusals.count('handshake_time')], [0, 20]);
  });

  test('what is no TLS is refused as a handshake', async () => {
    await using site = await Site.open();
    for (const bytes of ['0053500000300000', '474554202f20485454502f312e310d0a0d0a', '16030100050100000100'])
      await closedOf(
        connectPlain(site.port, '127.0.0.1').on('connect', function (this: ReturnType<typeof connectPlain>) {
          this.end(Buffer.from(bytes, 'hex'));
        }),
      );
    assert.ok(site.refusals.count('handshake') >= 2, String(site.refusals.count('handshake')));
    assert.equal(await site.asked(await site.certs.bundle('edge-1')), 'you are edge-1');
  });

  test('connections of one address without an identity: no more than the limit, and edges with one do not count', async () => {
    await using site = await Site.open({ addressUnprovedMax: 5 });
    const client = await site.client(await site.certs.bundle('edge-1'));
    await client.request(Buffer.from('who'), PATIENT_MS);
    const silent = many(20).map(() => connectPlain(site.port, '127.0.0.1'));
    await until(() => site.refusals.count('address_connections') === 15, 'fifteen refusals');
    assert.equal(String(await client.request(Buffer.from('who'), PATIENT_MS)), 'you are edge-1');
    for (const socket of silent) socket.destroy();
    assert.equal(await site.asked(await site.certs.bundle('edge-2')), 'you are edge-2');
  });

  test('too many connections of one address in a short time', async () => {
    await using site = await Site.open({ addressConnections: { perSecond: 0.001, burst: 3 } });
    for (const _ of many(3)) assert.equal(await site.asked(await site.certs.bundle('edge-1')), 'you are edge-1');
    await site.assertRefused(await site.certs.bundle('edge-1'), 'address_rate');
  });
});

describe('limits of an identity', { timeout: 300_000 }, () => {
  test('too many connections of one identity in a short time; another identity gets in', async () => {
    await using site = await Site.open({ identityConnections: { perSecond: 0.001, burst: 3 } });
    for (const _ of many(3)) assert.equal(await site.asked(await site.certs.bundle('edge-1')), 'you are edge-1');
    await site.assertRefused(await site.certs.bundle('edge-1'), 'identity_rate');
    assert.equal(await site.asked(await site.certs.bundle('edge-2')), 'you are edge-2');
  });

  test('a revoked certificate can not use up what the new one of its edge may take', async () => {
    await using site = await Site.open({ identityConnections: { perSecond: 0.001, burst: 3 } });
    const stolen = await site.certs.bundle('edge-1');
    site.certs.revoke('edge-1');
    await until(() => site.trust.refusalOf(identity(site, 'edge-1')) === 'revoked', 'the revocation');
    for (const _ of many(6)) await site.asked(stolen);
    assert.ok(site.refusals.count('identity_rate') > 0);
    assert.equal(await site.asked(await site.certs.bundle('edge-1')), 'you are edge-1');
  });

  test('more open connections of one identity than it needs: its oldest goes, so a half-open predecessor shuts nobody out', async () => {
    await using site = await Site.open({ identityOpenMax: 2 });
    const bundle = await site.certs.bundle('edge-1');
    const { certificate, key } = readBundle(bundle);
    const first = rawSocket(site, certificate, key);
    const gone = closedOf(first);
    for (const _ of many(2)) rawSocket(site, certificate, key);
    await gone;
    assert.equal(site.refusals.count('identity_connections'), 1);
    assert.equal(await site.asked(bundle), 'you are edge-1');
  });

  test('requests above the rate wait and are all answered; another identity does not wait with them', async () => {
    await using site = await Site.open({ identityRequests: { perSecond: 20, burst: 10 } });
    const [busy, calm] = [await site.client(await site.certs.bundle('edge-1')), await site.client(await site.certs.bundle('edge-2'))];
    let answered = 0;
    const all = Promise.all(many(40).map(() => busy.request(Buffer.from('who'), PATIENT_MS).then(() => answered++)));
    await until(() => answered >= 10, 'the burst');
    assert.equal(String(await calm.request(Buffer.from('who'), PATIENT_MS)), 'you are edge-2');
    assert.ok(answered < 40, 'nobody was made to wait');
    await all;
    assert.ok(site.throttled > 0);
    assert.equal(site.server.counters.refusedFrames, 0);
  });

  test('bytes above the rate wait likewise', async () => {
    await using site = await Site.open({ identityBytes: { perSecond: 400_000, burst: 100_000 } });
    const client = await site.client(await site.certs.bundle('edge-1'));
    const replies = await Promise.all(many(6).map(() => client.request(Buffer.alloc(100_000, 1), PATIENT_MS)));
    assert.equal(replies.length, 6);
    assert.ok(site.throttled > 0);
  });
});

describe('pynng over tls+tcp', { timeout: 300_000, skip: python === undefined && 'no python that can import pynng' }, () => {
  test('with a bundle of ours it is answered by its id', async () => {
    await using site = await Site.open();
    await using peer = new PynngReq(python!, site.port, await site.certs.bundle('edge-9'));
    assert.deepEqual((await peer.ask([Buffer.from('who'), Buffer.from('who')], PATIENT_MS)).map(String), [
      'you are edge-9',
      'you are edge-9',
    ]);
  });

  test('another CA, expired, not yet valid, revoked, no TLS: refused and counted; the right one gets in afterwards', async () => {
    await using site = await Site.open();
    const { certs } = site;
    const cases: [string, RefusalReason][] = [
      [await certs.foreignBundle('edge-9'), 'unknown_ca'],
      [await certs.bundle('edge-9', { ageDays: -5 }), 'unusable_certificate'],
      [await certs.bundle('edge-9', { ageDays: 20, days: 10 }), 'expired'],
    ];
    for (const [bundle, reason] of cases) {
      const before = site.refusals.count(reason);
      await using peer = new PynngReq(python!, site.port, bundle);
      assert.deepEqual(await peer.ask([Buffer.from('who')], 1_500), [null]);
      assert.ok(site.refusals.count(reason) > before, reason);
    }
    await using plain = new PynngReq(python!, site.port);
    assert.deepEqual(await plain.ask([Buffer.from('who')], 1_500), [null]);
    const revoked = await certs.bundle('edge-8');
    certs.revoke('edge-8');
    await until(() => site.trust.refusalOf(identity(site, 'edge-8')) === 'revoked', 'the revocation');
    await using late = new PynngReq(python!, site.port, revoked);
    assert.match(String((await late.ask([Buffer.from('who')], PATIENT_MS))[0]), /is revoked/);
    assert.equal(site.taken, 0);
    await using peer = new PynngReq(python!, site.port, await certs.bundle('edge-9'));
    assert.equal(String((await peer.ask([Buffer.from('who')], PATIENT_MS))[0]), 'you are edge-9');
  });
});

test("pynng with a certificate that asks in another edge's name is refused by the receiver; in its own it is greeted", {
  timeout: 300_000,
  skip: python === undefined && 'no python that can import pynng',
}, async (t) => {
  const refusals = new LinkRefusals(systemClock, silentLogger);
  const cloud = await startCloud(t, { guard: { refusals, mayOwn: (_edge, household) => household === 'home-a' } });
  await using site = await Site.open({}, cloud.receiver.handle);
  await using peer = new PynngReq(python!, site.port, await site.certs.bundle('edge-9'));
  const households = ['home-a', 'home-b'].map((household) => ({ household, generation: 0 }));
  const hello = (edge: string) =>
    encodeRequest({ kind: 'hello', hello: { edge, epoch: 'epoch-1', claim: 'claim-1', windowMs: 5_000, households } });
  const [forged, own] = (await peer.ask([hello('edge-1'), hello('edge-9')], PATIENT_MS)).map((reply) => decodeReply(reply!));
  assert.ok(forged?.kind === 'refused' && /certificate is that of edge edge-9/.test(forged.reason));
  assert.ok(own?.kind === 'hello');
  assert.deepEqual([own.households.map((its) => its.household), own.refused?.map((its) => its.household)], [['home-a'], ['home-b']]);
  assert.deepEqual([refusals.count('other_edge'), refusals.count('household')], [1, 1]);
});

/**
 * Somebody has the cloud's certificate and key, and the place on the network to use them. `certs rotate` shuts them out: an edge that has
 * met the new certificate takes the old one never again. Each refusal stands beside an edge that has not met it, which the thief gets.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { systemClock } from '../../common/clock.ts';
import { EdgeCredentials } from '../../common/link/edge-credentials.ts';
import { nextConnectionSees, Site } from '../doubles/tls-site.ts';
import { until } from '../doubles/until.ts';

/** A site whose cloud had a certificate, which was stolen, and has been given another. */
async function robbed(site: Site) {
  const cloudFile = join(site.certs.dir, 'cloud.pem');
  await site.certs.renewCloud({ hosts: ['127.0.0.1', 'stolen.example'], ageDays: 3 });
  await nextConnectionSees(site, 'stolen.example');
  const stolen = readFileSync(cloudFile, 'utf8');
  const bundle = await site.certs.bundle('edge-1');
  const edge = (seenFile?: string) => new EdgeCredentials(bundle, systemClock, site.logger, seenFile);
  const rotate = async () => {
    await site.certs.renewCloud({ hosts: ['127.0.0.1', 'new.example'] });
    await nextConnectionSees(site, 'new.example');
  };
  /** From now on it is the thief who answers. */
  const playTheCloud = async () => {
    writeFileSync(cloudFile, stolen, { mode: 0o600 });
    await nextConnectionSees(site, 'stolen.example');
  };
  return { edge, rotate, playTheCloud, stolen, seenFile: site.certs.path('newest.json') };
}

test('an edge that has met the new certificate refuses the old one, also after a restart; one that has not does not', async () => {
  await using site = await Site.open();
  const { edge, rotate, playTheCloud, seenFile } = await robbed(site);
  assert.equal(await site.askedBy(edge(seenFile)), 'you are edge-1');
  await rotate();
  assert.equal(await site.askedBy(edge(seenFile)), 'you are edge-1');
  await playTheCloud();
  const { taken } = site;
  assert.equal(await site.askedBy(edge(seenFile)), undefined);
  assert.equal(site.taken, taken, 'not a request has gone to the thief');
  assert.ok(site.logged.some(({ message }) => message.includes('has been replaced')));
  assert.equal(await site.askedBy(edge()), 'you are edge-1', 'the control: an edge that knows of nothing');
});

test('a connection that the thief holds ends when another of the edge meets the new certificate', async () => {
  await using site = await Site.open();
  const { edge, rotate, stolen } = await robbed(site);
  const thief = createTlsServer({ cert: stolen, key: stolen, minVersion: 'TLSv1.3' }, (socket) => socket.on('error', () => {}));
  await new Promise<void>((resolve) => thief.listen(0, '127.0.0.1', resolve));
  const credentials = edge();
  const held = credentials.dial('127.0.0.1', (thief.address() as AddressInfo).port).on('error', () => {});
  let isEnded = false;
  held.once('close', () => (isEnded = true));
  await new Promise((resolve) => held.once('secureConnect', resolve));
  assert.equal(await site.askedBy(credentials), 'you are edge-1');
  assert.equal(isEnded, false, 'as long as there is no newer one, both are the cloud');
  await rotate();
  assert.equal(await site.askedBy(credentials), 'you are edge-1');
  await until(() => isEnded, 'the end of the connection to the thief');
  thief.close();
});

test('a bundle that names a newer certificate shuts the thief out of an edge that has never met it', async () => {
  await using site = await Site.open();
  const { rotate, playTheCloud } = await robbed(site);
  await rotate();
  const sinceMs = site.certs.cloudFromMs();
  await playTheCloud();
  const told = await site.certs.bundle('edge-1', { cloudSinceMs: sinceMs });
  const untold = await site.certs.bundle('edge-1');
  assert.equal(await site.askedBy(new EdgeCredentials(told, systemClock, site.logger)), undefined);
  assert.equal(await site.askedBy(new EdgeCredentials(untold, systemClock, site.logger)), 'you are edge-1');
});

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CloudTrust } from '../../../../common/link/cloud-trust.ts';
import { silentLogger } from '../../../../common/logger.ts';
import { Metrics } from '../../../../common/metrics.ts';
import { testCerts } from '../../../doubles/test-certs.ts';
import { VirtualClock } from '../../../doubles/virtual-clock.ts';

const LIVE = { edge: 'edge-1', serial: 'AB', expiresMs: Number.MAX_SAFE_INTEGER };

test('where changes of files are not told a revocation and a new group hold within a minute all the same', async () => {
  using certs = await testCerts();
  const clock = new VirtualClock();
  certs.folder.bind('edge-1', 'north', ['h1']);
  const trust = new CloudTrust({ folder: certs.dir, clock, logger: silentLogger, isWatching: false });
  trust.start();
  let looks = 0;
  trust.onLook(() => looks++);
  assert.equal(trust.refusalOf(LIVE), undefined);
  assert.deepEqual(
    ['h1', 'h2'].map((household) => trust.mayOwn('edge-1', household)),
    [true, false],
  );
  certs.folder.saveRevoked([{ edge: 'edge-1', serial: 'AB', at: '2026-01-01T00:00:00.000Z' }]);
  certs.folder.bind('edge-1', 'north', ['h2']);
  assert.equal(trust.refusalOf(LIVE), undefined, 'nobody has looked yet');
  await clock.advance(59_000);
  assert.equal(trust.refusalOf(LIVE), 'revoked');
  assert.equal(trust.mayOwn('edge-1', 'h2'), true);
  assert.ok(looks >= 1);
  trust.stop();
});

test('a damaged file holds up no revocation, is logged once and shown; an edge of nobody owns nothing', async () => {
  using certs = await testCerts();
  const clock = new VirtualClock();
  const errors: string[] = [];
  const logger = { ...silentLogger, error: (_fields: object, message: string) => void errors.push(message) };
  certs.folder.bind('edge-1', 'north', 'any');
  const trust = new CloudTrust({ folder: certs.dir, clock, logger, isWatching: false });
  trust.start();
  const metrics = new Metrics();
  trust.register(metrics);
  const stale = async () => /^fogline_link_trust_stale (\d)$/m.exec(await metrics.text())?.[1];
  assert.equal(await stale(), '0');
  writeFileSync(join(certs.dir, 'edges.json'), '{');
  certs.folder.saveRevoked([{ edge: 'edge-1', serial: 'AB', at: '2026-01-01T00:00:00.000Z' }]);
  await clock.advance(120_000);
  assert.equal(trust.refusalOf(LIVE), 'revoked');
  assert.equal(trust.mayOwn('edge-1', 'h1'), true, 'the last good list');
  assert.equal(await stale(), '1');
  assert.equal(errors.length, 1);
  assert.equal(trust.mayOwn('edge-2', 'h1'), false);
  assert.equal(trust.refusalOf({ ...LIVE, edge: 'edge-2', serial: 'CD' }), 'unknown_edge');
  trust.stop();
});

test("days left are shown, and the cloud's own certificate is warned of in its last 30 days, once a day", async () => {
  using certs = await testCerts();
  const clock = new VirtualClock();
  const { untilMs } = await certs.renewCloud();
  const warnings: object[] = [];
  const logger = { ...silentLogger, warn: (fields: object) => void warnings.push(fields) };
  let leftMs = 31 * 86_400_000;
  const shifted = Object.assign(Object.create(clock) as VirtualClock, { nowMs: () => untilMs - leftMs });
  const trust = new CloudTrust({ folder: certs.dir, clock: shifted, logger, isWatching: false });
  const metrics = new Metrics();
  trust.start();
  trust.register(metrics);
  trust.letIn({ edge: 'edge-1', serial: 'AB', expiresMs: untilMs });
  await clock.advance(60_000);
  assert.deepEqual(warnings, []);
  leftMs = 29 * 86_400_000;
  await clock.advance(60_000);
  assert.deepEqual(warnings, [{ days: 29 }]);
  const text = await metrics.text();
  assert.match(text, /^fogline_link_certificate_seconds 2505600$/m);
  assert.match(text, /^fogline_link_edge_certificate_seconds\{edge="edge-1"\} 2505600$/m);
  trust.stop();
});

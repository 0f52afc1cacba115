/**
 * The cloud absent for the first 30 s; the link swallowing everything for 20 s, in plaintext and over mutual TLS: nothing is lost, and it
 * is seen in time.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { FleetLink } from '../doubles/fleet-link.ts';
import { startFaultyProxy } from '../doubles/faulty-proxy.ts';
import { writeMeteredData } from '../truth/metered-data.ts';
import { ensureBuilt, Fleet } from './fleet.ts';

const ABSENT_MS = 30_000;
const BLACK_HOLE_MS = 20_000;

const dataDir = mkdtempSync(join(tmpdir(), 'fogline-outages-'));
before(() => {
  ensureBuilt();
  writeMeteredData(dataDir, { households: 3, seconds: 1_800, seed: 3 });
});
after(() => rmSync(dataDir, { recursive: true }));

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test('the cloud absent for the first 30 s', async () => {
  const fleet = new Fleet({ dataDir });
  try {
    await fleet.open();
    fleet.start('edge');
    fleet.start('simulate');
    await sleep(ABSENT_MS);
    const alone = await fleet.status();
    assert.ok((alone?.waitingFor.length ?? 0) > 0, 'households wait for the cloud to assign them');
    fleet.start('cloud');
    await fleet.untilDone();
    assert.deepEqual([...fleet.assertAudited()], []);
  } finally {
    await fleet.stop();
  }
});

for (const kind of ['sp', 'tls'] as const) {
  test(`${kind}, the link black-holed for ${BLACK_HOLE_MS / 1_000} s`, async () => {
    using link = await FleetLink.of(kind);
    // About 36 s of replay, so that the hole lies inside it.
    const fleet = new Fleet({ dataDir, speed: '50', sets: link.sets });
    const { heartbeatPort, dataPort } = await fleet.open();
    const heartbeats = await startFaultyProxy({ targetPort: heartbeatPort });
    const data = await startFaultyProxy({ targetPort: dataPort });
    fleet.dial({ heartbeatPort: heartbeats.port, dataPort: data.port });
    try {
      fleet.startAll();
      await fleet.until('the first rows are acknowledged', (status) => status.acked > 0);
      for (const proxy of [heartbeats, data]) proxy.setFault({ kind: 'swallow' });
      await sleep(BLACK_HOLE_MS);
      const held = await fleet.status();
      assert.ok((held?.queued ?? 0) > 0, 'rows are kept while the link is away');
      for (const proxy of [heartbeats, data]) proxy.setFault({ kind: 'pass' });
      await fleet.untilDone();
      assert.deepEqual([...fleet.assertAudited()], []);
    } finally {
      await fleet.stop();
      await heartbeats.stop();
      await data.stop();
    }
  });
}

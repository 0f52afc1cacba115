/**
 * At least 20 seeded random kills of simulator, edge and cloud in one run, and some more over mutual TLS: the cloud must hold the truth
 * afterwards.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { seededRandom } from '../../common/random.ts';
import { FleetLink } from '../doubles/fleet-link.ts';
import { writeMeteredData } from '../truth/metered-data.ts';
import { ensureBuilt, Fleet, type PartName } from './fleet.ts';

const SEED = 20_191_224;
/** By what the link is; the second is there for what a killed side leaves of a TLS connection. */
const KILLS = { auto: 24, tls: 12 } as const;
const PARTS: readonly PartName[] = ['simulate', 'edge', 'cloud'];

const dataDir = mkdtempSync(join(tmpdir(), 'fogline-kills-'));
before(() => {
  ensureBuilt();
  writeMeteredData(dataDir, { households: 12, seconds: 7_200, seed: SEED });
});
after(() => rmSync(dataDir, { recursive: true }));

for (const kind of ['auto', 'tls'] as const) {
  test(`${kind}, ${KILLS[kind]} random kills in one run, seed ${SEED}`, async () => {
    using link = await FleetLink.of(kind);
    const random = seededRandom(SEED);
    // Paced so that the run lasts longer than the kills.
    const fleet = new Fleet({ dataDir, speed: '150', sets: link.sets });
    let kills = 0;
    try {
      await fleet.open();
      fleet.startAll();
      while (kills < KILLS[kind]) {
        await new Promise((resolve) => setTimeout(resolve, 300 + random.below(1_200)));
        const part = PARTS[random.below(PARTS.length)] as PartName;
        assert.ok(fleet.isRunning(part), `${part} ended by itself before kill ${kills + 1}`);
        await fleet.kill(part);
        fleet.start(part);
        kills++;
      }
      await fleet.untilDone();
      assert.deepEqual([...fleet.assertAudited()], []);
    } finally {
      await fleet.stop();
    }
    assert.ok(kills >= (kind === 'tls' ? 10 : 20));
  });
}

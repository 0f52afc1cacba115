/** The answer to a hello is worked in by many transactions: whichever is the last of a life, the next hello mends what was left. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { VirtualSite } from '../../../doubles/virtual-site.ts';
import { watchFailpoints } from '../../../storm/life.ts';

let unwatch = (): void => undefined;
before(() => void (unwatch = watchFailpoints(() => undefined)));
after(() => unwatch());

const READINGS = 16;

/** A site whose edge is to say hello to a cloud that has other rows than the edge believes. */
const MEETINGS: Record<string, (site: VirtualSite) => Promise<void>> = {
  'a cloud that lost what was acknowledged': async (site) => {
    site.cloud.kill();
    site.cloud.restore(0);
  },
  'a cloud that has what was not acknowledged': async (site) => {
    site.cloud.kill();
    site.cloud.restore(0);
    await site.cloud.start();
    await site.until(() => site.edge.status()?.queued === 0, 60_000, 10);
    // Set back behind an edge that knows of nothing that was stored since.
    site.edge.kill();
    site.edge.setBack(0);
    site.cloud.kill();
  },
  'a cloud that lost all, and an edge that lost its rows': async (site) => {
    site.edge.kill();
    site.edge.setBack(1);
    site.cloud.kill();
    site.cloud.restore(0);
  },
};

/** @returns whether the edge was killed at that time */
async function isKilledBetweenPieces(meet: (site: VirtualSite) => Promise<void>, times: number): Promise<boolean> {
  let deaths = 0;
  const site = new VirtualSite({ pieceRows: 4, onDeath: () => void deaths++ });
  try {
    await site.start();
    await site.clock.advance(5_000);
    site.cloud.backUp();
    for (const household of ['one', 'two']) site.produce(household, 1, READINGS);
    await site.until(() => (site.edge.status()?.queued ?? 0) > READINGS, 60_000, 1);
    site.edge.copy();
    await site.until(() => site.held('two').readings === READINGS, 600_000);
    site.edge.copy();
    await meet(site);
    if (site.edge.isUp) site.edge.kill();
    deaths = 0;
    site.edge.start({ kind: 'failpoint', name: 'edge_between_reconcile_pieces', times });
    await site.cloud.start();
    await site.clock.advance(30_000);
    const isKilled = deaths > 0;
    if (isKilled) site.edge.start();
    site.endRun(['one', 'two'].map((household) => ({ household, device: 'meter', src: 'src1', seq: READINGS })));
    await site.until(() => site.edge.status()?.runs[0]?.done === true && site.held('one').readings === READINGS, 600_000);
    for (const household of ['one', 'two'])
      assert.deepEqual(site.held(household), { covered: [[1, READINGS]], declared: [], readings: READINGS }, `killed at ${times}`);
    assert.deepEqual([site.errors, site.witness.findings], [[], []]);
    assert.equal(site.edge.status()?.queued, 0);
    return isKilled;
  } finally {
    site.end();
  }
}

for (const [what, meet] of Object.entries(MEETINGS)) {
  test(`an edge killed between any two pieces of its hello to ${what} ends with what it had to`, async () => {
    let kills = 0;
    while (await isKilledBetweenPieces(meet, kills + 1)) kills++;
    assert.ok(kills >= 5, `killed at ${kills} places`);
  });
}

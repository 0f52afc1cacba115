/** kill -9 at every failpoint of the list, once each: the cloud must hold the truth afterwards. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { FAILPOINTS } from '../../common/failpoints.ts';
import { writeMeteredData } from '../truth/metered-data.ts';
import { ensureBuilt, Fleet, type PartName } from './fleet.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'fogline-failpoints-'));
before(() => {
  ensureBuilt();
  writeMeteredData(dataDir, { households: 3, seconds: 900, seed: 7 });
});
after(() => rmSync(dataDir, { recursive: true }));

/**
 * The data in a few seconds, with edge and cloud there from the first: at full speed a slow edge finds all of it in the topic, takes
 * it at once, and no second visit comes.
 */
const SPEED = '200';

/** Failpoints that only an early or a late visit reaches in a small run; the others are killed at the second. */
const NTH: Partial<Record<string, number>> = {
  edge_after_hello_before_reconcile: 1,
  edge_inside_reconcile: 1,
  edge_between_reconcile_pieces: 1,
  edge_inside_trim: 1,
  edge_before_broker_commit: 1,
  cloud_after_hello_commit_before_reply: 1,
  simulator_before_append: 3,
  simulator_after_append_before_resume_save: 3,
  simulator_after_resume_save: 3,
};

/** A hello changes rows where it tells of what was stored and not acknowledged: there the cloud is killed first. */
const AFTER_LOST_ACKS = 'edge_between_reconcile_pieces';
const LOSES_ACKS = 'cloud_after_commit_before_ack:2';

function partOf(failpoint: string): PartName {
  if (failpoint.startsWith('simulator')) return 'simulate';
  return failpoint.startsWith('edge') ? 'edge' : 'cloud';
}

for (const failpoint of FAILPOINTS) {
  test(`killed at ${failpoint}`, async () => {
    const part = partOf(failpoint);
    // Acked rows are trimmed at once where the trimming is to be killed.
    const sets = failpoint === 'edge_inside_trim' ? ['edge.outbox_keep_hours=0'] : [];
    const fleet = new Fleet({ dataDir, sets, speed: SPEED });
    try {
      await fleet.open();
      for (const other of ['cloud', 'edge', 'simulate'] as const) {
        const first = failpoint === AFTER_LOST_ACKS && other === 'cloud' ? LOSES_ACKS : undefined;
        fleet.start(other, other === part ? `${failpoint}:${NTH[failpoint] ?? 2}` : first);
        await fleet.readyOrEnded(other);
      }
      if (failpoint === AFTER_LOST_ACKS) {
        assert.equal(await fleet.ended('cloud'), 'SIGKILL');
        fleet.start('cloud');
      }
      assert.equal(await fleet.ended(part), 'SIGKILL', `${failpoint} was not reached`);
      fleet.start(part);
      await fleet.untilDone();
      assert.deepEqual([...fleet.assertAudited()], []);
    } finally {
      await fleet.stop();
    }
  });
}

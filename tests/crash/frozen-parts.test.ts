/** Each part stopped for some seconds in a run (SIGSTOP), as by a snapshot or a busy machine; the cloud too: a silent peer. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemClock } from '../../common/clock.ts';
import { writeMeteredData } from '../truth/metered-data.ts';
import { FleetLink, type LinkKind } from '../doubles/fleet-link.ts';
import { isStopped } from '../doubles/process-state.ts';
import { ensureBuilt, Fleet, type PartName } from './fleet.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'fogline-frozen-'));
const FROZEN_MS = 4_000;
/** The data in twelve seconds: a busy machine too meets a run that goes on when it freezes a part. */
const SPEED = '100';

before(() => {
  ensureBuilt();
  writeMeteredData(dataDir, { households: 3, seconds: 1_200, seed: 21 });
});
after(() => rmSync(dataDir, { recursive: true }));

const FROZEN: [part: PartName, kind: LinkKind][] = [
  ['simulate', 'auto'],
  ['edge', 'auto'],
  ['cloud', 'auto'],
  ['edge', 'tls'],
  ['cloud', 'tls'],
];

for (const [part, kind] of FROZEN) {
  test(`${kind}, ${part} frozen for ${FROZEN_MS / 1_000} s`, async () => {
    using link = await FleetLink.of(kind);
    const fleet = new Fleet({ dataDir, speed: SPEED, sets: link.sets });
    try {
      await fleet.open();
      fleet.startAll();
      const before = await fleet.until('rows are acknowledged', ({ acked }) => acked > 50);
      fleet.signal(part, 'SIGSTOP');
      await systemClock.sleep(FROZEN_MS);
      if (part === 'cloud') {
        const { queued, sent, acked } = await fleet.until('the edge answers beside a silent cloud', () => true);
        assert.ok(queued + sent > 0, 'rows wait');
        assert.ok(acked >= before.acked);
        assert.match(fleet.logOf('edge').join('\n'), /the cloud does not answer/);
      }
      assert.ok(isStopped(fleet.pidOf(part)), `${part} stood still`);
      fleet.signal(part, 'SIGCONT');
      await fleet.untilDone();
      for (const each of ['simulate', 'edge', 'cloud'] as const) assert.equal(fleet.starts[each], 1, `${each} lived through it`);
      assert.deepEqual([...fleet.assertAudited()], []);
    } finally {
      fleet.signal(part, 'SIGCONT');
      await fleet.stop();
    }
  });
}

/**
 * Disks of a few megabytes that fill up under edge, broker and cloud. Nothing is acknowledged that could not be stored, nobody ends for
 * good, and when there is room again everything goes on by itself.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { lasting } from '../../benchmarks/soak-parts.ts';
import { systemClock } from '../../common/clock.ts';
import { mayMount, runInNamespace, SmallDisk } from '../doubles/small-disk.ts';
import { writeMeteredData } from '../truth/metered-data.ts';
import { ensureBuilt, Fleet, type FleetOptions } from './fleet.ts';

const MIB = 1 << 20;
/** A fourth of what a broker leaves free: DISK_RESERVE_BYTES. */
const ROOM_FOR_AUDIT_BYTES = 4 * MIB;
/** Long enough for some tries on the full disk. */
const FULL_MS = 3_000;
/** Generous: the machines are small and busy. */
const TOLD_DEADLINE_MS = 240_000;

/** These need to mount; where they may not they run once more in a namespace, all at once. */
const onDisk = (name: string, check: () => Promise<void>): void => {
  if (mayMount) void test(name, check);
};
if (!mayMount) {
  void test('in a mount namespace of its own', (context) => {
    const result = runInNamespace(import.meta.filename);
    if (result === undefined) context.skip('not root, and no user namespaces: nothing can be mounted');
    else assert.equal(result.status, 0, result.output);
  });
}

const folder = mkdtempSync(join(tmpdir(), 'fogline-disks-'));
const dataDir = join(folder, 'data');
before(() => {
  if (!mayMount) return;
  ensureBuilt();
  writeMeteredData(dataDir, { households: 3, seconds: 1_800, seed: 5 });
});
after(() => rmSync(folder, { recursive: true }));

async function withDisk(
  place: 'edge' | 'broker' | 'cloud',
  megabytes: number,
  options: Partial<FleetOptions>,
  check: (fleet: Fleet, disk: SmallDisk) => Promise<void>,
): Promise<void> {
  const fleet = new Fleet({ dataDir, ...options });
  const disk = new SmallDisk(join(fleet.stateDir, place), megabytes);
  try {
    await fleet.open();
    await check(fleet, disk);
    assert.deepEqual([...fleet.assertAudited()], []);
  } finally {
    await fleet.stop(() => disk.unmount());
  }
}

onDisk('cloud: what can not be stored is not acknowledged', async () => {
  await withDisk('cloud', 8, { speed: '400' }, async (fleet, disk) => {
    fleet.startAll();
    await fleet.until('rows are acknowledged', ({ acked }) => acked > 50);
    disk.fill(0);
    const refused = /no space for .*series\.db/;
    await fleet.until('the cloud says so', () => fleet.logOf('cloud').some((line) => refused.test(line)));
    await systemClock.sleep(FULL_MS);
    const { acked } = await fleet.until('a backlog waits', ({ queued, sent }) => queued + sent > 50);
    // Each acknowledged row is in the store, says the audit of the running parts; the others wait.
    fleet.assertNothingLost();
    assert.ok(fleet.isRunning('cloud') && fleet.isRunning('edge'));
    assert.equal((await fleet.status())?.acked, acked, 'no ack on a full disk');
    disk.empty();
    await fleet.untilDone();
    for (const part of ['cloud', 'edge', 'simulate'] as const) assert.equal(fleet.starts[part], 1, `${part} lived through it`);
  });
});

onDisk('edge: a disk that is full to the last byte; when there is room it goes on', async () => {
  await withDisk('edge', 8, { speed: '400' }, async (fleet, disk) => {
    fleet.startAll();
    await fleet.until('rows are acknowledged', ({ acked }) => acked > 50);
    disk.fill(0);
    const refused = /can not be written|can not go on/;
    await fleet.until('the edge says so', () => fleet.logOf('edge').some((line) => refused.test(line)));
    await systemClock.sleep(FULL_MS);
    assert.ok(fleet.isRunning('edge'));
    fleet.assertNothingLost();
    disk.empty();
    await fleet.untilDone();
    for (const part of ['cloud', 'edge', 'simulate'] as const) assert.equal(fleet.starts[part], 1, `${part} lived through it`);
  });
});

onDisk('edge: killed on the full disk, started on it, and room later', async () => {
  await withDisk('edge', 8, { speed: '400' }, async (fleet, disk) => {
    fleet.startAll();
    await fleet.until('rows are acknowledged', ({ acked }) => acked > 50);
    disk.fill(0);
    await fleet.until('the edge says so', () => fleet.logOf('edge').some((line) => /can not be written|can not go on/.test(line)));
    await fleet.kill('edge');
    fleet.start('edge');
    // It may wait, or end with a reason; a supervisor starts it again.
    await systemClock.sleep(FULL_MS);
    disk.empty();
    if (!fleet.isRunning('edge')) {
      assert.match(fleet.logOf('edge').join('\n'), /\[DISK_FULL\]\n {2}what to do: /);
      fleet.start('edge');
    }
    await fleet.untilDone();
  });
});

onDisk('edge: the quota is met before the disk is full; acks make room, and the intake goes on', async () => {
  const sets = ['edge.outbox_quota_mb=4', 'edge.outbox_keep_hours=0'];
  const longer = join(folder, 'longer');
  writeMeteredData(longer, { households: 8, seconds: 14_400, seed: 6 });
  await withDisk('edge', 24, { dataDir: longer, sets }, async (fleet, disk) => {
    fleet.startAll();
    await fleet.until('households are assigned', ({ acked }) => acked > 0);
    await fleet.kill('cloud');
    const full = await fleet.until('the quota is met', ({ outboxFull }) => outboxFull);
    assert.ok(full.queued + full.sent > 500);
    assert.ok(disk.freeBytes > MIB, 'the disk is not full');
    fleet.start('cloud');
    const { outboxFull } = await fleet.untilDone();
    assert.equal(outboxFull, false);
    assert.equal(fleet.starts.edge, 1);
  });
});

// Slow enough that the simulator has something to append on the full disk.
onDisk('broker: appends wait for room, what is in it is consumed', async () => {
  await withDisk('broker', 40, { speed: '100' }, async (fleet, disk) => {
    fleet.startAll();
    await fleet.until('rows are acknowledged', ({ acked }) => acked > 50);
    disk.fill(0);
    const says = (part: 'simulate' | 'edge') => /BROKER_FULL|disk or quota is full/.test(fleet.loggedSince(part, 0));
    // Each may end with its reason, so nobody's status is asked.
    assert.ok(await lasting(FULL_MS, () => says('simulate') || says('edge'), TOLD_DEADLINE_MS), 'one of the two has said so');
    // The audit wants some bytes; with so few the file does not grow, and appends wait on.
    disk.empty();
    disk.fill(ROOM_FOR_AUDIT_BYTES);
    fleet.assertNothingLost();
    disk.empty();
    // Each part may have ended with its reason, as its supervisor would see it.
    for (const part of ['simulate', 'edge'] as const) {
      if (fleet.isRunning(part)) continue;
      assert.match(fleet.logOf(part).join('\n'), /\[BROKER_FULL\]\n {2}what to do: /);
      fleet.start(part);
    }
    await fleet.untilDone();
  });
});

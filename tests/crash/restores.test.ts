/**
 * Files and clocks that go back: the cloud restored from an earlier copy, an edge that is started twice, an outbox that an earlier version
 * wrote, the wall clock that jumps. Real processes; afterwards the audit agrees.
 */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import Database from 'better-sqlite3';
import { systemClock } from '../../common/clock.ts';
import { MIGRATIONS, OUTBOX_FILE } from '../../edge/server/outbox-schema.ts';
import { copyFolder } from '../doubles/folder-copy.ts';
import { DialledClock } from '../doubles/dialled-clock.ts';
import { writeMeteredData } from '../truth/metered-data.ts';
import { auditedFleet, ensureBuilt, Fleet, type FleetOptions } from './fleet.ts';

const folder = mkdtempSync(join(tmpdir(), 'fogline-restores-'));
const dataDir = join(folder, 'data');
const HOUR_MS = 3_600_000;
const HOUSEHOLDS = 3;
/** Of 5 s, of all households. */
const HOUR_WINDOWS = (HOUSEHOLDS * HOUR_MS) / 5_000;
const BETWEEN_JUMPS_MS = 900;

before(() => {
  ensureBuilt();
  writeMeteredData(dataDir, { households: HOUSEHOLDS, seconds: 1_800, seed: 41 });
});
after(() => rmSync(folder, { recursive: true }));

function withFleet(options: Partial<FleetOptions>, check: (fleet: Fleet) => Promise<void>): Promise<void> {
  return auditedFleet({ dataDir, speed: '300', ...options }, check);
}

const windowsIn = (fleet: Fleet) => fleet.exportCsv().trimEnd().split('\n').length - 1;

test('the cloud restored from a copy of an hour ago: the edge brings what it lacks', async () => {
  const hours = join(folder, 'hours');
  writeMeteredData(hours, { households: HOUSEHOLDS, seconds: (6 * HOUR_MS) / 1_000, seed: 42 });
  await withFleet({ dataDir: hours, speed: '1200' }, async (fleet) => {
    fleet.startAll();
    await fleet.until('rows are acknowledged', ({ acked }) => acked > 60);
    const cloud = join(fleet.stateDir, 'cloud');
    const backup = join(fleet.folder, 'backup');
    await fleet.kill('cloud');
    copyFolder(cloud, backup);
    const inBackup = windowsIn(fleet);
    fleet.start('cloud');
    await fleet.until('an hour more is acknowledged', ({ acked }) => acked > inBackup + HOUR_WINDOWS);
    await fleet.kill('cloud');
    const before = windowsIn(fleet);
    copyFolder(backup, cloud);
    assert.equal(windowsIn(fleet), inBackup);
    assert.ok(before >= inBackup + HOUR_WINDOWS, `${before} windows, ${inBackup} in the copy`);
    fleet.start('cloud');
  });
});

test('an edge started from a copy of another that runs: one of them is fenced, with an alarm; started again it goes on', async () => {
  await withFleet({ speed: '50' }, async (fleet) => {
    const { heartbeatPort, dataPort } = await fleet.open();
    fleet.startAll();
    await fleet.until('rows are acknowledged', ({ acked }) => acked > 30);
    await fleet.kill('edge');
    const copied = join(fleet.folder, 'copied');
    cpSync(fleet.stateDir, copied, { recursive: true });
    fleet.start('edge');
    await fleet.until('the first one is back', ({ acked }) => acked > 60);
    const clone = new Fleet({ dataDir, stateFrom: copied });
    try {
      await clone.open();
      clone.dial({ heartbeatPort, dataPort });
      clone.start('edge');
      const { parked } = await fleet.until('the first one is fenced', (status) => status.parked.length > 0);
      for (const { reason } of parked) assert.match(reason, /another edge has taken it over; restart this edge to claim it again/);
      assert.match(fleet.logOf('edge').join('\n'), /"level":"error".*household parked/);
    } finally {
      await clone.stop();
    }
    await fleet.kill('edge');
    fleet.start('edge');
  });
});

test('a backlog in the outbox of the version before: taken over as it is, and delivered', async () => {
  await withFleet({}, async (fleet) => {
    fleet.startAll();
    await fleet.until('rows are acknowledged', ({ acked }) => acked > 60);
    await fleet.kill('cloud');
    const { queued, sent } = await fleet.until('a backlog waits', (status) => status.queued + status.sent > 150);
    await fleet.kill('edge');
    const path = join(fleet.stateDir, 'edge', OUTBOX_FILE);
    assert.ok(toFirstVersion(path) >= queued + sent);
    fleet.start('cloud');
    fleet.start('edge');
    await fleet.untilDone();
    const database = new Database(path, { readonly: true });
    assert.equal(database.pragma('user_version', { simple: true }), MIGRATIONS.length);
    database.close();
    assert.doesNotMatch(fleet.logOf('edge').join('\n'), /damage/);
  });
});

/** Writes the file anew as the first version had it, with the same rows. @returns rows of the outbox */
function toFirstVersion(path: string): number {
  const old = `${path}-old`;
  const first = new Database(old);
  first.pragma('page_size = 8192');
  first.pragma('auto_vacuum = INCREMENTAL');
  first.exec(MIGRATIONS[0] as string);
  first.pragma('user_version = 1');
  first.prepare('ATTACH ? AS newer').run(path);
  const tables = first
    .prepare("SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .pluck()
    .all() as string[];
  for (const table of tables) {
    const columns = (first.prepare(`SELECT name FROM pragma_table_info('${table}', 'main')`).pluck().all() as string[])
      .map((column) => `"${column}"`)
      .join();
    first.exec(`INSERT INTO main.${table} (${columns}) SELECT ${columns} FROM newer.${table}`);
  }
  const rows = first.prepare('SELECT count(*) FROM main.outbox').pluck().get() as number;
  first.close();
  for (const part of ['', '-wal', '-shm']) rmSync(`${path}${part}`, { force: true });
  renameSync(old, path);
  return rows;
}

test('the wall clock jumps a day on, an hour back, and drifts: no window moves, nothing is lost', async () => {
  const clock = new DialledClock(join(folder, 'clock'));
  await withFleet({ speed: '120', env: clock.env }, async (fleet) => {
    fleet.startAll();
    await fleet.until('rows are acknowledged', ({ acked }) => acked > 30);
    // Shift in ms, and how fast it runs.
    const jumps: [number, number][] = [
      [24 * HOUR_MS, 1],
      [-HOUR_MS, 1],
      [-HOUR_MS, 1.2],
      [48 * HOUR_MS, 0.8],
      [0, 1],
    ];
    for (const [shiftMs, rate] of jumps) {
      clock.turn(shiftMs, rate);
      await systemClock.sleep(BETWEEN_JUMPS_MS);
    }
    await fleet.untilDone();
    const database = new Database(join(fleet.stateDir, 'edge', OUTBOX_FILE), { readonly: true });
    const newest = database.prepare('SELECT max(changed_ms) FROM outbox').pluck().get() as number;
    database.close();
    assert.ok(newest > systemClock.nowMs() + 40 * HOUR_MS, 'the edge has believed the clock');
  });
});

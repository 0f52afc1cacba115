/**
 * `fogline backup` while simulator, edge and cloud run and write, as real processes; what is restored of it loses nothing and doubles
 * nothing, whichever part is put back and however much the others have gone on since. Afterwards the audit agrees.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import Database from 'better-sqlite3';
import { writeMeteredData } from '../truth/metered-data.ts';
import { auditedFleet, ensureBuilt, Fleet, type FleetOptions } from './fleet.ts';

const ENTRY = join(import.meta.dirname, '../../dist/fogline.js');
const folder = mkdtempSync(join(tmpdir(), 'fogline-backups-'));
const dataDir = join(folder, 'data');
/** Some 1,000 readings of 2,880 rows in all. */
const MUCH_MORE_ROWS = 250;
let places = 0;
const newPlace = () => join(folder, `place-${++places}`);

before(() => {
  ensureBuilt();
  writeMeteredData(dataDir, { households: 6, seconds: 2_400, seed: 43 });
});
after(() => rmSync(folder, { recursive: true, force: true }));

interface MadeBackup {
  parts: string[];
  bytes: number;
}

/** @returns what the command says of itself */
function backUp(stateDir: string, dir: string, ...more: string[]): Promise<MadeBackup> {
  const child = spawn(process.execPath, [ENTRY, 'backup', dir, '--state', stateDir, '--json', ...more], { cwd: folder });
  let [said, told] = ['', ''];
  child.stdout.on('data', (bytes) => (said += String(bytes)));
  child.stderr.on('data', (bytes) => (told += String(bytes)));
  return new Promise((resolve, reject) => {
    child.once('close', (code) => (code === 0 ? resolve(JSON.parse(said) as MadeBackup) : reject(new Error(`exit ${code}\n${told}`))));
  });
}

function restore(stateDir: string, dir: string, ...more: string[]): string {
  const result = spawnSync(process.execPath, [ENTRY, 'restore', dir, '--state', stateDir, ...more], { encoding: 'utf8', cwd: folder });
  assert.equal(result.status, 0, result.stderr);
  return result.stdout;
}

function withFleet(options: Partial<FleetOptions>, check: (fleet: Fleet) => Promise<void>): Promise<void> {
  return auditedFleet({ dataDir, ...options }, check);
}

/** Than now, however long what was done before has taken. */
async function muchMoreAcked(fleet: Fleet): Promise<void> {
  const before = await fleet.until('the edge says how much is acknowledged', () => true);
  await fleet.until('much more is acknowledged', ({ acked }) => acked > before.acked + MUCH_MORE_ROWS);
}

function counted(path: string, sql: string): number {
  const database = new Database(path, { readonly: true });
  try {
    return database.prepare(sql).pluck().get() as number;
  } finally {
    database.close();
  }
}

const storedIn = (stateDir: string) => counted(join(stateDir, 'cloud/series.db'), 'SELECT coalesce(sum(readings), 0) FROM sources');

test('made again and again under load: each restored elsewhere agrees with itself, and goes on to the same end', async () => {
  const backups: string[] = [];
  let atEnd = 0;
  await withFleet({ speed: '150' }, async (fleet) => {
    fleet.startAll();
    await fleet.until('rows are acknowledged', ({ acked }) => acked > 30);
    while (backups.length < 3) {
      const dir = newPlace();
      const { parts } = await backUp(fleet.stateDir, dir);
      assert.deepEqual(parts, ['edge', 'cloud']);
      backups.push(dir);
      // What the copying kept the parts from doing would show here: the next one holds more.
      const { acked: now } = await fleet.until('the edge answers', () => true);
      // On a slow machine the run may have come to its end.
      await fleet.until('more was acknowledged', ({ acked, runs }) => acked > now + 100 || runs.some(({ done }) => done));
    }
    await fleet.untilDone();
    atEnd = storedIn(fleet.stateDir);
  });
  const held: number[] = [];
  for (const dir of backups) {
    const copy = newPlace();
    restore(copy, dir);
    held.push(storedIn(copy));
    const fleet = new Fleet({ dataDir, stateFrom: copy });
    try {
      await fleet.open();
      // Before anything runs on it: every stage has what the one behind it says it has, what is under way is held by one of them.
      fleet.assertNothingLost();
      if (dir !== backups[0] && dir !== backups.at(-1)) continue;
      fleet.startAll();
      await fleet.untilDone();
      assert.deepEqual([...fleet.assertAudited()], []);
      assert.equal(storedIn(fleet.stateDir), atEnd);
    } finally {
      await fleet.stop();
    }
  }
  assert.deepEqual(
    held,
    held.toSorted((x, y) => x - y),
  );
  assert.ok((held[0] as number) > 0 && (held[0] as number) < atEnd, `${held.join()}; ${atEnd} at the end`);
});

test('the cloud alone restored from a backup of long ago, while the edge goes on: it is filled again', async () => {
  const dir = newPlace();
  await withFleet({ speed: '100' }, async (fleet) => {
    fleet.startAll();
    await fleet.until('rows are acknowledged', ({ acked }) => acked > 60);
    assert.deepEqual((await backUp(fleet.stateDir, dir, '--part', 'cloud')).parts, ['cloud']);
    await muchMoreAcked(fleet);
    const running = spawnSync(process.execPath, [ENTRY, 'restore', dir, '--force', '--state', fleet.stateDir], { encoding: 'utf8' });
    assert.equal(running.status, 2);
    assert.match(running.stderr, /a cloud server runs on/);
    await fleet.kill('cloud');
    const before_ = storedIn(fleet.stateDir);
    const said = restore(fleet.stateDir, dir, '--force');
    assert.match(said, /what was there is kept in .*replaced-/);
    assert.ok(fleet.isRunning('edge') && fleet.isRunning('simulate'));
    assert.ok(storedIn(fleet.stateDir) < before_ - 500, `${storedIn(fleet.stateDir)} of ${before_} readings are in the backup`);
    // R9 is not done yet: the audit says so by name, it does not pass it over.
    assert.throws(() => fleet.assertNothingLost(), /acknowledged/);
    fleet.start('cloud');
    await fleet.until('the edge has heard of it', ({ queued, sent, acked }) => queued + sent + acked > 400);
  });
});

test('the edge with its topic and its meters restored from a backup of long ago, while the cloud goes on: no seq comes twice', async () => {
  const dir = newPlace();
  await withFleet({ speed: '100' }, async (fleet) => {
    fleet.startAll();
    await fleet.until('rows are acknowledged', ({ acked }) => acked > 60);
    await backUp(fleet.stateDir, dir, '--part', 'edge');
    await muchMoreAcked(fleet);
    await fleet.kill('simulate');
    await fleet.kill('edge');
    const inTopic = counted(join(fleet.stateDir, 'broker/broker.db'), 'SELECT sum(count) FROM batch');
    const stored = storedIn(fleet.stateDir);
    restore(fleet.stateDir, dir, '--force');
    assert.ok(counted(join(fleet.stateDir, 'broker/broker.db'), 'SELECT sum(count) FROM batch') < inTopic);
    assert.ok(fleet.isRunning('cloud'));
    fleet.start('edge');
    fleet.start('simulate');
    await fleet.untilDone();
    assert.ok(storedIn(fleet.stateDir) > stored, `${stored} before`);
    assert.doesNotMatch(fleet.logOf('cloud').join('\n'), /conflict|overlap/);
  });
});

test('an edge restored elsewhere while the first one lives: one of them is fenced, as with any copy', async () => {
  const [dir, elsewhere] = [newPlace(), newPlace()];
  await withFleet({ speed: '60' }, async (fleet) => {
    const { heartbeatPort, dataPort } = await fleet.open();
    fleet.startAll();
    await fleet.until('rows are acknowledged', ({ acked }) => acked > 30);
    await backUp(fleet.stateDir, dir, '--part', 'edge');
    restore(elsewhere, dir);
    const clone = new Fleet({ dataDir, stateFrom: elsewhere });
    try {
      await clone.open();
      clone.dial({ heartbeatPort, dataPort });
      clone.start('edge');
      const { parked } = await fleet.until('the first one is fenced', (status) => status.parked.length > 0);
      for (const { reason } of parked) assert.match(reason, /another edge has taken it over/);
    } finally {
      await clone.stop();
    }
    await fleet.kill('edge');
    fleet.start('edge');
  });
});

test('a copy of the files alone, made under load, is what a backup is made against: the audit refuses it, or SQLite does', async () => {
  const copy = newPlace();
  await withFleet({ speed: '150' }, async (fleet) => {
    fleet.startAll();
    await fleet.until('rows are acknowledged', ({ acked }) => acked > 30);
    // The cloud first, the edge last: whatever the edge hears meanwhile the copy of the cloud lacks.
    cpSync(join(fleet.stateDir, 'cloud'), join(copy, 'cloud'), { recursive: true });
    const { acked: now } = await fleet.until('the edge answers', () => true);
    await fleet.until('more is acknowledged', ({ acked }) => acked > now + 20);
    for (const part of ['broker', 'edge', 'simulator']) cpSync(join(fleet.stateDir, part), join(copy, part), { recursive: true });
  });
  assert.ok(existsSync(join(copy, 'cloud/series.db')));
  const { status } = spawnSync(process.execPath, [ENTRY, 'audit', '--state', copy, '--data', dataDir], { cwd: folder });
  assert.notEqual(status, 0, 'the audit would pass any copy');
});

/** Whatever is changed in the cloud's store, `fogline audit` says no and names household, stage and window. */
import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type Database from 'better-sqlite3';
import { decodeField, encodeStats, type FieldStats } from '../../cloud/server/storage/stats-codec.ts';
import { STAT, STATS_PER_FIELD } from '../../common/messages.ts';
import { Fleet } from '../crash/fleet.ts';
import {
  assertNamed,
  assertSameAtEveryStage,
  assertYes,
  audit,
  cleanUp,
  copyOf,
  dataDir,
  inFile,
  newPath,
  prepare,
  whole,
} from '../doubles/audited-run.ts';
import { METERED_START_MS } from '../truth/metered-data.ts';

/** Of half a second and an audit each. */
const FILL_TRIES = 100;

before(prepare);
after(cleanUp);

interface Victim {
  deviceId: number;
  sourceId: number;
  windowStartMs: number;
  fromSeq: number;
}

/** A part in the middle of the household. */
function victimIn(database: Database.Database, household: string, windowStartMs = METERED_START_MS + 1_000_000): Victim {
  return database
    .prepare(
      `SELECT p.device_id AS deviceId, p.source_id AS sourceId, p.window_start_ms AS windowStartMs, p.from_seq AS fromSeq
       FROM parts p JOIN devices d ON d.id = p.device_id JOIN households h ON h.id = d.household_id
       WHERE household = ? AND window_start_ms >= ? ORDER BY window_start_ms, from_seq LIMIT 1`,
    )
    .get(household, windowStartMs) as Victim;
}

const AT = 'device_id = @deviceId AND window_start_ms = @windowStartMs AND source_id = @sourceId AND from_seq = @fromSeq';

function changeStats(database: Database.Database, victim: Victim, change: (stats: number[], fields: readonly string[]) => void): void {
  const row = database.prepare(`SELECT stats, fields FROM parts JOIN field_sets ON id = field_set_id WHERE ${AT}`).get(victim) as {
    stats: Buffer;
    fields: string;
  };
  const fields = JSON.parse(row.fields) as string[];
  const stats = fields.flatMap((_, i) => {
    const numbers = {} as FieldStats;
    decodeField(row.stats, fields.length, i, numbers);
    return [numbers.sum, numbers.min, numbers.max, numbers.first, numbers.last];
  });
  change(stats, fields);
  database.prepare(`UPDATE parts SET stats = @stats WHERE ${AT}`).run({ ...victim, stats: encodeStats(stats) });
}

const MILLIWATT = 0.001;

for (const number of ['sum', 'min', 'max', 'first', 'last'] as const) {
  test(`no: the ${number} of a window changed by 1 mW`, () => {
    const state = copyOf(whole);
    let window = 0;
    inFile(join(state, 'cloud/series.db'), (database) => {
      const victim = victimIn(database, 'home-2');
      window = victim.windowStartMs;
      changeStats(database, victim, (stats, fields) => {
        const at = fields.indexOf('power2') * STATS_PER_FIELD + STAT[number];
        stats[at] = (stats[at] as number) + MILLIWATT;
      });
    });
    assertNamed(audit(state), { household: 'home-2', stage: 'cloud', window, what: /power2/ });
  });
}

/** As retention leaves it: what is older is gone, and the store says from when on it is there. */
function forget(database: Database.Database, levelMs: number, beforeMs: number, isNoted = true): void {
  const where = levelMs === 5_000 ? 'parts WHERE window_start_ms < ?' : `rollups WHERE level_ms = ${levelMs} AND start_ms < ?`;
  assert.ok(database.prepare(`DELETE FROM ${where}`).run(beforeMs).changes > 0);
  if (isNoted) database.prepare('INSERT INTO meta VALUES (?, ?)').run(`kept_from_ms_${levelMs}`, String(beforeMs));
}

test('yes: what was forgotten because of its age is missed by nobody, and what it was summed up in is still looked at', () => {
  const cutMs = METERED_START_MS + 2_700_000;
  const state = copyOf(whole);
  const file = join(state, 'cloud/series.db');
  inFile(file, (database) => {
    forget(database, 5_000, cutMs);
    forget(database, 60_000, cutMs - 900_000);
  });
  assertYes(audit(state));
  inFile(file, (database) => {
    const hour = `level_ms = 3600000 AND start_ms < ${cutMs - 1_800_000}`;
    assert.ok(database.prepare(`UPDATE rollups SET max = max + 1 WHERE ${hour}`).run().changes > 0);
  });
  assert.ok(!audit(state).agrees);
  const unnoted = copyOf(whole);
  inFile(join(unnoted, 'cloud/series.db'), (database) => forget(database, 5_000, cutMs, false));
  assert.ok(!audit(unnoted).agrees, 'only what the store says it has forgotten may be missing');
});

test('no: one bit of a part turned, whatever it says; its checksum is named, also where no number can be decoded any more', () => {
  for (const [household, change] of [
    ['home-1', `UPDATE parts SET last_ms = last_ms + 1 WHERE ${AT}`],
    ['home-2', `UPDATE parts SET seal = seal + 1 WHERE ${AT}`],
    ['home-3', `UPDATE parts SET stats = substr(stats, 1, 9) WHERE ${AT}`],
  ] as const) {
    const state = copyOf(whole);
    let window = 0;
    inFile(join(state, 'cloud/series.db'), (database) => {
      const victim = victimIn(database, household);
      window = victim.windowStartMs;
      assert.equal(database.prepare(change).run(victim).changes, 1);
    });
    assertNamed(audit(state), { household, stage: 'cloud', window, what: /the checksum of seqs \d+ to \d+ does not hold/ });
  }
});

test('no: a cloud row deleted', () => {
  const state = copyOf(whole);
  let window = 0;
  inFile(join(state, 'cloud/series.db'), (database) => {
    const victim = victimIn(database, 'home-3');
    window = victim.windowStartMs;
    assert.equal(database.prepare(`DELETE FROM parts WHERE ${AT}`).run(victim).changes, 1);
  });
  assertNamed(audit(state), { household: 'home-3', stage: 'cloud', window });
});

test('no: a window doubled', () => {
  const state = copyOf(whole);
  let window = 0;
  inFile(join(state, 'cloud/series.db'), (database) => {
    const victim = victimIn(database, 'home-1');
    window = victim.windowStartMs;
    const columns = 'first_ms, last_ms, field_set_id, digest_high, digest_low, stats';
    const shifted = 'device_id, window_start_ms, source_id, from_seq + 1000000, to_seq + 1000000';
    const copied = database.prepare(
      `INSERT INTO parts (device_id, window_start_ms, source_id, from_seq, to_seq, ${columns}) 
       SELECT ${shifted}, ${columns} FROM parts WHERE ${AT}`,
    );
    assert.equal(copied.run(victim).changes, 1);
  });
  assertNamed(audit(state), { household: 'home-1', stage: 'cloud', window });
});

test('no: the windows of two households swapped', () => {
  const state = copyOf(whole);
  let window = 0;
  inFile(join(state, 'cloud/series.db'), (database) => {
    const [one, other] = [victimIn(database, 'home-1'), victimIn(database, 'home-3')];
    window = one.windowStartMs;
    assert.equal(other.windowStartMs, window);
    const read = database.prepare(`SELECT first_ms, last_ms, digest_high, digest_low, stats FROM parts WHERE ${AT}`);
    const write = database.prepare(
      `UPDATE parts SET first_ms = @first_ms, last_ms = @last_ms, digest_high = @digest_high, digest_low = @digest_low, stats = @stats
       WHERE ${AT}`,
    );
    const [held, swapped] = [read.get(one) as object, read.get(other) as object];
    write.run({ ...one, ...swapped });
    write.run({ ...other, ...held });
  });
  const report = audit(state);
  for (const household of ['home-1', 'home-3']) assertNamed(report, { household, stage: 'cloud', window });
});

const ROLLUP_CHANGES: readonly [string, string][] = [
  ['sum', 'sum = sum + 0.001'],
  ['count', 'count = count + 1'],
  ['min', 'min = min - 0.001'],
  ['last', 'last = last + 0.001'],
  ['energy', 'energy_ws = energy_ws + 0.001'],
  ['number of windows', 'window_count = window_count - 1'],
];
for (const [what, change] of ROLLUP_CHANGES) {
  test(`no: the ${what} of a bucket changed`, () => {
    const state = copyOf(whole);
    inFile(join(state, 'cloud/series.db'), (database) => {
      const series = `(SELECT s.id FROM series s JOIN devices d ON d.id = device_id JOIN households h ON h.id = d.household_id
                       WHERE household = 'home-2' AND field = 'power')`;
      const at = `level_ms = 900000 AND start_ms = ${METERED_START_MS + 900_000} AND series_id = ${series}`;
      assert.equal(database.prepare(`UPDATE rollups SET ${change} WHERE ${at}`).run().changes, 1);
    });
    assertNamed(audit(state), {
      household: 'home-2',
      stage: 'cloud',
      window: METERED_START_MS + 900_000,
      what: /15-minute bucket of power/,
    });
  });
}

test('no: a bucket deleted, a bucket too many, totals changed', () => {
  for (const change of [
    'DELETE FROM rollups WHERE rowid_of = 0',
    'UPDATE series SET energy_ws = energy_ws + 1 WHERE id = 2',
    'UPDATE sources SET readings = readings + 1 WHERE id = 2',
    'UPDATE sources SET digest_low = digest_low + 1 WHERE id = 2',
    `INSERT INTO rollups SELECT 60000, start_ms - 86400000, series_id, count, sum, min, max, first, first_ms, first_source, first_seq, last,
       last_ms, last_source, last_seq, energy_ws, window_count, NULL FROM rollups LIMIT 1`,
  ]) {
    const state = copyOf(whole);
    const sql = change.includes('rowid_of')
      ? `DELETE FROM rollups WHERE (level_ms, start_ms, series_id) = (SELECT level_ms, start_ms, series_id FROM rollups LIMIT 1)`
      : change;
    inFile(join(state, 'cloud/series.db'), (database) => assert.equal(database.prepare(sql).run().changes, 1, sql));
    const report = audit(state);
    assert.equal(report.agrees, false, sql);
    assert.ok(report.refusals.every(({ stage }) => stage === 'cloud'));
  }
});

test('a cloud restored from an older copy: no while the edge is stopped, and it is filled again when the edge runs', async () => {
  const fleet = new Fleet({ dataDir, speed: '400' });
  try {
    await fleet.open();
    fleet.startAll();
    await fleet.until('rows are acknowledged', ({ acked }) => acked > 100);
    await fleet.kill('cloud');
    const [store, older] = [join(fleet.stateDir, 'cloud'), newPath()];
    cpSync(store, older, { recursive: true });
    fleet.start('cloud');
    await fleet.untilDone();
    assertYes(audit(fleet.stateDir));
    for (const part of ['edge', 'cloud'] as const) await fleet.kill(part);
    rmSync(store, { recursive: true });
    cpSync(older, store, { recursive: true });
    assertNamed(audit(fleet.stateDir), { household: 'home-1', stage: 'cloud', what: /the cloud had acknowledged/ });
    fleet.start('cloud');
    fleet.start('edge');
    fleet.start('simulate');
    // The edge knows of nothing missing until its hello is answered, so its status does not say when it is done. Then rows wait, and the
    // audit says yes to that.
    let filled = audit(fleet.stateDir);
    for (let tries = 0; (!filled.agrees || filled.waiting > 0) && tries < FILL_TRIES; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      filled = audit(fleet.stateDir);
    }
    assertYes(filled);
    assertSameAtEveryStage(filled);
  } finally {
    await fleet.stop();
  }
});

/**
 * Rows that were damaged in the outbox's file. What has a seal is set aside byte for byte and asked for anew; of rows that an earlier
 * version wrote without one the household parks. Nobody else is held up, and nothing of them reaches the cloud.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { SERIES_FILE } from '../../../../cloud/server/storage/open-database.ts';
import { POWER_TOPIC } from '../../../../common/broker/broker.ts';
import { OUTBOX_FILE } from '../../../../edge/server/outbox-schema.ts';
import { VirtualSite } from '../../../doubles/virtual-site.ts';

const DAMAGES: [what: string, change: string, reason: RegExp][] = [
  ['statistics that are no JSON', "stats = '[1,2'", /outbox row \d+ is damaged: its statistics are not JSON/],
  ['statistics that close the request early', 'stats = \'[1]],"x":[[1]\'', /outbox row \d+ is damaged: its statistics are not JSON/],
  ['too few statistics', "stats = '[1]'", /rejected at seq 1\.\.1: statistics do not fit/],
  ['statistics that are no numbers', 'stats = \'["a","b","c","d","e"]\'', /rejected at seq 1\.\.1: a statistic is not a finite number/],
  ['field names that are no JSON', "fields = '[power'", /rejected at seq 1\.\.1: field names/],
  ['a digest that is none', "digest = '\"x'", /rejected at seq 1\.\.1: digest/],
];

const OF_DAMAGED = `id IN
  (SELECT outbox.id FROM outbox JOIN sources ON sources.id = source_id WHERE household = 'damaged' AND from_seq = 1)`;

/** What, how, and what is kept of it. */
const SEALED: [what: string, sql: string, place: string, kept: RegExp][] = [
  ...DAMAGES.map(([what, change]): [string, string, string, RegExp] => [
    what,
    rowsOfDamaged('outbox_bodies', change),
    'outbox',
    /^\d+,[23],/,
  ]),
  ['one digit of a value', rowsOfDamaged('outbox_bodies', "stats = replace(stats, '1', '9')"), 'outbox', /\[9,9,9,9,9\]/],
  ['the range', rowsOfDamaged('outbox', 'to_seq = to_seq + 1'), 'outbox', /^\d+,[23],\d+,1,2,/],
  ['the window', rowsOfDamaged('outbox', 'window_start_ms = window_start_ms + 5000'), 'outbox', /^\d+,[23],/],
  ['a state that is none', rowsOfDamaged('outbox', 'state = 66'), 'outbox', /^\d+,66,/],
  ['a body that is gone', `DELETE FROM outbox_bodies WHERE ${OF_DAMAGED}`, 'outbox', /^\d+,[23],/],
  ['the seqs that were seen', "UPDATE sources SET seen = '[[1,90]]' WHERE household = 'damaged'", 'sources', /'\[\[1,90\]\]'/],
  [
    'the open part',
    "UPDATE open_parts SET part = replace(part, '10', '30') WHERE household = 'damaged'",
    'open_parts',
    /^'damaged','meter',0,/,
  ],
];

for (const [what, sql, place, kept] of SEALED) {
  test(`${what}: set aside, found again in the log, stored`, async () => {
    await withDamage([sql], async (site) => {
      for (const household of ['healthy', 'damaged']) {
        assert.deepEqual(site.held(household).covered, [[1, 10]], household);
        assert.equal(site.held(household).readings, 10);
        assert.deepEqual(powersOf(site, household), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      }
      assert.deepEqual(site.edge.status()?.parked, []);
      assert.match(damagedIn(site.edge.stateFolder, place).join('\n'), kept);
      assert.ok(site.lines.includes('damage in the outbox: set aside, and asked for anew'));
    });
  });
}

test('a damaged row whose readings the log has not any more is a declared gap', async () => {
  await withDamage(
    [rowsOfDamaged('outbox_bodies', "stats = replace(stats, '1', '9')")],
    async (site) => {
      assert.deepEqual(site.held('healthy').covered, [[1, 10]]);
      assert.deepEqual(site.held('damaged').covered, [[2, 10]]);
      assert.deepEqual(site.held('damaged').declared, [{ from: 1, to: 1, reason: 'missing in the log' }]);
      assert.deepEqual(site.edge.status()?.parked, []);
    },
    {
      before: (site) => {
        const log = site.topics.log(POWER_TOPIC, 0);
        log.records.splice(0, 2);
        log.earliestOffset = 2;
      },
    },
  );
});

test('ranges that are none, behind thousands of rows: seen before the hello is worked out, and nobody else is held up', async () => {
  const ranges = [rowOfDamaged(3, 'from_seq = 0'), rowOfDamaged(5, 'to_seq = 5.5'), rowOfDamaged(7, 'to_seq = to_seq + 16384')];
  const check = async (site: VirtualSite) => {
    assert.deepEqual(site.held('healthy').covered, [[1, 6_000]]);
    assert.deepEqual([site.held('damaged').covered, site.held('damaged').declared], [[[1, 10]], []]);
    assert.equal(damagedIn(site.edge.stateFolder, 'outbox').length, 3);
  };
  await withDamage(ranges, check, { healthyReadings: 6_000, intakeMs: 60_000 });
});

for (const [what, change, reason] of DAMAGES) {
  test(`${what}, without a seal: cost their household only`, async () => {
    await withDamage([rowsOfDamaged('outbox_bodies', `seal = NULL, ${change}`)], async (site) => {
      assert.deepEqual(site.held('healthy').covered, [[1, 10]]);
      assert.deepEqual(site.held('damaged').covered, []);
      const [parked, ...others] = site.edge.status()?.parked ?? [];
      assert.deepEqual([parked?.household, others], ['damaged', []]);
      assert.match(parked?.reason ?? '', reason);
    });
  });
}

interface DamageOptions {
  /** Beside the damage, while edge and cloud are down. */
  before?: (site: VirtualSite) => void;
  healthyReadings?: number;
  /** Until the edge is killed: not so long that it closes its open parts by itself, but where they don't matter. */
  intakeMs?: number;
}

/** Readings of two households wait in the outbox when rows are damaged; a minute later the cloud is back. */
async function withDamage(
  statements: readonly string[],
  check: (site: VirtualSite) => Promise<void>,
  { before = () => undefined, healthyReadings = 10, intakeMs = 10_000 }: DamageOptions = {},
): Promise<void> {
  const site = new VirtualSite();
  try {
    await site.start();
    site.produce('healthy', 1, 1);
    site.produce('damaged', 1, 1);
    await site.clock.advance(10_000);
    site.cloud.kill();
    site.produce('healthy', 2, healthyReadings);
    site.produce('damaged', 2, 10);
    await site.clock.advance(intakeMs);
    site.edge.kill();
    for (const sql of statements) damage(site.edge.stateFolder, sql);
    before(site);
    await site.cloud.start();
    site.edge.start();
    await site.clock.advance(120_000);
    assert.deepEqual(site.errors, []);
    await check(site);
  } finally {
    site.end();
  }
}

function rowOfDamaged(fromSeq: number, change: string): string {
  return `UPDATE outbox SET ${change} WHERE from_seq = ${fromSeq}
    AND source_id = (SELECT id FROM sources WHERE household = 'damaged')`;
}

function rowsOfDamaged(table: string, change: string): string {
  return `UPDATE ${table} SET ${change} WHERE ${OF_DAMAGED}`;
}

function damage(folder: string, sql: string): void {
  const { changes } = withFile(join(folder, OUTBOX_FILE), (database) => database.prepare(sql).run());
  assert.equal(changes, 1);
}

/** What was kept of damaged rows of a table. */
function damagedIn(folder: string, place: string): string[] {
  const rows = withFile(join(folder, OUTBOX_FILE), (database) =>
    database.prepare('SELECT row FROM damaged WHERE place = ?').pluck().all(place),
  );
  return (rows as Buffer[]).map((row) => row.toString());
}

/** Of each window, as the cloud's file has it: one field, one reading, so all numbers are the first. */
function powersOf(site: VirtualSite, household: string): number[] {
  const parts = withFile(join(site.cloud.stateDir, SERIES_FILE), (database) =>
    database
      .prepare(
        `SELECT stats FROM parts JOIN devices ON devices.id = parts.device_id JOIN households ON households.id = household_id
         WHERE household = ? ORDER BY window_start_ms`,
      )
      .pluck()
      .all(household),
  );
  return (parts as Buffer[]).map((stats) => stats.readDoubleLE(1));
}

function withFile<T>(path: string, use: (database: Database.Database) => T): T {
  const database = new Database(path);
  try {
    return use(database);
  } finally {
    database.close();
  }
}

/**
 * Rows that were damaged in the outbox's file. What has a seal is set aside byte for byte and asked for anew; of rows that an earlier
 * version wrote without one the household parks. Nobody else is held up, and nothing of them reaches the cloud.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { SERIES_FILE } from '../../../../cloud/server/storage/open-database.ts';
import { POWER_TOPIC } from '../../../../common/broker/broker.ts';
import { defineRowSeal } from '../../../../edge/server/outbox-check.ts';
import { OUTBOX_FILE } from '../../../../edge/server/outbox-schema.ts';
import { type Random, seededRandom } from '../../../../common/random.ts';
import { cellsOf, flipBit } from '../../../doubles/sqlite-cells.ts';
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

/** Of each column of the index. */
const FLIPS_OF_INDEX = process.env['FOGLINE_LONG'] === '1' ? 40 : 8;

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
  ['whose it is: a source that is none', rowsOfDamaged('outbox', 'source_id = source_id + 64'), 'outbox', /^\d+,[23],6\d,1,1,/],
  [
    'whose it is: another source',
    rowsOfDamaged('outbox', "source_id = (SELECT id FROM sources WHERE household = 'healthy')"),
    'outbox',
    /^\d+,[23],\d+,1,1,/,
  ],
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
        site.topics.log(POWER_TOPIC, 0).deleteBelow(2);
      },
    },
  );
});

test('a row that was acknowledged long ago and is read by nobody: looked at after a start all the same', async () => {
  const lookAt = async (site: VirtualSite) => {
    assert.match(damagedIn(site.edge.stateFolder, 'outbox').join('\n'), /^100,4,[^]*\[900,900,900,900,900\]/);
    assert.ok(site.lines.includes('damage in the outbox: set aside, and asked for anew'));
    assert.deepEqual(site.held('damaged'), { covered: [[1, 150]], declared: [], readings: 150 });
  };
  const site = new VirtualSite();
  try {
    await site.start();
    site.produce('damaged', 1, 150);
    await site.clock.advance(120_000);
    assert.equal(site.edge.status()?.acked, 150);
    site.edge.kill();
    // Not the last rows, which the live lane reads; and a digit, so that its range is as it was.
    damage(
      site.edge.stateFolder,
      `UPDATE outbox_bodies SET stats = replace(stats, '100', '900') WHERE ${OF_DAMAGED.replace('from_seq = 1', 'from_seq = 100')}`,
    );
    assert.deepEqual(damagedIn(site.edge.stateFolder, 'outbox'), []);
    site.edge.start();
    await site.clock.advance(60_000);
    assert.deepEqual(site.errors, []);
    await lookAt(site);
  } finally {
    site.end();
  }
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

/** Values that bits are flipped in: of entries of the index over rows by source, and of rows, where the index then says something else. */
const IN_FILE: [name: string, tree: string, column: number][] = [
  ['source_id in an entry of the index outbox_by_source', 'outbox_by_source', 0],
  ['from_seq in an entry of the index outbox_by_source', 'outbox_by_source', 1],
  ['id in an entry of the index outbox_by_source', 'outbox_by_source', 2],
  ['source_id in a row of outbox', 'outbox', 3],
  ['from_seq in a row of outbox', 'outbox', 4],
];

/** Values of rows that are written seldom, with how many bits are flipped in each. */
const SELDOM: [name: string, tree: string, column: number, flips?: number][] = [
  ['household in a row of sources', 'sources', 1],
  ['device in a row of sources', 'sources', 2],
  ['src in a row of sources', 'sources', 3],
  ['seqs seen in a row of sources', 'sources', 4],
  ['household in an entry of the index of sources', 'sqlite_autoindex_sources_1', 0],
  ['device in an entry of the index of sources', 'sqlite_autoindex_sources_1', 1],
  ['id in an entry of the index of sources', 'sqlite_autoindex_sources_1', 3],
  ['household in a row of households', 'households', 0, FLIPS_OF_INDEX],
  ['postal code in a row of households', 'households', 2],
  ['value in a row of meta', 'meta', 1, FLIPS_OF_INDEX],
  ['key in a row of meta', 'meta', 0],
  ['run in a row of runs', 'runs', 0],
  ['last seqs in a row of runs', 'runs', 2, FLIPS_OF_INDEX],
  ['offset in a row of positions', 'positions', 1],
  ['log in a row of positions', 'positions', 2],
  ['household in a row of open_parts', 'open_parts', 0, FLIPS_OF_INDEX],
  ['device in a row of open_parts', 'open_parts', 1],
  ['the part in a row of open_parts', 'open_parts', 4],
];

for (const [number, [name, tree, column]] of IN_FILE.entries()) {
  test(`a bit of ${name}, in the file: seen, and everything is delivered`, async () => {
    const random = seededRandom(number + 1);
    for (let n = 0; n < FLIPS_OF_INDEX; n++) {
      let place = '';
      const check = async (site: VirtualSite) => {
        assert.deepEqual(site.held('healthy').covered, [[1, 300]], place);
        assert.deepEqual([site.held('damaged').covered, site.held('damaged').declared], [[[1, 10]], []], place);
      };
      const before = (site: VirtualSite) => {
        place = flipIn(site, tree, column, random);
      };
      await withDamage([], check, { before, healthyReadings: 300, intakeMs: 30_000, restarts: true });
    }
  });
}

for (const [number, [name, tree, column, flips = FLIPS_OF_INDEX / 2]] of SELDOM.entries()) {
  test(`a bit of ${name}, in the file: told once, nobody new is asked for, everything is delivered`, async () => {
    const random = seededRandom(number + 101);
    for (let n = 0; n < flips; n++) {
      let place = '';
      const check = async (site: VirtualSite) => {
        for (const household of ['healthy', 'damaged'])
          assert.deepEqual(site.held(household), { covered: [[1, 10]], declared: [], readings: 10 }, `${household}, ${place}`);
        assert.deepEqual(householdsIn(site), ['damaged', 'healthy'], place);
        assert.deepEqual(site.edge.status()?.parked, [], place);
        if (tree !== 'open_parts') assert.deepEqual(site.edge.status()?.runs, [{ run: 'r', ended: true, done: true }], place);
        assert.ok(toldIn(site) > 0, place);
        const told = toldIn(site);
        site.edge.kill();
        site.edge.start();
        await site.clock.advance(30_000);
        assert.deepEqual([site.errors, toldIn(site)], [[], told], place);
      };
      const before = (site: VirtualSite) => {
        place = flipIn(site, tree, column, random);
      };
      // The end mark closes all open parts.
      await withDamage([], check, { before, restarts: true, ends: tree !== 'open_parts' });
    }
  });
}

test('a row that is no JSON under a seal that holds: the file is set aside, and everything is delivered', async () => {
  const sql = "UPDATE runs SET last = '[{', seal = row_seal(run, partition, '[{')";
  await withDamage(
    [sql],
    async (site) => {
      assert.ok(site.lines.includes('damage in the outbox: set aside, and asked for anew'));
      assert.deepEqual([site.edge.status()?.damaged, site.edge.status()?.leftOut], [1, 0]);
      assert.deepEqual(site.held('healthy').covered, [[1, 10]]);
      assert.deepEqual(site.held('damaged').covered, [[1, 10]]);
      assert.deepEqual(site.edge.status()?.runs, [{ run: 'r', ended: true, done: true }]);
    },
    { restarts: true, ends: true },
  );
});

test('a household whose name is no id and has no seal is left out of the hello: the others are delivered', async () => {
  const sql = "UPDATE sources SET household = 'da!aged', seal = NULL WHERE household = 'damaged'";
  await withDamage([sql], async (site) => {
    assert.deepEqual(site.held('healthy').covered, [[1, 10]]);
    assert.deepEqual(householdsIn(site), ['damaged', 'healthy']);
    assert.ok(site.lines.includes('the name of a household is no id: its rows are kept and not sent'));
    assert.equal(site.edge.status()?.leftOut, 1);
  });
});

/** @returns where */
function flipIn(site: VirtualSite, tree: string, column: number, random: Random): string {
  const path = join(site.edge.stateFolder, OUTBOX_FILE);
  const root = withFile(path, (database) => {
    database.pragma('wal_checkpoint(TRUNCATE)');
    return database.prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?').pluck().get(tree) as number;
  });
  const file = readFileSync(path);
  // The number 1 takes no byte.
  const entries = cellsOf(file, root).filter(({ values }) => values[column]!.length > 0);
  assert.ok(entries.length > 0, 'nothing to flip');
  const value = entries[random.below(entries.length)]!.values[column]!;
  const at = value.at + random.below(value.length);
  const bit = random.below(8);
  const was = file.toString('latin1', value.at, value.at + value.length);
  flipBit(file, at, bit);
  writeFileSync(path, file);
  return `byte ${at - value.at} of ${JSON.stringify(was.slice(0, 80))}, bit ${bit}`;
}

function toldIn(site: VirtualSite): number {
  return site.lines.filter((line) => line === 'damage in the outbox: set aside, and asked for anew').length;
}

function householdsIn(site: VirtualSite): string[] {
  return withFile(join(site.cloud.stateDir, SERIES_FILE), (database) =>
    database.prepare('SELECT household FROM households ORDER BY household').pluck().all(),
  ) as string[];
}

interface DamageOptions {
  /** The edge is started again when it ends by itself, as a supervisor does; once. */
  restarts?: boolean;
  /** Beside the damage, while edge and cloud are down. */
  before?: (site: VirtualSite) => void;
  healthyReadings?: number;
  /** The run ends, in every partition. */
  ends?: boolean;
  /** Until the edge is killed: not so long that it closes its open parts by itself, but where they don't matter. */
  intakeMs?: number;
}

/** Readings of two households wait in the outbox when rows are damaged; a minute later the cloud is back. */
async function withDamage(
  statements: readonly string[],
  check: (site: VirtualSite) => Promise<void>,
  { before = () => undefined, healthyReadings = 10, intakeMs = 10_000, restarts = false, ends = false }: DamageOptions = {},
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
    if (ends) site.endRun([lastOf('healthy', healthyReadings), lastOf('damaged', 10)]);
    await site.clock.advance(intakeMs);
    site.edge.kill();
    for (const sql of statements) damage(site.edge.stateFolder, sql);
    before(site);
    await site.cloud.start();
    site.edge.start();
    await site.clock.advance(120_000);
    if (restarts && site.errors.length === 1) {
      const [error] = site.errors.splice(0);
      assert.equal((error as { code?: string }).code, 'OUTBOX_DAMAGED', String((error as Error).stack));
      site.edge.start();
      await site.clock.advance(120_000);
    }
    assert.deepEqual(site.errors, []);
    await check(site);
  } finally {
    site.end();
  }
}

function lastOf(household: string, seq: number) {
  return { household, device: 'meter', src: 'src1', seq };
}

function rowOfDamaged(fromSeq: number, change: string): string {
  return `UPDATE outbox SET ${change} WHERE from_seq = ${fromSeq}
    AND source_id = (SELECT id FROM sources WHERE household = 'damaged')`;
}

function rowsOfDamaged(table: string, change: string): string {
  return `UPDATE ${table} SET ${change} WHERE ${OF_DAMAGED}`;
}

function damage(folder: string, sql: string): void {
  const { changes } = withFile(join(folder, OUTBOX_FILE), (database) => {
    defineRowSeal(database);
    return database.prepare(sql).run();
  });
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

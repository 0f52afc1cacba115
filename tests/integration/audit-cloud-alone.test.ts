/** `fogline audit` of a state that has a cloud alone, as its host has it: the store must agree with itself, and what does not is named. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type Database from 'better-sqlite3';
import { assertNamed, assertYes, audit, cleanUp, fogline, inFile, newPath, prepare, whole } from '../doubles/audited-run.ts';

before(prepare);
after(cleanUp);

/** @param change what happened to its store */
function cloudAlone(change: (database: Database.Database) => void = () => {}): string {
  const state = newPath();
  mkdirSync(state);
  cpSync(join(whole, 'cloud'), join(state, 'cloud'), { recursive: true });
  inFile(join(state, 'cloud/series.db'), change);
  return state;
}

const changed = (sql: string) => (database: Database.Database) => assert.ok(database.prepare(sql).run().changes > 0, sql);

test('a sound store agrees with itself, and the answer says that this is all that was compared', () => {
  const report = audit(cloudAlone());
  assertYes(report);
  assert.equal(report.run, 'unknown');
  for (const { truth, topic, edge, cloud } of report.devices) {
    assert.deepEqual([truth, topic, edge], ['cloud', null, null]);
    assert.ok((cloud?.readings ?? 0) > 100);
  }
  const { status, stdout } = fogline('audit', '--state', cloudAlone());
  assert.equal(status, 0);
  assert.match(stdout, /note: nothing but the cloud is here: .* with no file, topic or edge/);
  assert.match(stdout, /audit: yes, all of the cloud agrees with itself: 3 households/);
  assert.doesNotMatch(stdout, /has not ended/);
});

test('whatever is changed in it is named', () => {
  for (const [sql, what] of [
    ['UPDATE parts SET digest_low = digest_low + 1 WHERE source_id = 1 AND from_seq = 1', /the checksum of seqs .* does not hold/],
    ['DELETE FROM parts WHERE from_seq = (SELECT max(from_seq) FROM parts)', /is said to have seqs 1 to .*, its parts have seqs/],
    ['UPDATE sources SET readings = readings + 1, seal = NULL WHERE id = 1', /its totals say \d+ readings, its parts have \d+/],
    ['UPDATE sources SET digest_high = digest_high + 1, seal = NULL WHERE id = 1', /its digest is .*, its parts make/],
    ['UPDATE sources SET greatest_ms = greatest_ms + 1, seal = NULL WHERE id = 1', /source .*: .*/],
    ['UPDATE rollups SET sum = sum * 1.001 WHERE level_ms = 900000', /the 15-minute bucket of .*/],
    [
      'DELETE FROM rollups WHERE level_ms = 60000 AND start_ms = (SELECT max(start_ms) FROM rollups)',
      /the 1-minute bucket of .* is missing/,
    ],
    ['UPDATE series SET window_count = window_count + 1, seal = NULL WHERE id = 1', /totals of \w+: /],
    ["UPDATE households SET postal_code = '00000'", /the checksum of who owns it, and where it is does not hold/],
    ["UPDATE sources SET src = src || 'x'", /the checksum of what is known of source \w+x of meter does not hold/],
    ['UPDATE series SET energy_ws = energy_ws + 0.000001', /the checksum of the totals of meter, \w+ does not hold/],
  ] as const) {
    const report = audit(cloudAlone(changed(sql)));
    const [{ household } = { household: '' }] = report.refusals;
    assertNamed(report, { household, stage: 'cloud', what });
    assert.notEqual(household, '', sql);
  }
});

test('a cloud that has forgotten old windows is compared from there on, and says so', () => {
  const forgetting = (database: Database.Database) => {
    const middle = database.prepare('SELECT (min(window_start_ms) + max(window_start_ms)) / 2 FROM parts').pluck().get() as number;
    const keptFromMs = Math.floor(middle / 60_000) * 60_000;
    database.prepare('DELETE FROM parts WHERE window_start_ms < ?').run(keptFromMs);
    database.prepare("INSERT OR REPLACE INTO meta (key, value) VALUES ('kept_from_ms_5000', ?)").run(String(keptFromMs));
  };
  const report = audit(cloudAlone(forgetting));
  assertYes(report);
  const { status, stdout } = fogline('audit', '--state', cloudAlone(forgetting));
  assert.equal(status, 0, stdout);
  assert.match(stdout, /note: windows before \S+Z were forgotten/);
  const hurt = audit(
    cloudAlone((database) => {
      forgetting(database);
      changed(
        'UPDATE rollups SET max = max + 1 WHERE level_ms = 60000 AND start_ms = (SELECT max(start_ms) FROM rollups WHERE level_ms = 60000)',
      )(database);
    }),
  );
  assert.match(JSON.stringify(hurt.refusals), /the 1-minute bucket/);
});

test('a folder with neither a run nor a store is still refused', () => {
  const state = newPath();
  mkdirSync(state);
  assert.equal(fogline('audit', '--state', state).status, 4);
});

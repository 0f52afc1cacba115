/** Times, ends, states and postal codes: what nobody adds up is compared too, and `fogline audit` names what was changed. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { assertNamed, audit, cleanUp, copyOf, inFile, prepare, whole } from '../doubles/audited-run.ts';
import { METERED_START_MS } from '../truth/metered-data.ts';

before(prepare);
after(cleanUp);

const SERIES = `(SELECT s.id FROM series s JOIN devices d ON d.id = device_id JOIN households h ON h.id = d.household_id
                 WHERE household = 'home-2' AND field = 'power')`;
const BUCKET = `level_ms = 900000 AND start_ms = ${METERED_START_MS + 900_000} AND series_id = ${SERIES}`;
const SOURCE = `(SELECT s.id FROM sources s JOIN devices d ON d.id = device_id JOIN households h ON h.id = d.household_id
                 WHERE household = 'home-2')`;
const PART = `source_id = ${SOURCE} AND from_seq = (SELECT max(from_seq) FROM parts WHERE source_id = ${SOURCE} AND from_seq < 900)`;
const OF_HOME_2 = "household = 'home-2'";

const IN_THE_STORE: readonly [what: string, sql: string, named: RegExp][] = [
  ['first time of a part', `UPDATE parts SET first_ms = first_ms + 1 WHERE ${PART}`, /seqs \d+ to \d+: the first reading at /],
  ['last time of a part', `UPDATE parts SET last_ms = last_ms - 1 WHERE ${PART}`, /seqs \d+ to \d+: the last reading at /],
  [
    'first time of a bucket',
    `UPDATE rollups SET first_ms = first_ms - 1 WHERE ${BUCKET}`,
    /15-minute bucket of power.*: the first reading/,
  ],
  ['last time of a bucket', `UPDATE rollups SET last_ms = last_ms + 1 WHERE ${BUCKET}`, /15-minute bucket of power.*: the last reading/],
  ['first seq of a bucket', `UPDATE rollups SET first_seq = first_seq + 1 WHERE ${BUCKET}`, /bucket of power.*: the first reading is said/],
  ['last seq of a bucket', `UPDATE rollups SET last_seq = last_seq - 1 WHERE ${BUCKET}`, /bucket of power.*: the last reading is said/],
  ['source of a bucket', `UPDATE rollups SET last_source = last_source + 1 WHERE ${BUCKET}`, /bucket of power.*: the last reading is said/],
  ['newest time of a series', `UPDATE series SET last_ms = last_ms + 1 WHERE id = ${SERIES}`, /totals of power: the last reading at /],
  ['first time of a source', `UPDATE sources SET first_ms = first_ms + 1 WHERE id = ${SOURCE}`, /totals of source \w+: the first reading/],
  [
    'greatest time of a source',
    `UPDATE sources SET greatest_ms = NULL WHERE id = ${SOURCE}`,
    /totals of source \w+: the last reading at no time/,
  ],
  [
    'state of a household',
    `UPDATE households SET state = 'DE-HB' WHERE ${OF_HOME_2}`,
    /its state is DE-HB, the postal code \d+ lies in DE-/,
  ],
  [
    'postal code of a household',
    `UPDATE households SET postal_code = '28195', state = 'DE-HB' WHERE ${OF_HOME_2}`,
    /the edge was told \d{5}/,
  ],
  ['postal code that is none', `UPDATE households SET postal_code = '00000' WHERE ${OF_HOME_2}`, /00000 is in no state/],
];
test('no: a drawn postal code and its state changed together, and nobody else knows the code', () => {
  const state = copyOf(whole);
  inFile(join(state, 'cloud/series.db'), (database) => {
    const its = 'SELECT postal_code FROM households WHERE household = ?';
    const drawn = database.prepare(its).pluck().get('home-2') as string;
    const other = drawn === '28195' ? '28197' : '28195';
    const change = `UPDATE households SET postal_code = ?, state = 'DE-HB' WHERE ${OF_HOME_2} AND postal_code_from = 'drawn'`;
    assert.equal(database.prepare(change).run(other).changes, 1);
  });
  inFile(join(state, 'edge/outbox.db'), (database) => {
    const change = `UPDATE households SET postal_code = NULL WHERE ${OF_HOME_2}`;
    assert.equal(database.prepare(change).run().changes, 1);
  });
  assertNamed(audit(state), { household: 'home-2', stage: 'cloud', what: /is said to be drawn, but its id draws \d{5}/ });
});

for (const [what, sql, named] of IN_THE_STORE) {
  test(`no: ${what} changed at the cloud`, () => {
    const state = copyOf(whole);
    inFile(join(state, 'cloud/series.db'), (database) => assert.equal(database.prepare(sql).run().changes, 1, sql));
    assertNamed(audit(state), { household: 'home-2', stage: 'cloud', what: named });
  });
}

const ROW = `id = (SELECT min(o.id) + 100 FROM outbox o JOIN sources ON sources.id = source_id WHERE household = 'home-2')`;
const IN_THE_OUTBOX: readonly [what: string, sql: string, named: RegExp][] = [
  ['window', `UPDATE outbox SET window_start_ms = window_start_ms + 5000 WHERE ${ROW}`, /row \d+ of the outbox .*: window .* instead of /],
  ['first time', `UPDATE outbox_bodies SET first_ms = first_ms + 1 WHERE ${ROW}`, /row \d+ of the outbox .*: the first reading at /],
  ['last time', `UPDATE outbox_bodies SET last_ms = last_ms + 1 WHERE ${ROW}`, /row \d+ of the outbox .*: the last reading at /],
];
for (const [what, sql, named] of IN_THE_OUTBOX) {
  test(`no: ${what} of a row of the outbox changed`, () => {
    const state = copyOf(whole);
    let household = '';
    inFile(join(state, 'edge/outbox.db'), (database) => {
      const of = `SELECT household FROM outbox o JOIN sources s ON s.id = source_id WHERE o.${ROW}`;
      household = database.prepare(of).pluck().get() as string;
      assert.equal(database.prepare(sql).run().changes, 1, sql);
    });
    assertNamed(audit(state), { household, stage: 'edge', what: named });
  });
}

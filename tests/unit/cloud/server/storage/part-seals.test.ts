/** A bit that flips in a part and leaves the file well-formed: never a wrong number, never a hole that nobody is told of. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { openReadOnlyStore } from '../../../../../cloud/server/storage/read-only-store.ts';
import type { Bucket, RangeQuery } from '../../../../../cloud/server/storage/series-store.ts';
import { SqliteSeriesStore } from '../../../../../cloud/server/storage/sqlite-series-store.ts';
import { systemClock } from '../../../../../common/clock.ts';
import { OperatingError } from '../../../../../common/errors.ts';
import { makeOlder } from '../../../../doubles/older-series-file.ts';
import { Edge, HOME, part, reading, T0_MS, WINDOW_MS } from '../../../../contract/series-store-probes.ts';

const DEVICES = ['a-meter', 'b-meter', 'c-meter'] as const;
const WINDOWS = 20;
/** The damaged row: of the device in the middle, so that one bit of its id makes the third device's. */
const VICTIM = { device: 'b-meter', seq: 10, startMs: T0_MS + 9 * WINDOW_MS };
const AT_VICTIM = 'device_id = 2 AND from_seq = 10';

/** Different ones for each device, so that no row's bytes are another's. */
const valuesOf = (seq: number, more = 0) => ({ energy: 1_000 + more + seq / 7, power: 100 + more + seq / 3 });

interface Held extends AsyncDisposable {
  store: SqliteSeriesStore;
  edge: Edge;
  told: object[];
  /** Stops the store, changes the file, and starts another one on it. */
  hurt(change: (database: Database.Database) => void): Promise<void>;
}

async function heldStore(context: TestContext): Promise<Held> {
  const stateDir = mkdtempSync(join(tmpdir(), 'fogline-seals-'));
  context.after(() => rmSync(stateDir, { recursive: true, force: true }));
  const told: object[] = [];
  const postalCodes = { assign: () => ({ postalCode: '12529', state: 'DE-BB', from: 'file' as const }) };
  const open = () =>
    new SqliteSeriesStore({ stateDir, windowMs: WINDOW_MS, postalCodes, clock: systemClock, onDamaged: (damaged) => told.push(damaged) });
  let store = open();
  await store.start();
  const edge = new Edge(store);
  await edge.hello();
  for (const [i, device] of DEVICES.entries()) {
    const values = (seq: number) => valuesOf(seq, (i - 1) * 10);
    const readings = Array.from({ length: WINDOWS }, (_, n) => reading(n + 1, { device, values: values(n + 1) }));
    await edge.ship(readings);
  }
  return {
    get store() {
      return store;
    },
    edge,
    told,
    hurt: async (change) => {
      await store.stop();
      const database = new Database(store.path);
      change(database);
      database.close();
      store = open();
      await store.start();
      edge.store = store;
    },
    [Symbol.asyncDispose]: () => store.stop(),
  };
}

interface Read {
  buckets: Bucket[];
  error: unknown;
}

async function read(store: { range(query: RangeQuery): AsyncIterable<Bucket> }, query: Partial<RangeQuery> = {}): Promise<Read> {
  const buckets: Bucket[] = [];
  try {
    for await (const bucket of store.range({ resolution: 'raw', ...query })) buckets.push(bucket);
  } catch (error) {
    return { buckets, error };
  }
  return { buckets, error: undefined };
}

const nameOf = ({ device, field, startMs }: Bucket) => `${device} ${field} ${startMs}`;

/** Every bucket given out is what it was before the damage. */
function assertNoneChanged(got: readonly Bucket[], whole: readonly Bucket[]): void {
  const byName = new Map(whole.map((bucket) => [nameOf(bucket), bucket]));
  for (const bucket of got) assert.deepEqual(bucket, byName.get(nameOf(bucket)));
}

function assertDamage(error: unknown): void {
  assert.ok(error instanceof OperatingError, String(error));
  assert.equal(error.code, 'PART_DAMAGED');
  assert.equal(error.retryable, false);
}

/** Every bit that this number has, and some above. */
const bitsOf = (value: number) => Array.from({ length: Math.floor(Math.log2(Math.max(1, value))) + 5 }, (_, bit) => 2 ** bit);
const flipped = (value: number, bit: number) => (Math.floor(value / bit) % 2 === 0 ? value + bit : value - bit);

for (const column of ['window_start_ms', 'to_seq', 'from_seq', 'first_ms', 'last_ms', 'digest_high', 'digest_low', 'seal', 'field_set_id'])
  test(`${column}: whichever bit flips, no number is wrong and the reader is told`, async (context) => {
    await using held = await heldStore(context);
    const { buckets: whole, error } = await read(held.store);
    assert.equal(error, undefined);
    assert.equal(whole.length, DEVICES.length * WINDOWS * 2);
    const database = new Database(held.store.path);
    const value = database.prepare(`SELECT ${column} FROM parts WHERE ${AT_VICTIM}`).pluck().get() as number;
    // The digest finds the row again, whatever else was changed of it.
    const save = database.prepare(`UPDATE parts SET ${column} = ? WHERE device_id = 2 AND digest_low = ?`);
    const low = database.prepare(`SELECT digest_low FROM parts WHERE ${AT_VICTIM}`).pluck().get() as number;
    let tried = 0;
    for (const bit of bitsOf(value)) {
      const changed = flipped(value, bit);
      const taken = column === 'from_seq' && changed >= 1 && changed <= WINDOWS;
      // That row is there already: the table would not take a second one.
      if (taken) continue;
      tried++;
      assert.equal(save.run(changed, low).changes, 1);
      const got = await read(held.store);
      assertDamage(got.error);
      assertNoneChanged(got.buckets, whole);
      assert.ok(got.buckets.every(({ device, startMs }) => device !== VICTIM.device || startMs !== VICTIM.startMs));
      assert.equal(save.run(value, column === 'digest_low' ? changed : low).changes, 1);
    }
    assert.ok(tried > 1, `${tried} bits`);
    database.close();
    assert.deepEqual((await read(held.store)).buckets, whole, 'mended, all is there again');
  });

test('stats: whichever bit flips, no number is wrong and the reader is told', async (context) => {
  await using held = await heldStore(context);
  const { buckets: whole } = await read(held.store);
  const database = new Database(held.store.path);
  const stats = database.prepare(`SELECT stats FROM parts WHERE ${AT_VICTIM}`).pluck().get() as Buffer;
  const save = database.prepare(`UPDATE parts SET stats = ? WHERE ${AT_VICTIM}`);
  for (let bit = 0; bit < stats.length * 8; bit++) {
    const changed = Buffer.from(stats);
    changed[bit >> 3] = changed[bit >> 3]! ^ (1 << (bit & 7));
    save.run(changed);
    const got = await read(held.store, { field: 'power', fromMs: VICTIM.startMs - WINDOW_MS });
    assertDamage(got.error);
    assertNoneChanged(got.buckets, whole);
  }
  database.close();
});

test('whose a row is: another device, another source, another name of its household or fields', async (context) => {
  await using held = await heldStore(context);
  const { buckets: whole } = await read(held.store);
  const database = new Database(held.store.path);
  database.pragma('foreign_keys = OFF');
  for (const [change, back] of [
    [`UPDATE parts SET device_id = 3 WHERE ${AT_VICTIM}`, 'UPDATE parts SET device_id = 2 WHERE device_id = 3 AND source_id = 2'],
    [`UPDATE parts SET source_id = 6 WHERE ${AT_VICTIM}`, `UPDATE parts SET source_id = 2 WHERE ${AT_VICTIM}`],
    ["UPDATE devices SET device = 'b-mevar' WHERE id = 2", "UPDATE devices SET device = 'b-meter' WHERE id = 2"],
    ["UPDATE sources SET src = 'srb1' WHERE id = 2", "UPDATE sources SET src = 'src1' WHERE id = 2"],
  ] as const) {
    assert.equal(database.prepare(change).run().changes, 1, change);
    const reader = openReadOnlyStore(held.store.path);
    const got = await read(reader);
    reader.close();
    assertDamage(got.error);
    assertNoneChanged(got.buckets, whole);
    assert.equal(database.prepare(back).run().changes, 1, back);
  }
  const reader = openReadOnlyStore(held.store.path);
  assert.deepEqual((await read(reader)).buckets, whole);
  reader.close();
  database.close();
});

test('a bit turned in the file itself: the start finds nothing wrong, the reader does', async (context) => {
  await using held = await heldStore(context);
  await held.hurt((database) => {
    const stats = database.prepare(`SELECT stats FROM parts WHERE ${AT_VICTIM}`).pluck().get() as Buffer;
    const path = database.name;
    // So that no copy of the row is left over in a page's free space.
    database.exec('VACUUM');
    database.pragma('wal_checkpoint(TRUNCATE)');
    database.close();
    const bytes = readFileSync(path);
    const at = bytes.indexOf(stats);
    assert.ok(at > 0 && !bytes.includes(stats, at + 1), 'the row is there once');
    bytes[at + stats.length - 3]! ^= 1;
    writeFileSync(path, bytes);
  });
  const got = await read(held.store);
  assertDamage(got.error);
  assert.match(String(got.error), /seqs 10 to 10 of home-a, b-meter, window 2019-12-24T00:00:45\.000Z/);
  assert.match((got.error as OperatingError).hint, /before 2019-12-24T00:00:45\.000Z and from 2019-12-24T00:00:50\.000Z on/);
});

test('what the error says to ask for is answered, and it is told once', async (context) => {
  await using held = await heldStore(context);
  const { buckets: whole } = await read(held.store);
  const minutes = await read(held.store, { resolution: '1m' });
  await held.hurt((database) => database.exec(`UPDATE parts SET last_ms = last_ms + 1 WHERE ${AT_VICTIM}`));
  for (let i = 0; i < 3; i++) assertDamage((await read(held.store)).error);
  assert.deepEqual(held.told, [{ household: HOME, device: 'b-meter', startMs: VICTIM.startMs, fromSeq: 10, toSeq: 10 }]);
  const before = await read(held.store, { toMs: VICTIM.startMs });
  const after = await read(held.store, { fromMs: VICTIM.startMs + WINDOW_MS });
  assert.deepEqual([before.error, after.error], [undefined, undefined]);
  assert.equal(before.buckets.length + after.buckets.length, whole.length - DEVICES.length * 2);
  assertNoneChanged([...before.buckets, ...after.buckets], whole);
  assert.deepEqual(await read(held.store, { resolution: '1m' }), minutes);
});

test('a newest window that is damaged is left out when a start asks for it; the others are there', async (context) => {
  await using held = await heldStore(context);
  const whole = await held.store.newest();
  await held.hurt((database) => database.exec(`UPDATE parts SET to_seq = to_seq + 1 WHERE device_id = 2 AND from_seq = ${WINDOWS}`));
  const left = await held.store.newest();
  assert.deepEqual(
    left,
    whole.filter(({ device }) => device !== 'b-meter'),
  );
  assert.equal(held.told.length, 1);
});

test('a row that comes again is a duplicate, though the digest that is stored of it is damaged', async (context) => {
  await using held = await heldStore(context);
  const { part: again } = part(10, 10, { device: 'b-meter', values: valuesOf(10) });
  assert.deepEqual(await held.edge.verdicts({ kind: 'part', part: again }), ['duplicate']);
  await held.hurt((database) => database.exec(`UPDATE parts SET digest_low = digest_low + 1 WHERE ${AT_VICTIM}`));
  assert.deepEqual(await held.edge.verdicts({ kind: 'part', part: again }), ['duplicate']);
  assert.equal(held.told.length, 1);
});

test('a late part of a damaged window: its readings are added to the buckets, the damaged number to none', async (context) => {
  await using held = await heldStore(context);
  const start = T0_MS + (WINDOWS - 1) * WINDOW_MS;
  const query = { resolution: '1h', field: 'power' } as const;
  const hourOf = async () => (await read(held.store, query)).buckets.find(({ device }) => device === 'b-meter')!;
  const before = await hourOf();
  await held.hurt((database) => database.exec(`UPDATE parts SET last_ms = last_ms + 1 WHERE device_id = 2 AND from_seq = ${WINDOWS}`));
  const late = part(WINDOWS + 1, WINDOWS + 1, { device: 'b-meter', timeMs: start + 1, values: { energy: 2_000, power: 500 } });
  const { verdicts, newest } = await held.edge.send([late]);
  assert.deepEqual(verdicts, [{ verdict: 'stored' }]);
  assert.deepEqual(newest, [], 'a window that is not whole is not shown');
  const after = await hourOf();
  assert.deepEqual([after.count, after.max, after.last, after.energyKwh], [before.count + 1, 500, 500, before.energyKwh]);
  assert.equal(after.mean, before.mean, 'the mean is that of the windows, as the energy');
  const [total] = await held.store.powerTotals();
  assert.equal(total?.count, DEVICES.length * WINDOWS + 1);
});

test('a file of the first schema is brought up to date: its rows are taken as they are, later ones are sealed', async (context) => {
  await using held = await heldStore(context);
  const { buckets: whole } = await read(held.store);
  await held.hurt((database) => makeOlder(database, 1));
  assert.deepEqual((await read(held.store)).buckets, whole);
  await held.edge.send([part(WINDOWS + 1, WINDOWS + 1, { device: 'b-meter', values: { energy: 2_000, power: 500 } })]);
  assert.equal((await read(held.store)).buckets.length, whole.length + 2);
  await held.hurt((database) => {
    const seals = database.prepare('SELECT seal IS NULL AS old, count(*) AS parts FROM parts GROUP BY old ORDER BY old').all();
    assert.deepEqual(seals, [
      { old: 0, parts: 1 },
      { old: 1, parts: DEVICES.length * WINDOWS },
    ]);
    database.exec(`UPDATE parts SET first_ms = first_ms + 1 WHERE device_id = 2 AND from_seq = ${WINDOWS + 1}`);
  });
  assertDamage((await read(held.store)).error);
});

/** A series.db that is damaged as a file: what can be read of it is taken over, the rest is brought again, and nothing is counted twice. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import Database from 'better-sqlite3';
import { SERIES_FILE } from '../../../../../cloud/server/storage/open-database.ts';
import type { SalvageTold } from '../../../../../cloud/server/storage/replace-damaged.ts';
import type { Bucket } from '../../../../../cloud/server/storage/series-store.ts';
import { SqliteSeriesStore } from '../../../../../cloud/server/storage/sqlite-series-store.ts';
import { systemClock } from '../../../../../common/clock.ts';
import { rangeOf, type ShippedRow } from '../../../../../common/messages.ts';
import { SeqIntervals } from '../../../../../common/protocol/seq-intervals.ts';
import { seededRandom } from '../../../../../common/random.ts';
import { Edge, everything, part, T0_MS, WINDOW_MS } from '../../../../contract/series-store-probes.ts';

const PAGE_BYTES = 8_192;
const BUCKETS_ON_PAGE_MAX = 120;
/** Of what `everything` reads, without the windows. */
const LENGTHS_MS = [60_000, 900_000, 3_600_000, 86_400_000];
const TOLERANCE = 1e-11;
const HOMES = ['home-a', 'home-b', 'home-c'] as const;
const DEVICES = ['heat-pump', 'meter'] as const;
const SEQS = 900;
/** Declared missing, of each source. */
const GAP = [401, 410] as const;
const SEEDS = process.env['FOGLINE_LONG'] === '1' ? 200 : 16;

const postalCodes = { assign: () => ({ postalCode: '12529', state: 'DE-BB', from: 'file' as const }) };
const folder = mkdtempSync(join(tmpdir(), 'fogline-salvage-'));
const whole = join(folder, 'whole');
let pages: { name: string; pageno: number; pagetype: string }[];
let allOfIt: unknown;

const rowsOf = (household: string, device: string): ShippedRow[] => {
  const rows: ShippedRow[] = [];
  for (let seq = 1; seq <= SEQS; seq++) {
    if (seq === GAP[0])
      rows.push({ kind: 'gap', gap: { household, device, src: 'src1', fromSeq: GAP[0], toSeq: GAP[1], reason: 'missing in the log' } });
    if (seq >= GAP[0] && seq <= GAP[1]) continue;
    rows.push(part(seq, seq, { household, device, values: { energy: seq / 7, power: 100 + seq / 3 } }));
  }
  return rows;
};
const ROWS = HOMES.flatMap((household) => DEVICES.flatMap((device) => rowsOf(household, device))).sort(
  (a, b) => rangeOf(a).fromSeq - rangeOf(b).fromSeq,
);

before(async () => {
  allOfIt = await only(ROWS, whole);
  const database = new Database(join(whole, SERIES_FILE), { readonly: true });
  pages = database.prepare('SELECT name, pageno, pagetype FROM dbstat WHERE pageno > 1').all() as typeof pages;
  database.close();
});
after(() => rmSync(folder, { recursive: true, force: true }));

interface Opened {
  store: SqliteSeriesStore;
  told: SalvageTold[];
  edge: Edge;
}

/** Writes over whole pages of a copy. @returns the state directory, and the damaged bytes */
function hurt(
  from: string,
  numbers: readonly number[],
  fill: (page: Buffer) => void = (page) => page.fill(0),
): { stateDir: string; bytes: Buffer } {
  const stateDir = mkdtempSync(join(folder, 'hurt-'));
  cpSync(from, stateDir, { recursive: true });
  const file = join(stateDir, SERIES_FILE);
  const bytes = readFileSync(file);
  for (const number of numbers) fill(bytes.subarray((number - 1) * PAGE_BYTES, number * PAGE_BYTES));
  writeFileSync(file, bytes);
  return { stateDir, bytes };
}

const pagesOf = (name: string, type = 'leaf') =>
  pages.filter((page) => page.name === name && page.pagetype === type).map(({ pageno }) => pageno);

const isCovered = (covered: ReadonlyMap<string, SeqIntervals>, row: ShippedRow): boolean => {
  const { household, device, fromSeq, toSeq } = rangeOf(row);
  return covered.get(`${household} ${device}`)?.overlaps(fromSeq, toSeq) === true;
};

async function coveredOf(edge: Edge): Promise<Map<string, SeqIntervals>> {
  const answer = await edge.hello(HOMES);
  return new Map(
    answer.flatMap(({ household, sources }) =>
      sources.map(({ device, covered }) => [`${household} ${device}`, SeqIntervals.of(covered)] as [string, SeqIntervals]),
    ),
  );
}

/** As deepEqual, but for the last digits of sums that were added in another order; and tells the first difference only. */
function assertSame(got: unknown, expected: unknown, what: string): void {
  if (typeof got === 'number' && typeof expected === 'number' && Math.abs(got - expected) <= Math.abs(expected) * TOLERANCE) return;
  if (typeof got !== 'object' || got === null || typeof expected !== 'object' || expected === null)
    return assert.equal(got, expected, what);
  assert.deepEqual(Object.keys(got).length, Object.keys(expected).length, what);
  for (const key of Object.keys(expected))
    assertSame((got as Record<string, unknown>)[key], (expected as Record<string, unknown>)[key], `${what}.${key}`);
}

/** Nothing is taken above what is not known: a hole must be declared first. */
function withHolesDeclared(parts: readonly ShippedRow[]): ShippedRow[] {
  const next = new Map<string, number>();
  return parts.flatMap((row) => {
    const { household, device, src, fromSeq, toSeq } = rangeOf(row);
    const expected = next.get(`${household} ${device}`) ?? 1;
    next.set(`${household} ${device}`, toSeq + 1);
    if (expected === fromSeq) return [row];
    return [{ kind: 'gap', gap: { household, device, src, fromSeq: expected, toSeq: fromSeq - 1, reason: 'lost' } }, row];
  });
}

/** What a store says that only ever got these rows. */
async function only(rows: readonly ShippedRow[], stateDir = mkdtempSync(join(folder, 'only-'))): Promise<unknown> {
  const { store, edge } = await begun(stateDir);
  await send(edge, rows);
  const all = await everything(store);
  await store.stop();
  return all;
}

/** Starts on the damaged file, looks at what was taken over, and lets the edge bring everything again. */
async function assertSalvaged(
  { stateDir, bytes }: { stateDir: string; bytes: Buffer },
  least: number,
): Promise<Extract<SalvageTold, { step: 'done' }>> {
  const opened = await begun(stateDir);
  const { store, told, edge } = opened;
  const done = told.at(-1);
  assert.ok(done?.step === 'done', JSON.stringify(told));
  assert.deepEqual(readFileSync(join(done.folder, 'series.db')), bytes, 'kept byte for byte');
  const covered = await coveredOf(edge);
  const taken = ROWS.filter((row) => row.kind === 'part' && isCovered(covered, row));
  assert.equal(done.parts, taken.length);
  assert.ok(taken.length >= least, `${taken.length} parts of ${ROWS.length}`);
  assert.equal(
    [...covered.values()].reduce((sum, { size }) => sum + size, 0),
    taken.length,
    'nothing is covered but parts that are there',
  );
  const ranges = (value: unknown) => (value as { ranges: unknown }).ranges;
  assertSame(ranges(await everything(store)), ranges(await only(withHolesDeclared(taken))), 'as a store that only ever got these');
  await send(edge, ROWS);
  assertSame(await everything(store), allOfIt, 'brought again');
  await store.stop();
  const again = await begun(stateDir);
  assert.deepEqual(again.told, [], 'the new one is sound');
  assertSame(await everything(again.store), allOfIt, 'after another start');
  await again.store.stop();
  return done;
}

const PARTS = ROWS.filter(({ kind }) => kind === 'part').length;

const TABLES: readonly [name: string, type: string, least: number][] = [
  ['meta', 'leaf', PARTS],
  ['households', 'leaf', PARTS],
  ['sqlite_autoindex_households_1', 'leaf', PARTS],
  ['devices', 'leaf', PARTS],
  ['sqlite_autoindex_devices_1', 'leaf', PARTS],
  ['sources', 'leaf', PARTS],
  ['sqlite_autoindex_sources_1', 'leaf', PARTS],
  ['gaps', 'leaf', PARTS],
  ['field_sets', 'leaf', PARTS],
  ['sqlite_autoindex_field_sets_1', 'leaf', PARTS],
  ['parts', 'internal', PARTS - 60],
  ['parts', 'leaf', PARTS - 150],
  ['parts_by_seq', 'leaf', PARTS],
  ['parts_by_seq', 'internal', PARTS],
  ['series', 'leaf', PARTS],
  ['sqlite_autoindex_series_1', 'leaf', PARTS],
  ['rollups', 'leaf', PARTS],
  ['rollups', 'internal', PARTS],
  ['damaged', 'leaf', PARTS],
];

for (const [name, type, least] of TABLES) {
  test(`a page of zeros, ${type} of ${name}: all else is taken over, and what is lost is brought again`, async () => {
    const some = pagesOf(name, type);
    await assertSalvaged(hurt(whole, [some[some.length >> 1] as number]), least);
  });
}

test('pages anywhere, written over', async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = seededRandom(seed);
    const numbers = Array.from({ length: 1 + random.below(8) }, () => 3 + random.below(pages.length - 3));
    const fill = (page: Buffer) => (random.below(2) === 0 ? page.fill(0) : page.fill('not a page. '));
    await assertSalvaged(hurt(whole, numbers, fill), 0);
  }
});

test('a salvage that believes what a source said of itself is caught', async () => {
  const { stateDir } = hurt(whole, [pagesOf('parts')[20] as number]);
  const opened = await begun(stateDir);
  await opened.store.stop();
  const old = new Database(join(stateDir, 'cloud/damaged/series-1/series.db'), { readonly: true });
  const rows = old.prepare('SELECT id, covered, readings, digest_high, digest_low, seal FROM sources').all();
  old.close();
  const held = new Database(opened.store.path);
  const save = held.prepare(
    `UPDATE sources SET covered = @covered, readings = @readings, digest_high = @digest_high, digest_low = @digest_low, seal = @seal
     WHERE id = @id`,
  );
  for (const row of rows) save.run(row);
  held.close();
  // As if that were what the start had found: the checks of the tests above.
  const { store, edge } = await begun(stateDir);
  const covered = await coveredOf(edge);
  const windows = ((await everything(store)) as { ranges: unknown[][] }).ranges[0]?.length ?? 0;
  assert.notEqual([...covered.values()].reduce((sum, { size }) => sum + size, 0) * 2, windows, 'covered, and not there');
  await send(edge, ROWS);
  assert.throws(() => assertSame([windows], [PARTS * 2], 'brought again'));
  await store.stop();
});

test('what no edge has any more is declared missing, and the sources go on', async () => {
  const { stateDir } = hurt(whole, [pagesOf('parts')[20] as number]);
  const { store, edge } = await begun(stateDir);
  const covered = await coveredOf(edge);
  const lost = ROWS.filter((row) => row.kind === 'part' && !isCovered(covered, row));
  assert.ok(lost.length > 10 && lost.length < 150, `${lost.length} parts`);
  const next = HOMES.flatMap((household) => DEVICES.map((device) => part(SEQS + 1, SEQS + 1, { household, device })));
  const refused = await edge.verdicts(...next);
  assert.ok(refused.includes('gap') && refused.includes('stored'), 'nothing is taken above a hole');
  const gaps = lost.map((row): ShippedRow => ({ kind: 'gap', gap: { ...rangeOf(row), reason: 'no longer in the topic' } }));
  assert.deepEqual(new Set(await edge.verdicts(...gaps)), new Set(['stored']));
  assert.deepEqual(new Set(await edge.verdicts(...next)), new Set(['stored', 'duplicate']));
  const declared = (await edge.hello(HOMES)).flatMap(({ sources }) => sources.map((source) => SeqIntervals.of(source.declared).size));
  assert.equal(
    declared.reduce((sum, size) => sum + size, 0),
    lost.length + HOMES.length * DEVICES.length * (GAP[1] - GAP[0] + 1),
  );
  await store.stop();
});

test('the page with the header and the list of the tables, of zeros: all else is taken over', async () => {
  await assertSalvaged(hurt(whole, [1]), PARTS);
});

for (const table of ['parts', 'sources', 'parts_by_seq']) {
  test(`the definition of ${table} damaged: all is taken over`, async () => {
    const definition = Buffer.from(table === 'parts_by_seq' ? 'CREATE UNIQUE INDEX parts_by_seq' : `CREATE TABLE ${table} `);
    const at = readFileSync(join(whole, SERIES_FILE)).indexOf(definition);
    assert.ok(at > 0 && at < PAGE_BYTES);
    const change = (page: Buffer) => (page[at + 3] = (page[at + 3] as number) ^ 1);
    await assertSalvaged(hurt(whole, [1], change), PARTS);
  });
}

const NOTHING_LEFT: readonly [what: string, change: (bytes: Buffer) => Buffer][] = [
  ['emptied', () => Buffer.alloc(0)],
  ['text in its place', () => Buffer.from('household,power\n'.repeat(3_000))],
];

for (const [what, change] of NOTHING_LEFT) {
  test(`${what}: nothing can be read, which is told, and everything is brought again`, async () => {
    const { stateDir } = hurt(whole, []);
    const bytes = change(readFileSync(join(stateDir, SERIES_FILE)));
    writeFileSync(join(stateDir, SERIES_FILE), bytes);
    const done = await assertSalvaged({ stateDir, bytes }, 0);
    assert.deepEqual([done.parts, done.households, done.mayLackNames], [0, 0, true]);
    assert.equal(done.step, 'done');
  });
}

const MOMENTS: readonly [when: string, make: (cloud: string, done: string) => void][] = [
  ['half of the new one is there', (cloud) => writeFileSync(join(cloud, 'series.db-salvaging'), 'half')],
  ['the new one is whole', (cloud, done) => cpSync(join(done, 'series.db'), join(cloud, 'series.db-salvaged'))],
  [
    'the damaged one has been moved, its log of writes has not',
    (cloud, done) => {
      cpSync(join(done, 'series.db'), join(cloud, 'series.db-salvaged'));
      mkdirSync(join(cloud, 'damaged/series-1'), { recursive: true });
      renameSync(join(cloud, 'series.db'), join(cloud, 'damaged/series-1/series.db'));
    },
  ],
  [
    'all has been moved, and the new one is not in its place',
    (cloud, done) => {
      cpSync(join(done, 'series.db'), join(cloud, 'series.db-salvaged'));
      mkdirSync(join(cloud, 'damaged/series-1'), { recursive: true });
      for (const end of ['', '-wal']) renameSync(join(cloud, `series.db${end}`), join(cloud, `damaged/series-1/series.db${end}`));
    },
  ],
];

test('killed at each step of the swap: the next start comes to the same end', async () => {
  const { stateDir, bytes } = hurt(whole, [pagesOf('parts_by_seq')[1] as number]);
  const log = Buffer.from('what was left of a write-ahead log');
  writeFileSync(join(stateDir, `${SERIES_FILE}-wal`), log);
  const ended = mkdtempSync(join(folder, 'ended-'));
  cpSync(stateDir, ended, { recursive: true });
  const first = await begun(ended);
  const truth = await everything(first.store);
  await first.store.stop();
  for (const [when, make] of MOMENTS) {
    const killed = mkdtempSync(join(folder, 'killed-'));
    cpSync(stateDir, killed, { recursive: true });
    const cloud = join(killed, 'cloud');
    make(cloud, join(ended, 'cloud'));
    const { store } = await begun(killed);
    assertSame(await everything(store), truth, when);
    await store.stop();
    assert.deepEqual(readFileSync(join(cloud, 'damaged/series-1/series.db')), bytes, when);
    assert.deepEqual(readFileSync(join(cloud, 'damaged/series-1/series.db-wal')), log, when);
    assert.deepEqual(
      readdirSync(cloud).filter((name) => name.includes('salvag') || name.endsWith('-wal')),
      [],
      when,
    );
  }
});

test('what keeps the new one from being made leaves everything as it was, and the next start does it', async () => {
  const { stateDir, bytes } = hurt(whole, [pagesOf('parts')[20] as number]);
  const cloud = join(stateDir, 'cloud');
  // As a settings file that was changed at the same time: known only after something was read.
  const other = new SqliteSeriesStore({ stateDir, windowMs: 10_000, postalCodes, clock: systemClock });
  await assert.rejects(other.start(), { name: 'ConfigError', message: /holds windows of 5 s/ });
  const onSalvage = ({ step }: SalvageTold) => {
    if (step === 'under way') throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
  };
  const full = new SqliteSeriesStore({ stateDir, windowMs: WINDOW_MS, postalCodes, clock: systemClock, onSalvage });
  await assert.rejects(full.start(), { code: 'DISK_FULL' });
  assert.deepEqual(readFileSync(join(stateDir, SERIES_FILE)), bytes);
  assert.deepEqual(
    readdirSync(cloud).filter((name) => name.includes('salvag') || name === 'damaged'),
    [],
  );
  await assertSalvaged({ stateDir, bytes }, PARTS - 150);
});

test('damage that a running store meets: told once where the next start finds it, which takes over the rest', async () => {
  const { stateDir } = hurt(whole, []);
  const unusable: string[] = [];
  const onUnusable = ({ code }: { code: string }) => unusable.push(code);
  const store = new SqliteSeriesStore({ stateDir, windowMs: WINDOW_MS, postalCodes, clock: systemClock, onUnusable });
  await store.start();
  const edge = new Edge(store);
  await edge.hello(HOMES);
  const { database } = (store as never as { open: { database: Database.Database } }).open;
  database.pragma('wal_checkpoint(TRUNCATE)');
  // So that pages are read anew.
  database.pragma('cache_size = 1');
  database.pragma('shrink_memory');
  const bytes = readFileSync(store.path);
  for (const number of pagesOf('parts')) bytes.fill('not a page. ', (number - 1) * PAGE_BYTES, number * PAGE_BYTES);
  writeFileSync(store.path, bytes);
  const late = HOMES.map((household) => part(SEQS + 1, SEQS + 1, { household }));
  for (let n = 0; n < 2; n++) await assert.rejects(edge.send(late), { code: 'STORE_DAMAGED' });
  assert.deepEqual(unusable, ['STORE_DAMAGED']);
  await store.stop();
  const again = await begun(stateDir);
  assert.equal(again.told.at(-1)?.step, 'done');
  await again.store.stop();
});

const HOUR_MS = 3_600_000;
/** Of the test's 75 minutes the first hour, and one whose end lies in the middle of an hour. */
for (const keptFromMs of [T0_MS + HOUR_MS, T0_MS + 25 * 60_000]) {
  for (const [name, type] of [
    ['parts', 'leaf'],
    ['rollups', 'leaf'],
    ['rollups', 'internal'],
    ['meta', 'leaf'],
    ['parts_by_seq', 'leaf'],
    ['sources', 'leaf'],
  ] as const) {
    const minute = (keptFromMs - T0_MS) / 60_000;
    test(`windows before minute ${minute} were forgotten, ${type} page of ${name}: their buckets are taken over`, async () => {
      const stateDir = mkdtempSync(join(folder, 'forgot-'));
      cpSync(whole, stateDir, { recursive: true });
      const { store } = await begun(stateDir);
      await store.deleteBefore(keptFromMs);
      const truth = (await everything(store)) as { ranges: unknown[][] };
      await store.stop();
      const database = new Database(store.path, { readonly: true });
      const some = database.prepare('SELECT pageno FROM dbstat WHERE name = ? AND pagetype = ?').pluck().all(name, type) as number[];
      database.close();
      const { stateDir: damaged } = hurt(stateDir, [some[some.length >> 1] as number]);
      const opened = await begun(damaged);
      const done = opened.told.at(-1);
      assert.ok(done?.step === 'done');
      await send(opened.edge, ROWS);
      const got = (await everything(opened.store)) as typeof truth;
      await opened.store.stop();
      if (name === 'rollups') {
        // A page of the buckets of forgotten windows is lost for good, and told: all that are there are right.
        const lost = lostOf(got.ranges.slice(1), truth.ranges.slice(1), keptFromMs);
        assert.ok(lost < BUCKETS_ON_PAGE_MAX, `${lost} buckets`);
        assert.ok(lost === 0 || done.mayLackBuckets);
      } else if (name === 'sources') {
        // Forgotten windows are brought again, because nothing tells any more that they were there.
        assertSame(got.ranges.slice(1), truth.ranges.slice(1), 'buckets');
      } else assertSame(got, truth, 'all of it');
      for (const { covered } of (await coveredNow(damaged)).values())
        assert.deepEqual(covered, [
          [1, GAP[0] - 1],
          [GAP[1] + 1, SEQS],
        ]);
    });
  }
}

test('windows that came late to forgotten time, lost with their page and brought again: in their buckets once', async () => {
  const late = HOMES.flatMap((household) =>
    DEVICES.flatMap((device) =>
      Array.from({ length: GAP[1] - GAP[0] + 1 }, (_, i) => part(GAP[0] + i, GAP[0] + i, { household, device, values: { power: 50 } })),
    ),
  );
  const stateDir = mkdtempSync(join(folder, 'late-'));
  cpSync(whole, stateDir, { recursive: true });
  const { store, edge } = await begun(stateDir);
  await store.deleteBefore(T0_MS + HOUR_MS);
  await send(edge, late);
  const truth = (await everything(store)) as { ranges: unknown[][] };
  await store.stop();
  const database = new Database(store.path, { readonly: true });
  const leaves = "SELECT pageno FROM dbstat WHERE name = 'parts' AND pagetype = 'leaf' ORDER BY path LIMIT 1";
  const first = database.prepare(leaves).pluck().get() as number;
  database.close();
  const opened = await begun(hurt(stateDir, [first]).stateDir);
  const done = opened.told.at(-1);
  assert.ok(done?.step === 'done' && done.readingsLost > 0);
  // Once for the parts of each device and for all other parts; then of each length of buckets, what is mended of them, and the totals.
  const signs = opened.told.filter(({ step }) => step === 'under way').length;
  assert.ok(signs >= HOMES.length * DEVICES.length + 1 + 3 + 2 + 1, `${signs} signs that it goes on`);
  await send(opened.edge, [...ROWS, ...late]);
  const got = (await everything(opened.store)) as typeof truth;
  assertSame(got, truth, 'all of it');
  const held = new Database(opened.store.path);
  held.exec(
    `UPDATE sources SET forgotten = ''; UPDATE rollups SET seal = seal + 1 WHERE level_ms = 60000 AND start_ms = ${T0_MS + 33 * 60_000}`,
  );
  held.close();
  await assert.rejects(everything(opened.store), { code: 'PART_DAMAGED' }, 'the parts that are there are not all that were in it');
  await opened.store.stop();
});

test('since when buckets of a length are kept, lost with its page: found by those that are there', async () => {
  const stateDir = mkdtempSync(join(folder, 'kept-'));
  cpSync(whole, stateDir, { recursive: true });
  const { store } = await begun(stateDir);
  for (const levelMs of [WINDOW_MS, 60_000]) await store.deleteBefore(T0_MS + HOUR_MS, { levelMs });
  const kept = await store.kept();
  await store.stop();
  const opened = await begun(hurt(stateDir, pagesOf('meta')).stateDir);
  assert.equal(opened.told.at(-1)?.step, 'done');
  assert.deepEqual(await opened.store.kept(), kept);
  await opened.store.stop();
});

/** How many of the buckets are missing; all others are as they were, but for those over the end of what was forgotten. */
function lostOf(got: unknown[][], truth: unknown[][], keptFromMs: number): number {
  const keysOf = (ranges: unknown[][]) =>
    new Map(
      (ranges as Bucket[][]).flatMap((buckets, at) =>
        buckets
          .filter(({ startMs }) => startMs >= keptFromMs || startMs + (LENGTHS_MS[at] as number) <= keptFromMs)
          .map((bucket) => [`${at} ${bucket.household} ${bucket.device} ${bucket.field} ${bucket.startMs}`, bucket] as const),
      ),
    );
  const held = keysOf(got);
  let lost = 0;
  for (const [key, bucket] of keysOf(truth)) {
    if (held.has(key)) assertSame(held.get(key), bucket, key);
    else lost++;
  }
  return lost;
}

async function coveredNow(stateDir: string): Promise<Map<string, { covered: unknown }>> {
  const { store, edge } = await begun(stateDir);
  const covered = await coveredOf(edge);
  await store.stop();
  return new Map([...covered].map(([key, its]) => [key, { covered: its.ranges() }]));
}

async function begun(stateDir: string): Promise<Opened> {
  const told: SalvageTold[] = [];
  const onSalvage = (its: SalvageTold) => told.push(its);
  const store = new SqliteSeriesStore({ stateDir, windowMs: WINDOW_MS, postalCodes, clock: systemClock, onSalvage });
  await store.start();
  const edge = new Edge(store);
  await edge.hello(HOMES);
  return { store, told, edge };
}

async function send(edge: Edge, rows: readonly ShippedRow[]): Promise<void> {
  for (let at = 0; at < rows.length; at += 500) await edge.send(rows.slice(at, at + 500));
}

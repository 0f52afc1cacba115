/**
 * Power cuts: a real process writes into outbox, broker and series store, everything it does to the disk is logged, and the disk is
 * made anew as a cut at many moments would have left it. What the process had announced by then must be there, whole, and the
 * production code must open it. With synchronous=NORMAL, which the stores refuse, announced work is lost: so this test can fail.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import Database from 'better-sqlite3';
import { addReadingDigest, textDigest } from '../../common/protocol/digest.ts';
import { assertSurvives, type CutRun, lossesAt } from '../doubles/power-cut-trials.ts';
import { type DiskOp, noStrace, recordWrites } from '../doubles/write-log.ts';
import { BROKER_TOPIC, HOMES, isDamaged, openStores, readingAt, recordAt } from './announcing-writer.ts';

const CUTS = process.env['FOGLINE_LONG'] === '1' ? 300 : 120;
/** The control needs only one that is red. */
const CONTROL_CUTS = 60;
const WRITER = join(import.meta.dirname, 'announcing-writer.ts');
const skip = noStrace();

type Kind = 'outbox' | 'broker' | 'salvage' | 'series';
/** The greatest number announced, by word. */
type Promised = Readonly<Record<string, number>>;

let folder: string;
before(() => (folder = mkdtempSync(join(tmpdir(), 'fogline-power-'))));
after(() => rmSync(folder, { recursive: true, force: true }));

/** @throws when what was promised is not there */
const CHECKS: Readonly<Record<Kind, (image: string, promised: Promised) => Promise<void>>> = {
  outbox: async (image, promised) => {
    const store = openStores(image).outbox();
    store.start();
    try {
      const { ledgerStore } = store;
      const taken = ledgerStore.positions.get(0)?.nextOffset ?? 0;
      assert.ok(taken >= (promised['taken'] ?? 0), `${taken} readings are there, ${promised['taken']} were taken`);
      if (taken === 0) return;
      const [source] = ledgerStore.ledger.sources.values();
      assert.deepEqual(source?.seen.ranges(), [[1, taken]]);
      const acked = source.covered.max;
      assert.ok(acked >= (promised['acked'] ?? 0), `${acked} are acked, ${promised['acked']} were`);
      const open = ledgerStore.ledger.openOf('home-a', 'meter');
      const keptTo = open === undefined ? taken : open.part.fromSeq - 1;
      assert.deepEqual(source.keptDigest, digestOf(keptTo));
      const rows = rowsIn(join(image, 'state/edge/outbox.db'));
      let next = rows[0]?.from_seq ?? keptTo + 1;
      assert.ok(next <= acked + 1, 'only what is acked is trimmed');
      for (const { from_seq: from, to_seq: to, state, stats } of rows) {
        assert.equal(from, next);
        assert.equal(state === 4, to <= acked);
        assert.ok(stats !== null);
        next = to + 1;
      }
      assert.equal(next, keptTo + 1);
    } finally {
      store.stop();
    }
  },
  broker: async (image, promised) => {
    const broker = openStores(image).broker();
    await broker.start();
    try {
      // Made again where the cut was before it.
      await broker.ensureTopic(BROKER_TOPIC, { partitions: 1, retentionMs: 60_000 });
      const { endOffset } = await broker.logState(BROKER_TOPIC, 0);
      assert.ok(endOffset >= (promised['appended'] ?? 0), `the log ends at ${endOffset}, ${promised['appended']} were appended`);
      const records = await broker.read(BROKER_TOPIC, 0, 0, endOffset, Math.max(1, endOffset));
      assert.equal(records.length, endOffset);
      for (const { offset, value } of records) assert.equal(value.toString(), recordAt(offset));
      const [committed] = await broker.committed(BROKER_TOPIC, 'edge');
      assert.ok((committed?.offset ?? 0) >= (promised['committed'] ?? 0));
    } finally {
      await broker.stop();
    }
  },
  salvage: async (image, promised) => {
    let values: string[] | undefined;
    // The damage may not have been met before the cut.
    for (let start = 1; values === undefined; start++) {
      const broker = openStores(image).damagedBroker();
      try {
        await broker.start();
        await broker.ensureTopic(BROKER_TOPIC, { partitions: 1, retentionMs: 60_000 });
        const { endOffset } = await broker.logState(BROKER_TOPIC, 0);
        values = (await broker.read(BROKER_TOPIC, 0, 0, endOffset, Math.max(1, endOffset))).map(({ value }) => value.toString());
      } catch (error) {
        if ((error as { code?: string }).code !== 'BROKER_DAMAGED' || start === 2) throw error;
      } finally {
        await broker.stop();
      }
    }
    const numbers = values.map((value) => Number(value.split(' ')[1]));
    const found = new Set(numbers);
    const promisedNumbers = Array.from({ length: promised['appended'] ?? 0 }, (_, number) => number);
    const lost = promisedNumbers.filter((number) => !found.has(number) && !isDamaged(number));
    assert.equal(lost.length, 0, `${lost.length} records are not there, from ${lost[0]} on, and ${promised['appended']} were appended`);
    assert.deepEqual(
      values,
      [...found].sort((a, b) => a - b).map((number) => recordAt(number)),
    );
  },
  series: async (image, promised) => {
    const store = openStores(image).series();
    await store.start();
    try {
      const households = await store.households();
      const stored = households[0]?.readings ?? 0;
      assert.ok(stored >= (promised['stored'] ?? 0), `${stored} are stored, ${promised['stored']} were acked`);
      assert.ok(stored === 0 || households.length === HOMES.length);
      for (const { readings } of households) assert.equal(readings, stored, 'a request is stored whole');
      let windows = 0;
      for await (const bucket of store.range({ resolution: 'raw' })) {
        windows++;
        assert.equal(bucket.count, 1);
      }
      assert.equal(windows, stored * HOMES.length);
    } finally {
      await store.stop();
    }
  },
};

for (const kind of ['outbox', 'broker', 'salvage', 'series'] as const) {
  test(`${kind}: nothing announced is lost at ${CUTS} power cuts`, { skip }, async () => {
    await assertSurvives(record(kind, 'FULL'), CUTS);
  });

  test(`${kind}: the control, synchronous=NORMAL, loses what was announced`, { skip }, async () => {
    const lost = await lossesAt(record(kind, 'NORMAL'), CONTROL_CUTS);
    assert.ok(lost.length > CONTROL_CUTS / 4, `${lost.length} of ${CONTROL_CUTS} cuts lost something`);
    assert.ok(
      lost.some((message) => / were /.test(message)),
      lost[0],
    );
  });
}

/** The log of a writer's whole life. It must end with everything announced. */
function record(kind: Kind, sync: 'FULL' | 'NORMAL'): CutRun {
  const home = mkdtempSync(join(folder, `${kind}-`));
  const ops = recordWrites(home, ['--import', 'tsx', WRITER, kind, home, sync]);
  const count = (of: DiskOp['kind']) => ops.filter((op) => op.kind === of).length;
  assert.ok(count('said') > 70 && count('write') > 500 && count('make') > 3, `${count('said')} announced, ${count('write')} writes`);
  assert.ok(sync === 'NORMAL' || count('sync') >= count('said'), 'each announcement had its sync');
  return { home, ops, image: join(folder, 'image'), check: (image, said) => CHECKS[kind](image, promisedIn(said)) };
}

function promisedIn(said: readonly string[]): Promised {
  const promised: Record<string, number> = {};
  for (const line of said.join('').split('\n')) {
    const [what = '', number] = line.split(' ');
    promised[what] = Number(number);
  }
  return promised;
}

function rowsIn(path: string): { from_seq: number; to_seq: number; state: number; stats: string | null }[] {
  assert.ok(existsSync(path));
  const database = new Database(path, { readonly: true });
  try {
    assert.equal(database.pragma('integrity_check', { simple: true }), 'ok');
    return database
      .prepare('SELECT from_seq, to_seq, state, stats FROM outbox LEFT JOIN outbox_bodies USING (id) ORDER BY from_seq')
      .all() as ReturnType<typeof rowsIn>;
  } finally {
    database.close();
  }
}

/** Of the readings 1..to, added up here. */
function digestOf(to: number): { high: number; low: number } {
  const sum = { high: 0, low: 0 };
  for (let seq = 1; seq <= to; seq++) {
    const { timeMs, values } = readingAt(seq);
    addReadingDigest(sum, textDigest('home-a/meter/src1'), seq, timeMs, values);
  }
  return sum;
}

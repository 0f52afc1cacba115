import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import Database from 'better-sqlite3';
import { EdgeStore } from '../../../../edge/server/edge-store.ts';
import { LOOK_ROWS, OutboxFull } from '../../../../edge/server/outbox.ts';
import { OUTBOX_FILE, RESERVE_PAGES } from '../../../../edge/server/outbox-schema.ts';
import { ConfigError, OperatingError } from '../../../../common/errors.ts';
import type { NewRow } from '../../../../common/protocol/edge-ledger.ts';
import { reconcileSource } from '../../../../common/protocol/hello-rules.ts';
import { seededRandom } from '../../../../common/random.ts';
import { SET_ASIDE_FOLDER } from '../../../../common/set-aside.ts';
import { SeqIntervals } from '../../../../common/protocol/seq-intervals.ts';
import type { Part } from '../../../../common/messages.ts';
import { closePart, openPart } from '../../../../common/protocol/window.ts';

const BIG_QUOTA_BYTES = 1 << 28;
let folder: string;
let store: EdgeStore;

function openStore(quotaBytes = BIG_QUOTA_BYTES, windowMs = 5_000): EdgeStore {
  const opened = new EdgeStore({ folder, quotaBytes, windowMs });
  opened.start();
  return opened;
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fogline-outbox-'));
  store = openStore();
});

afterEach(() => {
  store.stop();
  rmSync(folder, { recursive: true });
});

function partRow(household: string, seq: number, power = 100): NewRow {
  const reading = { household, device: 'meter', src: 'aa', seq, timeMs: seq * 5_000, values: { energy: 1, power } };
  return { kind: 'part', part: closePart(openPart(reading, 5_000)), partition: 0, offset: seq };
}

function gapRow(household: string, fromSeq: number, toSeq: number): NewRow {
  return { kind: 'gap', gap: { household, device: 'meter', src: 'aa', fromSeq, toSeq, reason: 'test' }, partition: 0, offset: fromSeq };
}

function insert(...rows: NewRow[]): Promise<void> {
  return store.exclusive(async () => store.commit(true, () => rows.forEach((row) => store.outbox.insert(row, 1_000))));
}

function change(write: () => void): Promise<void> {
  return store.exclusive(async () => store.commit(false, write));
}

const sourceIdOf = (household: string) => store.outbox.sourceIdOf({ household, device: 'meter', src: 'aa' });

test('rows of a source come lowest seq first, whatever the order they were put in', async () => {
  await insert(partRow('h1', 3), partRow('h1', 1), partRow('h1', 2));
  const rows = store.outbox.queuedOf(sourceIdOf('h1'), 0, 10);
  assert.deepEqual(
    rows.map(({ row }) => row.kind === 'part' && row.part.fromSeq),
    [1, 2, 3],
  );
  const { part } = partRow('h1', 1) as { part: Part };
  assert.deepEqual(rows[0]?.row, { kind: 'part', part: { ...part, stats: JSON.stringify(part.stats) } });
});

test('reading deletes nothing, a sent row comes again, an acked one does not', async () => {
  await insert(partRow('h1', 1), partRow('h1', 2));
  const sourceId = sourceIdOf('h1');
  const [first] = store.outbox.queuedOf(sourceId, 0, 10);
  await change(() => store.outbox.markSent([first?.id as number], 2_000));
  assert.equal(store.outbox.queuedOf(sourceId, 0, 10).length, 2);
  await change(() => store.outbox.acknowledge([{ id: first?.id as number, sourceId }], 3_000));
  assert.equal(store.outbox.queuedOf(sourceId, 0, 10).length, 1);
  assert.deepEqual([store.outbox.unackedCount, store.outbox.ackedCount], [1, 1]);
});

test('an ack that comes twice counts once', async () => {
  await insert(partRow('h1', 1));
  const sourceId = sourceIdOf('h1');
  for (let i = 0; i < 2; i++) await change(() => store.outbox.acknowledge([{ id: 1, sourceId }], 3_000));
  assert.deepEqual([store.outbox.unackedCount, store.outbox.ackedCount], [0, 1]);
});

test('row ids are never given twice, also when the outbox was emptied', async () => {
  await insert(partRow('h1', 1), partRow('h1', 2));
  await change(() => store.outbox.drop(sourceIdOf('h1'), [1, 2]));
  await insert(partRow('h1', 3));
  assert.equal(store.outbox.highestId(), 3);
});

test('a failed transaction leaves neither rows nor counts nor ledger', async () => {
  await insert(partRow('h1', 1));
  const failing = store.exclusive(async () =>
    store.commit(true, () => {
      store.outbox.insert(partRow('h2', 1), 1_000);
      store.ledgerStore.ledger.source({ household: 'h2', device: 'meter', src: 'aa' }).seen.add(1, 1);
      throw new Error('planted');
    }),
  );
  await assert.rejects(failing, /planted/);
  assert.deepEqual([store.outbox.unackedCount, store.outbox.unackedSources().length, store.ledgerStore.ledger.sources.size], [1, 1, 1]);
});

test('nothing is committed outside of exclusive', () => {
  assert.throws(() => store.commit(false, () => undefined), /outside of exclusive/);
});

test('everything is there after a reopen, with the same epoch and another claim', async () => {
  const { epoch, claim } = store;
  await store.exclusive(async () =>
    store.commit(true, () => {
      store.outbox.insert(partRow('h1', 1), 1_000);
      const source = store.ledgerStore.ledger.source({ household: 'h1', device: 'meter', src: 'aa' });
      source.seen = SeqIntervals.of([
        [1, 5],
        [7, 9],
      ]);
      store.ledgerStore.ledger.generations.set('h1', 4);
      store.ledgerStore.saveHousehold('h1');
      store.ledgerStore.savePosition({ partition: 2, nextOffset: 17, logId: 'log', recordHash: 'hash' });
      store.ledgerStore.saveRun('run1', 2, [{ household: 'h1', device: 'meter', src: 'aa', seq: 9 }]);
    }),
  );
  store.stop();
  store = openStore();
  assert.equal(store.epoch, epoch);
  assert.notEqual(store.claim, claim);
  const { ledger, positions, runs } = store.ledgerStore;
  assert.deepEqual(ledger.sources.get('h1/meter/aa')?.seen.ranges(), [
    [1, 5],
    [7, 9],
  ]);
  assert.equal(ledger.generations.get('h1'), 4);
  assert.deepEqual(positions.get(2), { partition: 2, nextOffset: 17, logId: 'log', recordHash: 'hash' });
  assert.equal(runs.get('run1')?.get(2)?.[0]?.seq, 9);
  assert.equal(store.outbox.unackedCount, 1);
});

test('what is acked outside of covered is found, by one row that reaches in too', async () => {
  await insert(...[1, 2, 3, 4, 5].map((seq) => partRow('h1', seq)), gapRow('h1', 6, 20));
  const sourceId = sourceIdOf('h1');
  const all = [1, 2, 3, 4, 5, 6].map((id) => ({ id, sourceId }));
  await change(() => store.outbox.acknowledge(all, 2_000));
  const source = store.ledgerStore.ledger.source({ household: 'h1', device: 'meter', src: 'aa' });
  const outside = (covered: [number, number][], declared: [number, number][]) =>
    store.outbox.ackedOutside(source, SeqIntervals.of(covered), SeqIntervals.of(declared)).map(({ id }) => id);
  assert.deepEqual(outside([[1, 5]], [[6, 20]]), []);
  assert.deepEqual(outside([[1, 3]], [[6, 20]]), [4, 5]);
  assert.deepEqual(
    outside(
      [
        [1, 5],
        [8, 9],
      ],
      [[6, 7]],
    ),
    [6],
  );
});

test('trimming deletes old acked rows only, in steps', async () => {
  await insert(...[1, 2, 3, 4].map((seq) => partRow('h1', seq)));
  const sourceId = sourceIdOf('h1');
  await change(() =>
    store.outbox.acknowledge(
      [1, 2, 4].map((id) => ({ id, sourceId })),
      2_000,
    ),
  );
  await change(() => assert.deepEqual(store.outbox.trimStep(0, 99, 2_000, 2), { deleted: 0, nextAfterId: undefined }));
  await change(() => assert.deepEqual(store.outbox.trimStep(0, 99, 2_001, 2), { deleted: 2, nextAfterId: 2 }));
  await change(() => assert.deepEqual(store.outbox.trimStep(2, 99, 2_001, 2), { deleted: 1, nextAfterId: 4 }));
  assert.deepEqual([store.outbox.unackedCount, store.outbox.ackedCount], [1, 0]);
});

test('exactly at the quota: inserts are refused, acks and trimming work, then inserts work again', async () => {
  store.stop();
  const quotaBytes = 4 << 20;
  store = openStore(quotaBytes);
  let seq = 0;
  const fill = async () => {
    for (;;) await insert(...Array.from({ length: 100 }, () => partRow('h1', ++seq)));
  };
  await assert.rejects(fill(), OutboxFull);
  seq -= 100;
  assert.equal(store.outbox.unackedCount, seq);
  // The last page may have room for single rows: go on until not even one fits.
  await assert.rejects(async () => {
    for (;;) await insert(partRow('h1', ++seq));
  }, OutboxFull);
  seq--;
  // By the quota, and not by the end of the pages that are kept for acks.
  assert.ok(store.outbox.usedShare() <= 1, `${store.outbox.usedShare()} of the quota is used`);
  const sourceId = sourceIdOf('h1');
  for (let id = 0, rows = store.outbox.queuedOf(sourceId, id, 500); rows.length > 0; rows = store.outbox.queuedOf(sourceId, 0, 500)) {
    await change(() =>
      store.outbox.markSent(
        rows.map((row) => row.id),
        2_000,
      ),
    );
    await change(() =>
      store.outbox.acknowledge(
        rows.map((row) => ({ id: row.id, sourceId })),
        2_000,
      ),
    );
  }
  await change(() => assert.equal(store.outbox.trimStep(0, Number.MAX_SAFE_INTEGER, 3_000, 500).deleted, 500));
  await insert(partRow('h1', seq + 1));
  assert.equal(store.outbox.unackedCount, 1);
});

test('an ack never makes a row longer: every state takes one byte', async () => {
  await insert(partRow('h1', 1));
  const sizes: number[] = [];
  const sizeOf = () => {
    const reader = new Database(join(folder, OUTBOX_FILE), { readonly: true });
    const [state] = reader.prepare('SELECT state FROM outbox').pluck().all() as number[];
    reader.close();
    // SQLite stores 0 and 1 in the record's header alone, -128..127 otherwise in one byte.
    return state === 0 || state === 1 ? 0 : 1;
  };
  sizes.push(sizeOf());
  await change(() => store.outbox.markSent([1], 1_000));
  sizes.push(sizeOf());
  await change(() => store.outbox.acknowledge([{ id: 1, sourceId: sourceIdOf('h1') }], 1_000));
  sizes.push(sizeOf());
  assert.deepEqual(sizes, [1, 1, 1]);
});

test('the view power_averages shows the outbox as a table of averages', async () => {
  await insert(partRow('h1', 1, 250.5), gapRow('h1', 2, 3));
  await change(() => {
    store.ledgerStore.postalCodes.set('h1', '10115');
    store.ledgerStore.saveHousehold('h1');
  });
  const reader = new Database(join(folder, OUTBOX_FILE), { readonly: true });
  const rows = reader.prepare('SELECT * FROM power_averages').all();
  reader.close();
  assert.deepEqual(rows, [
    { id: 1, node_id: 'household_h1', average: 250.5, postal_code: '10115', timestamp: '1970-01-01 00:00:05', sent: 0 },
  ]);
});

test('synchronous is FULL and the journal is a WAL', () => {
  const reader = new Database(join(folder, OUTBOX_FILE));
  assert.equal(reader.pragma('journal_mode', { simple: true }), 'wal');
  reader.close();
});

test('another window length than the stored one is refused with the remedy', () => {
  store.stop();
  assert.throws(() => openStore(BIG_QUOTA_BYTES, 10_000), ConfigError);
  store = openStore();
});

test('a file of a newer version is refused, and left as it is', async () => {
  store.stop();
  const file = join(folder, OUTBOX_FILE);
  const database = new Database(file);
  database.pragma('user_version = 99');
  database.close();
  assert.throws(
    () => openStore(),
    (error: unknown) => error instanceof OperatingError && error.code === 'STORE_DAMAGED' && /version 99/.test(error.message),
  );
  assert.ok(!existsSync(join(folder, SET_ASIDE_FOLDER)));
  rmSync(file);
  store = openStore();
});

test('also what may be written above the quota has an end: acks and refills can not fill the disk', async () => {
  store.stop();
  const PAGE_BYTES = 8_192;
  const quotaBytes = 64 * PAGE_BYTES;
  store = openStore(quotaBytes);
  let seq = 0;
  const rows = () => Array.from({ length: 500 }, () => partRow('h1', ++seq));
  const fill = async () => {
    for (let i = 0; i < 100; i++) await change(() => rows().forEach((row) => store.outbox.insert(row, 1_000)));
  };
  await assert.rejects(fill(), OutboxFull);
  assert.ok(statSync(join(folder, OUTBOX_FILE)).size <= quotaBytes + RESERVE_PAGES * PAGE_BYTES);
  assert.equal(store.outbox.unackedCount, seq - 500);
});

test('nothing behind a damaged row is given to be sent: it waits until the row was found again', async () => {
  await insert(partRow('h1', 1), partRow('h1', 2), partRow('h1', 3), partRow('h2', 1));
  const seqs = (household: string) =>
    store.outbox.queuedOf(sourceIdOf(household), 0, 10).map(({ row }) => row.kind === 'part' && row.part.fromSeq);
  assert.deepEqual(seqs('h1'), [1, 2, 3]);
  const database = new Database(join(folder, OUTBOX_FILE));
  const changed = database.prepare(
    "UPDATE outbox_bodies SET stats = replace(stats, '100', '900') WHERE id = (SELECT id FROM outbox WHERE source_id = ? AND from_seq = 2)",
  );
  assert.equal(changed.run(sourceIdOf('h1')).changes, 1);
  database.close();
  assert.deepEqual(seqs('h1'), [1]);
  assert.ok(store.outbox.hasDamaged);
  assert.deepEqual(seqs('h2'), [1]);
});

/** Rows that these statements gave, call by call. */
function watchReads(names: readonly string[]): Map<string, number[]> {
  const { statements } = store.outbox as unknown as { statements: Record<string, { all: (...args: unknown[]) => unknown[] }> };
  return new Map(
    names.map((name) => {
      const reads: number[] = [];
      const statement = statements[name] as { all: (...args: unknown[]) => unknown[] };
      const all = statement.all.bind(statement);
      statement.all = (...args) => {
        const rows = all(...args);
        reads.push(rows.length);
        return rows;
      };
      return [name, reads];
    }),
  );
}

const sourceOf = (household: string) => store.ledgerStore.ledger.source({ household, device: 'meter', src: 'aa' });

test('a hello reads the ranges of what waits in small steps, each once, and no body of a row that is as it should be', async () => {
  const rows = 4 * LOOK_ROWS + 7;
  await insert(...Array.from({ length: rows }, (_, i) => partRow('h1', i + 1)));
  const source = sourceOf('h1');
  source.seen.add(1, rows);
  const reads = watchReads(['unackedRanges', 'oneRow', 'ackedOverlapping']);
  const steps = store.outbox.held(source, SeqIntervals.of([[1, 3]]), new SeqIntervals());
  let step = steps.next();
  for (const done = () => step.done === true; !done(); step = steps.next()) {
    const read = [...reads.values()].flat().length;
    assert.ok(read <= 2 + (reads.get('unackedRanges')?.length ?? 0), 'one read to a step');
  }
  assert.ok(step.done === true);
  assert.deepEqual(reads.get('unackedRanges'), [LOOK_ROWS, LOOK_ROWS, LOOK_ROWS, LOOK_ROWS, 7]);
  assert.deepEqual([reads.get('oneRow'), reads.get('ackedOverlapping')?.every((count) => count === 0)], [[], true]);
  const held = step.value.unacked(source).map(({ kind, fromSeq, toSeq }) => [kind, fromSeq, toSeq]);
  assert.deepEqual(held, [...[1, 2, 3].map((seq) => ['part', seq, seq]), ['part', 4, rows]]);
  const result = reconcileSource(source, undefined, { covered: SeqIntervals.of([[1, 3]]), declared: new SeqIntervals() }, step.value);
  assert.equal(result.acknowledge.length, 3);
  assert.deepEqual([result.requeue, result.drop, result.missing], [[], [], []]);
});

test('what a cloud has lost is looked up in steps too', async () => {
  const rows = 2 * LOOK_ROWS + 5;
  await insert(...Array.from({ length: rows }, (_, i) => partRow('h1', i + 1)));
  const sourceId = sourceIdOf('h1');
  await change(() => store.outbox.acknowledge(store.outbox.queuedOf(sourceId, 0, rows), 2_000));
  const reads = watchReads(['ackedOverlapping']).get('ackedOverlapping') as number[];
  const outside = store.outbox.ackedOutside(sourceOf('h1'), SeqIntervals.of([[1, 2]]), new SeqIntervals());
  assert.deepEqual(
    outside.map(({ fromSeq }) => fromSeq),
    Array.from({ length: rows - 2 }, (_, i) => i + 3),
  );
  assert.ok(reads.length >= 3 && reads.every((count) => count <= LOOK_ROWS), String(reads));
});

test('property: joined rows lead to the same as each by itself', async () => {
  let [joined, changed] = [0, 0];
  for (let seed = 1; seed <= 60; seed++) {
    const random = seededRandom(seed);
    const household = `p${seed}`;
    const source = sourceOf(household);
    const rows: NewRow[] = [];
    for (let seq = 1; seq < 40; ) {
      const to = Math.min(40, seq + random.below(3));
      const kind = random.below(10);
      if (kind === 0) rows.push(gapRow(household, seq, to));
      else if (kind > 1) {
        for (let at = seq; at <= to; at++) rows.push(partRow(household, at));
        source.seen.add(seq, to);
      }
      seq = to + 1;
    }
    await insert(...rows);
    const sourceId = sourceIdOf(household);
    const all = store.outbox.queuedOf(sourceId, 0, 100);
    await change(() => store.outbox.acknowledge(all.slice(0, random.below(all.length)), 2_000));
    const intervals = () => {
      const from = 1 + random.below(30);
      return SeqIntervals.of(random.below(3) === 0 ? [] : [[random.below(2) === 0 ? 1 : from, from + random.below(10)]]);
    };
    const told = { covered: intervals(), declared: intervals() };
    const outcome = (held: Parameters<typeof reconcileSource>[3]) => {
      const { seen, covered, declared, gapped } = source;
      const before = [seen, covered, declared, gapped].map((set) => set.clone()) as [
        SeqIntervals,
        SeqIntervals,
        SeqIntervals,
        SeqIntervals,
      ];
      const result = reconcileSource(source, undefined, { covered: told.covered.clone(), declared: told.declared.clone() }, held);
      const after = [source.seen, source.covered, source.declared, source.gapped].map((set) => set.ranges());
      [source.seen, source.covered, source.declared, source.gapped] = before;
      return { result, after };
    };
    const steps = store.outbox.held(source, told.covered, told.declared);
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    const each = outcome(store.outbox);
    assert.deepEqual(outcome(step.value), each, `seed ${seed}`);
    if (step.value.unacked(source).length < store.outbox.unacked(source).length) joined++;
    if (each.result.drop.length + each.result.acknowledge.length + each.result.requeue.length > 0) changed++;
  }
  assert.ok(joined > 20 && changed > 20, `${joined} joined, ${changed} changed something`);
});

/** What every edge file must do, seen through the edge store and its contracts. An implementation hands in how it is opened. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SeqIntervals } from '../../common/protocol/seq-intervals.ts';
import { OutboxFull } from '../../edge/server/outbox.ts';
import { change, type EdgeFileHarness, everything, gapRow, insert, partRow, sourceIdOf } from './edge-file-probes.ts';

/** @param open an empty file for windows of 5 s, its store started */
export function edgeFileSuite(name: string, open: (quotaBytes: number) => EdgeFileHarness): void {
  const onEach = (title: string, run: (harness: EdgeFileHarness) => Promise<void>, quotaBytes = 1 << 28): void => {
    it(title, { timeout: 300_000 }, async () => {
      const harness = open(quotaBytes);
      try {
        await run(harness);
      } finally {
        harness.cleanup();
      }
    });
  };

  describe(`${name}: the outbox`, () => {
    onEach('rows of a source come lowest seq first, whatever the order they were put in', rowsComeInOrder);
    onEach('reading deletes nothing, an ack counts once, and numbers are never given twice', rowsStayUntilAcked);
    onEach('the lowest offset of what is not acked is told, also behind rows that turned up late', headsTellTheLowestOffset);
    onEach('the newest window of a source is found, acked or not, and which sources have a backlog', newestWindowIsFound);
    onEach('what the cloud has lost is found and queued again', lostAcksAreQueuedAgain);
    onEach('of what was queued again the lowest offset is told, before its order was looked at and after', orderIsFound);
    onEach('only what was acked and is old is trimmed', oldRowsAreTrimmed);
    onEach('at the quota nothing is added, acks and trimming go on', quotaIsKept, 1 << 20);
  });

  describe(`${name}: transactions`, () => {
    onEach('a failed one leaves neither rows nor counts nor ledger', failedChangesNothing);
    onEach('one of rows alone leaves the ledger in the file as it was, and in memory as it is', rowsAloneAreWritten);
    onEach('everything is there after a restart, with the same epoch and another claim', restartKeepsAll);
  });
}

async function rowsComeInOrder({ store }: EdgeFileHarness): Promise<void> {
  await insert(store, partRow('h1', 3), gapRow('h1', 4, 9), partRow('h1', 1), partRow('h2', 7), partRow('h1', 2));
  const seqs = (from: number, limit: number) =>
    store.outbox
      .queuedOf(sourceIdOf(store, 'h1'), from, limit)
      .map(({ row }) => (row.kind === 'part' ? row.part.fromSeq : row.gap.fromSeq));
  assert.deepEqual(seqs(0, 10), [1, 2, 3, 4]);
  assert.deepEqual(seqs(2, 2), [2, 3]);
  assert.deepEqual([...store.outbox.queuedSources().keys()].sort(), ['h1/meter/aa', 'h2/meter/aa']);
  assert.equal(store.outbox.householdOf(sourceIdOf(store, 'h2')), 'h2');
}

async function rowsStayUntilAcked({ store }: EdgeFileHarness): Promise<void> {
  await insert(store, partRow('h1', 1), partRow('h1', 2));
  const sourceId = sourceIdOf(store, 'h1');
  const [first] = store.outbox.queuedOf(sourceId, 0, 10);
  await change(store, () => store.outbox.markSent([first?.id as number], 2_000));
  assert.equal(store.outbox.queuedOf(sourceId, 0, 10).length, 2, 'a sent row comes again');
  for (let i = 0; i < 2; i++) await change(store, () => store.outbox.acknowledge([{ id: first?.id as number, sourceId }], 3_000));
  assert.deepEqual([store.outbox.unackedCount, store.outbox.ackedCount], [1, 1]);
  const highest = store.outbox.highestId();
  await change(store, () => store.outbox.drop(sourceId, [1, 2]));
  assert.deepEqual([store.outbox.unackedCount, store.outbox.ackedCount, store.outbox.unackedSources()], [0, 0, []]);
  await insert(store, partRow('h1', 3));
  assert.ok(store.outbox.highestId() > highest);
}

async function newestWindowIsFound({ store }: EdgeFileHarness): Promise<void> {
  await insert(store, partRow('h1', 1), partRow('h1', 2), gapRow('h1', 3, 5), partRow('h1', 6), gapRow('h1', 7, 9), partRow('h2', 1));
  const sourceId = sourceIdOf(store, 'h1');
  const newest = () => store.outbox.newestWindow(sourceId).map((row) => (row.kind === 'part' ? row.part.fromSeq : row.gap.fromSeq));
  assert.deepEqual(newest(), [6]);
  assert.deepEqual(store.outbox.backlogs(2), [{ sourceId, lastSeq: 7 }]);
  const ids = store.outbox.queuedOf(sourceId, 0, 10).map(({ id }) => ({ id, sourceId }));
  await change(store, () => store.outbox.acknowledge(ids, 2_000));
  assert.deepEqual(newest(), [6], 'also acked');
  assert.deepEqual(store.outbox.backlogs(1), [{ sourceId: sourceIdOf(store, 'h2'), lastSeq: 1 }]);
}

async function headsTellTheLowestOffset(harness: EdgeFileHarness): Promise<void> {
  const { store } = harness;
  const lowest = () => harness.store.outbox.heads().map(({ offset, windowStartMs }) => [offset, windowStartMs]);
  await insert(store, partRow('h1', 3, 10), partRow('h1', 4, 11));
  assert.deepEqual(lowest(), [[10, 15_000]]);
  await insert(store, partRow('h1', 1, 12));
  assert.deepEqual(lowest(), [[10, 5_000]], 'a row of a lower seq that lay further ahead in the log');
  harness.store = harness.reopen();
  assert.deepEqual(lowest(), [[10, 5_000]], 'also after a restart');
  const sourceId = sourceIdOf(harness.store, 'h1');
  const ids = harness.store.outbox.queuedOf(sourceId, 0, 10).map(({ id }) => ({ id, sourceId }));
  await change(harness.store, () => harness.store.outbox.acknowledge(ids.slice(1, 2), 2_000));
  assert.deepEqual(lowest(), [[11, 5_000]]);
  await change(harness.store, () => harness.store.outbox.acknowledge(ids, 2_000));
  assert.deepEqual(lowest(), []);
  await change(harness.store, () => harness.store.outbox.requeue(sourceId, [ids[0]?.id as number, ids[2]?.id as number], 2_000));
  assert.deepEqual(lowest(), [[11, 5_000]]);
  await change(harness.store, () => harness.store.outbox.setOffsets(0, 7));
  assert.deepEqual(lowest(), [[7, 5_000]]);
}

async function lostAcksAreQueuedAgain({ store }: EdgeFileHarness): Promise<void> {
  await insert(store, ...[1, 2, 3, 4, 5].map((seq) => partRow('h1', seq)), gapRow('h1', 6, 20));
  const sourceId = sourceIdOf(store, 'h1');
  const all = store.outbox.queuedOf(sourceId, 0, 10).map(({ id }) => ({ id, sourceId }));
  await change(store, () => store.outbox.acknowledge(all, 2_000));
  const source = store.ledgerStore.ledger.source({ household: 'h1', device: 'meter', src: 'aa' });
  const outside = (covered: [number, number][], declared: [number, number][]) =>
    store.outbox.ackedOutside(source, SeqIntervals.of(covered), SeqIntervals.of(declared)).map(({ id }) => id);
  assert.deepEqual(outside([[1, 5]], [[6, 20]]), []);
  assert.deepEqual(outside([[1, 3]], [[6, 20]]), [4, 5]);
  assert.deepEqual(outside([[1, 5]], [[6, 9]]), [6]);
  await change(store, () => store.outbox.requeue(sourceId, [4, 5], 3_000));
  assert.deepEqual([store.outbox.unackedCount, store.outbox.ackedCount], [2, 4]);
  assert.equal(store.outbox.queuedOf(sourceId, 0, 10).length, 2);
}

async function orderIsFound(harness: EdgeFileHarness): Promise<void> {
  const { store } = harness;
  // In order, and with a row of a lower seq that lay further ahead; more than one look's rows of the first.
  const rows = 9_000;
  await insert(store, ...Array.from({ length: rows }, (_, i) => partRow('h1', i + 1)));
  await insert(store, partRow('h2', 3, 10), partRow('h2', 1, 12));
  for (const [household, lowest] of [['h1', 1] as const, ['h2', 10] as const]) {
    const sourceId = sourceIdOf(store, household);
    const ids = store.outbox.queuedOf(sourceId, 0, -1).map(({ id }) => id);
    const acked = ids.map((id) => ({ id, sourceId }));
    const lowestOffsets = () => store.outbox.heads().map(({ offset }) => offset);
    const others = lowestOffsets().filter((offset) => offset !== lowest);
    await change(store, () => store.outbox.acknowledge(acked, 2_000));
    assert.deepEqual(lowestOffsets(), others);
    for (let at = 0; at < ids.length; at += 2_000)
      await change(store, () => store.outbox.requeue(sourceId, ids.slice(at, at + 2_000), 3_000));
    const told = new Set([...others, lowest]);
    assert.deepEqual(new Set(lowestOffsets()), told);
    for (const _step of store.outbox.orderSteps(sourceId));
    assert.deepEqual(new Set(lowestOffsets()), told);
    assert.equal(store.outbox.oldestUnackedMs(), 5_000);
    // Rows that come behind are told right too.
    await insert(store, partRow(household, rows + 1, 20_000));
    assert.deepEqual(new Set(lowestOffsets()), told);
  }
}

async function rowsAloneAreWritten(harness: EdgeFileHarness): Promise<void> {
  const { store } = harness;
  await insert(store, partRow('h1', 1), partRow('h1', 2));
  const seen = (of: typeof store) => of.ledgerStore.ledger.source({ household: 'h1', device: 'meter', src: 'aa' }).seen.ranges();
  const before = seen(store);
  await store.exclusive(async () => {
    store.ledgerStore.ledger.source({ household: 'h1', device: 'meter', src: 'aa' }).seen.add(7, 9);
    store.commitRows(false, () => store.outbox.acknowledge([{ id: 1, sourceId: sourceIdOf(store, 'h1') }], 1_000));
  });
  assert.deepEqual(seen(store), [...before, [7, 9]]);
  assert.deepEqual([store.outbox.unackedCount, store.outbox.ackedCount], [1, 1]);
  const again = harness.reopen();
  assert.deepEqual(seen(again), before);
  assert.deepEqual([again.outbox.unackedCount, again.outbox.ackedCount], [1, 1]);
  assert.throws(() => again.commitRows(false, () => undefined), /outside of exclusive/);
}

async function oldRowsAreTrimmed({ store }: EdgeFileHarness): Promise<void> {
  await insert(store, ...[1, 2, 3, 4].map((seq) => partRow('h1', seq)));
  const sourceId = sourceIdOf(store, 'h1');
  const acked = [1, 2, 4].map((id) => ({ id, sourceId }));
  await change(store, () => store.outbox.acknowledge(acked, 2_000));
  const trim = (afterId: number, beforeMs: number) => store.outbox.trimStep(afterId, 99, beforeMs, 2);
  await change(store, () => assert.deepEqual(trim(0, 2_000), { deleted: 0, nextAfterId: undefined }));
  await change(store, () => assert.deepEqual(trim(0, 2_001), { deleted: 2, nextAfterId: 2 }));
  await change(store, () => assert.deepEqual(trim(2, 2_001), { deleted: 1, nextAfterId: 4 }));
  assert.deepEqual([store.outbox.unackedCount, store.outbox.ackedCount], [1, 0]);
  assert.equal(store.outbox.queuedOf(sourceId, 0, 10).length, 1);
}

async function quotaIsKept({ store }: EdgeFileHarness): Promise<void> {
  let seq = 0;
  await assert.rejects(async () => {
    for (;;) await insert(store, ...Array.from({ length: 50 }, () => partRow('h1', ++seq)));
  }, OutboxFull);
  assert.equal(store.outbox.unackedCount, seq - 50);
  assert.ok(store.outbox.usedShare() > 0.9 && store.outbox.usedShare() <= 1);
  const sourceId = sourceIdOf(store, 'h1');
  const rows = store.outbox.queuedOf(sourceId, 0, -1).map(({ id }) => ({ id, sourceId }));
  await change(store, () => store.outbox.acknowledge(rows, 2_000));
  await change(store, () => assert.equal(store.outbox.trimStep(0, Number.MAX_SAFE_INTEGER, 3_000, 500).deleted, 500));
  await insert(store, partRow('h1', seq + 1));
  assert.ok(store.outbox.freeBytes() > 0);
}

async function failedChangesNothing({ store }: EdgeFileHarness): Promise<void> {
  await insert(store, partRow('h1', 1), partRow('h1', 2));
  const sourceId = sourceIdOf(store, 'h1');
  await change(store, () => store.outbox.acknowledge([{ id: 1, sourceId }], 1_000));
  const before = everything(store, ['h1', 'h2']);
  const failing = change(
    store,
    () => {
      const { outbox, ledgerStore } = store;
      outbox.insert(partRow('h2', 1), 1_000);
      outbox.insert(partRow('h1', 3), 1_000);
      outbox.acknowledge([{ id: 2, sourceId }], 1_000);
      outbox.drop(sourceId, [1]);
      ledgerStore.ledger.source({ household: 'h1', device: 'meter', src: 'aa' }).seen.add(9, 9);
      ledgerStore.ledger.generations.set('h1', 4);
      ledgerStore.saveHousehold('h1');
      ledgerStore.savePosition({ partition: 2, nextOffset: 17, logId: 'log', recordHash: 'hash' });
      ledgerStore.saveUnreadable('log', { partition: 0, offset: 3, reason: 'x', record: Buffer.from('x') });
      ledgerStore.saveRun('run', 0, []);
      throw new Error('planted');
    },
    true,
  );
  await assert.rejects(failing, /planted/);
  assert.deepEqual(everything(store, ['h1', 'h2']), before);
}

async function restartKeepsAll(harness: EdgeFileHarness): Promise<void> {
  const { store } = harness;
  const { epoch, claim } = store;
  await insert(store, partRow('h1', 1), gapRow('h1', 2, 5), partRow('h2', 3));
  await change(store, () => {
    const { ledgerStore } = store;
    const source = ledgerStore.ledger.source({ household: 'h1', device: 'meter', src: 'aa' });
    for (const set of [source.seen, source.covered, source.kept]) set.add(1, 5);
    source.gapped.add(2, 5);
    source.keptDigest = { high: 7, low: 8 };
    ledgerStore.ledger.generations.set('h1', 4);
    ledgerStore.ledger.parked.set('h1', 'why');
    ledgerStore.postalCodes.set('h1', '10115');
    ledgerStore.saveHousehold('h1');
    ledgerStore.savePosition({ partition: 2, nextOffset: 17, logId: 'log', recordHash: 'hash' });
    ledgerStore.saveRun('run', 0, [{ household: 'h1', device: 'meter', src: 'aa', seq: 9 }]);
    ledgerStore.saveUnreadable('log', { partition: 0, offset: 3, reason: 'x', record: Buffer.from('x') });
    ledgerStore.saveUnreadable('log', { partition: 0, offset: 3, reason: 'x', record: Buffer.from('x') });
  });
  const before = everything(store, ['h1', 'h2']);
  const again = harness.reopen();
  assert.equal(again.epoch, epoch);
  assert.notEqual(again.claim, claim);
  assert.deepEqual(everything(again, ['h1', 'h2']), before);
  assert.equal(again.ledgerStore.unreadableCount(), 1);
}

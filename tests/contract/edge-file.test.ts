/** The suite of the edge's file on SQLite and in memory, and both side by side: the same changes give the same answers. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Random, seededRandom } from '../../common/random.ts';
import { EdgeStore, type EdgeStoreOptions } from '../../edge/server/edge-store.ts';
import { MemoryEdgeFile, openMemoryEdge } from '../doubles/memory-edge-file.ts';
import { change, type EdgeFileHarness, everything, gapRow, partRow, sourceIdOf } from './edge-file-probes.ts';
import { edgeFileSuite } from './edge-file-suite.ts';

function harnessOf(options: EdgeStoreOptions, cleanup: () => void): EdgeFileHarness {
  const start = () => {
    const store = new EdgeStore(options);
    store.start();
    return store;
  };
  let store = start();
  return {
    store,
    reopen: () => {
      store.stop();
      return (store = start());
    },
    cleanup: () => {
      store.stop();
      cleanup();
    },
  };
}

function openSqlite(quotaBytes: number): EdgeFileHarness {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-edge-file-'));
  return harnessOf({ folder, quotaBytes, windowMs: 5_000 }, () => rmSync(folder, { recursive: true }));
}

function openMemory(quotaBytes: number): EdgeFileHarness {
  const file = new MemoryEdgeFile();
  return harnessOf({ folder: '', quotaBytes, windowMs: 5_000, open: (options) => openMemoryEdge(file, options) }, () => undefined);
}

edgeFileSuite('SQLite', openSqlite);
edgeFileSuite('in memory', openMemory);

const HOUSEHOLDS = ['h1', 'h2', 'h3'];

/** One random change, the same for each store. */
function drawChange(random: Random): (store: EdgeStore) => void {
  const household = HOUSEHOLDS[random.below(HOUSEHOLDS.length)] as string;
  const [kind, seq, some, offset, fails] = [
    random.below(7),
    1 + random.below(40),
    random.below(6),
    random.below(50),
    random.below(8) === 0,
  ];
  return (store) => {
    const { outbox, ledgerStore } = store;
    const sourceId = sourceIdOf(store, household);
    const source = ledgerStore.ledger.source({ household, device: 'meter', src: 'aa' });
    const isHeld = [...outbox.unacked(source), ...outbox.ackedOutside(source, source.declared, source.declared)].some(
      ({ fromSeq, toSeq }) => fromSeq <= seq + 2 && toSeq >= seq,
    );
    const queued = outbox.queuedOf(sourceId, 0, some).map(({ id }) => id);
    if (kind <= 2 && !isHeld) outbox.insert(kind === 0 ? gapRow(household, seq, seq + 2, offset) : partRow(household, seq, offset), some);
    else if (kind === 3)
      outbox.acknowledge(
        queued.map((id) => ({ id, sourceId })),
        1_000 + some,
      );
    else if (kind === 4) outbox.drop(sourceId, queued.slice(0, 1));
    else if (kind === 5) outbox.trimStep(0, 20, 1_003, 4);
    else outbox.markSent(queued, 5);
    source.seen.add(seq, seq + some);
    if (some === 0) source.covered.add(seq, seq);
    if (fails) throw new Error('planted');
  };
}

test('the same changes give the same answers on SQLite and in memory', async () => {
  for (let seed = 1; seed <= 8; seed++) {
    const random = seededRandom(seed);
    const harnesses = [openSqlite(1 << 24), openMemory(1 << 24)] as const;
    let stores = harnesses.map(({ store }) => store);
    for (let step = 0; step < 60; step++) {
      const draw = drawChange(random);
      for (const store of stores) await change(store, () => draw(store)).catch((error: Error) => assert.equal(error.message, 'planted'));
      const [onFile, inMemory] = stores.map((store) => everything(store, HOUSEHOLDS));
      assert.deepEqual(inMemory, onFile, `seed ${seed}, step ${step}`);
      if (random.below(15) === 0) stores = harnesses.map((harness) => harness.reopen());
    }
    for (const harness of harnesses) harness.cleanup();
  }
});

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import type { Reading } from '../../../../common/messages.ts';
import { addReadingDigest, type Digest, textDigest } from '../../../../common/protocol/digest.ts';
import { EdgeStore } from '../../../../edge/server/edge-store.ts';
import { OUTBOX_FILE } from '../../../../edge/server/outbox-schema.ts';

const WINDOW_MS = 5_000;

/** What the audit compares with the other stages: kept in the transaction of the rows, forgotten with them, on disk after a restart. */
test('readings and digest of what became a row are kept with the rows', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-edge-totals-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const open = () => {
    const store = new EdgeStore({ folder, quotaBytes: 1 << 26, windowMs: WINDOW_MS });
    store.start();
    return store;
  };
  const readings = Array.from(
    { length: 25 },
    (_, i): Reading => ({
      household: 'h',
      device: 'meter',
      src: 's',
      seq: i + 1,
      timeMs: i * 2_000,
      values: { power: i, energy: 1 / (i + 1) },
    }),
  );
  const digestOf = (count: number): Digest => {
    const sum = { high: 0, low: 0 };
    for (const { seq, timeMs, values } of readings.slice(0, count)) addReadingDigest(sum, textDigest('h/meter/s'), seq, timeMs, values);
    return sum;
  };
  const onDisk = () => {
    const database = new Database(join(folder, OUTBOX_FILE), { readonly: true });
    const row = database.prepare('SELECT kept, readings, digest_high AS high, digest_low AS low FROM sources').get();
    database.close();
    return row;
  };
  /** As intake does: what closes goes into the outbox in the transaction that saves the ledger. */
  const take = (store: EdgeStore, from: number, to: number, fails = false) =>
    store.exclusive(async () => {
      const { ledger } = store.ledgerStore;
      const rows = readings.slice(from - 1, to).flatMap((reading) => {
        const step = ledger.takeReading(reading, { partition: 0, offset: reading.seq });
        assert(step.kind === 'taken');
        return step.rows;
      });
      store.commit(true, () => {
        for (const row of rows) store.outbox.insert(row, 0);
        if (fails) throw new Error('planted');
      });
    });

  let store = open();
  store.ledgerStore.ledger.generations.set('h', 1);
  await store.exclusive(async () => store.commit(false, () => store.ledgerStore.saveHousehold('h')));
  await take(store, 1, 9);
  assert.deepEqual(onDisk(), { kept: '[[1,8]]', readings: 8, ...digestOf(8) });
  await assert.rejects(take(store, 10, 20, true), /planted/);
  assert.deepEqual(onDisk(), { kept: '[[1,8]]', readings: 8, ...digestOf(8) });
  store.stop();
  store = open();
  await take(store, 10, 20);
  assert.deepEqual(onDisk(), { kept: '[[1,18]]', readings: 18, ...digestOf(18) });
  await take(store, 15, 25);
  assert.deepEqual(onDisk(), { kept: '[[1,23]]', readings: 23, ...digestOf(23) }, 'what was taken already is not counted again');
  store.stop();
});

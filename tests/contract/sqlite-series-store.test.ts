import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SeriesStore } from '../../cloud/server/storage/series-store.ts';
import { SqliteSeriesStore, type SqliteSeriesStoreOptions } from '../../cloud/server/storage/sqlite-series-store.ts';
import { systemClock } from '../../common/clock.ts';
import { type StoreHarness, WINDOW_MS } from './series-store-probes.ts';
import { seriesReadsSuite, seriesStoreSuite } from './series-store-suite.ts';

async function openSqlite(reading: Pick<SqliteSeriesStoreOptions, 'readingThread'>): Promise<StoreHarness> {
  const stateDir = mkdtempSync(join(tmpdir(), 'fogline-store-'));
  let assigned = 0;
  const postalCodes = { assign: () => ({ postalCode: String(++assigned).padStart(5, '0'), state: 'DE-BB', from: 'drawn' as const }) };
  const started: SeriesStore[] = [];
  const another = async () => {
    const store = new SqliteSeriesStore({ stateDir, windowMs: WINDOW_MS, postalCodes, clock: systemClock, ...reading });
    await store.start();
    started.push(store);
    return store;
  };
  const stopAll = async () => {
    for (const store of started.splice(0)) await store.stop();
  };
  return {
    store: await another(),
    another,
    reopen: async () => {
      await stopAll();
      return another();
    },
    cleanup: async () => {
      await stopAll();
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}

seriesStoreSuite('SQLite', () => openSqlite({}));
seriesReadsSuite('SQLite, read in a thread', () => openSqlite({ readingThread: { onDied: (cause) => assert.ifError(cause) } }));

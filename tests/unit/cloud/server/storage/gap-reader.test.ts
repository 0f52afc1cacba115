/** What gaps are told where the buckets that speed up the search, or stand for windows that were forgotten, are damaged. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { SqliteSeriesStore } from '../../../../../cloud/server/storage/sqlite-series-store.ts';
import { systemClock } from '../../../../../common/clock.ts';
import { Edge, HOME, part, T0_MS, WINDOW_MS } from '../../../../contract/series-store-probes.ts';

const HOUR_MS = 3_600_000;
const at = (window: number) => T0_MS + window * WINDOW_MS;

/** Three hours of windows; ten are missing in the second. */
async function heldStore(t: TestContext) {
  const stateDir = mkdtempSync(join(tmpdir(), 'fogline-gap-reader-'));
  const postalCodes = { assign: () => ({ postalCode: '14467', state: 'DE-BB', from: 'drawn' as const }) };
  const store = new SqliteSeriesStore({ stateDir, windowMs: WINDOW_MS, postalCodes, clock: systemClock });
  await store.start();
  t.after(async () => {
    await store.stop();
    rmSync(stateDir, { recursive: true, force: true });
  });
  const edge = new Edge(store);
  await edge.hello();
  const windows = Array.from({ length: 3 * 720 }, (_, i) => i).filter((i) => i < 1_000 || i >= 1_010);
  const rows = windows.map((window, i) => part(i + 1, i + 1, { timeMs: at(window), values: { energy: 1, power: 2 } }));
  for (let from = 0; from < rows.length; from += 500) await edge.send(rows.slice(from, from + 500));
  return {
    store,
    hurt: (sql: string) => {
      const database = new Database(store.path);
      database.exec(sql);
      database.close();
    },
    gaps: async () => {
      const found = [];
      for await (const { fromMs, toMs, missingMs } of store.gaps({ household: HOME })) found.push([fromMs, toMs, missingMs]);
      return found;
    },
  };
}

test('an hour whose bucket says falsely that it is whole is looked through', async (t) => {
  const { hurt, gaps } = await heldStore(t);
  const gap = [at(1_000), at(1_010), 50_000];
  assert.deepEqual(await gaps(), [gap]);
  hurt(`UPDATE rollups SET window_count = 720 WHERE level_ms = ${HOUR_MS} AND start_ms = ${T0_MS + HOUR_MS}`);
  assert.deepEqual(await gaps(), [gap]);
});

test('where windows were forgotten a damaged bucket tells nothing: the other field does, then the hour, then nobody', async (t) => {
  const { store, hurt, gaps } = await heldStore(t);
  await store.deleteBefore(T0_MS + 2 * HOUR_MS);
  const known = [[at(1_000), at(1_010), 50_000]];
  assert.deepEqual(await gaps(), known);
  const minute = T0_MS + 1_008 * WINDOW_MS;
  const which = `level_ms = 60000 AND start_ms BETWEEN ${minute - 60_000} AND ${minute}`;
  const power = `series_id = (SELECT id FROM series WHERE field = 'power')`;
  hurt(`UPDATE rollups SET first_ms = first_ms - 1 WHERE ${which} AND ${power}`);
  assert.deepEqual(await gaps(), known);
  hurt(`UPDATE rollups SET first_ms = first_ms - 1 WHERE ${which} AND NOT ${power}`);
  assert.deepEqual(await gaps(), [[at(721), at(1_439), 50_000]], 'so much, somewhere in the hour');
  hurt(`UPDATE rollups SET first_ms = first_ms - 1 WHERE level_ms = ${HOUR_MS} AND start_ms = ${T0_MS + HOUR_MS}`);
  assert.deepEqual(await gaps(), []);
});

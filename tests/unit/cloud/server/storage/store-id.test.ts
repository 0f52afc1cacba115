import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SqliteSeriesStore } from '../../../../../cloud/server/storage/sqlite-series-store.ts';
import { systemClock } from '../../../../../common/clock.ts';

test('a store keeps its id, two processes on it see the same, another store has another', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-store-id-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const open = async (state: string) => {
    const postalCodes = { assign: () => ({ postalCode: '10115', state: 'DE-BE', from: 'file' as const }) };
    const store = new SqliteSeriesStore({ stateDir: join(folder, state), windowMs: 5_000, postalCodes, clock: systemClock });
    await store.start();
    return store;
  };
  const one = await open('a');
  const beside = await open('a');
  const { id } = one;
  assert.match(id, /^[0-9a-f]{16}$/);
  assert.equal(beside.id, id);
  await one.stop();
  await beside.stop();
  const again = await open('a');
  assert.equal(again.id, id);
  const other = await open('b');
  assert.notEqual(other.id, id);
  await again.stop();
  await other.stop();
});

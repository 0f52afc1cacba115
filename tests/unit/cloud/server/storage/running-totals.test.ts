import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { openForReading } from '../../../../../cloud/server/storage/open-database.ts';
import { SqliteSeriesStore } from '../../../../../cloud/server/storage/sqlite-series-store.ts';
import { systemClock } from '../../../../../common/clock.ts';
import type { Reading, ShippedRow } from '../../../../../common/messages.ts';
import { addReadingDigest, digestToHex, textDigest } from '../../../../../common/protocol/digest.ts';
import { cutIntoParts } from '../../../../../common/protocol/window.ts';
import { Edge, gap, part, reading, T0_MS, WINDOW_MS } from '../../../../contract/series-store-probes.ts';

/** What the audit compares with the other stages: it must not depend on how the readings were cut or sent. */
it('keeps readings, first and last time and digest of each source, across restarts and refused rows', async (test) => {
  const stateDir = mkdtempSync(join(tmpdir(), 'fogline-totals-'));
  test.after(() => rmSync(stateDir, { recursive: true, force: true }));
  const postalCodes = { assign: () => ({ postalCode: '12529', state: 'DE-BB', from: 'file' as const }) };
  const open = async () => {
    const store = new SqliteSeriesStore({ stateDir, windowMs: WINDOW_MS, postalCodes, clock: systemClock });
    await store.start();
    return store;
  };
  let store = await open();
  const edge = new Edge(store);
  await edge.hello();
  const readings: Reading[] = Array.from({ length: 90 }, (_, i) => reading(i + 1, { timeMs: T0_MS + ((i * 7_919) % 60_000) }));
  const rows = cutIntoParts(readings, WINDOW_MS).map((its): ShippedRow => ({ kind: 'part', part: its }));
  const half = rows.length / 2;
  await edge.send([...rows.slice(0, half), ...rows.slice(0, 5), part(1_000, 1_001)]);
  await store.stop();
  store = await open();
  edge.store = store;
  await edge.send([...rows.slice(half - 3), gap(91, 92)]);
  const truth = { high: 0, low: 0 };
  for (const { seq, timeMs, values } of readings) addReadingDigest(truth, textDigest('home-a/meter/src1'), seq, timeMs, values);
  const database = openForReading(store.path);
  const row = database.prepare('SELECT readings, first_ms, greatest_ms, digest_high, digest_low FROM sources').get() as Record<
    string,
    number
  >;
  database.close();
  await store.stop();
  const times = readings.map(({ timeMs }) => timeMs);
  assert.deepEqual([row['readings'], row['first_ms'], row['greatest_ms']], [90, Math.min(...times), Math.max(...times)]);
  assert.equal(digestToHex({ high: row['digest_high'] as number, low: row['digest_low'] as number }), digestToHex(truth));
});

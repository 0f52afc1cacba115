/**
 * Somebody else holds the write lock of the cloud's store for some seconds (a backup tool, a person with a shell): nothing is acknowledged
 * meanwhile that is not committed, the cloud lives and answers heartbeats, and afterwards everything drains by itself. The control holds
 * the file as long without the lock: then acks must be seen.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import Database from 'better-sqlite3';
import { systemClock } from '../../common/clock.ts';
import { writeMeteredData } from '../truth/metered-data.ts';
import { ensureBuilt, Fleet } from './fleet.ts';

const LOCKED_MS = process.env['FOGLINE_LONG'] === '1' ? 60_000 : 6_000;
/** The run lasts four times as long as the lock. */
const SPEED = 60;
/** Until a reply that was on its way has come, and is told by the edge. */
const SETTLE_MS = 1_500;

const dataDir = mkdtempSync(join(tmpdir(), 'fogline-locked-'));
before(() => {
  ensureBuilt();
  writeMeteredData(dataDir, { households: 3, seconds: SPEED * (LOCKED_MS / 1_000) * 4, seed: 12 });
});
after(() => rmSync(dataDir, { recursive: true }));

test(`the store locked for ${LOCKED_MS / 1_000} s`, async () => {
  const fleet = new Fleet({ dataDir, speed: String(SPEED) });
  try {
    await fleet.open();
    fleet.startAll();
    await fleet.until('rows are acknowledged', ({ acked }) => acked > 20);
    const other = new Database(join(fleet.stateDir, 'cloud', 'series.db'), { timeout: 30_000 });
    try {
      const held = async (begin: string) => {
        other.exec(begin);
        // Without the lock, this is what makes it hold the file.
        other.prepare('SELECT count(*) FROM parts').get();
        await systemClock.sleep(SETTLE_MS);
        const before = await fleet.until('the edge answers', () => true);
        await systemClock.sleep(LOCKED_MS);
        const after = await fleet.until('the edge answers', () => true);
        other.exec('ROLLBACK');
        return { acks: after.acked - before.acked, waiting: after.queued + after.sent };
      };
      const locked = await held('BEGIN IMMEDIATE');
      assert.equal(locked.acks, 0, 'an ack without a commit');
      assert.ok(locked.waiting > 0, 'rows wait meanwhile');
      assert.ok(fleet.isRunning('cloud'));
      assert.doesNotMatch(fleet.logOf('edge').join('\n'), /the cloud does not answer/, 'heartbeats are answered');
      await fleet.until('what has waited is acknowledged', ({ queued, sent }) => queued + sent < locked.waiting);
      assert.ok((await held('BEGIN')).acks > 0, 'without the lock acks come: the look at them is not blind');
    } finally {
      other.close();
    }
    await fleet.untilDone();
    for (const part of ['simulate', 'edge', 'cloud'] as const) assert.equal(fleet.starts[part], 1, `${part} lived through it`);
    assert.deepEqual([...fleet.assertAudited()], []);
  } finally {
    await fleet.stop();
  }
});

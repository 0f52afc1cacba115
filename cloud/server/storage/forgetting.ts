/** How buckets of one length are forgotten, a bit in each transaction, with the note of it in the same one. */
import type Database from 'better-sqlite3';
import { bucketStartMs, ROLLUP_LEVELS_MS } from '../analytics/rollup.ts';
import { DamagedBuckets } from './damaged-buckets.ts';
import { keptFromMs, noteForgotten, prepareKept } from './kept-levels.ts';
import type { PartWriter } from './part-writer.ts';

/** Windows of one device forgotten in one transaction: a few ms. */
const WINDOWS_PER_DELETE = 500;
/** Stored buckets forgotten in one transaction: a few ms. */
const BUCKETS_PER_DELETE = 2_000;

/** To be run in a transaction, again and again until it is done. */
export type Forget = (open: { database: Database.Database; writer: PartWriter }) => { deleted: number; isDone: boolean };

export function forgetting(database: Database.Database, windowMs: number, levelMs: number, beforeMs: number): Forget[] {
  if (levelMs !== windowMs) {
    // All are looked at before the first is forgotten: afterwards nothing tells what was in the longer ones.
    const longer = ROLLUP_LEVELS_MS.filter((its) => its > levelMs).map((its) => mendingBuckets(database, levelMs, its, beforeMs));
    return [...longer, (open) => forgetBuckets(open.database, levelMs, beforeMs)];
  }
  const named = 'SELECT household, device FROM devices d JOIN households h ON h.id = d.household_id ORDER BY d.id';
  const devices = database.prepare(named).raw().all() as [household: string, device: string][];
  // As it was before this round: within it the device's own place tells what is gone.
  const wholeFromMs = keptFromMs(prepareKept(database), windowMs) ?? Number.NEGATIVE_INFINITY;
  return devices.map(([household, device]) => {
    let afterMs = Number.NEGATIVE_INFINITY;
    return (open) => {
      const query = { afterMs, beforeMs, wholeFromMs, windowsMax: WINDOWS_PER_DELETE };
      const { deleted, lastMs, isDone } = open.writer.forgetWindows(household, device, query);
      afterMs = lastMs;
      // From the first deletion on none of them is to be relied on.
      if (deleted > 0) noteForgotten(open.database, windowMs, beforeMs);
      return { deleted, isDone };
    };
  });
}

/** Adds up again what is damaged of the longer buckets over those that are to be forgotten; one that can't be is told. */
function mendingBuckets(database: Database.Database, levelMs: number, longerMs: number, beforeMs: number): Forget {
  const first = database.prepare('SELECT min(start_ms) FROM rollups WHERE level_ms = ? AND start_ms < ?').pluck();
  const firstMs = first.get(levelMs, beforeMs) as number | null;
  const looked = new DamagedBuckets(longerMs, firstMs === null ? beforeMs : bucketStartMs(firstMs, longerMs), beforeMs);
  return (open) => {
    open.writer.mendBuckets(looked.next(open.database));
    return { deleted: 0, isDone: looked.isDone };
  };
}

function forgetBuckets(database: Database.Database, levelMs: number, beforeMs: number): ReturnType<Forget> {
  const rows = database
    .prepare('SELECT start_ms FROM rollups WHERE level_ms = ? AND start_ms < ? ORDER BY start_ms LIMIT ?')
    .pluck()
    .all(levelMs, beforeMs, BUCKETS_PER_DELETE) as number[];
  const last = rows.at(-1);
  if (last === undefined) return { deleted: 0, isDone: true };
  // The last start whole, with all its series.
  const { changes } = database.prepare('DELETE FROM rollups WHERE level_ms = ? AND start_ms <= ?').run(levelMs, last);
  noteForgotten(database, levelMs, beforeMs);
  return { deleted: changes, isDone: rows.length < BUCKETS_PER_DELETE };
}

/** From when on buckets of each length are kept, in the table `meta`. */
import type Database from 'better-sqlite3';
import { ROLLUP_LEVELS_MS } from '../analytics/rollup.ts';
import type { KeptLevel } from './series-store.ts';

const TAKEN_OVER = 'taken_over_before_ms';

/** Shortest buckets first: the windows, then the rollups. */
export function keptLevels(database: Database.Database, windowMs: number): KeptLevel[] {
  const kept = prepareKept(database);
  return [windowMs, ...ROLLUP_LEVELS_MS.filter((its) => its > windowMs)].map((levelMs) => {
    return { levelMs, fromMs: keptFromMs(kept, levelMs) ?? Number.MIN_SAFE_INTEGER };
  });
}

/** Buckets before it are of a salvaged store, and hold also what its sources may bring again (salvage.ts); -Infinity where none do. */
export function takenOverBeforeMs(database: Database.Database): number {
  const beforeMs = prepareKept(database).get(TAKEN_OVER) as string | undefined;
  return beforeMs === undefined ? Number.NEGATIVE_INFINITY : Number(beforeMs);
}

/** In a transaction. It never goes back. */
export function noteTakenOver(database: Database.Database, beforeMs: number): void {
  note(database, TAKEN_OVER, beforeMs);
}

/** For keptFromMs. */
export function prepareKept(database: Database.Database): Database.Statement {
  return database.prepare('SELECT value FROM meta WHERE key = ?').pluck();
}

/** Undefined when nothing of this length was forgotten. */
export function keptFromMs(kept: Database.Statement, levelMs: number): number | undefined {
  const fromMs = kept.get(keyOf(levelMs)) as string | undefined;
  return fromMs === undefined ? undefined : Number(fromMs);
}

/** In the transaction that forgets what is before. It never goes back. */
export function noteForgotten(database: Database.Database, levelMs: number, beforeMs: number): void {
  note(database, keyOf(levelMs), beforeMs);
}

function note(database: Database.Database, key: string, beforeMs: number): void {
  database
    .prepare(
      'INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = max(CAST(value AS INTEGER), CAST(excluded.value AS INTEGER))',
    )
    .run(key, String(beforeMs));
}

function keyOf(levelMs: number): string {
  return `kept_from_ms_${levelMs}`;
}

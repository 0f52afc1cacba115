/** The series store for a process that only reads it, beside the cloud server or without one. Writes nothing. */
import { explainDatabaseError, openForReading } from './open-database.ts';
import { SeriesReader } from './series-reader.ts';
import type { Bucket, RangeQuery } from './series-store.ts';

export interface ReadOnlyStore {
  readonly windowMs: number;
  /** Event time of the earliest reading stored. */
  earliestMs(): number | undefined;
  range(query: RangeQuery): AsyncIterable<Bucket>;
  close(): void;
}

/** @throws OperatingError DATA_UNREADABLE when there is no store, STORE_DAMAGED; ConfigError */
export function openReadOnlyStore(path: string): ReadOnlyStore {
  const database = openForReading(path);
  try {
    const windowMs = Number(database.prepare("SELECT value FROM meta WHERE key = 'window_ms'").pluck().get());
    const reader = new SeriesReader(database, windowMs);
    const earliest = database.prepare('SELECT min(first_ms) FROM sources').pluck();
    return {
      windowMs,
      earliestMs: () => (earliest.get() as number | null) ?? undefined,
      range: (query) => reader.range(query),
      close: () => database.close(),
    };
  } catch (error) {
    database.close();
    throw explainDatabaseError(error, path);
  }
}

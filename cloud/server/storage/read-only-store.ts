/** The series store for a process that only reads it, beside the cloud server or without one. Writes nothing. */
import { explainDatabaseError, openForReading } from './open-database.ts';
import { SeriesReader } from './series-reader.ts';
import { readFacts } from './store-facts.ts';
import type { Bucket, RangeQuery } from './series-store.ts';

export interface ReadOnlyStore {
  readonly windowMs: number;
  households(): Promise<readonly string[]>;
  fields(): readonly string[];
  /** Event times of the first and the last reading, of one household or of all; undefined without any. */
  span(household: string | undefined): { firstMs: number; lastMs: number } | undefined;
  /** Throws OperatingError PART_DAMAGED where a window is damaged. */
  range(query: RangeQuery): AsyncIterable<Bucket>;
  close(): void;
}

/** @throws OperatingError DATA_UNREADABLE when there is no store, STORE_DAMAGED; ConfigError */
export function openReadOnlyStore(path: string): ReadOnlyStore {
  const database = openForReading(path);
  try {
    const { windowMs = 0 } = readFacts(database);
    const reader = new SeriesReader(database, windowMs);
    return {
      windowMs,
      households: async () => (await reader.households()).map(({ household }) => household),
      fields: () => reader.fields(),
      span: (household) => reader.span(household),
      range: (query) => reader.range(query),
      close: () => database.close(),
    };
  } catch (error) {
    database.close();
    throw explainDatabaseError(error, path);
  }
}

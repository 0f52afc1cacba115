/**
 * The tables of the embedded broker, as numbered migrations: entry n brings `PRAGMA user_version` from n to n + 1. An entry
 * that was released is never changed; the schema grows by adding one.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE topic (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    partitions INTEGER NOT NULL,
    retention_ms INTEGER NOT NULL
  );

  -- One log per partition. earliest_offset = end_offset: nothing is kept.
  CREATE TABLE log (
    id INTEGER PRIMARY KEY,
    topic_id INTEGER NOT NULL REFERENCES topic (id),
    partition INTEGER NOT NULL,
    log_id TEXT NOT NULL,
    earliest_offset INTEGER NOT NULL DEFAULT 0,
    end_offset INTEGER NOT NULL DEFAULT 0,
    dropped_at_quota INTEGER NOT NULL DEFAULT 0,
    UNIQUE (topic_id, partition)
  );

  -- One row per appended batch. Ids follow the order of appending over all logs; rows go from the lowest id on.
  CREATE TABLE batch (
    id INTEGER PRIMARY KEY,
    log INTEGER NOT NULL REFERENCES log (id),
    base_offset INTEGER NOT NULL,
    count INTEGER NOT NULL,
    appended_ms INTEGER NOT NULL,
    seal INTEGER NOT NULL,
    bytes BLOB NOT NULL
  );
  CREATE UNIQUE INDEX batch_offsets ON batch (log, base_offset, count);

  CREATE TABLE committed (
    topic_id INTEGER NOT NULL REFERENCES topic (id),
    consumer_group TEXT NOT NULL,
    partition INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    PRIMARY KEY (topic_id, consumer_group, partition)
  ) WITHOUT ROWID;
  `,
];

/** Marks the file as a broker's (PRAGMA application_id): the ASCII codes of "FogB". */
export const APPLICATION_ID = 0x466f6742;

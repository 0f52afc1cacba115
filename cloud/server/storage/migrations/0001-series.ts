/** The first schema of the series store. DESIGN.md beside the store says why each table is cut as it is. */
export const SERIES_SCHEMA = `
CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE households (
  id               INTEGER PRIMARY KEY,
  household        TEXT NOT NULL UNIQUE,
  postal_code      TEXT NOT NULL,
  postal_code_from TEXT NOT NULL CHECK (postal_code_from IN ('file', 'drawn')),
  state            TEXT NOT NULL,
  generation       INTEGER NOT NULL,
  claim            TEXT NOT NULL,
  edge             TEXT NOT NULL
) STRICT;

CREATE TABLE devices (
  id           INTEGER PRIMARY KEY,
  household_id INTEGER NOT NULL REFERENCES households (id),
  device       TEXT NOT NULL,
  UNIQUE (household_id, device)
) STRICT;

-- covered: [[from, to], …] of the seqs stored. What is declared missing is in gaps.
-- Running totals for the audit: readings, and the sum mod 2^64 of their hashes in two words.
CREATE TABLE sources (
  id          INTEGER PRIMARY KEY,
  device_id   INTEGER NOT NULL REFERENCES devices (id),
  src         TEXT NOT NULL,
  covered     TEXT NOT NULL,
  first_ms    INTEGER,
  greatest_ms INTEGER,
  readings    INTEGER NOT NULL,
  digest_high INTEGER NOT NULL,
  digest_low  INTEGER NOT NULL,
  UNIQUE (device_id, src)
) STRICT;

-- Disjoint ranges of seqs declared missing. A seq that is stored later leaves its range.
CREATE TABLE gaps (
  source_id INTEGER NOT NULL,
  from_seq  INTEGER NOT NULL,
  to_seq    INTEGER NOT NULL,
  reason    TEXT NOT NULL,
  PRIMARY KEY (source_id, from_seq)
) STRICT, WITHOUT ROWID;

-- The names of the fields of a part, sorted, as a JSON list.
CREATE TABLE field_sets (
  id     INTEGER PRIMARY KEY,
  fields TEXT NOT NULL UNIQUE
) STRICT;

-- A window is the sum of its parts, added when read. stats: see stats-codec.ts
CREATE TABLE parts (
  device_id       INTEGER NOT NULL,
  window_start_ms INTEGER NOT NULL,
  source_id       INTEGER NOT NULL,
  from_seq        INTEGER NOT NULL,
  to_seq          INTEGER NOT NULL,
  first_ms        INTEGER NOT NULL,
  last_ms         INTEGER NOT NULL,
  field_set_id    INTEGER NOT NULL,
  digest_high     INTEGER NOT NULL,
  digest_low      INTEGER NOT NULL,
  stats           BLOB NOT NULL,
  PRIMARY KEY (device_id, window_start_ms, source_id, from_seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX parts_by_seq ON parts (source_id, from_seq);

-- One field of a device, with its totals since its first window.
CREATE TABLE series (
  id           INTEGER PRIMARY KEY,
  device_id    INTEGER NOT NULL REFERENCES devices (id),
  field        TEXT NOT NULL,
  count        INTEGER NOT NULL,
  energy_ws    REAL NOT NULL,
  window_count INTEGER NOT NULL,
  last_ms      INTEGER NOT NULL,
  UNIQUE (device_id, field)
) STRICT;

-- By time first: the buckets that one commit adds to lie side by side, in a fifth of the pages.
CREATE TABLE rollups (
  level_ms     INTEGER NOT NULL,
  start_ms     INTEGER NOT NULL,
  series_id    INTEGER NOT NULL,
  count        INTEGER NOT NULL,
  sum          REAL NOT NULL,
  min          REAL NOT NULL,
  max          REAL NOT NULL,
  first        REAL NOT NULL,
  first_ms     INTEGER NOT NULL,
  first_source INTEGER NOT NULL,
  first_seq    INTEGER NOT NULL,
  last         REAL NOT NULL,
  last_ms      INTEGER NOT NULL,
  last_source  INTEGER NOT NULL,
  last_seq     INTEGER NOT NULL,
  energy_ws    REAL NOT NULL,
  window_count INTEGER NOT NULL,
  PRIMARY KEY (level_ms, start_ms, series_id)
) STRICT, WITHOUT ROWID;
`;

/** The statements of the outbox, prepared once per opened file. */
import type Database from 'better-sqlite3';
import { ROW_STATE } from './outbox-schema.ts';

const COLUMNS = 'id, source_id, from_seq, to_seq, window_start_ms, reason, fields, stats, first_ms, last_ms, digest, seal';
/** A row whose body is gone is a damaged one, not none. */
const ROWS = 'outbox LEFT JOIN outbox_bodies USING (id)';

export function prepareOutbox(database: Database.Database) {
  return { ...forReading(database), ...forWriting(database), ...forDamage(database), ...forTrimming(database) };
}

function forReading(database: Database.Database) {
  const { acked } = ROW_STATE;
  return {
    countUnacked: database
      .prepare(`SELECT source_id, count(*), min(from_seq), max(from_seq) FROM outbox WHERE state < ${acked} GROUP BY source_id`)
      .raw(),
    countAll: database.prepare('SELECT count(*) FROM outbox').pluck(),
    queued: database
      .prepare(`SELECT ${COLUMNS} FROM ${ROWS} WHERE state < ${acked} AND source_id = ? AND from_seq >= ? ORDER BY from_seq LIMIT ?`)
      .raw(),
    unackedRanges: database
      .prepare(
        `SELECT id, from_seq, to_seq, window_start_ms FROM outbox
         WHERE state < ${acked} AND source_id = @sourceId AND from_seq >= @from AND (from_seq > @from OR id > @id)
         ORDER BY from_seq, id LIMIT @limit`,
      )
      .raw(),
    oneRow: database.prepare(`SELECT ${COLUMNS} FROM ${ROWS} WHERE outbox.id = ?`).raw(),
    lastRows: database.prepare(`SELECT ${COLUMNS} FROM ${ROWS} WHERE source_id = ? ORDER BY from_seq DESC LIMIT ?`).raw(),
    head: database.prepare(
      `SELECT from_seq AS fromSeq, partition, "offset", window_start_ms AS windowStartMs
       FROM outbox WHERE state < ${acked} AND source_id = ? AND from_seq >= ? ORDER BY from_seq LIMIT 1`,
    ),
    lowestOffset: database.prepare(`SELECT min("offset") FROM outbox WHERE state < ${acked} AND source_id = ?`).pluck(),
    orderOf: database
      .prepare(
        `SELECT ifnull(min("offset" >= before), 1), max(from_seq), max("offset"), min("offset"), count(*)
         FROM (SELECT from_seq, "offset", lag("offset") OVER (ORDER BY from_seq) AS before
               FROM (SELECT from_seq, "offset" FROM outbox WHERE state < ${acked} AND source_id = ? AND from_seq >= ?
                     ORDER BY from_seq LIMIT ?))`,
      )
      .raw(),
    // Rows of a source do not overlap, so only the last one that begins at or before the range can reach into it.
    ackedOverlapping: database
      .prepare(
        `SELECT ${COLUMNS} FROM ${ROWS} WHERE state = ${acked} AND source_id = @sourceId AND from_seq <= @to AND to_seq >= @from
           AND from_seq >= COALESCE((SELECT max(from_seq) FROM outbox WHERE source_id = @sourceId AND from_seq <= @from), 0)
         ORDER BY from_seq LIMIT @limit`,
      )
      .raw(),
  };
}

function forWriting(database: Database.Database) {
  const { acked } = ROW_STATE;
  return {
    insertSource: database
      .prepare(
        // The ledger may have saved the source before it had its first row.
        `INSERT INTO sources (household, device, src, seen, covered, declared, gapped) VALUES (?, ?, ?, '[]', '[]', '[]', '[]')
         ON CONFLICT (household, device, src) DO UPDATE SET src = excluded.src RETURNING id`,
      )
      .pluck(),
    insert: database.prepare(
      `INSERT INTO outbox (state, changed_ms, source_id, from_seq, to_seq, window_start_ms, partition, "offset")
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    insertPartBody: database.prepare(
      'INSERT INTO outbox_bodies (id, fields, stats, first_ms, last_ms, digest, seal) VALUES (?, ?, ?, ?, ?, ?, ?)',
    ),
    insertGapBody: database.prepare('INSERT INTO outbox_bodies (id, reason, seal) VALUES (?, ?, ?)'),
    setState: database.prepare('UPDATE outbox SET state = ?, changed_ms = ? WHERE id = ?'),
    setStateUnacked: database.prepare(`UPDATE outbox SET state = ?, changed_ms = ? WHERE id = ? AND state < ${acked}`),
    setOffsets: database.prepare('UPDATE outbox SET "offset" = ? WHERE partition = ?'),
    stateOf: database.prepare('SELECT state FROM outbox WHERE id = ?').pluck(),
  };
}

function forDamage(database: Database.Database) {
  const { acked } = ROW_STATE;
  return {
    strange: database
      .prepare(`SELECT id FROM outbox WHERE typeof(state) != 'integer' OR state NOT BETWEEN ${ROW_STATE.queued} AND ${acked}`)
      .pluck(),
    whose: database.prepare('SELECT state, source_id AS sourceId FROM outbox WHERE id = ?'),
    keepDamaged: database.prepare(
      `INSERT INTO damaged (place, row)
       SELECT 'outbox', CAST(concat_ws(',', quote(outbox.id), quote(state), quote(source_id), quote(from_seq), quote(to_seq),
         quote(window_start_ms), quote(reason), quote(fields), quote(stats), quote(first_ms), quote(last_ms), quote(digest),
         quote(seal)) AS BLOB) FROM ${ROWS} WHERE outbox.id = ?`,
    ),
  };
}

function forTrimming(database: Database.Database) {
  return {
    remove: database.prepare('DELETE FROM outbox WHERE id = ?'),
    removeBody: database.prepare('DELETE FROM outbox_bodies WHERE id = ?'),
    partsAbove: database.prepare(`SELECT ${COLUMNS} FROM ${ROWS} WHERE id > ? AND window_start_ms IS NOT NULL ORDER BY id LIMIT ?`).raw(),
    rowsAbove: database.prepare(`SELECT ${COLUMNS} FROM ${ROWS} WHERE outbox.id > ? ORDER BY outbox.id LIMIT ?`).raw(),
    highestId: database.prepare('SELECT max(id) FROM outbox').pluck(),
    trimCandidates: database.prepare('SELECT id, state, changed_ms FROM outbox WHERE id > ? AND id <= ? ORDER BY id LIMIT ?'),
  };
}

/**
 * Which rows of the embedded broker go, and when: retention (below every committed offset and older than the topic keeps
 * them) and the quota (the oldest, counted). All in steps that hold the write lock for a few milliseconds.
 *
 * What does not happen: the quota is never reached by SQLite's own limit in normal work, because room is made before
 * an append; between the two lies a reserve, so that deleting always finds the pages it needs.
 */
import type { Statement } from 'better-sqlite3';
import { PAGE_BYTES, type SqliteDatabase } from './embedded-database.ts';

/** Rows deleted in one transaction. */
const ROWS_PER_STEP_MAX = 100;
/** Pages between the quota and the size up to which appends fill the file (4 MiB). */
const RESERVE_PAGES = 512;
/** Pages freed beyond what an append needs, so that not every append at the quota deletes (1 MiB). */
const QUOTA_SLACK_PAGES = 128;
/** Pages of index, log and pointer map that an append may dirty besides its own. */
const APPEND_EXTRA_PAGES = 16;
/** Bytes of an overflow page that hold content. */
const PAGE_CONTENT_BYTES = PAGE_BYTES - 4;
/** Free pages below which the file is not made smaller (4 MiB): they are used again soon. */
const FREE_PAGES_KEPT = 512;
/** Pages given back to the file system in one transaction (2 MiB). */
const SHRINK_PAGES_PER_STEP = 256;

export function pagesOfQuota(quotaBytes: number): number {
  return Math.floor(quotaBytes / PAGE_BYTES);
}

/** Pages that a batch of so many bytes takes. */
export function pagesOfBatch(bytes: number): number {
  return Math.ceil(bytes / PAGE_CONTENT_BYTES) + 1;
}

interface SizeRow {
  id: number;
  log: number;
  next_offset: number;
  count: number;
  length: number;
}

export class EmbeddedTrimming {
  private readonly database: SqliteDatabase;
  /** Pages in use up to which appends go on. */
  private readonly usedPagesMax: number;
  private readonly pageCount: Statement<[], number>;
  private readonly freePages: Statement<[], number>;
  private readonly due: Statement<[], { id: number; floor: number; retention_ms: number }>;
  private readonly oldestOfLog: Statement<[number, number], { next_offset: number; appended_ms: number }>;
  private readonly deleteBelow: Statement<[number, number]>;
  private readonly setEarliest: Statement<[number, number, number]>;
  private readonly oldest: Statement<[number], SizeRow>;
  private readonly deleteUpTo: Statement<[number]>;

  constructor(database: SqliteDatabase, quotaBytes: number) {
    this.database = database;
    this.usedPagesMax = pagesOfQuota(quotaBytes) - RESERVE_PAGES;
    this.pageCount = database.prepare<[], number>('PRAGMA page_count').pluck();
    this.freePages = database.prepare<[], number>('PRAGMA freelist_count').pluck();
    // The floor of a log: a group that has committed in its topic, but not in its partition, still needs everything. So does one
    // whose commit is above the end, which only damage brings about.
    this.due = database.prepare(
      `SELECT log.id, retention_ms, min(iif(next_offset BETWEEN 0 AND end_offset, next_offset, 0)) AS floor
       FROM log JOIN topic ON topic.id = log.topic_id
         JOIN (SELECT DISTINCT topic_id, consumer_group FROM committed) AS known ON known.topic_id = topic.id
         LEFT JOIN committed ON committed.topic_id = topic.id AND committed.consumer_group = known.consumer_group
           AND committed.partition = log.partition
       GROUP BY log.id HAVING floor > earliest_offset`,
    );
    this.oldestOfLog = database.prepare(
      'SELECT base_offset + count AS next_offset, appended_ms FROM batch WHERE log = ? ORDER BY base_offset LIMIT ?',
    );
    this.deleteBelow = database.prepare('DELETE FROM batch WHERE log = ? AND base_offset < ?');
    this.setEarliest = database.prepare('UPDATE log SET earliest_offset = ?, dropped_at_quota = dropped_at_quota + ? WHERE id = ?');
    this.oldest = database.prepare(
      'SELECT id, log, base_offset + count AS next_offset, count, length(bytes) AS length FROM batch ORDER BY id LIMIT ?',
    );
    this.deleteUpTo = database.prepare('DELETE FROM batch WHERE id <= ?');
  }

  /** Deletes one step of what retention allows; false when nothing (more) is due. Takes the write lock only when something is. */
  trimRetained(nowMs: number): boolean {
    const isDue = this.due.all().some(({ id, floor, retention_ms }) => this.dueUpTo(id, floor, nowMs - retention_ms) !== undefined);
    return isDue && this.database.transaction(() => this.trimInside(nowMs)).immediate();
  }

  private trimInside(nowMs: number): boolean {
    for (const { id, floor, retention_ms } of this.due.all()) {
      const upTo = this.dueUpTo(id, floor, nowMs - retention_ms);
      if (upTo === undefined) continue;
      this.deleteBelow.run(id, upTo);
      this.setEarliest.run(upTo, 0, id);
      return true;
    }
    return false;
  }

  /** End of the run of oldest rows of the log that are due, at most one step of them. */
  private dueUpTo(log: number, floor: number, olderThanMs: number): number | undefined {
    let upTo: number | undefined;
    for (const row of this.oldestOfLog.all(log, ROWS_PER_STEP_MAX)) {
      if (row.next_offset > floor || row.appended_ms >= olderThanMs) break;
      upTo = row.next_offset;
    }
    return upTo;
  }

  /** True when the quota, empty of everything else, could hold so many pages. */
  canEverHold(pages: number): boolean {
    return pages + APPEND_EXTRA_PAGES <= this.usedPagesMax;
  }

  /** True when so many pages are more than are free in the file. */
  mustGrow(pages: number): boolean {
    return pages + APPEND_EXTRA_PAGES > (this.freePages.get() as number);
  }

  /** Deletes one step of the oldest rows of all logs when `pages` more don't fit; gives the number of records dropped, 0 when they fit. */
  dropOldest(pages: number): number {
    if (this.missingPages(pages) <= 0) return 0;
    return this.database.transaction(() => this.dropInside(this.missingPages(pages))).immediate();
  }

  private missingPages(pages: number): number {
    const used = (this.pageCount.get() as number) - (this.freePages.get() as number);
    return used + pages + APPEND_EXTRA_PAGES - this.usedPagesMax;
  }

  private dropInside(missingPages: number): number {
    if (missingPages <= 0) return 0;
    const dropped = new Map<number, { upTo: number; records: number }>();
    let toFree = missingPages + QUOTA_SLACK_PAGES;
    let lastId = 0;
    let records = 0;
    for (const row of this.oldest.all(ROWS_PER_STEP_MAX)) {
      if (toFree <= 0) break;
      toFree -= pagesOfBatch(row.length) - 1;
      lastId = row.id;
      records += row.count;
      dropped.set(row.log, { upTo: row.next_offset, records: (dropped.get(row.log)?.records ?? 0) + row.count });
    }
    this.deleteUpTo.run(lastId);
    for (const [log, { upTo, records: ofLog }] of dropped) this.setEarliest.run(upTo, ofLog, log);
    return records;
  }

  /** Gives one step of free pages back to the file system; false when enough are given. */
  shrink(): boolean {
    const free = this.freePages.get() as number;
    const used = (this.pageCount.get() as number) - free;
    // Every page given back moves a live one, so it is only done when more than half of the file is free.
    if (free <= Math.max(FREE_PAGES_KEPT, used)) return false;
    this.database.pragma(`incremental_vacuum(${SHRINK_PAGES_PER_STEP})`);
    this.copyWal();
    return true;
  }

  /** Copies the WAL into the file as far as readers allow; only this makes the file on the disk smaller. */
  copyWal(): void {
    this.database.pragma('wal_checkpoint(PASSIVE)');
  }

  /** Records deleted at the quota since the file was made, over all logs. */
  droppedAtQuota(): number {
    return this.database.prepare<[], number>('SELECT coalesce(sum(dropped_at_quota), 0) FROM log').pluck().get() as number;
  }
}

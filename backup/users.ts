/** Whether a part runs on a state: what tells of it are SQLite's own locks on its files, which the system lets go of however it ends. */
import { existsSync } from 'node:fs';
import Database from 'better-sqlite3';

/**
 * Who has a database in WAL mode open holds a shared lock on it as long as it is open, and its log lies beside it. A log that nobody has
 * open is taken into the file, as at any start.
 */
export function isInUse(path: string): boolean {
  if (!existsSync(path) || !existsSync(`${path}-wal`)) return false;
  let database: Database.Database | undefined;
  try {
    database = new Database(path, { fileMustExist: true, timeout: 0 });
    database.pragma('locking_mode = EXCLUSIVE');
    database.prepare('SELECT count(*) FROM sqlite_schema').get();
    return false;
  } catch (error) {
    const code = String((error as { code?: unknown }).code);
    // A file that is none any more is used by nobody: its part has ended by it.
    if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) return false;
    if (code.startsWith('SQLITE_BUSY')) return true;
    throw error;
  } finally {
    database?.close();
  }
}

/** Whether a process has the lock that a cloud server takes before it opens anything. */
export function isLocked(path: string): boolean {
  if (!existsSync(path)) return false;
  const database = new Database(path, { fileMustExist: true, timeout: 0 });
  try {
    database.exec('BEGIN EXCLUSIVE; ROLLBACK');
    return false;
  } catch (error) {
    return String((error as { code?: unknown }).code).startsWith('SQLITE_BUSY');
  } finally {
    database.close();
  }
}

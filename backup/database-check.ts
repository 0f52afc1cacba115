/** Whether a database of a backup is sound: its layout, SQLite's own check of rows and indexes, and the checksums of the rows. */
import Database from 'better-sqlite3';
import { yieldToEventLoop } from '../common/clock.ts';
import { damagedRows, PAUSE } from './seal-checks.ts';
import { refuseForeign } from './snapshots.ts';
import type { DatabaseFile } from './state-files.ts';

/** More say no more. */
const FINDINGS_SHOWN_MAX = 3;

export interface CheckedDatabase {
  schema: number;
  /** Rows whose checksum does not hold, and the first of them in words. */
  damagedRows: number;
  firstDamaged: readonly string[];
}

/** SQLite can't read it as a database, or its rows and indexes do not fit. */
export class NotSound extends Error {}

/**
 * Looks through all of it. Nothing is written, beside it neither.
 * @param onPause called now and then; what it throws ends the check
 * @throws NotSound; ConfigError for a file of a newer program
 */
export async function checkDatabase(path: string, file: DatabaseFile, onPause: () => void): Promise<CheckedDatabase> {
  let database: Database.Database | undefined;
  try {
    database = new Database(path, { readonly: true, fileMustExist: true });
    database.pragma('trusted_schema = OFF');
    database.pragma('cell_size_check = ON');
    const schema = refuseForeign(database, path, file);
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all() as string[];
    for (const table of tables) {
      refuseFindings(
        database
          .prepare(`PRAGMA integrity_check('${table.replaceAll("'", "''")}')`)
          .pluck()
          .all() as string[],
      );
      onPause();
      await yieldToEventLoop();
    }
    // The lists of free pages belong to no table.
    refuseFindings(database.prepare(`PRAGMA quick_check(${FINDINGS_SHOWN_MAX})`).pluck().all() as string[]);
    return { schema, ...(await readSeals(database, file.path, schema, onPause)) };
  } catch (error) {
    const { code, message } = error as { code?: unknown; message: string };
    // Without a code of SQLite's: a row that does not decode, or who must act is said already.
    if (error instanceof Database.SqliteError) throw new NotSound(`${message} (${String(code)})`, { cause: error });
    if (error instanceof SyntaxError || error instanceof TypeError) throw new NotSound(message, { cause: error });
    throw error;
  } finally {
    database?.close();
  }
}

async function readSeals(database: Database.Database, path: string, schema: number, onPause: () => void) {
  const firstDamaged: string[] = [];
  let count = 0;
  for (const found of damagedRows(database, path, schema)) {
    if (found === PAUSE) {
      onPause();
      await yieldToEventLoop();
    } else if (++count <= FINDINGS_SHOWN_MAX) firstDamaged.push(found);
  }
  return { damagedRows: count, firstDamaged };
}

function refuseFindings(findings: readonly string[]): void {
  if (findings.length === 1 && findings[0] === 'ok') return;
  const shown = findings.slice(0, FINDINGS_SHOWN_MAX);
  throw new NotSound(shown.map((found) => found.replace(/^\*\*\*.*\n/, '').replaceAll('\n', '; ')).join('; '));
}

/** Damage in an outbox of which its file knows nothing before its WAL is folded in: without it the file is sound, and older. */
import { readFileSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';

/** @param file of an outbox that nobody has open. @returns what file and WAL hold now */
export function damageInWalOnly(file: string): { damaged: Buffer; wal: Buffer } {
  const database = new Database(file);
  database.unsafeMode(true);
  database.pragma('wal_autocheckpoint = 0');
  database.pragma('writable_schema = ON');
  database.exec("UPDATE sqlite_schema SET rootpage = 3 WHERE name = 'outbox_bodies'");
  const [damaged, wal] = [readFileSync(file), readFileSync(`${file}-wal`)];
  // Folds the WAL in, and removes it.
  database.close();
  writeFileSync(file, damaged);
  writeFileSync(`${file}-wal`, wal);
  return { damaged, wal };
}

/** The table `field_sets`: names of fields that parts come with. Sets are few and never change. */
import type Database from 'better-sqlite3';
import { sealOfRow } from '../../../common/row-seal.ts';

export class FieldSets {
  private readonly statements: ReturnType<typeof prepare>;
  /** By the fields joined. */
  private readonly ids = new Map<string, number>();
  /** Rows of a request share their list of names: mostly it is the one of the row before. */
  private last: { fields: readonly string[]; id: number } | undefined;

  constructor(database: Database.Database) {
    this.statements = prepare(database);
  }

  /** After a failed transaction. */
  forget(): void {
    this.ids.clear();
    this.last = undefined;
  }

  /** Stores the set when it is new. */
  idOf(fields: readonly string[]): number {
    if (this.last?.fields === fields) return this.last.id;
    const key = fields.join();
    let id = this.ids.get(key);
    if (id === undefined) {
      const json = JSON.stringify(fields);
      id = (this.statements.id.get(json) as number | undefined) ?? this.add(json);
      this.ids.set(key, id);
    }
    this.last = { fields, id };
    return id;
  }

  private add(json: string): number {
    const id = Number(this.statements.add.run(json).lastInsertRowid);
    this.statements.seal.run(sealOfRow([id, json]), id);
    return id;
  }
}

function prepare(database: Database.Database) {
  return {
    id: database.prepare('SELECT id FROM field_sets WHERE fields = ?').pluck(),
    seal: database.prepare('UPDATE field_sets SET seal = ? WHERE id = ?'),
    add: database.prepare('INSERT INTO field_sets (fields) VALUES (?)'),
  };
}

/**
 * Rows of one table on their way into it, some to a statement: one that writes eight takes two thirds of eight that write one. What is
 * added is in the table only after `write`; who reads the table inside the transaction calls it first.
 */
import type Database from 'better-sqlite3';

export type Value = number | string | Buffer | null;

const ROWS_PER_STATEMENT = 8;

export class RowBatch {
  private readonly columns: number;
  private readonly one: Database.Statement;
  private readonly many: Database.Statement;
  /** Of the rows that wait, side by side. */
  private waiting: Value[] = [];

  /** @param insert up to VALUES */
  constructor(database: Database.Database, insert: string, columns: number) {
    const row = `(${Array(columns).fill('?').join()})`;
    this.columns = columns;
    this.one = database.prepare(`${insert} VALUES ${row}`);
    this.many = database.prepare(`${insert} VALUES ${Array(ROWS_PER_STATEMENT).fill(row).join()}`);
  }

  add(...row: Value[]): void {
    this.waiting.push(...row);
    if (this.waiting.length < this.columns * ROWS_PER_STATEMENT) return;
    const { waiting } = this;
    this.waiting = [];
    this.many.run(...waiting);
  }

  write(): void {
    if (this.waiting.length === 0) return;
    const { waiting } = this;
    this.waiting = [];
    for (let at = 0; at < waiting.length; at += this.columns) this.one.run(...waiting.slice(at, at + this.columns));
  }

  /** After a failed transaction. */
  forget(): void {
    this.waiting = [];
  }
}

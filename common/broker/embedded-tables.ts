/**
 * The small tables of the embedded broker: topics, their logs, the commits. No seal is over them, so at the start they are held
 * against each other and against the indexes over them. What is sound stays; an index is made anew from a sound table.
 *
 * What does not happen: a topic that is there is never taken for a missing one, of which a new and empty one would be made; of
 * two names for one topic none is chosen.
 */
import { damaged, type SqliteDatabase } from './embedded-database.ts';

interface TopicRow {
  id: number;
  name: unknown;
  partitions: unknown;
  retention_ms: unknown;
}

interface LogRow {
  id: number;
  topic_id: unknown;
  partition: unknown;
  log_id: unknown;
}

export const NAME_INDEX = 'sqlite_autoindex_topic_1';
/** Tables with an index over them. That over the batches is looked at when they are read. */
const INDEXED = ['topic', 'log'] as const;

export class EmbeddedTables {
  private readonly database: SqliteDatabase;
  private readonly folder: string;

  constructor(database: SqliteDatabase, folder: string) {
    this.database = database;
    this.folder = folder;
  }

  /**
   * Looks whether every topic has its logs, and is named in the index as in the table.
   * @throws OperatingError BROKER_DAMAGED
   */
  check(): void {
    this.database.transaction(() => this.checkInside()).deferred();
  }

  private checkInside(): void {
    const topics = this.database.prepare<[], TopicRow>('SELECT id, name, partitions, retention_ms FROM topic NOT INDEXED').all();
    const logs = this.database.prepare<[], LogRow>('SELECT id, topic_id, partition, log_id FROM log NOT INDEXED').all();
    const indexed = this.database.prepare<[], unknown>(`SELECT name FROM topic INDEXED BY ${NAME_INDEX}`).pluck().all();
    const names = topics.map(({ name }) => String(name)).sort();
    // The bytes of a name can also be there as those of a blob, which no name is equal to.
    if ([...topics.map(({ name }) => name), ...indexed].some((name) => typeof name !== 'string'))
      throw this.damage(`one of the topics ${names.join(', ')} is named by no text`);
    if (names.join('\n') !== indexed.map(String).sort().join('\n'))
      throw this.damage(`the topics ${names.join(', ')} have other names in the index: ${indexed.map(String).join(', ')}`);
    for (const topic of topics) this.checkTopic(topic, logs);
    const known = new Set<unknown>(topics.map(({ id }) => id));
    const stray = logs.find(({ topic_id: id }) => !known.has(id));
    if (stray !== undefined) throw this.damage(`log ${stray.id} is of topic ${String(stray.topic_id)}, which is not there`);
  }

  private checkTopic({ id, name, partitions, retention_ms: retentionMs }: TopicRow, logs: readonly LogRow[]): void {
    const own = logs.filter(({ topic_id: of }) => of === id);
    const numbers = new Set(own.map(({ partition }) => partition));
    const isWhole = numbers.size === partitions && own.length === partitions && own.every((_, number) => numbers.has(number));
    if (!isWhole)
      throw this.damage(`topic ${String(name)} of ${String(partitions)} partitions has logs for ${[...numbers].join(', ') || 'none'}`);
    if (own.some(({ log_id: logId }) => typeof logId !== 'string' || logId === ''))
      throw this.damage(`a log of topic ${String(name)} has no id`);
    if (!Number.isSafeInteger(retentionMs) || (retentionMs as number) < 0)
      throw this.damage(`topic ${String(name)} keeps records for ${String(retentionMs)} ms`);
  }

  /**
   * A table without rowids is its own index: made anew it would lose the rows that damage hides.
   * @throws OperatingError BROKER_DAMAGED
   */
  checkMendable(): void {
    const hidden = this.findingIn('committed');
    if (hidden !== undefined) throw this.damage(`table committed: ${hidden}`);
  }

  /**
   * Compares the tables with the indexes over them, after `check`: then the tables are right.
   * @returns the tables whose indexes were made anew
   * @throws OperatingError BROKER_DAMAGED where that does not help
   */
  mendIndexes(): string[] {
    this.checkMendable();
    return INDEXED.filter((table) => {
      if (this.findingIn(table) === undefined) return false;
      return this.database.transaction(() => this.reindex(table)).immediate();
    });
  }

  /** Looks again under the write lock: another process may have been quicker. */
  private reindex(table: string): boolean {
    if (this.findingIn(table) === undefined) return false;
    this.checkInside();
    this.database.exec(`REINDEX ${table}`);
    const finding = this.findingIn(table);
    if (finding !== undefined) throw this.damage(`table ${table}: ${finding}`);
    return true;
  }

  private findingIn(table: string): string | undefined {
    const finding = this.database.pragma(`integrity_check(${table})`, { simple: true }) as string;
    return finding === 'ok' ? undefined : finding.replace(/^\*\*\*.*\n/, '').replaceAll('\n', '; ');
  }

  private damage(finding: string): Error {
    return damaged(`the broker's file in ${this.folder} is damaged: ${finding}`, this.folder);
  }
}

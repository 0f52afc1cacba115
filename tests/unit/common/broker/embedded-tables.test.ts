/**
 * A bit flipped anywhere in the broker's small tables or in the indexes over them: the broker holds what it held, or it says that it is
 * damaged and what to do. Never is a topic empty that was not. When it is then set aside, each log holds what it held, or nothing, and that
 * is told: never what another one held.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { AVERAGES_TOPIC } from '../../../../common/broker/broker.ts';
import { type EmbeddedBroker, QUOTA_BYTES_MIN } from '../../../../common/broker/embedded-broker.ts';
import { openDatabase, PAGE_BYTES } from '../../../../common/broker/embedded-database.ts';
import type { Salvaged } from '../../../../common/broker/embedded-salvage.ts';
import { EmbeddedStore } from '../../../../common/broker/embedded-store.ts';
import { EmbeddedTrimming } from '../../../../common/broker/embedded-trimming.ts';
import { OperatingError } from '../../../../common/errors.ts';
import { silentLogger } from '../../../../common/logger.ts';
import { cellsOf, type Span } from '../../../doubles/sqlite-cells.ts';
import { EmbeddedFolder, records, TOPIC } from './embedded-folder.ts';

/** One that parts ask for, so that it is known which of two names is right. */
const OTHER_TOPIC = AVERAGES_TOPIC;
const SETTINGS = { partitions: 2, retentionMs: 60_000 };
const LOGS: [topic: string, partition: number][] = [
  [TOPIC, 0],
  [TOPIC, 1],
  [OTHER_TOPIC, 0],
  [OTHER_TOPIC, 1],
];
/** Some bits of each byte, or all. */
const BITS = process.env['FOGLINE_LONG'] === '1' ? [0, 1, 2, 3, 4, 5, 6, 7] : [0, 6, 7];
const LEAF_HEADER_BYTES = 8;
const POINTER_BYTES = 2;

/** A stopped broker with records in all logs but one, and commits. */
async function stopped(context: TestContext): Promise<{ folder: EmbeddedFolder; held: string }> {
  const folder = await EmbeddedFolder.make();
  context.after(() => folder.remove());
  const broker = await folder.open();
  await broker.ensureTopic(OTHER_TOPIC, SETTINGS);
  for (const [topic, partition] of LOGS.slice(0, 3)) await broker.append(topic, partition, records(10));
  for (const group of ['edge', 'zeal'])
    for (const topic of [TOPIC, OTHER_TOPIC]) await broker.commit(topic, group, [{ partition: 0, offset: 7 }]);
  const held = await contentOf(broker);
  await broker.stop();
  return { folder, held };
}

/** What the parts see after they have asked for their topics. The id of a log is looked at by the seals of its records. */
async function contentOf(broker: EmbeddedBroker): Promise<string> {
  for (const topic of [TOPIC, OTHER_TOPIC]) await broker.ensureTopic(topic, SETTINGS);
  const content = [];
  for (const [topic, partition] of LOGS) {
    const { earliestOffset, endOffset } = await broker.logState(topic, partition);
    const read = await broker.read(topic, partition, earliestOffset, endOffset, 100);
    content.push([topic, partition, earliestOffset, endOffset, read.map(({ key, value }) => [key, value.toString()])]);
  }
  for (const topic of [TOPIC, OTHER_TOPIC]) {
    const none = (await broker.committed(topic, 'edge')).filter(({ offset }) => offset > 10);
    content.push([await broker.partitionCount(topic), none]);
  }
  return JSON.stringify(content);
}

type Outcome = 'as before' | 'mended' | 'salvaged' | 'salvaged in part';

/** @throws AssertionError for anything else than an Outcome */
async function outcomeOf(folder: EmbeddedFolder, held: string, what: string): Promise<Outcome> {
  const warnings: string[] = [];
  const logger = { ...silentLogger, warn: (_: object, message?: string) => warnings.push(message ?? '') };
  const broker = folder.broker({ logger, isOnlyLooking: true });
  try {
    await broker.start();
    assert.equal(await contentOf(broker), held, `${what}: the content`);
    const commits = folder.raw((database) => database.prepare('SELECT count(*) FROM committed').pluck().get());
    assert.equal(commits, 4, `${what}: no commit is lost`);
    return warnings.length > 0 ? 'mended' : 'as before';
  } catch (error) {
    assert.ok(error instanceof OperatingError && error.code === 'BROKER_DAMAGED', `${what}: ${String(error)}`);
    assert.match(error.hint, /start the part again/);
  } finally {
    await broker.stop();
  }
  return salvagedOutcomeOf(folder, held, what);
}

async function salvagedOutcomeOf(folder: EmbeddedFolder, held: string, what: string): Promise<Outcome> {
  const told: Salvaged[] = [];
  const broker = folder.broker({ logger: { ...silentLogger, error: (fields) => told.push(fields as Salvaged) } });
  try {
    await broker.start();
    const content = await contentOf(broker);
    assert.equal(told.length, 1, `${what}: told once`);
    if (content === held) return 'salvaged';
    const [salvaged] = told;
    assert.ok(salvaged !== undefined && (salvaged.lostBatches ?? Number.NaN) + salvaged.batches === 3, `${what}: ${JSON.stringify(told)}`);
    const before = JSON.parse(held) as unknown[][];
    for (const [i, [topic, partition, , , read]] of (JSON.parse(content) as unknown[][]).slice(0, LOGS.length).entries()) {
      const isSame = JSON.stringify(read) === JSON.stringify(before[i]?.[4]);
      assert.ok(isSame || (read as unknown[]).length === 0, `${what}: ${String(topic)}/${String(partition)} holds something else`);
    }
    return 'salvaged in part';
  } finally {
    await broker.stop();
  }
}

/** Every byte of a small table or index that says something, with what it is. */
function bytesOf(folder: EmbeddedFolder, file: Buffer, name: string): [at: number, what: string][] {
  const root = folder.raw((database) => database.prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?').pluck().get(name) as number);
  const cells = cellsOf(file, root);
  assert.ok(cells.length >= 2, `${name} has rows`);
  const header = { at: (root - 1) * file.readUInt16BE(16), length: LEAF_HEADER_BYTES + POINTER_BYTES * cells.length };
  const spans: [string, Span][] = [['page header', header]];
  for (const cell of cells) {
    spans.push(['rowid', cell.rowidBytes], ['types', cell.header]);
    for (const [column, value] of cell.values.entries()) spans.push([`column ${column}`, value]);
  }
  return spans.flatMap(([what, { at, length }]) => Array.from({ length }, (_, i): [number, string] => [at + i, `${name}, ${what}`]));
}

function put(folder: EmbeddedFolder, bytes: Buffer): void {
  for (const beside of ['-wal', '-shm']) rmSync(`${folder.file}${beside}`, { force: true });
  rmSync(join(folder.folder, 'damaged'), { recursive: true, force: true });
  writeFileSync(folder.file, bytes);
}

for (const [name, expected] of [
  ['topic', ['salvaged', 'salvaged in part']],
  ['sqlite_autoindex_topic_1', ['mended', 'salvaged', 'salvaged in part']],
  ['log', ['salvaged', 'salvaged in part']],
  ['sqlite_autoindex_log_1', ['mended']],
  ['committed', ['as before']],
] as const) {
  test(`a flipped bit in ${name}: the broker holds what it held, or tells what it lost`, async (context) => {
    const { folder, held } = await stopped(context);
    const sound = readFileSync(folder.file);
    const outcomes = new Map<Outcome, number>();
    for (const [at, what] of bytesOf(folder, sound, name)) {
      for (const bit of BITS) {
        const hurt = Buffer.from(sound);
        hurt[at] = (hurt[at] as number) ^ (1 << ((at + bit) % 8));
        put(folder, hurt);
        const outcome = await outcomeOf(folder, held, `${what}, byte ${at}, bit ${(at + bit) % 8}`);
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }
    }
    context.diagnostic(JSON.stringify([...outcomes]));
    for (const outcome of expected) assert.ok((outcomes.get(outcome) ?? 0) > 0, `${outcome} was seen`);
  });
}

for (const [table, column, what] of [
  ['log', 2, "the number of a log's partition"],
  ['sqlite_autoindex_log_1', 1, "the number of a log's partition, in the index"],
  ['topic', 2, "the number of a topic's partitions"],
] as const) {
  test(`${what} with any bit flipped: the topic keeps its partitions, and each log what it held`, async (context) => {
    const folder = await EmbeddedFolder.make();
    context.after(() => folder.remove());
    const partitions = 4;
    const writer = folder.broker();
    await writer.start();
    await writer.ensureTopic(TOPIC, { partitions, retentionMs: 60_000 });
    for (let partition = 0; partition < partitions; partition++) await writer.append(TOPIC, partition, records(partition + 1));
    await writer.stop();
    const sound = readFileSync(folder.file);
    const root = folder.raw((database) => database.prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?').pluck().get(table));
    const spans = cellsOf(sound, root as number).map(({ values }) => values[column] as Span);
    let flips = 0;
    for (const { at } of spans.filter(({ length }) => length === 1)) {
      for (let bit = 0; bit < 8; bit++, flips++) {
        rmSync(folder.folder, { recursive: true });
        mkdirSync(folder.folder);
        const flipped = Buffer.from(sound);
        flipped[at] = (flipped[at] as number) ^ (1 << bit);
        writeFileSync(folder.file, flipped);
        const broker = folder.broker();
        await broker.start();
        const ends = [];
        for (let partition = 0; partition < (await broker.partitionCount(TOPIC)); partition++)
          ends.push((await broker.logState(TOPIC, partition)).endOffset);
        await broker.stop();
        assert.deepEqual(ends, [1, 2, 3, 4], `byte ${at}, bit ${bit}`);
      }
    }
    assert.ok(flips >= 8);
  });
}

test('a commit above the end is none: it is not given out, and retention keeps what it would have let go', async (context) => {
  const { folder } = await stopped(context);
  const isTrimmed = () => folder.raw((database) => new EmbeddedTrimming(database, QUOTA_BYTES_MIN).trimRetained(Number.MAX_SAFE_INTEGER));
  const commit = (offset: number) => folder.raw((database) => database.prepare('UPDATE committed SET next_offset = ?').run(offset).changes);
  for (const offset of [11, 7 + 2 ** 40]) {
    assert.equal(commit(offset), 4);
    const broker = folder.broker();
    await broker.start();
    assert.deepEqual(await broker.committed(TOPIC, 'edge'), []);
    await broker.stop();
    assert.equal(isTrimmed(), false, `${offset}`);
  }
  commit(10);
  assert.equal(isTrimmed(), true);
});

test('a running broker that does not find a topic does not make it while the table has it under another name', async (context) => {
  const { folder } = await stopped(context);
  const sound = readFileSync(folder.file);
  const [entry] = bytesOf(folder, sound, 'sqlite_autoindex_topic_1').filter(([, what]) => what.endsWith('column 0'));
  assert.ok(entry !== undefined);
  sound[entry[0]] = (sound[entry[0]] as number) ^ 1;
  put(folder, sound);
  const database = openDatabase(folder.file, QUOTA_BYTES_MIN / PAGE_BYTES);
  context.after(() => database.close());
  const store = new EmbeddedStore(database, folder.folder);
  assert.throws(
    () => [TOPIC, OTHER_TOPIC].forEach((topic) => store.ensureTopic(topic, { ...SETTINGS, retentionMs: 1 }, () => 'id')),
    (error) => error instanceof OperatingError && error.code === 'BROKER_DAMAGED' && error.message.includes('other names in the index'),
  );
  assert.equal(database.prepare('SELECT count(*) FROM topic').pluck().get(), 2);
});

test('a time of retention that is none is refused', async (context) => {
  const { folder } = await stopped(context);
  for (const retention of ['-1', '1.5', "'long'", '9e15 * 8']) {
    folder.raw((database) => database.exec(`UPDATE topic SET retention_ms = ${retention} WHERE name = '${TOPIC}'`));
    await assert.rejects(folder.broker({ isOnlyLooking: true }).start(), {
      code: 'BROKER_DAMAGED',
      message: new RegExp(`topic ${TOPIC} keeps records for`),
    });
  }
});

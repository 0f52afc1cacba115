/**
 * What a start makes of a damaged file: it lies aside as it was, and each log holds the sound appends, whole and in their order. Killed or
 * failing at any place it comes to the same end, or to where it began; nothing that was acknowledged to others is left in the old file.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import type { EmbeddedBroker } from '../../../../common/broker/embedded-broker.ts';
import { EmbeddedConnection } from '../../../../common/broker/embedded-connection.ts';
import { fileIdentity, PAGE_BYTES } from '../../../../common/broker/embedded-database.ts';
import type { Salvaged } from '../../../../common/broker/embedded-salvage.ts';
import { systemClock } from '../../../../common/clock.ts';
import { OperatingError } from '../../../../common/errors.ts';
import { armFailpoints, BROKER_SALVAGE_FAILPOINTS } from '../../../../common/failpoints.ts';
import { silentLogger } from '../../../../common/logger.ts';
import { ShiftedClock } from '../../../doubles/shifted-clock.ts';
import { EmbeddedFolder, TOPIC } from './embedded-folder.ts';

const CHILD = fileURLToPath(new URL('../../../doubles/broker-process.ts', import.meta.url));
const PARTITIONS = [0, 1];
const RECORDS = 20;
const OF_NOTHING = createHash('sha256').digest('hex');
const isDamage = (error: unknown) => error instanceof OperatingError && error.code === 'BROKER_DAMAGED' && !error.retryable;

/** A stopped broker with so many appends, by turns in both partitions; no two records are the same. */
async function filled(context: TestContext, appends: number, bytes = 20): Promise<EmbeddedFolder> {
  const folder = await EmbeddedFolder.make();
  context.after(() => folder.remove());
  const broker = await folder.open();
  for (let n = 0; n < appends; n++) await broker.append(TOPIC, n % PARTITIONS.length, append(n, bytes));
  await broker.stop();
  return folder;
}

function append(n: number, bytes: number): { key: string; value: Buffer }[] {
  return Array.from({ length: RECORDS }, (_, i) => ({ key: `key ${i % 5}`, value: Buffer.from(`${n}:${i} `.padEnd(bytes, '.')) }));
}

/** In the record that is in the middle of the append. */
function flipByte(folder: EmbeddedFolder, n: number): void {
  folder.raw((database) => {
    const { bytes } = database.prepare<[number], { bytes: Buffer }>('SELECT bytes FROM batch WHERE id = ?').get(n + 1) as { bytes: Buffer };
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 0x10;
    assert.equal(database.prepare('UPDATE batch SET bytes = ? WHERE id = ?').run(bytes, n + 1).changes, 1);
  });
}

/** What a start was told, when there was something. */
function telling(folder: EmbeddedFolder): { broker: EmbeddedBroker; told: Salvaged[] } {
  const told: Salvaged[] = [];
  return { told, broker: folder.broker({ logger: { ...silentLogger, error: (fields) => told.push(fields as Salvaged) } }) };
}

/** Numbers of the appends that each log holds, from the first offset on. Fails where one is not whole. */
async function appendsIn(broker: EmbeddedBroker): Promise<number[][]> {
  const all = [];
  for (const partition of PARTITIONS) {
    const { earliestOffset, endOffset } = await broker.logState(TOPIC, partition);
    const read = endOffset === 0 ? [] : await broker.read(TOPIC, partition, 0, endOffset, endOffset);
    assert.equal(earliestOffset, 0);
    assert.deepEqual(
      read.map(({ offset }) => offset),
      read.map((_, i) => i),
    );
    const numbers = read.map(({ value }) => value.toString().trimEnd().replace(/\.+$/, '').trim());
    const begun = numbers.filter((_, i) => i % RECORDS === 0).map((said) => Number(said.split(':')[0]));
    assert.deepEqual(
      numbers,
      begun.flatMap((n) => append(n, 0).map(({ value }) => value.toString().trim())),
    );
    all.push(begun);
  }
  return all;
}

function even(count: number, but: readonly number[]): number[][] {
  return PARTITIONS.map((partition) => Array.from({ length: count }, (_, n) => n).filter((n) => n % 2 === partition && !but.includes(n)));
}

/** The damage in append `n` is met by a reader; what was told then. */
async function metBy(folder: EmbeddedFolder, n: number): Promise<void> {
  const broker = folder.broker();
  await broker.start();
  const { endOffset } = await broker.logState(TOPIC, n % 2);
  await assert.rejects(broker.read(TOPIC, n % 2, 0, endOffset, endOffset), isDamage);
  await broker.stop();
}

const asideOf = (folder: EmbeddedFolder, number = 1) => join(folder.folder, 'damaged', `broker-${number}`);

test('damage that a reader met: the next start keeps the file, takes over what is sound, and says so once', async (context) => {
  const folder = await filled(context, 10);
  const stateBefore = await stateOf(folder);
  const times = timesIn(folder);
  flipByte(folder, 4);
  await metBy(folder, 4);
  const damaged = readFileSync(folder.file);
  const { broker, told } = telling(folder);
  await broker.start();
  assert.deepEqual(await appendsIn(broker), even(10, [4]));
  assert.deepEqual(told, [{ folder: asideOf(folder), finding: told[0]?.finding, batches: 9, records: 9 * RECORDS, lostBatches: 1 }]);
  assert.match(told[0]?.finding ?? '', /^topic readings, partition 0, offset 40: the checksum does not hold$/);
  assert.deepEqual(readFileSync(join(asideOf(folder), 'broker.db')), damaged, 'byte for byte');
  assert.deepEqual(keptIn(asideOf(folder)), ['broker.db']);
  await broker.stop();
  assert.deepEqual(timesIn(folder), times.toSpliced(4, 1), 'when they were appended');
  const state = await stateOf(folder);
  for (const partition of PARTITIONS) assert.notEqual(state[partition]?.logId, stateBefore[partition]?.logId, 'another log');
  const again = telling(folder);
  await again.broker.start();
  assert.deepEqual([again.told, await appendsIn(again.broker)], [[], even(10, [4])]);
  assert.deepEqual(await Promise.all(PARTITIONS.map((partition) => again.broker.logState(TOPIC, partition))), state);
});

test('control: a flipped byte that nobody met changes nothing at the start, and a sound file is never set aside', async (context) => {
  const folder = await filled(context, 4);
  const before = await stateOf(folder);
  assert.deepEqual(await stateOf(folder), before);
  flipByte(folder, 2);
  assert.deepEqual(await stateOf(folder), before);
  assert.equal(existsSync(join(folder.folder, 'damaged')), false);
});

test('damage that was met in another file is none of this one', async (context) => {
  const folder = await filled(context, 4);
  const copy = `${folder.file}.sound`;
  cpSync(folder.file, copy);
  flipByte(folder, 2);
  await metBy(folder, 2);
  renameSync(copy, folder.file);
  const { broker, told } = telling(folder);
  await broker.start();
  assert.deepEqual([told, await appendsIn(broker)], [[], even(4, [])]);
});

test('a second damage gets a folder of its own, and takes over what the first had left', async (context) => {
  const folder = await filled(context, 10);
  for (const n of [4, 3]) {
    flipByte(folder, n);
    await metBy(folder, n);
    const { broker, told } = telling(folder);
    await broker.start();
    assert.equal(told.length, 1);
    await broker.stop();
  }
  assert.deepEqual(readdirSync(join(folder.folder, 'damaged')), ['broker-1', 'broker-2']);
  const { broker } = telling(folder);
  await broker.start();
  assert.deepEqual(await appendsIn(broker), even(10, [4, 3]));
});

/** As a part that was killed leaves it: four appends in the file, two in the WAL alone, append 1 damaged, and that was met. */
async function leftWithWal(context: TestContext): Promise<{ folder: EmbeddedFolder; damaged: Buffer[] }> {
  const folder = await filled(context, 4);
  const copy = `${folder.folder}.copy`;
  const writer = folder.broker();
  await writer.start();
  for (const n of [4, 5]) await writer.append(TOPIC, n % 2, append(n, 20));
  flipByte(folder, 1);
  cpSync(folder.folder, copy, { recursive: true });
  await writer.stop();
  rmSync(folder.folder, { recursive: true });
  cpSync(copy, folder.folder, { recursive: true });
  rmSync(copy, { recursive: true });
  writeFileSync(join(folder.folder, 'broker-suspect'), `${fileIdentity(folder.file)}\nmet\n`);
  return { folder, damaged: bytesOf(folder.folder) };
}

/** Of the file and its WAL. */
function bytesOf(folder: string): Buffer[] {
  return ['broker.db', 'broker.db-wal'].map((name) => readFileSync(join(folder, name)));
}

/** As somebody does who knows nothing of setting aside: SQLite then makes the files beside it that are missing. */
function lookRaw(file: string): void {
  let database: Database.Database | undefined;
  try {
    database = new Database(file, { readonly: true });
    database.prepare('SELECT count(*) FROM sqlite_schema').get();
  } catch (error) {
    assert.ok(error instanceof Database.SqliteError, String(error));
  } finally {
    database?.close();
  }
}

test('the newest appends that lie in the WAL alone are taken over, and the WAL is kept as it was', async (context) => {
  const { folder, damaged } = await leftWithWal(context);
  const { broker, told } = telling(folder);
  await broker.start();
  assert.deepEqual(await appendsIn(broker), even(6, [1]));
  assert.equal(told[0]?.finding, 'met');
  assert.deepEqual(bytesOf(asideOf(folder)), damaged);
});

for (const failpoint of [1, 2, 3].map((nth) => `broker_salvage_inside_aside:${nth}`).concat('broker_salvage_before_name')) {
  test(`killed at ${failpoint}, and looked at by another before the next start: the WAL is kept, and what lies in it`, async (context) => {
    const { folder, damaged } = await leftWithWal(context);
    killAt(folder, failpoint);
    lookRaw(folder.file);
    const { broker, told } = telling(folder);
    await broker.start();
    assert.deepEqual([await appendsIn(broker), told.length], [even(6, [1]), 1]);
    assert.deepEqual(bytesOf(asideOf(folder)), damaged);
    await broker.append(TOPIC, 0, append(6, 20));
    await broker.stop();
    const again = telling(folder);
    await again.broker.start();
    assert.deepEqual([await appendsIn(again.broker), again.told], [even(7, [1]), []]);
  });
}

test('put back after a failure, killed in the middle: the file is never at its place without its WAL', async (context) => {
  const { folder, damaged } = await leftWithWal(context);
  killAt(folder, 'broker_salvage_before_name');
  // As a start that meets a full disk leaves it when it is killed before the file is back.
  renameSync(join(asideOf(folder), 'broker.db-wal'), `${folder.file}-wal`);
  lookRaw(folder.file);
  const { broker } = telling(folder);
  await broker.start();
  assert.deepEqual(await appendsIn(broker), even(6, [1]));
  assert.deepEqual(bytesOf(asideOf(folder)), damaged);
});

test('a file without a byte that somebody made where the damaged one was is not taken for the new one', async (context) => {
  const { folder, damaged } = await leftWithWal(context);
  killAt(folder, 'broker_salvage_before_name');
  for (const name of ['', '-wal']) writeFileSync(`${folder.file}${name}`, '');
  const { broker, told } = telling(folder);
  await broker.start();
  assert.deepEqual([await appendsIn(broker), told.length], [even(6, [1]), 1]);
  assert.deepEqual(bytesOf(asideOf(folder)), damaged);
});

/** While it sets the file aside. */
function killAt(folder: EmbeddedFolder, failpoint: string): void {
  const { signal, stderr } = spawnSync(process.execPath, ['--import', 'tsx', CHILD, folder.folder, failpoint], { encoding: 'utf8' });
  assert.equal(signal, 'SIGKILL', `${failpoint} was not reached: ${stderr}`);
}

for (const [what, hurt] of [
  ['a page of zeros', (bytes: Buffer, page: number) => bytes.fill(0, page * PAGE_BYTES, (page + 1) * PAGE_BYTES)],
  ['cut off', (bytes: Buffer, page: number) => bytes.subarray(0, page * PAGE_BYTES)],
] as const) {
  test(`${what}, at each page: each log holds sound appends alone, in their order; what lies elsewhere is kept`, async (context) => {
    const count = 60;
    const folder = await filled(context, count, 900);
    const sound = readFileSync(folder.file);
    const pages = sound.length / PAGE_BYTES;
    assert.ok(pages > 100, `${pages}`);
    let kept = 0;
    for (let page = 1; page < pages; page++) {
      rmSync(folder.folder, { recursive: true });
      mkdirSync(folder.folder);
      writeFileSync(folder.file, hurt(Buffer.from(sound), page));
      const numbers = await settled(folder);
      for (const [partition, its] of numbers.entries()) {
        assert.deepEqual(
          its,
          its.toSorted((a, b) => a - b),
          `page ${page}`,
        );
        assert.ok(
          its.every((n) => n % 2 === partition && n < count),
          `page ${page}`,
        );
      }
      kept += numbers.flat().length;
    }
    const share = kept / (pages - 1) / count;
    context.diagnostic(`${share} of the appends kept, over ${pages} pages`);
    assert.ok(share > (what === 'cut off' ? 0.45 : 0.9));
  });
}

/** After as many starts as it takes, at most two, until nobody meets anything any more. */
async function settled(folder: EmbeddedFolder): Promise<number[][]> {
  for (let start = 1; ; start++) {
    const broker = folder.broker();
    try {
      await broker.start();
      await broker.ensureTopic(TOPIC, { partitions: 2, retentionMs: 60_000 });
      return await appendsIn(broker);
    } catch (error) {
      assert.ok(isDamage(error) && start < 3, String(error));
    } finally {
      await broker.stop();
    }
  }
}

for (const failpoint of [...BROKER_SALVAGE_FAILPOINTS, 'broker_salvage_inside_aside:2', 'broker_salvage_inside_aside:3']) {
  test(`killed at ${failpoint}: the next start comes to the same end`, async (context) => {
    const folder = await filled(context, 60, 9_000);
    flipByte(folder, 4);
    await metBy(folder, 4);
    const damaged = readFileSync(folder.file);
    killAt(folder, failpoint);
    const isInPlace = failpoint.endsWith('after_name');
    await assert.rejects(folder.broker({ isOnlyLooking: true }).start(), isDamage, 'who only looks begins no empty one');
    const { broker, told } = telling(folder);
    await broker.start();
    assert.deepEqual(await appendsIn(broker), even(60, [4]));
    assert.deepEqual(
      told.map(({ batches, lostBatches }) => [batches, lostBatches]),
      // The one that was killed had told.
      isInPlace ? [] : [[59, 1]],
    );
    assert.deepEqual(readFileSync(join(asideOf(folder), 'broker.db')), damaged);
    assert.deepEqual(readdirSync(join(folder.folder, 'damaged')), ['broker-1']);
    assert.deepEqual(keptIn(asideOf(folder)), ['broker.db']);
    assert.deepEqual(
      readdirSync(folder.folder).filter((name) => /new|suspect/.test(name)),
      [],
    );
  });
}

test('a failure in the middle leaves everything as it was; with room the next start salvages', async (context) => {
  const folder = await filled(context, 60, 9_000);
  flipByte(folder, 4);
  await metBy(folder, 4);
  const before = filesOf(folder.folder);
  for (const failpoint of ['broker_salvage_inside_aside', 'broker_salvage_inside_copy']) {
    let visits = 0;
    armFailpoints((name) => {
      if (name === failpoint && ++visits === 2) throw new Database.SqliteError('database or disk is full', 'SQLITE_FULL');
    });
    context.after(() => armFailpoints(undefined));
    const refused = telling(folder);
    await assert.rejects(
      refused.broker.start(),
      (error) => error instanceof OperatingError && error.code === 'BROKER_FULL' && error.retryable && error.hint.includes('free space'),
    );
    assert.deepEqual([refused.told, visits], [[], 2]);
    assert.deepEqual(filesOf(folder.folder), before, failpoint);
    armFailpoints(undefined);
  }
  const { broker } = telling(folder);
  await broker.start();
  assert.deepEqual(await appendsIn(broker), even(60, [4]));
});

test('a disk without room for a second file: refused before anything is moved', async (context) => {
  const folder = await EmbeddedFolder.make();
  context.after(() => folder.remove());
  mkdirSync(folder.folder);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=40m', 'fogline-test', folder.folder]).status !== 0)
    return context.skip('needs the right to mount a tmpfs');
  try {
    const broker = await folder.open();
    for (let n = 0; n < 60; n++) await broker.append(TOPIC, n % 2, append(n, 9_000));
    await broker.stop();
    flipByte(folder, 4);
    await metBy(folder, 4);
    const filler = join(folder.folder, 'filler');
    writeFileSync(filler, Buffer.alloc(4 << 20));
    const before = filesOf(folder.folder);
    await assert.rejects(telling(folder).broker.start(), {
      code: 'BROKER_FULL',
      message: /a damaged file of \d+ bytes/,
      hint: /for \d+ bytes, nothing is changed until then: copies of earlier damage in .*damaged may be deleted$/,
    });
    assert.deepEqual(filesOf(folder.folder), before);
    rmSync(filler);
    const { broker: again } = telling(folder);
    await again.start();
    assert.deepEqual(await appendsIn(again), even(60, [4]));
    await again.stop();
  } finally {
    assert.equal(spawnSync('umount', [folder.folder]).status, 0);
  }
});

test('three processes that start at once: one sets the file aside, all find the same', async (context) => {
  const folder = await filled(context, 60, 9_000);
  flipByte(folder, 4);
  await metBy(folder, 4);
  const children = Array.from({ length: 2 }, () => spawn(process.execPath, ['--import', 'tsx', CHILD, folder.folder]));
  const said = Promise.all(children.map(({ stdout }) => text(stdout)));
  const ended = Promise.all(children.map((child) => once(child, 'exit')));
  const { broker, told } = telling(folder);
  await systemClock.sleep(200);
  await broker.start();
  assert.deepEqual(
    (await ended).map(([code]) => code),
    [0, 0],
  );
  assert.equal([told, ...(await said).map((line) => JSON.parse(line) as object[])].flat().length, 1);
  assert.deepEqual(await appendsIn(broker), even(60, [4]));
});

test('a process that goes on appending while another salvages: what it was told is appended is in the new file', async (context) => {
  const folder = await filled(context, 60, 9_000);
  flipByte(folder, 4);
  const running = folder.broker();
  await running.start();
  await metBy(folder, 4);
  const acked: number[] = [];
  const appending = (async () => {
    for (let n = 60; ; n++) {
      await running.append(TOPIC, n % 2, append(n, 20));
      acked.push(n);
    }
  })();
  const refused = assert.rejects(appending, { code: 'BROKER_UNREACHABLE', retryable: false });
  while (acked.length < 5) await systemClock.sleep(1);
  const { broker } = telling(folder);
  await broker.start();
  await refused;
  const found = (await appendsIn(broker)).flat();
  assert.deepEqual(
    acked.filter((n) => !found.includes(n)),
    [],
  );
  assert.equal((await running.stop(), existsSync(folder.file)), true);
  await broker.append(TOPIC, 0, append(1_000, 20));
});

test('a start waits for the one that opens the file, without holding up the thread, and not for ever', async (context) => {
  const folder = await filled(context, 4);
  const other = new Database(join(folder.folder, 'opening.lock'));
  context.after(() => other.close());
  other.exec('BEGIN EXCLUSIVE');
  const clock = new ShiftedClock([]);
  const broker = folder.broker({ clock });
  const refused = assert.rejects(broker.start(), { code: 'BROKER_UNREACHABLE', retryable: true });
  await systemClock.sleep(50);
  clock.shift(120_000);
  await refused;
  const started = broker.start();
  await systemClock.sleep(50);
  other.exec('COMMIT');
  await started;
  assert.deepEqual(await appendsIn(broker), even(4, []));
});

test('a commit into a file that was replaced after it was looked at is not told as done', async (context) => {
  const folder = await filled(context, 4);
  const connection = new EmbeddedConnection(folder.folder, 16 << 20, systemClock);
  await connection.open(undefined);
  context.after(() => connection.close());
  const replaced = connection.write(({ database }) => {
    renameSync(folder.file, `${folder.file}.aside`);
    cpSync(`${folder.file}.aside`, folder.file);
    return database.prepare('UPDATE topic SET retention_ms = 1').run().changes;
  });
  await assert.rejects(replaced, { code: 'BROKER_UNREACHABLE', retryable: false });
});

async function stateOf(folder: EmbeddedFolder): Promise<{ logId: string }[]> {
  const broker = folder.broker();
  await broker.start();
  const states = await Promise.all(PARTITIONS.map((partition) => broker.logState(TOPIC, partition)));
  await broker.stop();
  return states;
}

function timesIn(folder: EmbeddedFolder): number[] {
  return folder.raw((database) => database.prepare('SELECT appended_ms FROM batch ORDER BY id').pluck().all()) as number[];
}

/** Without what a reader leaves beside a file. */
function keptIn(aside: string): string[] {
  return readdirSync(aside).filter((name) => !name.endsWith('-shm') && readFileSync(join(aside, name)).length > 0);
}

/** Bytes of the broker's files, and of all that lies aside, but for what a reader leaves. */
function filesOf(folder: string): [string, string][] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /^broker[.-]/.test(name) || name.startsWith('damaged/'))
    .sort()
    .map((name): [string, string] => [
      name,
      createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex'),
    ])
    .filter(([name, hash]) => !name.endsWith('-shm') && !(name.endsWith('-wal') && hash === OF_NOTHING));
}

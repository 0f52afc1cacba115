/** What only the embedded broker has: locks, notices between processes, a file of bounded size. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cp, mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { type EmbeddedBroker, QUOTA_BYTES_MIN } from '../../../../common/broker/embedded-broker.ts';
import { systemClock } from '../../../../common/clock.ts';
import { OperatingError } from '../../../../common/errors.ts';
import { silentLogger } from '../../../../common/logger.ts';
import { ShiftedClock } from '../../../doubles/shifted-clock.ts';
import { EmbeddedFolder, records, TOPIC } from './embedded-folder.ts';

async function folderFor(context: TestContext): Promise<EmbeddedFolder> {
  const folder = await EmbeddedFolder.make();
  context.after(() => folder.remove());
  return folder;
}

const isUnreachable = (error: unknown) => error instanceof OperatingError && error.code === 'BROKER_UNREACHABLE';

/** Takes the write lock as another process would; gives the function that lets it go. */
function holdLock(folder: EmbeddedFolder, context: TestContext): () => void {
  const holder = new Database(folder.file);
  context.after(() => holder.close());
  holder.exec('BEGIN IMMEDIATE');
  return () => holder.exec('ROLLBACK');
}

test('an append waits for a lock without holding up the thread', async (context) => {
  const folder = await folderFor(context);
  const broker = await folder.open();
  const letGo = holdLock(folder, context);
  let isDone = false;
  const appended = broker.append(TOPIC, 0, records(1)).then(() => (isDone = true));
  for (let turn = 0; turn < 10; turn++) {
    await systemClock.sleep(3);
    assert.equal(isDone, false);
  }
  assert.equal((await broker.logState(TOPIC, 0)).endOffset, 0, 'reading goes on meanwhile');
  letGo();
  await appended;
});

test('a lock that is never let go is BROKER_UNREACHABLE, and appending works again afterwards', async (context) => {
  const folder = await folderFor(context);
  const clock = new ShiftedClock([]);
  const broker = await folder.open({ clock });
  const letGo = holdLock(folder, context);
  const refused = assert.rejects(
    broker.append(TOPIC, 0, records(1)),
    (error) => isUnreachable(error) && (error as OperatingError).retryable,
  );
  await systemClock.sleep(5);
  clock.shift(60_000);
  await refused;
  letGo();
  assert.deepEqual(await broker.append(TOPIC, 0, records(1)), { baseOffset: 0 });
});

test('a consumer hears of foreign appends by the doorbell alone', async (context) => {
  const folder = await folderFor(context);
  const listening = await folder.open({ clock: new ShiftedClock(['broker poll']) });
  const appending = await folder.open();
  const heard = await listenTo(listening);
  for (let i = 1; i <= 3; i++) {
    await appending.append(TOPIC, 0, records(1));
    await heard(i);
    await systemClock.sleep(10);
  }
});

test('a consumer hears of foreign appends by looking alone', async (context) => {
  const folder = await folderFor(context);
  const clock = new ShiftedClock(['broker poll']);
  const listening = await folder.open({ clock });
  const heard = await listenTo(listening);
  // From now on the bell that is rung is another file than the one listened to.
  await rm(join(folder.folder, 'doorbell'));
  const appending = await folder.open();
  await systemClock.sleep(20);
  for (let i = 1; i <= 3; i++) {
    await appending.append(TOPIC, 0, records(1));
    assert.equal(clock.fire('broker poll'), 1);
    await heard(i);
  }
});

test('without consumers nothing looks', async (context) => {
  const folder = await folderFor(context);
  const clock = new ShiftedClock(['broker poll', 'broker trim']);
  const broker = await folder.open({ clock });
  assert.equal(clock.waiting('broker poll'), 0);
  const consumption = await broker.consume(TOPIC, 'edge', [{ partition: 0, offset: 0 }], async () => {});
  assert.equal(clock.waiting('broker poll'), 1);
  await consumption.stop();
  await systemClock.sleep(0);
  assert.equal(clock.waiting('broker poll'), 0);
  await broker.stop();
  assert.equal(clock.waiting('broker trim'), 0);
});

test('a file taken away under a running broker is noticed by appends, commits and consumers', async (context) => {
  const folder = await folderFor(context);
  const clock = new ShiftedClock(['broker poll']);
  const broker = await folder.open({ clock });
  await broker.append(TOPIC, 0, records(5));
  const consumption = await broker.consume(TOPIC, 'edge', [{ partition: 0, offset: 5 }], async () => {});
  await rename(folder.folder, `${folder.folder}.aside`);
  await cp(`${folder.folder}.aside`, folder.folder, { recursive: true });
  await assert.rejects(broker.append(TOPIC, 0, records(1)), isUnreachable);
  await assert.rejects(broker.commit(TOPIC, 'edge', [{ partition: 0, offset: 1 }]), isUnreachable);
  clock.fire('broker poll');
  await assert.rejects(consumption.ended, isUnreachable);
});

test('the file keeps below the quota, whatever is appended, and an early reader sees what it missed in the log', async (context) => {
  const folder = await folderFor(context);
  const warnings: string[] = [];
  const logger = { ...silentLogger, warn: (_fields: object, message: string) => warnings.push(message) };
  const broker = await folder.open({ logger });
  let largest = 0;
  for (let i = 0; i < 60; i++) {
    const large = i % 7 === 0;
    await broker.append(TOPIC, i % 2, large ? records(1_000, 4_000) : records(500, 1_000));
    largest = Math.max(largest, (await stat(folder.file)).size);
  }
  assert.ok(broker.counters.droppedAtQuota > 0);
  assert.ok(largest <= QUOTA_BYTES_MIN, `the file reached ${largest} bytes`);
  assert.ok(largest > QUOTA_BYTES_MIN / 2, 'the quota is used');
  assert.equal(warnings.filter((message) => message.includes('quota')).length, 1, 'one line, not one per append');
  await assert.rejects(
    broker.append(TOPIC, 0, records(1_000, 16_000)),
    (error) => error instanceof OperatingError && error.code === 'BROKER_FULL' && !error.retryable,
  );
  await broker.append(TOPIC, 0, records(1));
});

test('a burst larger than the whole quota is taken in several transactions', async (context) => {
  const folder = await folderFor(context);
  const broker = await folder.open();
  const burst = Array.from({ length: 24 }, () => broker.append(TOPIC, 0, records(1_000, 1_000)));
  const offsets = (await Promise.all(burst)).map(({ baseOffset }) => baseOffset);
  assert.deepEqual(
    offsets,
    burst.map((_, i) => 1_000 * i),
  );
});

test('a consumer overtaken by the quota goes on at the earliest record, with a line in the log', async (context) => {
  const folder = await folderFor(context);
  const missed: object[] = [];
  const broker = await folder.open({ logger: { ...silentLogger, warn: (fields) => missed.push(fields) } });
  await broker.append(TOPIC, 0, records(10));
  const offsets: number[] = [];
  const consumption = await broker.consume(TOPIC, 'edge', [{ partition: 0, offset: 0 }], async (batch) => {
    if (offsets.length === 0) for (let i = 0; i < 8; i++) await broker.append(TOPIC, 0, records(700, 4_000));
    offsets.push(...batch.records.map(({ offset }) => offset));
  });
  while (offsets.at(-1) !== 5_609) await systemClock.sleep(2);
  await consumption.stop();
  const { earliestOffset } = await broker.logState(TOPIC, 0);
  assert.ok(earliestOffset > 10);
  assert.equal(offsets[10], earliestOffset);
  assert.equal(offsets.length, 10 + 5_610 - earliestOffset);
  assert.deepEqual(
    missed.filter((fields) => 'missed' in fields).map((fields) => ({ ...fields })),
    [{ topic: TOPIC, group: 'edge', partition: 0, offset: 10, missed: earliestOffset - 10 }],
  );
});

test('deleted records make the file smaller, in steps', async (context) => {
  const folder = await folderFor(context);
  const clock = new ShiftedClock(['broker trim']);
  const broker = await folder.open({ clock, quotaBytes: 64 << 20 });
  for (let i = 0; i < 40; i++) await broker.append(TOPIC, 0, records(500, 2_000));
  const pages = () => folder.raw((database) => database.pragma('page_count', { simple: true }) as number);
  const before = pages();
  assert.ok(before > 4_000);
  await broker.commit(TOPIC, 'edge', [{ partition: 0, offset: 20_000 }]);
  await broker.append(TOPIC, 0, records(10));
  clock.shift(60_001);
  await broker.append(TOPIC, 0, records(10));
  assert.equal(clock.fire('broker trim'), 1);
  while (clock.waiting('broker trim') === 0) await systemClock.sleep(1);
  assert.ok(pages() < before / 4, `${pages()} of ${before} pages are left`);
  assert.equal((await broker.read(TOPIC, 0, 20_000, 20_020, 100)).length, 20);
});

test('the WAL stays small beside idle and busy readers', async (context) => {
  const folder = await folderFor(context);
  const quotaBytes = 256 << 20;
  const writer = await folder.open({ quotaBytes });
  const idle = await folder.open({ quotaBytes });
  const busy = await folder.open({ quotaBytes });
  await idle.consume(TOPIC, 'idle', [{ partition: 1, offset: 0 }], async () => {});
  let seen = 0;
  const consumption = await busy.consume(TOPIC, 'busy', [{ partition: 0, offset: 0 }], async (batch) => {
    seen += batch.records.length;
  });
  let largest = 0;
  for (let i = 0; i < 60; i++) {
    await writer.append(TOPIC, 0, records(1_000, 1_000));
    largest = Math.max(largest, (await stat(`${folder.file}-wal`)).size);
  }
  while (seen < 60_000) await systemClock.sleep(2);
  await consumption.stop();
  assert.ok(largest < 12 << 20, `the WAL reached ${largest} bytes while 60 MB were written`);
});

/** Consumes partition 0; the function given resolves when so many records have come. */
async function listenTo(broker: EmbeddedBroker): Promise<(count: number) => Promise<void>> {
  let seen = 0;
  await broker.consume(TOPIC, 'edge', [{ partition: 0, offset: 0 }], async (batch) => {
    seen += batch.records.length;
  });
  return async (count) => {
    while (seen < count) await systemClock.sleep(1);
    assert.equal(seen, count);
  };
}

test('on a full disk appends are refused, but committing and deleting work, and then appending works again', async (context) => {
  const folder = await folderFor(context);
  await mkdir(folder.folder);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=40m', 'fogline-test', folder.folder]);
  if (mounted.status !== 0) return context.skip('needs the right to mount a tmpfs');
  const clock = new ShiftedClock(['broker trim']);
  const broker = await folder.open({ clock, quotaBytes: 256 << 20 });
  try {
    let appended = 0;
    const fill = async () => {
      for (;;) {
        await broker.append(TOPIC, 0, records(500, 1_000));
        appended += 500;
      }
    };
    const isFull = (error: unknown) => error instanceof OperatingError && error.code === 'BROKER_FULL' && error.retryable;
    await assert.rejects(fill(), isFull);
    assert.ok(appended > 10_000);
    assert.equal(broker.counters.droppedAtQuota, 0);
    await broker.commit(TOPIC, 'edge', [{ partition: 0, offset: appended - 500 }]);
    clock.shift(60_001);
    assert.equal(clock.fire('broker trim'), 1);
    while (clock.waiting('broker trim') === 0) await systemClock.sleep(1);
    assert.equal((await broker.logState(TOPIC, 0)).earliestOffset, appended - 500);
    const before = appended;
    await assert.rejects(fill(), isFull);
    assert.ok(appended > before + 5_000);
    assert.equal((await broker.read(TOPIC, 0, 0, Infinity, 1_000_000)).length, appended - before + 500);
  } finally {
    await broker.stop();
    assert.equal(spawnSync('umount', [folder.folder]).status, 0);
  }
});

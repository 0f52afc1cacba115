/** What a start makes of a file whose header tells of another layout, and of the small files beside it. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileIdentity, PAGE_BYTES } from '../../../../common/broker/embedded-database.ts';
import { OperatingError } from '../../../../common/errors.ts';
import { silentLogger } from '../../../../common/logger.ts';
import { EmbeddedFolder, records, TOPIC } from './embedded-folder.ts';

const isDamage = (error: unknown) => error instanceof OperatingError && error.code === 'BROKER_DAMAGED' && !error.retryable;

/** A stopped broker with 20 records. */
async function filled(context: TestContext): Promise<EmbeddedFolder> {
  const folder = await EmbeddedFolder.make();
  context.after(() => folder.remove());
  const broker = await folder.open();
  await broker.append(TOPIC, 0, records(20));
  await broker.stop();
  return folder;
}

test('where the file does not tell what was in it, the number of lost appends is not known', async (context) => {
  const folder = await filled(context);
  const bytes = readFileSync(folder.file);
  writeFileSync(folder.file, bytes.fill(0, 0, PAGE_BYTES));
  const told: Record<string, unknown>[] = [];
  const broker = folder.broker({ logger: { ...silentLogger, error: (fields) => told.push(fields as Record<string, unknown>) } });
  await broker.start();
  assert.deepEqual(
    told.map((its) => [its['batches'], its['lostBatches']]),
    [[0, 'not known']],
  );
});

/** How many records there are after a start, and how often it told of damage. */
async function started(folder: EmbeddedFolder): Promise<{ end: number; told: number }> {
  let told = 0;
  const broker = folder.broker({ logger: { ...silentLogger, error: () => told++ } });
  await broker.start();
  const { endOffset: end } = await broker.logState(TOPIC, 0);
  return { end, told };
}

test('a file of a newer layout is not set aside, whatever was met in it', async (context) => {
  const folder = await filled(context);
  folder.raw((database) => database.pragma('user_version = 99'));
  writeFileSync(join(folder.folder, 'broker-suspect'), `${fileIdentity(folder.file)}\nmet by a newer program\n`);
  await assert.rejects(folder.broker().start(), /layout 99/);
  assert.equal(existsSync(join(folder.folder, 'damaged')), false);
});

test('a file of ours that says it has no layout is damaged: set aside, and all that is in it is taken over', async (context) => {
  const folder = await filled(context);
  folder.raw((database) => database.pragma('user_version = 0'));
  await assert.rejects(folder.broker({ isOnlyLooking: true }).start(), isDamage);
  assert.deepEqual(await started(folder), { end: 20, told: 1 });
});

test('a lock file that is none names itself and what to do; what was met and can not be read holds up nobody', async (context) => {
  const folder = await filled(context);
  mkdirSync(join(folder.folder, 'broker-suspect'));
  const lock = join(folder.folder, 'opening.lock');
  writeFileSync(lock, 'no database '.repeat(1_000));
  await assert.rejects(
    folder.broker().start(),
    (error) => isDamage(error) && (error as Error).message.includes(lock) && /delete that file/.test((error as OperatingError).hint),
  );
  rmSync(lock);
  assert.deepEqual(await started(folder), { end: 20, told: 0 });
});

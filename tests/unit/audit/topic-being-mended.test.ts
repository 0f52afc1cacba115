/**
 * What audit and backup make of a topic that is damaged: while it is being set aside they refuse, and never take it for one that is not
 * there; damage that they alone see is written down, and the next start of a part sets the file aside.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openTopic } from '../../../audit/main.ts';
import { hasEmbeddedTopic } from '../../../audit/topic-stage.ts';
import { BackupMaker } from '../../../backup/make-backup.ts';
import { Progress } from '../../../backup/progress.ts';
import { PAGE_BYTES } from '../../../common/broker/embedded-database.ts';
import { systemClock } from '../../../common/clock.ts';
import { loadConfig } from '../../../common/config.ts';
import { OperatingError } from '../../../common/errors.ts';
import { silentLogger } from '../../../common/logger.ts';
import { EmbeddedFolder, records, TOPIC } from '../common/broker/embedded-folder.ts';

/** First byte of a page of that kind. */
const LEAF_TABLE = 13;

async function filled(context: TestContext): Promise<{ folder: EmbeddedFolder; stateDir: string }> {
  const folder = await EmbeddedFolder.make();
  context.after(() => folder.remove());
  const broker = await folder.open();
  for (let n = 0; n < 40; n++) await broker.append(TOPIC, n % 2, records(20, 900));
  await broker.stop();
  assert.equal(basename(folder.folder), 'broker');
  return { folder, stateDir: dirname(folder.folder) };
}

const LOOKING = ['audit', 'backup'] as const;

/** They look at the state; each ends with an error. */
async function refusals(stateDir: string, looking: readonly (typeof LOOKING)[number][] = LOOKING): Promise<OperatingError[]> {
  const target = `${stateDir}-backup`;
  const progress = new Progress(systemClock, new AbortController().signal, () => {});
  const options = { stateDir, keep: undefined, withDamage: false, dir: target, part: undefined, clock: systemClock, progress };
  const errors: OperatingError[] = [];
  const looks = { audit: () => openTopic(loadConfig({}).config, stateDir), backup: () => new BackupMaker(options).make() };
  for (const name of looking) {
    try {
      await looks[name]();
      assert.fail('it was not refused');
    } catch (error) {
      assert.ok(error instanceof OperatingError, String(error));
      errors.push(error);
    }
  }
  return errors;
}

test('a topic whose file is away while it is being set aside: both ask to try again, and leave nothing beside it', async (context) => {
  const { folder, stateDir } = await filled(context);
  const aside = join(folder.folder, 'damaged', 'broker-1');
  mkdirSync(aside, { recursive: true });
  writeFileSync(join(aside, 'unfinished'), 'met\n');
  for (const move of [() => {}, () => renameSync(folder.file, join(aside, 'broker.db'))]) {
    move();
    const names = readdirSync(folder.folder);
    assert.equal(hasEmbeddedTopic(stateDir), true);
    for (const { hint, message } of await refusals(stateDir)) {
      assert.match(message, /being set aside/);
      assert.match(hint, /try again in a moment; if no part runs, start it/);
    }
    assert.deepEqual(readdirSync(folder.folder), names);
  }
});

test('control: a sound topic is opened, and nothing is written down', async (context) => {
  const { folder, stateDir } = await filled(context);
  const topic = await openTopic(loadConfig({}).config, stateDir);
  await topic?.broker.stop();
  assert.ok(!readdirSync(folder.folder).includes('broker-suspect'));
});

/** A page of zeros for one of the batches' leaves, neither the first nor the last: no start looks there. */
function hurt(folder: EmbeddedFolder): void {
  const bytes = readFileSync(folder.file);
  const starts = Array.from({ length: bytes.length / PAGE_BYTES }, (_, page) => page * PAGE_BYTES);
  const leaves = starts.slice(starts.length >> 2).filter((at) => bytes[at] === LEAF_TABLE);
  assert.ok(leaves.length >= 3, `${leaves.length}`);
  const at = leaves[leaves.length >> 1] as number;
  writeFileSync(folder.file, bytes.fill(0, at, at + PAGE_BYTES));
}

test('damage that no start looks for: whichever of the two finds it, the next start of a part sets the file aside', async (context) => {
  for (const finder of LOOKING) {
    const { folder, stateDir } = await filled(context);
    hurt(folder);
    const sound = folder.broker();
    await sound.start();
    await sound.stop();
    assert.ok(!readdirSync(folder.folder).includes('damaged'), 'a start does not see it');
    const [refusal] = await refusals(stateDir, [finder]);
    const { message, hint } = refusal as OperatingError;
    assert.match(message, /broker\.db is damaged/);
    assert.match(hint, /start the part again/);
    assert.doesNotMatch(hint, /--fresh|restore/);
    const told: object[] = [];
    const broker = folder.broker({ logger: { ...silentLogger, error: (fields) => told.push(fields) } });
    await broker.start();
    await broker.stop();
    assert.equal(told.length, 1);
  }
});

test('one that can not be written down is refused all the same', async (context) => {
  const { folder, stateDir } = await filled(context);
  hurt(folder);
  mkdirSync(join(folder.folder, 'broker-suspect'));
  for (const { message } of await refusals(stateDir)) assert.match(message, /broker\.db is damaged/);
  rmSync(join(folder.folder, 'broker-suspect'), { recursive: true });
});

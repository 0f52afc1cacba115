import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { StateLock } from '../../../../../cloud/server/storage/state-lock.ts';
import { systemClock } from '../../../../../common/clock.ts';
import { ConfigError, OperatingError } from '../../../../../common/errors.ts';

let stateDir = '';
const locks: StateLock[] = [];

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'fogline-lock-'));
});
afterEach(() => {
  for (const lock of locks.splice(0)) lock.release();
  rmSync(stateDir, { recursive: true, force: true });
});

function lock(isShared: boolean): StateLock {
  const its = new StateLock({ stateDir, isShared, clock: systemClock });
  locks.push(its);
  return its;
}

const refused = (error: unknown, words: RegExp) => error instanceof ConfigError && words.test(error.message);

test('a second one is refused with the name of the first, and takes over when that has gone', async () => {
  const first = lock(false);
  assert.deepEqual(await first.take(), { isAlone: true });
  first.note('http://127.0.0.1:5006');
  const files = readdirSync(join(stateDir, 'cloud')).sort();
  const names = new RegExp(`process ${process.pid} on ${hostname()}, since 2.*, page at http://127\\.0\\.0\\.1:5006`);
  await assert.rejects(lock(false).take(), (error) => refused(error, names));
  assert.deepEqual(readdirSync(join(stateDir, 'cloud')).sort(), files, 'it has left nothing');
  first.release();
  assert.deepEqual(await lock(false).take(), { isAlone: true });
});

test('it waits for one that is going', async () => {
  const first = lock(false);
  await first.take();
  const second = lock(false).take();
  await systemClock.sleep(200);
  first.release();
  assert.deepEqual(await second, { isAlone: true });
});

test('several that share `latest` may have it, and none beside them that does not', async () => {
  const [first, second] = [lock(true), lock(true)];
  assert.deepEqual(await first.take(), { isAlone: true });
  assert.deepEqual(await second.take(), { isAlone: false });
  first.release();
  await assert.rejects(lock(false).take(), (error) => refused(error, /another cloud server has/));
  second.release();
  await lock(false).take();
  await assert.rejects(lock(true).take(), (error) => refused(error, /another cloud server has/));
});

test('one of several is alone for a work, and only where no other has it', async () => {
  const [first, second] = [lock(true), lock(true)];
  await first.take();
  await first.alone(async () => assert.rejects(second.take(), (error) => refused(error, /another cloud server has/)));
  assert.deepEqual(await second.take(), { isAlone: false });
  await assert.rejects(
    first.alone(() => assert.fail('another one has it')),
    { code: 'STORE_DAMAGED', message: /another cloud server has it/ },
  );
  second.release();
  assert.equal(await first.alone(() => Promise.resolve('done')), 'done');
});

test('a note that can not be read costs only the name', async () => {
  await lock(false).take();
  writeFileSync(join(stateDir, 'cloud', 'process.json'), '{"pid":');
  await assert.rejects(lock(false).take(), (error) => refused(error, /another cloud server has .*fogline-lock-\w+$/));
});

test('a lock whose file is damaged says what to do: delete it, because it holds nothing', async () => {
  for (const isShared of [false, true]) {
    mkdirSync(join(stateDir, 'cloud'), { recursive: true });
    writeFileSync(join(stateDir, 'cloud/process.lock'), 'not a database, but text');
    await assert.rejects(
      lock(isShared).take(),
      (error) => error instanceof OperatingError && error.code === 'STORE_DAMAGED' && /delete it/.test(error.hint),
    );
    rmSync(join(stateDir, 'cloud/process.lock'));
    await lock(isShared).take();
    locks.pop()?.release();
  }
});

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '../../../common/clock.ts';
import { ConfigError } from '../../../common/errors.ts';
import { identityOf, isAlive } from '../../../common/process-identity.ts';
import { StateDir } from '../../../supervisor/state-dir.ts';
import { VIRTUAL_START_MS, VirtualClock } from '../../doubles/virtual-clock.ts';

const folder = mkdtempSync(join(tmpdir(), 'fogline-state-'));
after(() => rmSync(folder, { recursive: true }));
let count = 0;
const newPath = () => join(folder, `deep/state-${++count}`);

/** A process that has ended. */
function deadProcess() {
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  return { pid, startedAt: null };
}

test('the first takes the directory, the second is told where the first is', async () => {
  const path = newPath();
  const first = new StateDir(path, systemClock);
  assert.equal(await first.open(false), undefined);
  await assert.rejects(new StateDir(path, systemClock).open(false), new RegExp(`already running as process ${process.pid}`));
  first.note({ url: 'http://localhost:7' });
  await assert.rejects(new StateDir(path, systemClock).open(true), (error) => {
    assert(error instanceof ConfigError);
    assert.match(error.message, /already running at http:\/\/localhost:7/);
    return true;
  });
  first.close();
  const next = new StateDir(path, systemClock);
  await next.open(false);
  next.close();
  assert.deepEqual(readdirSync(path), []);
});

test("a dead run's lock is taken over, after its parts have ended", async () => {
  const path = newPath();
  mkdirSync(path, { recursive: true });
  const leftover = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 400)']);
  const child = identityOf(leftover.pid!);
  writeFileSync(join(path, 'run.lock'), JSON.stringify({ run: deadProcess(), url: 'http://localhost:7', children: [child] }));
  const state = new StateDir(path, systemClock);
  await state.open(false);
  assert.equal(isAlive(child), false);
  state.close();
});

test('a part that does not end by itself is ended', async () => {
  const path = newPath();
  mkdirSync(path, { recursive: true });
  const leftover = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  const child = identityOf(leftover.pid!);
  writeFileSync(join(path, 'run.lock'), JSON.stringify({ run: deadProcess(), url: '', children: [child] }));
  const clock = new VirtualClock();
  const opened = new StateDir(path, clock).open(false);
  while (isAlive(child)) {
    await clock.advance(1_000);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  for (let i = 0; i < 3; i++) await clock.advance(1_000);
  await opened;
});

test('a lock that holds no run is taken over; a pid used again by another process too', async () => {
  const contents = [
    '',
    '{"run"',
    'null',
    '{}',
    '[]',
    '{"run":{"pid":-1},"url":"","children":[]}',
    JSON.stringify({ run: { pid: process.pid, startedAt: '1' }, url: '', children: [] }),
  ];
  // At the same time: each waits for a run that might be writing its lock just now.
  await Promise.all(
    contents.map(async (content) => {
      const path = newPath();
      mkdirSync(path, { recursive: true });
      writeFileSync(join(path, 'run.lock'), content);
      if (content.includes('startedAt') && identityOf(process.pid).startedAt === null) return;
      const state = new StateDir(path, systemClock);
      await state.open(false);
      assert.equal(JSON.parse(readFileSync(join(path, 'run.lock'), 'utf8')).run.pid, process.pid);
      state.close();
    }),
  );
});

test('of many that find a dead lock exactly one gets it', async () => {
  const path = newPath();
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'run.lock'), JSON.stringify({ run: deadProcess(), url: '', children: [] }));
  const results = await Promise.allSettled(Array.from({ length: 8 }, () => new StateDir(path, systemClock).open(false)));
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
});

test('fresh keeps what is there aside, under the time', async () => {
  const path = newPath();
  const first = new StateDir(path, systemClock);
  assert.equal(await first.open(true), undefined, 'there is nothing to keep yet');
  writeFileSync(join(path, 'kept'), 'kept');
  first.close();
  const second = new StateDir(path, new VirtualClock(VIRTUAL_START_MS));
  const aside = await second.open(true);
  assert.equal(aside, `${path}.old-20191224T000000Z`);
  assert.equal(readFileSync(join(aside!, 'kept'), 'utf8'), 'kept');
  assert.equal(existsSync(join(path, 'kept')), false);
  assert.equal(existsSync(join(aside!, 'run.lock')), false);
  second.close();
});

test('a finished run is remembered', async () => {
  const state = new StateDir(newPath(), systemClock);
  await state.open(false);
  assert.equal(state.finishedRun(), undefined);
  const finished = { run: 'r1', finishedAt: '2019-12-24T00:00:00.000Z' };
  state.rememberFinished(finished);
  assert.deepEqual(state.finishedRun(), finished);
  state.close();
});

test('what can not be the folder of a state is refused with what to do', async () => {
  const file = join(folder, 'a-file');
  writeFileSync(file, 'kept');
  for (const path of [file, join(file, 'sub')]) {
    for (const fresh of [false, true]) await assert.rejects(new StateDir(path, systemClock).open(fresh), ConfigError);
  }
  assert.equal(readFileSync(file, 'utf8'), 'kept');
});

test('a lock that is a folder is put away', async () => {
  const path = newPath();
  mkdirSync(join(path, 'run.lock', 'deep'), { recursive: true });
  const state = new StateDir(path, systemClock);
  await state.open(false);
  state.close();
  assert.deepEqual(readdirSync(path), []);
});

test('a live run writes its damaged lock anew, and so long another one waits: never are there two', async () => {
  const path = newPath();
  const first = new StateDir(path, systemClock);
  await first.open(false);
  writeFileSync(join(path, 'run.lock'), 'garbage');
  const second = new StateDir(path, systemClock).open(false);
  await new Promise((resolve) => setTimeout(resolve, 500));
  first.keep();
  await assert.rejects(second, /already running as process/);
  rmSync(join(path, 'run.lock'));
  first.keep();
  await assert.rejects(new StateDir(path, systemClock).open(false), /already running as process/);
  first.close();
  assert.deepEqual(readdirSync(path), []);
});

test('a run whose state another one has taken ends, and leaves the lock of the other', async () => {
  const path = newPath();
  const first = new StateDir(path, systemClock);
  await first.open(false);
  const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  const content = JSON.stringify({ run: identityOf(other.pid!), url: '', children: [] });
  writeFileSync(join(path, 'run.lock'), content);
  assert.throws(() => first.keep(), /already running as process/);
  first.close();
  other.kill('SIGKILL');
  assert.equal(readFileSync(join(path, 'run.lock'), 'utf8'), content);
});

test('a damaged finished.json is as none', async () => {
  const state = new StateDir(newPath(), systemClock);
  await state.open(false);
  for (const content of ['', 'null', '7', '{}', '{"run":"r1"}', '{"run":1,"finishedAt":"2019-12-24T00:00:00.000Z"}']) {
    writeFileSync(join(state.path, 'finished.json'), content);
    assert.equal(state.finishedRun(), undefined, content);
  }
  state.close();
});

test('a run whose directory is taken away is told so', async () => {
  const state = new StateDir(newPath(), systemClock);
  await state.open(false);
  rmSync(state.path, { recursive: true });
  assert.throws(() => state.keep(), ConfigError);
  state.close();
});

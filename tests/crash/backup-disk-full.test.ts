/** A disk that is too small, or fills up in the middle: neither backup nor restore leaves anything, and the state is as it was. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Progress } from '../../backup/progress.ts';
import { systemClock } from '../../common/clock.ts';
import { OperatingError } from '../../common/errors.ts';
import { cleanUp, prepare, whole } from '../doubles/audited-run.ts';
import { backUp, restoreInto } from '../doubles/backups.ts';
import { mayMount, runInNamespace, SmallDisk } from '../doubles/small-disk.ts';

const TOO_SMALL_MB = 32;
/** Enough for the look at the room, and for the whole copy. */
const LARGE_ENOUGH_MB = 160;

if (mayMount) {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-backup-disk-'));
  const made = join(folder, 'made');
  before(async () => {
    prepare();
    await backUp(whole, made);
  });
  after(() => {
    cleanUp();
    rmSync(folder, { recursive: true, force: true });
  });

  const isFull = (message: RegExp) => (error: unknown) => {
    assert.ok(error instanceof OperatingError, String(error));
    assert.equal(error.code, 'DISK_FULL');
    assert.match(error.message, message);
    return true;
  };

  const onDisk = async (megabytes: number, check: (disk: SmallDisk) => Promise<void>) => {
    const disk = new SmallDisk(join(folder, `disk-${megabytes}`), megabytes);
    try {
      await check(disk);
    } finally {
      disk.unmount();
    }
  };

  /** Takes all room as soon as copying has begun. */
  class Filling extends Progress {
    constructor(disk: SmallDisk) {
      super(systemClock, new AbortController().signal, (line) => {
        if (/^copying \d/.test(line)) disk.fill(0);
      });
    }
  }

  test('too small: refused before anything is written, with what is needed', () =>
    onDisk(TOO_SMALL_MB, async (disk) => {
      await assert.rejects(backUp(whole, join(disk.folder, 'backup')), isFull(/\d+\.\d MB are needed, \d+\.\d MB are free/));
      await assert.rejects(restoreInto(join(disk.folder, 'state'), made), isFull(/\d+\.\d MB are needed, \d+\.\d MB are free/));
      assert.deepEqual(readdirSync(disk.folder), ['state']);
      assert.deepEqual(readdirSync(join(disk.folder, 'state')), []);
    }));

  test('full in the middle: nothing of it is left, and with room it goes', () =>
    onDisk(LARGE_ENOUGH_MB, async (disk) => {
      const [dir, state] = [join(disk.folder, 'backup'), join(disk.folder, 'state')];
      await assert.rejects(backUp(whole, dir, { progress: new Filling(disk) }), isFull(/no space for .*backup/));
      disk.empty();
      assert.deepEqual(readdirSync(disk.folder), []);
      await backUp(whole, dir);
      await restoreInto(state, dir);
      const before_ = readdirSync(state);
      await assert.rejects(restoreInto(state, dir, { force: true, progress: new Filling(disk) }), isFull(/no space for .*state/));
      disk.empty();
      assert.deepEqual(readdirSync(state), before_);
      assert.ok(existsSync(join(state, 'cloud/series.db')));
    }));
} else {
  test('backups on a full disk, in a namespace of its own', (t) => {
    const result = runInNamespace(fileURLToPath(import.meta.url));
    if (result === undefined) return t.skip('no mount, and no namespaces, here');
    assert.equal(result.status, 0, result.output);
  });
}

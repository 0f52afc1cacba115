/**
 * kill -9 of `fogline backup` and of `fogline restore` at every step. A backup is whole or none; a state is as it was, or refused by every
 * part until the next restore has brought the one that was cut off to its end.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { MANIFEST_FILE } from '../../backup/manifest.ts';
import { COMMAND_FAILPOINTS } from '../../common/failpoints.ts';
import { MOVES_FILE, RESTORE_FOLDER } from '../../common/unfinished-restore.ts';
import { assertYes, audit, cleanUp, copyOf, prepare, whole } from '../doubles/audited-run.ts';
import { backUp, restoreInto, treeOf } from '../doubles/backups.ts';

const ENTRY = join(import.meta.dirname, '../../dist/fogline.js');
const folder = mkdtempSync(join(tmpdir(), 'fogline-backup-kills-'));
const made = join(folder, 'made');

before(async () => {
  prepare();
  await backUp(whole, made);
});
after(() => {
  cleanUp();
  rmSync(folder, { recursive: true, force: true });
});

function command(args: readonly string[], failpoint?: string) {
  const env = { ...process.env, ...(failpoint === undefined ? {} : { FOGLINE_FAILPOINT: failpoint }) };
  return spawnSync(process.execPath, [ENTRY, ...args], { encoding: 'utf8', cwd: folder, env, timeout: 120_000 });
}

/** @param nth at which visits of the failpoint, one after the other */
function killed(failpoint: string, nth: number, args: readonly string[]): void {
  const { signal, stdout, stderr } = command(args, `${failpoint}:${nth}`);
  assert.equal(signal, 'SIGKILL', `${failpoint}:${nth} was not reached\n${stdout}${stderr}`);
}

/** Visits at which to kill: the last one of the databases, or of the names that are moved, is another place than the first. */
const NTH: Readonly<Record<string, readonly number[]>> = {
  backup_between_snapshots: [1, 3, 5],
  backup_inside_copy: [1, 4],
  restore_inside_copy: [1, 8],
  restore_inside_moves: [1, 2, 3, 5],
};

for (const failpoint of COMMAND_FAILPOINTS.filter((name) => name.startsWith('backup_'))) {
  for (const nth of NTH[failpoint] ?? [1]) {
    test(`killed at ${failpoint}:${nth}: the backup is whole or none, and the next one clears up`, async () => {
      const dir = mkdtempSync(join(folder, 'backups-'));
      for (const day of [1, 2]) await backUp(whole, dir, { keep: 9, part: 'cloud', clock: at(Date.UTC(2026, 0, day)) });
      killed(failpoint, nth, ['backup', dir, '--keep', '2', '--state', whole]);
      const names = readdirSync(dir);
      const isNamed = failpoint.startsWith('backup_after_name') || failpoint.startsWith('backup_inside_forgetting');
      const backups = names.filter((name) => !name.includes('unfinished'));
      // Two that were there before, one of which may be going; and the new one once it has its name.
      assert.ok(backups.length === (failpoint === 'backup_inside_forgetting' ? 2 : isNamed ? 3 : 2), names.join());
      for (const name of backups) await restoreInto(join(dir, 'nowhere'), join(dir, name), { checkOnly: true });
      assertYes(audit(whole));
      assert.equal(command(['backup', dir, '--keep', '2', '--state', whole]).status, 0);
      const left = readdirSync(dir).sort();
      assert.equal(left.filter((name) => name.includes('unfinished')).length, 0, left.join());
      assert.equal(left.filter((name) => name.startsWith('fogline-')).length, 2);
      rmSync(dir, { recursive: true });
    });
  }
}

for (const failpoint of COMMAND_FAILPOINTS.filter((name) => name.startsWith('restore_'))) {
  for (const nth of NTH[failpoint] ?? [1]) {
    test(`killed at ${failpoint}:${nth}: the old state or the new one, never half; the next restore goes on`, () => {
      const state = copyOf(whole);
      rmSync(join(state, 'finished.json'));
      rmSync(join(state, 'cloud/events.db'));
      const old = treeOf(state);
      killed(failpoint, nth, ['restore', made, '--force', '--state', state]);
      const isMoving = existsSync(join(state, RESTORE_FOLDER, MOVES_FILE));
      assert.equal(isMoving, /after_moves|inside_moves/.test(failpoint), failpoint);
      if (isMoving) assertRefused(state, nth === 1 ? ['edge', 'cloud', 'simulate', 'run', 'backup'] : ['cloud']);
      else if (failpoint === 'restore_after_end_before_clearing') assert.ok(existsSync(join(state, 'finished.json')));
      else for (const [path, content] of old) assert.equal(treeOf(state).get(path), content, path);
      const again = command(['restore', made, '--force', '--state', state, '--json']);
      assert.equal(again.status, 0, again.stderr);
      const { outcome } = JSON.parse(again.stdout) as { outcome: string };
      assert.equal(outcome, isMoving ? 'finished' : 'restored');
      assert.equal(existsSync(join(state, RESTORE_FOLDER)), false);
      assert.ok(existsSync(join(state, 'finished.json')) && existsSync(join(state, 'cloud/events.db')));
      // Where the first one had come to its end, the second set aside what that had restored.
      const [first = ''] = readdirSync(state)
        .filter((name) => name.startsWith('replaced-'))
        .sort();
      assert.ok(treeOf(join(state, first)).get('edge/outbox.db') === old.get('edge/outbox.db'));
      assertYes(audit(state));
      rmSync(state, { recursive: true });
    });
  }
}

test('a restore that was cut off is finished also where another backup, or none, is named', async () => {
  const state = copyOf(whole);
  killed('restore_inside_moves', 2, ['restore', made, '--force', '--state', state]);
  assert.equal(command(['restore', join(folder, 'no-backup'), '--state', state]).status, 2);
  assert.equal(existsSync(join(state, RESTORE_FOLDER)), false);
  assertYes(audit(state));
  const other = join(folder, 'other');
  await backUp(whole, other);
  killed('restore_inside_moves', 2, ['restore', made, '--force', '--state', state]);
  const { status, stderr } = command(['restore', other, '--state', state]);
  assert.equal(status, 2);
  assert.match(stderr, /holds a state already/);
  assertYes(audit(state));
});

/** No part starts on it, and it is not backed up. */
function assertRefused(state: string, names: readonly string[]): void {
  for (const name of names) {
    const { status, stderr } = command([name, ...(name === 'backup' ? [join(folder, 'never')] : []), '--state', state]);
    assert.equal(status, 2, name);
    assert.match(stderr, /has not come to its end[^]*what to do: let it finish: npx fogline restore/, name);
  }
  assert.equal(existsSync(join(folder, 'never', MANIFEST_FILE)), false);
}

function at(timeMs: number) {
  const clock = { monotonicMs: () => 0, sleep: () => Promise.resolve(), timer: () => ({ cancel: () => undefined }) };
  return { ...clock, nowMs: () => timeMs };
}

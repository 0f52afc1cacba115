/**
 * Power cuts: everything that a backup, or a restore over another state, does to the disk is logged, and the disk is made anew as a cut at
 * many moments would have left it. A backup that has its name is whole; a state is whole once the next restore has looked at it.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readManifest } from '../../backup/backup-files.ts';
import { sha256Of } from '../../backup/file-copy.ts';
import { MOVES_FILE, RESTORE_FOLDER } from '../../common/unfinished-restore.ts';
import { cleanUp, prepare, whole } from '../doubles/audited-run.ts';
import { backUp, restoreInto } from '../doubles/backups.ts';
import { assertSurvives, type CutRun, lossesAt } from '../doubles/power-cut-trials.ts';
import { type DiskOp, noStrace, recordWrites } from '../doubles/write-log.ts';

const CUTS = process.env['FOGLINE_LONG'] === '1' ? 200 : 60;
const CONTROL_CUTS = 40;
const WRITER = fileURLToPath(new URL('./backup-writer.ts', import.meta.url));
const skip = noStrace();

type Kind = 'backup' | 'restore';
const folder = mkdtempSync(join(tmpdir(), 'fogline-backup-power-'));
const made = join(folder, 'made');

before(async () => {
  prepare();
  // The cloud alone: a cut is written anew, byte for byte, for each of them.
  await backUp(whole, made, { part: 'cloud' });
  await restoreInto(join(folder, 'state'), made);
});
after(() => {
  cleanUp();
  rmSync(folder, { recursive: true, force: true });
});

/** @throws when what was said is not there, or what is there is not whole */
const CHECKS: Readonly<Record<Kind, (image: string, said: readonly string[]) => Promise<void>>> = {
  backup: async (image, said) => {
    for (const name of said) assert.ok(existsSync(join(image, name)), `${name} was said, and is not there`);
    for (const name of readdirSync(image)) {
      if (!name.includes('unfinished')) await restoreInto(join(image, 'nowhere'), join(image, name), { checkOnly: true });
    }
    await backUp(join(folder, 'state'), join(image, 'next'));
  },
  restore: async (image, said) => {
    const state = join(image, 'state');
    const isMoving = existsSync(join(state, RESTORE_FOLDER, MOVES_FILE));
    const isThere = existsSync(join(state, 'cloud', 'series.db'));
    if (said.length > 0) assert.ok(isMoving || isThere, `${said.at(-1)} was said, and is not there`);
    if (isMoving) assert.equal((await restoreInto(state, made)).outcome, 'finished');
    else if (!isThere) await restoreInto(state, made);
    for (const { path, sha256 } of readManifest(made).files)
      assert.equal((await sha256Of(join(state, path), () => undefined)).sha256, sha256, path);
    await restoreInto(state, made, { force: true });
  },
};

for (const kind of ['backup', 'restore'] as const) {
  test(`${kind}: ${CUTS} power cuts leave the whole or nothing`, { skip }, async () => {
    await assertSurvives(record(kind), CUTS);
  });

  test(`${kind}: the control, without its syncs, loses what was said or leaves a half`, { skip }, async () => {
    const run = record(kind);
    const lost = await lossesAt({ ...run, ops: run.ops.filter(({ kind: its }) => its !== 'sync') }, CONTROL_CUTS);
    assert.ok(lost.length > CONTROL_CUTS / 5, `${lost.length} of ${CONTROL_CUTS} cuts lost something`);
  });
}

function record(kind: Kind): CutRun {
  const home = mkdtempSync(join(folder, `${kind}-`));
  const ops = recordWrites(home, ['--import', 'tsx', WRITER, kind, home, join(folder, 'state'), made]);
  const count = (of: DiskOp['kind']) => ops.filter((op) => op.kind === of).length;
  assert.ok(count('said') >= 2 && count('write') > 5 && count('sync') > 20 && count('rename') >= 2, ops.map((op) => op.kind).join());
  // What compiles the writer talks on an fd 1 of its own.
  const wordsOf = (said: readonly string[]) => said.flatMap((text) => (/^(first|second)\n$/.test(text) ? [text.trim()] : []));
  return { home, ops, image: join(folder, 'image'), check: (image, said) => CHECKS[kind](image, wordsOf(said)) };
}

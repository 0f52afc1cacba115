/** Many power cuts of one logged run, each looked at by a check: production code must open what the cut has left. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { seededRandom } from '../../common/random.ts';
import { REMAINS, type Remains, writeImage } from './power-cut.ts';
import type { DiskOp } from './write-log.ts';

export interface CutRun {
  /** The folder that the writer worked in, and all that it did to the disk. */
  home: string;
  ops: readonly DiskOp[];
  /** Where the disk after a cut is made. */
  image: string;
  /** @throws when what was said by the cut is not there, or what is there is not whole */
  check: (image: string, said: readonly string[]) => Promise<void>;
}

/** Fails at the first cut that the check does not pass; most cuts must have had something to destroy. */
export async function assertSurvives(run: CutRun, cuts: number): Promise<void> {
  const random = seededRandom(20_261_121);
  let hurt = 0;
  for (let n = 0; n < cuts; n++) {
    const remains = REMAINS[n % REMAINS.length] as Remains;
    const cut = random.below(run.ops.length + 1);
    const { error, unsyncedChanges } = await tryCut(run, cut, remains, n);
    if (unsyncedChanges > 0) hurt++;
    assert.equal(error, undefined, `cut behind op ${cut} of ${run.ops.length}, of the rest remains ${remains}: ${error?.stack}`);
  }
  assert.ok(hurt > cuts / 2, `${hurt} cuts had something to destroy`);
}

/** What the check says at so many cuts, of those that it does not pass. */
export async function lossesAt(run: CutRun, cuts: number): Promise<string[]> {
  const random = seededRandom(7);
  const lost: string[] = [];
  for (let n = 0; n < cuts; n++) {
    const { error } = await tryCut(run, random.below(run.ops.length + 1), REMAINS[n % REMAINS.length] as Remains, n);
    if (error !== undefined) lost.push(error.message);
  }
  return lost;
}

async function tryCut({ home, ops, image, check }: CutRun, cut: number, remains: Remains, seed: number) {
  rmSync(image, { recursive: true, force: true });
  const { said, unsyncedChanges } = writeImage(ops, cut, remains, seededRandom(seed), home, image);
  try {
    await check(image, said);
    return { error: undefined, unsyncedChanges };
  } catch (error) {
    return { error: error as Error, unsyncedChanges };
  }
}

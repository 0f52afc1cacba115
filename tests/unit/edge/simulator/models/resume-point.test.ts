/** What is kept of how far a partition was published, and what of it when its log is another one. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ResumePoint } from '../../../../../edge/simulator/models/resume-point.ts';

const SOURCE = { household: 'home-1', device: 'meter', src: 's', seq: 7 };

function folderFor(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-resume-'));
  context.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function opened(folder: string, logId: string, endOffset: number): { point: ResumePoint; fits: boolean } {
  const point = new ResumePoint(folder, 0);
  const fits = point.load({ logId, earliestOffset: 0, endOffset });
  return { point, fits };
}

test('of the same log everything is kept', (context) => {
  const folder = folderFor(context);
  const { point } = opened(folder, 'first', 0);
  assert.deepEqual([point.resumeTick, point.pacedFromTick], [0, 0]);
  point.ackReading(SOURCE, 400);
  point.save(1, 400);
  const { point: again, fits } = opened(folder, 'first', 1);
  assert.ok(fits);
  assert.deepEqual([again.ackedSeq('home-1', 's'), again.published, again.resumeTick, again.pacedFromTick], [7, 1, 400, 400]);
});

test('what a replaced log had is published again without keeping pace, also when the run is killed meanwhile', (context) => {
  const folder = folderFor(context);
  const { point } = opened(folder, 'first', 0);
  point.ackReading(SOURCE, 400);
  point.save(1, 400);
  const { point: second, fits } = opened(folder, 'second', 0);
  assert.equal(fits, false);
  assert.deepEqual([second.ackedSeq('home-1', 's'), second.published, second.resumeTick, second.pacedFromTick], [0, 0, 0, 400]);
  second.ackReading({ ...SOURCE, seq: 3 }, 100);
  second.save(1, 100);
  // The same log again, and one more that is another.
  for (const [logId, resumeTick] of [
    ['second', 100],
    ['third', 0],
  ] as const) {
    const { point: next } = opened(folder, logId, 1);
    assert.deepEqual([next.resumeTick, next.pacedFromTick], [resumeTick, 400]);
  }
});

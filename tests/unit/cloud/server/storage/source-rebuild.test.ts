import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  forgottenOf,
  newestForgottenMs,
  NOTHING_FORGOTTEN,
  rebuildSource,
  type SealedPart,
  type SourceTotals,
} from '../../../../../cloud/server/storage/source-rebuild.ts';

const part = (fromSeq: number, toSeq: number, isDamaged = false): SealedPart => ({
  fromSeq,
  toSeq,
  firstMs: fromSeq * 10,
  lastMs: toSeq * 10,
  digest: { high: 1, low: 0xffff_ffff },
  isDamaged,
});

test('covered and totals are those of the parts, in any order, and nothing between them', () => {
  const { covered, ...totals } = rebuildSource(NOTHING_FORGOTTEN, [part(7, 9), part(1, 3), part(4, 4)]) as SourceTotals;
  assert.deepEqual(covered.ranges(), [
    [1, 4],
    [7, 9],
  ]);
  assert.deepEqual(totals, { digest: { high: 5, low: 0xffff_fffd }, readings: 7, firstMs: 10, greatestMs: 90 });
});

test('what was deleted stays covered, and counts', () => {
  const deleted = rebuildSource(NOTHING_FORGOTTEN, [part(1, 5)]) as SourceTotals;
  const rebuilt = rebuildSource(forgottenOf(deleted), [part(6, 8)]) as SourceTotals;
  const whole = rebuildSource(NOTHING_FORGOTTEN, [part(1, 5), part(6, 8)]) as SourceTotals;
  assert.deepEqual({ ...rebuilt, covered: rebuilt.covered.ranges() }, { ...whole, covered: whole.covered.ranges() });
});

test('a damaged part, or one that overlaps, vouches for nothing: the source can not be told', () => {
  assert.deepEqual(rebuildSource(NOTHING_FORGOTTEN, [part(1, 3), part(4, 6, true)]), { why: 'its part of seqs 4 to 6 is damaged too' });
  assert.deepEqual(rebuildSource(NOTHING_FORGOTTEN, [part(1, 3), part(3, 6)]), { why: 'its part of seqs 3 to 6 overlaps another' });
});

test('no parts, nothing covered', () => {
  const { covered, readings } = rebuildSource(NOTHING_FORGOTTEN, []) as SourceTotals;
  assert.deepEqual([covered.ranges(), readings], [[], 0]);
});

test('the newest of what was forgotten, of more sources than a call has arguments', () => {
  assert.equal(newestForgottenMs([]), undefined);
  const all = Array.from({ length: 300_000 }, (_, i) => ({ ...NOTHING_FORGOTTEN, greatestMs: i === 77_777 ? 9 : i % 2 === 0 ? null : 3 }));
  assert.equal(newestForgottenMs(all), 9);
});

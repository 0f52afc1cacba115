import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Progress } from '../../../backup/progress.ts';
import { Stopped } from '../../../backup/refusals.ts';

test('a line for each step, then one every two seconds at most, with what is left', () => {
  const lines: string[] = [];
  let nowMs = 0;
  const clock = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: () => Promise.resolve(),
    timer: () => ({ cancel: () => undefined }),
  };
  const stop = new AbortController();
  const progress = new Progress(clock, stop.signal, (line) => void lines.push(line));
  progress.begin('copying', 40_000_000);
  nowMs = 1_999;
  progress.went(0);
  nowMs = 2_000;
  progress.went(0);
  nowMs = 4_000;
  progress.went(10_000_000);
  progress.went(10_000_000);
  nowMs = 8_000;
  progress.went(20_000_000);
  assert.deepEqual(lines, [
    'copying 40.0 MB',
    'copying: 2 s so far',
    'copying: 10.0 of 40.0 MB (25 %), 12 s to go',
    'copying: 40.0 of 40.0 MB (100 %), 0 s to go',
  ]);
  stop.abort('SIGTERM');
  assert.throws(() => progress.went(0), Stopped);
});

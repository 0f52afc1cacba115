/** In a process of its own: V8's flags stay. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

/** Garbage that lives long enough to be old, 100,000 objects of it live at a time; says the most that the heap took. */
const CHURN = `
  const live = [];
  let most = 0;
  for (let nth = 0; nth < 3_000_000; nth++) {
    live[nth % 100_000] = { text: 'value ' + nth, more: [nth, nth, nth, nth, nth, nth, nth, nth] };
    if (nth % 20_000 === 0) most = Math.max(most, process.memoryUsage().heapTotal);
  }
  console.log(most);
`;

function heapMost(first: string): number {
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', `${first}\n${CHURN}`], {
    encoding: 'utf8',
    cwd: new URL('../../../..', import.meta.url),
  });
  assert.ok(Number(stdout) > 0, stderr);
  return Number(stdout);
}

test('garbage that has grown old is collected before it is much', () => {
  const kept = heapMost("import { keepHeapSmall } from './cloud/server/heap-pace.ts'; keepHeapSmall();");
  const usual = heapMost('');
  assert.ok(kept < usual * 0.8, `${kept} bytes of heap, ${usual} without`);
});

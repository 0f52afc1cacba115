/** A process that ends right after it has written much, and a reader of its pipe that is slow, or gone. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';

/** More than any pipe holds. */
const CHARACTERS = 4 << 20;
const MODULE = new URL('../../../common/flush-output.ts', import.meta.url).href;

function writer(last: string) {
  const script = `
    import { exitFlushed } from '${MODULE}';
    process.stdout.write('x'.repeat(${CHARACTERS}));
    process.stderr.write('written');
    ${last}`;
  const args = ['--import', import.meta.resolve('tsx'), '--input-type=module', '--eval', script];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
}

for (const [name, last, isWhole] of [
  ['a slow reader gets all of it', 'await exitFlushed(7);', true],
  ['without, the end is cut off', 'process.exit(7);', false],
] as const) {
  test(name, async () => {
    const child = writer(last);
    await once(child.stderr, 'data');
    const [said, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    assert.equal(code, 7);
    assert.equal(said.length === CHARACTERS, isWhole, `${said.length} characters`);
  });
}

test('a reader that goes away holds nobody up, and is no failure', async () => {
  const child = writer('await exitFlushed(7);');
  await once(child.stderr, 'data');
  child.stdout.destroy();
  assert.deepEqual(await once(child, 'exit'), [7, null]);
});

/** The scenario as a program that docs/co-simulation.md shows does what is said there, as it stands. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const folder = mkdtempSync(join(tmpdir(), 'fogline-documented-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('the scenario as a program in the docs runs', () => {
  const text = readFileSync(new URL('../../docs/co-simulation.md', import.meta.url), 'utf8');
  const program = /```ts\n(import [\s\S]*?)```/.exec(text)?.[1] ?? assert.fail('no program with its imports');
  // It lies in the top folder there.
  const anywhere = program.replaceAll(/'\.\/([^']+)'/g, (_, path: string) => JSON.stringify(import.meta.resolve(`../../${path}`)));
  const path = join(folder, 'my-scenario.mts');
  writeFileSync(path, anywhere);
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', import.meta.resolve('tsx'), path], {
    encoding: 'utf8',
    timeout: 300_000,
  });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^[0-9a-f]{16} \[/);
  assert.match(stdout, /sid: 'roofs',\s+steps: 96,/);
  assert.match(stdout, /sid: 'cells',\s+steps: 96,/);
});

/** Profile dev of docker-compose.yml, without its container: the words that it starts, on a copy of the sources, one of which changes. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { noComposeChecker, parseCompose } from '../doubles/compose-file.ts';
import { freePort } from '../doubles/free-port.ts';

const TOP = join(import.meta.dirname, '../..');
const PATIENT_MS = 180_000;

test('a source that changes starts everything again, and what was going on goes on', {
  skip: noComposeChecker,
  timeout: 3 * PATIENT_MS,
}, async (t) => {
  const { entrypoint = [], command = [], volumes = [], environment = {} } = parseCompose().services['dev']!;
  const folder = mkdtempSync(join(tmpdir(), 'fogline-dev-'));
  const mounted = volumes.flatMap((volume) => (volume.startsWith('./') ? [volume.split(':')[0]!] : []));
  for (const name of [...mounted, 'data', 'package.json', 'tsconfig.json'])
    cpSync(join(TOP, name), join(folder, name), { recursive: true });
  symlinkSync(join(TOP, 'node_modules'), join(folder, 'node_modules'));
  const [program = '', ...words] = [...entrypoint, ...command];
  assert.equal(program, 'node');
  const port = await freePort();
  const child = spawn(process.execPath, words, {
    cwd: folder,
    env: {
      ...process.env,
      ...environment,
      FOGLINE_STATE_DIR: join(folder, 'state'),
      FOGLINE_CLOUD_HTTP_HOST: '127.0.0.1',
      FOGLINE_CLOUD_HTTP_PORT: String(port),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  t.after(async () => {
    child.kill('SIGTERM');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  const until = async (what: string, isSo: () => boolean | Promise<boolean>) => {
    for (const endMs = performance.now() + PATIENT_MS; !(await isSo()); await new Promise((resolve) => setTimeout(resolve, 100))) {
      assert(child.exitCode === null && performance.now() < endMs, `never ${what}:\n${said}`);
    }
  };
  const households = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/households`).catch(() => undefined);
    return answer?.status === 200 ? ((await answer.json()) as { households: unknown[] }).households.length : -1;
  };
  await until('the first readings', async () => (await households()) > 0);
  assert.doesNotMatch(said, /Restarting/);
  appendFileSync(join(folder, 'common/units.ts'), '// changed\n');
  await until('started again', () => /Restarting[^]*Fogline {3}http/.test(said));
  await until('its readings again', async () => (await households()) > 0);
});

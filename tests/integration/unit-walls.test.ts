/**
 * The walls of the units as far as they can be put up without a booted systemd: the programs make no system call that the units forbid, so
 * the filter ends or hinders nothing. (Files, users and capabilities: deployed-cloud.)
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ensureBuilt } from '../crash/fleet.ts';
import { ANY_PORTS } from '../doubles/any-ports.ts';
import { until } from '../doubles/until.ts';

const ROOT = join(import.meta.dirname, '../..');
/** Node's probe for protection keys: it goes on without them, as it does in this test, where the call is refused as the unit refuses it. */
const REFUSED = 'pkey_alloc';
/** SQLite, run by root as tests often are, gives its files to the folder's owner. The units run nothing as root. */
const OF_ROOT = process.getuid?.() === 0 ? ['fchown'] : [];
const MAY_BE_FORBIDDEN = new Set([REFUSED, ...OF_ROOT]);

const absent = ['strace', 'systemd-analyze'].filter((program) => spawnSync(program, ['--version']).status !== 0);
const skip = absent.length > 0 ? `${absent.join(', ')} not installed` : false;
const folder = mkdtempSync(join(tmpdir(), 'fogline-walls-'));

before(() => ensureBuilt());
after(() => rmSync(folder, { recursive: true, force: true }));

/** Members of systemd's groups, groups in groups too. */
function groups(): ReadonlyMap<string, readonly string[]> {
  const { stdout } = spawnSync('systemd-analyze', ['syscall-filter', '--no-pager'], { encoding: 'utf8' });
  const found = new Map<string, string[]>();
  let members: string[] = [];
  for (const line of stdout.split('\n')) {
    const word = line.trim();
    if (line.startsWith('@')) found.set(word, (members = []));
    else if (word !== '' && !word.startsWith('#')) members.push(word);
  }
  return found;
}

function expanded(name: string, all = groups()): string[] {
  return name.startsWith('@') ? (all.get(name) ?? assert.fail(`no group ${name}`)).flatMap((member) => expanded(member, all)) : [name];
}

/** As the lines of the unit say it, in order. */
function allowed(unit: string): Set<string> {
  const text = readFileSync(join(ROOT, 'deploy/systemd', unit), 'utf8');
  const lines = [...text.matchAll(/^SystemCallFilter=(~?)(.*)$/gm)];
  assert(lines.length > 0 && lines[0]?.[1] === '', `${unit} begins with what is allowed`);
  const calls = new Set(expanded('@default'));
  for (const [, without, names = ''] of lines) {
    for (const call of names.split(' ').flatMap((name) => expanded(name))) {
      if (without === '~') calls.delete(call);
      else calls.add(call);
    }
  }
  return calls;
}

function forbiddenOf(made: ReadonlySet<string>, unit: string): string[] {
  const calls = allowed(unit);
  return [...made].filter((call) => !calls.has(call) && !MAY_BE_FORBIDDEN.has(call));
}

/** Names of all system calls of the part, from its start to its end. */
async function callsOf(part: string): Promise<Set<string>> {
  const log = join(folder, `${part}.strace`);
  const traced = ['-f', '-qq', '-o', log, '-e', `inject=${REFUSED}:error=EPERM`];
  const program = [process.execPath, join(ROOT, 'dist/fogline.js'), part, '--state', join(folder, part), '--json', ...ANY_PORTS];
  const child = spawn('strace', [...traced, ...program], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  try {
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    await until(() => said.includes('"event":"ready"'), `${part} to be ready`);
  } finally {
    // strace holds back what is meant for itself: its group is told, the part is in it.
    process.kill(-(child.pid as number), 'SIGTERM');
    await exited;
  }
  return new Set([...readFileSync(log, 'utf8').matchAll(/^\d+ +([a-z_0-9]+)\(/gm)].map(([, call = '']) => call));
}

for (const [part, unit] of [
  ['cloud', 'fogline-cloud.service'],
  ['edge', 'fogline-edge@.service'],
] as const) {
  test(`${part} makes no system call that its unit forbids`, { skip, timeout: 240_000 }, async () => {
    const made = await callsOf(part);
    for (const call of ['fsync', 'listen', 'pwrite64']) assert(made.has(call), `strace has not seen ${call}`);
    assert.deepEqual(forbiddenOf(made, unit), []);
    // One that makes another is seen.
    assert.deepEqual(forbiddenOf(new Set([...made, 'mount', 'setrlimit']), unit), ['mount', 'setrlimit']);
  });
}

/**
 * What a process did to the files of one folder, in order: writes, truncations, syncs, names made and removed, and what it said on
 * stdout. Seen from outside with strace, so the program under it is unchanged.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export type DiskOp =
  | { kind: 'write'; path: string; at: number; bytes: Buffer }
  | { kind: 'truncate'; path: string; toBytes: number }
  /** Of a file or a folder. */
  | { kind: 'sync'; path: string }
  | { kind: 'make'; path: string; isFolder: boolean }
  | { kind: 'remove'; path: string }
  /** Of a file, or of a folder with all that is in it. */
  | { kind: 'rename'; path: string; to: string }
  | { kind: 'said'; text: string };

const CALLS = [
  ...['openat', 'mkdir', 'mkdirat', 'unlink', 'unlinkat', 'rmdir', 'rename', 'renameat', 'renameat2', 'link', 'linkat'],
  ...['write', 'writev', 'pwrite64', 'pwritev', 'pwritev2', 'ftruncate', 'truncate', 'fallocate', 'fsync', 'fdatasync'],
];
/** The wal-index is mapped memory, rebuilt from the log at each start. */
const IGNORED = /(-shm|doorbell)$/;
/** Calls of a file in the folder that this reader has no meaning for: a log with one in it would lie. */
const UNKNOWN = new Set(['writev', 'pwritev', 'pwritev2', 'truncate', 'fallocate', 'renameat', 'renameat2', 'link', 'linkat']);

/** False, or why strace can't look at a process here. */
export function noStrace(): false | string {
  const tried = spawnSync('strace', ['--seccomp-bpf', '-f', '-qq', '-o', '/dev/null', 'true'], { encoding: 'utf8' });
  if (tried.error !== undefined) return 'strace is not installed (apt-get install strace)';
  return tried.status === 0 ? false : `strace does not work here: ${tried.stderr.trim()}`;
}

/** Runs a program of ours to its end and gives what it did below `folder`, which must be empty. */
export function recordWrites(folder: string, program: readonly string[]): DiskOp[] {
  const logFolder = mkdtempSync(join(tmpdir(), 'fogline-strace-'));
  const log = join(logFolder, 'log');
  try {
    const traced = ['--seccomp-bpf', '-f', '-qq', '-y', '-xx', '-s', String(1 << 26), '-e', `trace=${CALLS.join(',')}`, '-o', log];
    const result = spawnSync('strace', [...traced, process.execPath, ...program], { encoding: 'utf8', timeout: 300_000 });
    assert.equal(result.status, 0, result.stderr);
    return [...readLog(readFileSync(log, 'latin1'), resolve(folder))];
  } finally {
    rmSync(logFolder, { recursive: true });
  }
}

function* readLog(text: string, folder: string): Generator<DiskOp> {
  const known = new Set([folder]);
  for (const call of completedCalls(text)) {
    const op = opOf(call, folder, known);
    if (op === undefined) continue;
    if (op.kind === 'make') known.add(op.path);
    if (op.kind === 'remove') known.delete(op.path);
    if (op.kind === 'rename') moveNames(known, op.path, op.to);
    yield op;
  }
}

function moveNames(known: Set<string>, from: string, to: string): void {
  for (const path of [...known]) {
    if (path !== from && !path.startsWith(`${from}/`)) continue;
    known.delete(path);
    known.add(to + path.slice(from.length));
  }
}

/** One line per call that succeeded, in order of their ends: another thread's calls may come between beginning and end. */
function* completedCalls(text: string): Generator<string> {
  const begun = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, thread = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const unfinished = / <unfinished \.\.\.>$/.exec(rest);
    if (unfinished !== null) {
      begun.set(thread, rest.slice(0, unfinished.index));
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>/.exec(rest);
    const whole = resumed === null ? rest : (begun.get(thread) ?? '') + rest.slice(resumed[0].length);
    if (whole !== '' && !/\) += -1 /.test(whole.slice(-80))) yield whole;
  }
}

function opOf(call: string, folder: string, known: ReadonlySet<string>): DiskOp | undefined {
  const name = call.slice(0, call.indexOf('('));
  if (name === 'write' && call.startsWith('write(1<')) return { kind: 'said', text: bytesIn(call, call.indexOf('"')).toString() };
  const path = pathOf(call);
  if (path === undefined || (path !== folder && !path.startsWith(`${folder}/`)) || IGNORED.test(path)) return undefined;
  assert.ok(!UNKNOWN.has(name), `${name} of ${path}: not known how to replay`);
  const [last = ''] = /-?\d+(?=\) += \d)/.exec(call.slice(-60)) ?? [];
  switch (name) {
    case 'openat':
      assert.ok(!/O_TRUNC/.test(call) || /O_EXCL/.test(call), `${path} is emptied when opened`);
      return /O_CREAT/.test(call) && !known.has(path) ? { kind: 'make', path, isFolder: false } : undefined;
    case 'mkdir':
    case 'mkdirat':
      return { kind: 'make', path, isFolder: true };
    case 'unlink':
    case 'unlinkat':
    case 'rmdir':
      return { kind: 'remove', path };
    case 'rename': {
      const to = bytesIn(call, call.lastIndexOf('"', call.lastIndexOf('"') - 1)).toString();
      assert.ok(to.startsWith(`${folder}/`), `${path} is renamed to ${to}, which nobody looks at`);
      return { kind: 'rename', path, to };
    }
    case 'pwrite64': {
      const bytes = bytesIn(call, call.indexOf('"'));
      assert.ok(call.endsWith(` = ${bytes.length}`), `${path}: only a part was written`);
      return { kind: 'write', path, at: Number(last), bytes };
    }
    case 'ftruncate':
      return { kind: 'truncate', path, toBytes: Number(last) };
    case 'fsync':
    case 'fdatasync':
      return { kind: 'sync', path };
    default:
      throw new Error(`${name} of ${path}: not known how to replay`);
  }
}

/** The file that a call is about: that of its descriptor, or the path in quotes. */
function pathOf(call: string): string | undefined {
  const ofDescriptor = /^\w+\(\d+<((?:\\x..)*)>/.exec(call);
  if (ofDescriptor !== null) return unescaped(ofDescriptor[1] as string).toString();
  const quote = call.indexOf('"');
  return quote < 0 ? undefined : bytesIn(call, quote).toString();
}

function bytesIn(call: string, quote: number): Buffer {
  return unescaped(call.slice(quote + 1, call.indexOf('"', quote + 1)));
}

function unescaped(text: string): Buffer {
  return Buffer.from(text.replaceAll('\\x', ''), 'hex');
}

/** The real data's gaps, of seconds and of six hours: listed by the API just where the files have no row, and no windows in them. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import type { GapReply, GapsReply, WindowsReply } from '../../cloud/server/api/api-types.ts';
import { ensureBuilt } from '../crash/fleet.ts';
import { ANY_PORTS } from '../doubles/any-ports.ts';

const ROOT = join(import.meta.dirname, '../..');
const ENTRY = join(ROOT, 'dist/fogline.js');
const REAL_DATA = join(ROOT, '../shared/data/gem-house');
const WINDOW_MS = 5_000;
/** One with a gap of six and a half hours, one that feeds in and has many of seconds, one without. */
const FILES = [
  '8c345400feac9da85eb7884641dbab0e335045984355bb3bdbb1973065e9fcfa.csv',
  '57cfdaa4d2bd62c581d6b7680d5aeb9b2efe7d863f03bf77b73f0a67996a2bbb.csv',
  'f0becd80b6ad73a2c973d0b9026499afc1a96a64e6f3ba5339f19245c25dbada.csv',
];
const hasData = FILES.every((name) => existsSync(join(REAL_DATA, name)));
const needsRealData = hasData ? {} : { skip: 'the Gem House data are not on this machine (../shared/data/gem-house)' };

const folder = mkdtempSync(join(tmpdir(), 'fogline-gaps-'));
const dataDir = join(folder, 'data');
let cloud: ChildProcess | undefined;
let url = '';

before(async () => {
  if (!hasData) return;
  ensureBuilt();
  mkdirSync(dataDir);
  for (const name of FILES) cpSync(join(REAL_DATA, name), join(dataDir, name));
  const state = join(folder, 'state');
  const run = ['run', '--data', dataDir, '--state', state, '--speed', 'max', '--exit-when-done', '--json', ...ANY_PORTS];
  const done = spawnSync(process.execPath, [ENTRY, ...run], { encoding: 'utf8', cwd: folder, maxBuffer: 1 << 28 });
  assert.equal(done.status, 0, done.stderr.slice(-4_000));
  const ports = ['cloud.http_port=0', 'link.heartbeat_port=0', 'link.data_port=0'].flatMap((set) => ['--set', set]);
  const child = spawn(process.execPath, [ENTRY, 'cloud', '--state', state, '--json', ...ports], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  cloud = child;
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line) as { event: string; url?: string };
    if (event.event !== 'ready') continue;
    url = event.url as string;
    break;
  }
});
after(async () => {
  if (cloud !== undefined && cloud.exitCode === null) {
    const exited = new Promise((resolve) => cloud?.once('exit', resolve));
    cloud.kill('SIGTERM');
    await exited;
  }
  rmSync(folder, { recursive: true, force: true });
});

async function get<T>(path: string): Promise<T> {
  const response = await fetch(url + path);
  assert.equal(response.status, 200, path);
  return (await response.json()) as T;
}

/** Where no row of the file lies in a window, between two that have rows. */
function gapsOfFile(name: string): { from: string; to: string }[] {
  const lines = readFileSync(join(dataDir, name), 'utf8').trim().split('\n').slice(2);
  const starts = new Set(lines.map((line) => Math.floor(Number(line.split(',')[1]) / WINDOW_MS) * WINDOW_MS));
  const sorted = [...starts].sort((a, b) => a - b);
  return sorted.slice(1).flatMap((next, i) => {
    const from = (sorted[i] as number) + WINDOW_MS;
    return next > from ? [{ from: new Date(from).toISOString(), to: new Date(next).toISOString() }] : [];
  });
}

for (const [name, least, longestSeconds] of [
  [FILES[0], 1, 6 * 3_600],
  [FILES[1], 20, 15],
  [FILES[2], 0, 0],
] as [string, number, number][]) {
  test(`the gaps of ${name.slice(0, 8)}`, needsRealData, async () => {
    const household = basename(name, '.csv');
    const expected = gapsOfFile(name);
    assert.ok(expected.length >= least);
    const { gaps, nextCursor } = await get<GapsReply>(`/api/v1/households/${household}/gaps`);
    assert.deepEqual(
      gaps.map(({ from, to }) => ({ from, to })),
      expected,
    );
    assert.equal(nextCursor, null);
    assert.ok(gaps.every(({ device, reason, seconds }) => device === 'meter' && reason === 'no readings' && seconds >= WINDOW_MS / 1_000));
    assert.ok(Math.max(0, ...gaps.map(({ seconds }) => seconds)) >= longestSeconds);
    for (const { from, to } of gaps) {
      const inside = await get<WindowsReply>(`/api/v1/households/${household}/windows?from=${from}&to=${to}`);
      assert.deepEqual(inside.windows, [], 'a gap has no windows, and no zeros');
    }
    const paged: GapReply[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: GapsReply = await get(`/api/v1/households/${household}/gaps?limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`);
      paged.push(...page.gaps);
      cursor = page.nextCursor;
    }
    assert.deepEqual(paged, gaps);
  });
}

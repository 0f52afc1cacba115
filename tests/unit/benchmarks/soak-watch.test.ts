/** Does the watch of a long run see what grows? This process plays all three parts. */
import assert from 'node:assert/strict';
import { appendFileSync, closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { devNull, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { isMissed } from '../../../benchmarks/question.ts';
import { SoakWatch } from '../../../benchmarks/soak-watch.ts';

const UNTIL_MS = 40_000;
const PARTS_PER_LOOK = 100;

let folder = '';
let opened: number[] = [];
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'fogline-watch-'))));
afterEach(() => {
  for (const file of opened) closeSync(file);
  opened = [];
  rmSync(folder, { recursive: true });
});

/** @returns what the watch calls missed, when `happens` is called before each look */
function missedWhen(
  happens: (atMs: number) => void,
  isCalm: (atMs: number) => boolean = () => true,
  partsAt: (atMs: number) => number = (atMs) => (atMs / 1_000) * PARTS_PER_LOOK,
): string[] {
  const watch = new SoakWatch({ isRunning: () => true, pidOf: () => process.pid, stateDir: folder });
  writeFileSync(join(folder, 'a.db'), '');
  for (let atMs = 0; atMs < UNTIL_MS; atMs += 1_000) {
    appendFileSync(join(folder, 'a.db'), Buffer.alloc(1_000));
    happens(atMs);
    watch.look(atMs, isCalm(atMs), partsAt(atMs));
  }
  return watch
    .figures(UNTIL_MS)
    .filter(isMissed)
    .map(({ what }) => what);
}

test('a run that grows by nothing but its parts misses nothing', () => {
  assert.deepEqual(
    missedWhen(() => undefined),
    [],
  );
});

test('files left open are seen, but not those that a fault has open', () => {
  const leak = () => void opened.push(openSync(devNull, 'r'));
  assert.deepEqual(
    missedWhen(leak),
    ['cloud', 'edge', 'simulate'].map((part) => `${part}, open files, more than at first`),
  );
  const inFault = (atMs: number) => Math.floor(atMs / 1_000) % 2 === 1;
  const during = (atMs: number) => {
    if (inFault(atMs)) for (let i = 0; i < 20; i++) leak();
    else for (const file of opened.splice(0)) closeSync(file);
  };
  assert.deepEqual(
    missedWhen(during, (atMs) => !inFault(atMs)),
    [],
  );
});

test('a file that grows faster than what is in it is seen', () => {
  const swell = (atMs: number) => atMs > UNTIL_MS / 2 && appendFileSync(join(folder, 'a.db'), Buffer.alloc(1_000));
  assert.deepEqual(missedWhen(swell), ['bytes of outbox and store per part, last quarter to second']);
});

test('what was set aside, and what is replayed into a topic, is no growth', () => {
  for (const place of ['edge/damaged/outbox-1', 'broker']) {
    mkdirSync(join(folder, place), { recursive: true });
    const file = join(folder, place, 'b.db');
    const swell = (atMs: number) => atMs > UNTIL_MS / 2 && appendFileSync(file, Buffer.alloc(10_000));
    assert.deepEqual(missedWhen(swell), [], place);
  }
});

test('parts that a restored cloud lacks for a while, and a store that is made anew, are no growth', () => {
  const isRestored = (atMs: number) => atMs > UNTIL_MS * 0.8 && atMs < UNTIL_MS * 0.9;
  const partsAt = (atMs: number) => ((isRestored(atMs) ? atMs / 4 : atMs) / 1_000) * PARTS_PER_LOOK;
  const anew = (atMs: number) => atMs === UNTIL_MS / 4 && writeFileSync(join(folder, 'a.db'), Buffer.alloc(atMs));
  assert.deepEqual(
    missedWhen(anew, () => true, partsAt),
    [],
  );
});

test('a write-ahead log that nobody copies back is seen', () => {
  const missed = missedWhen((atMs) => atMs === 20_000 && writeFileSync(join(folder, 'a.db-wal'), Buffer.alloc(65 << 20)));
  assert.deepEqual(missed, ['largest write-ahead logs together']);
});

test('but not one that a reader holds up in a fault, when it is copied back afterwards', () => {
  const inFault = (atMs: number) => atMs >= 20_000 && atMs < 25_000;
  const missed = missedWhen(
    (atMs) => writeFileSync(join(folder, 'a.db-wal'), Buffer.alloc(inFault(atMs) ? 65 << 20 : 4 << 20)),
    (atMs) => !inFault(atMs),
  );
  assert.deepEqual(missed, []);
});

test('memory that stays is seen', () => {
  const kept: Buffer[] = [];
  const missed = missedWhen((atMs) => atMs > UNTIL_MS / 2 && kept.push(Buffer.alloc(8 << 20, 1)));
  assert.ok(missed.includes('cloud, memory, more than at first'), missed.join());
  assert.ok(kept.length > 0);
});

test('a run of which nothing was seen is not a good one', () => {
  const missed = missedWhen(
    () => undefined,
    () => false,
  );
  for (const what of ['cloud, open files, more than at first', 'cloud, memory, more than at first', 'largest write-ahead logs together'])
    assert.ok(missed.includes(what), what);
});

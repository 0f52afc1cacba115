/**
 * The databases of edge, topic and cloud damaged on the disk while a backlog waits: flipped bits, cut off, a page of zeros, WAL gone or
 * damaged. All three mend themselves: what was damaged is set aside byte for byte. The edge asks the cloud and the topic; topic and cloud
 * take over what can be read, and the rest is brought again.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { EXIT } from '../../common/errors.ts';
import { OUTBOX_FAILPOINTS } from '../../common/failpoints.ts';
import { seededRandom } from '../../common/random.ts';
import Database from 'better-sqlite3';
import { flipRowBit, NEWEST_APPEND, STORE_PART, zeroPageOf } from '../doubles/damaged-row.ts';
import { damageInWalOnly } from '../doubles/wal-damage.ts';
import { writeMeteredData } from '../truth/metered-data.ts';
import { ensureBuilt, Fleet, type PartName } from './fleet.ts';

const PAGE_BYTES = 8_192;
/** Of the outbox, by seed: where they fall decides who notices. */
const FLIP_SEEDS = process.env['FOGLINE_LONG'] === '1' ? [1, 2, 3, 4, 5, 6] : [1, 2];
const FLIPS = 40;
const FEW_FLIPS = 8;
const AUDITED_DEADLINE_MS = 60_000;

const folder = mkdtempSync(join(tmpdir(), 'fogline-damage-'));
const dataDir = join(folder, 'data');
/** A state whose parts were all killed with a backlog in the outbox. */
const midway = join(folder, 'midway');

before(async () => {
  ensureBuilt();
  writeMeteredData(dataDir, { households: 3, seconds: 1_800, seed: 11 });
  const fleet = new Fleet({ dataDir, speed: '400' });
  try {
    await fleet.open();
    fleet.startAll();
    await fleet.until('rows are acknowledged', ({ acked }) => acked > 150);
    await fleet.kill('cloud');
    await fleet.until('a backlog waits', ({ queued, sent }) => queued + sent > 250);
    await fleet.kill('simulate');
    await fleet.kill('edge');
    renameSync(fleet.stateDir, midway);
  } finally {
    await fleet.stop();
  }
});
after(() => rmSync(folder, { recursive: true, force: true }));

type Hurt = (path: string) => void;

const zeroPage: Hurt = (path) => change(path, (bytes) => bytes.fill(0, 2 * PAGE_BYTES, 3 * PAGE_BYTES));
const cutOff: Hurt = (path) => change(path, (bytes) => bytes.subarray(0, Math.floor(bytes.length / 2 / PAGE_BYTES) * PAGE_BYTES));
const cutInPage: Hurt = (path) => change(path, (bytes) => bytes.subarray(0, bytes.length - PAGE_BYTES / 2));
const garbage: Hurt = (path) => change(path, (bytes) => bytes.fill('not a page. ', PAGE_BYTES, 3 * PAGE_BYTES));
const emptied: Hurt = (path) => change(path, () => Buffer.alloc(0));
const walGone: Hurt = (path) => rmSync(`${path}-wal`);
const walFlipped: Hurt = (path) => flip(`${path}-wal`, 5, 3);

/** Flips bits everywhere in the file, also in the values of rows. */
function flip(path: string, bits: number, seed: number): void {
  const random = seededRandom(seed);
  change(path, (bytes) => {
    for (let n = 0; n < bits; n++) {
      // The first page holds the header: damage there is the easy case.
      const at = Math.min(PAGE_BYTES, bytes.length >> 1) + random.below(Math.max(1, bytes.length - PAGE_BYTES));
      if (at < bytes.length) bytes[at] = bytes[at]! ^ (1 << random.below(8));
    }
    return bytes;
  });
}

/** In every nth of them, from the first on. */
function flipAppends(path: string, nth: number): void {
  const database = new Database(path);
  const ids = database.prepare('SELECT id FROM batch ORDER BY id').pluck().all() as number[];
  database.close();
  assert.ok(ids.length > 10);
  for (const id of ids.filter((_, i) => i % nth === 0)) flipRowBit(path, { ...NEWEST_APPEND, where: `id = ${id}` }, seededRandom(id));
}

/** The page in the middle of the parts. */
function zeroParts(path: string): void {
  zeroPageOf(path, 'parts', { below: (pages) => pages >> 1 });
}

/** In the statistics of one part, which keeps the file well-formed. */
function flipPart(path: string): void {
  flipRowBit(path, STORE_PART, seededRandom(1));
}

/** So that what is damaged is the file, and not what the WAL puts over it. */
function foldWal(path: string): void {
  const database = new Database(path);
  database.pragma('wal_checkpoint(TRUNCATE)');
  database.close();
}

function change(path: string, how: (bytes: Buffer) => Buffer): void {
  const before = readFileSync(path);
  writeFileSync(path, how(Buffer.from(before)));
  assert.notDeepEqual(readFileSync(path), before, 'the file is another one now');
}

const OUTBOX: [what: string, hurt: Hurt, seen: RegExp | undefined][] = [
  ...FLIP_SEEDS.map((seed): [string, Hurt, RegExp | undefined] => [
    `flipped bits, seed ${seed}`,
    (path) => flip(path, seed % 2 === 0 ? FEW_FLIPS : FLIPS, seed),
    // A few may all fall where nothing is written.
    seed % 2 === 0 ? undefined : /damage in the outbox/,
  ]),
  ['a page of zeros', zeroPage, /kept in .*damaged.outbox-1/],
  ['pages written over', garbage, /kept in .*damaged.outbox-1/],
  ['cut off in the middle', cutOff, /kept in .*damaged.outbox-1/],
  ['cut off inside its last page', cutInPage, /kept in .*damaged.outbox-1/],
  ['emptied', emptied, /gone, or empty/],
  // Older, and whole: the same as a copy of an earlier day. The hello finds what it lacks.
  ['WAL gone', walGone, undefined],
  ['WAL with flipped bits', walFlipped, undefined],
];

for (const [what, hurt, seen] of OUTBOX) {
  test(`outbox, ${what}: seen, set aside, everything is delivered, nobody does anything`, async () => {
    await withFleet(async (fleet) => {
      const file = join(fleet.stateDir, 'edge/outbox.db');
      if (!what.startsWith('WAL')) foldWal(file);
      hurt(file);
      const damaged = readFileSync(file);
      fleet.startAll();
      const edgeLog = await untilDone(fleet);
      if (seen !== undefined) assert.match(edgeLog, seen);
      const aside = join(fleet.stateDir, 'edge/damaged/outbox-1/outbox.db');
      const isKept = existsSync(aside);
      assert.equal(isKept, /the outbox: [^"]*; kept in [^"]*damaged.outbox-1/.test(edgeLog), edgeLog);
      // Damage that only a running edge met lies in a file that has been written to since.
      if (isKept && !edgeLog.includes('a running edge')) assert.deepEqual(readFileSync(aside), damaged, 'kept byte for byte');
      for (const part of ['cloud', 'simulate'] as const) assert.equal(fleet.starts[part], 1);
      assert.deepEqual([...fleet.assertAudited()], []);
    });
  });
}

/** The damage is met before each of the three files of an outbox is moved, and is gone from sight when the WAL is. */
const ASIDE_KILLS = OUTBOX_FAILPOINTS.flatMap((name) =>
  name === 'outbox_inside_aside' ? [1, 2, 3].map((nth) => `${name}:${nth}`) : [name],
);

for (const failpoint of ASIDE_KILLS) {
  test(`edge killed at ${failpoint}, while it sets a damaged outbox aside: the next start goes on, everything is delivered`, async () => {
    await withFleet(async (fleet) => {
      const { damaged, wal } = damageInWalOnly(join(fleet.stateDir, 'edge/outbox.db'));
      fleet.start('cloud');
      fleet.start('edge', failpoint);
      assert.equal(await fleet.ended('edge'), 'SIGKILL', `${failpoint} was not reached`);
      fleet.start('edge');
      fleet.start('simulate');
      await fleet.untilDone();
      assert.match(fleet.logOf('edge').join('\n'), /kept in .*damaged.outbox-1/);
      const aside = join(fleet.stateDir, 'edge/damaged');
      assert.deepEqual(readdirSync(aside), ['outbox-1'], 'once');
      const kept = ['outbox.db', 'outbox.db-wal'].map((name) => readFileSync(join(aside, 'outbox-1', name)));
      assert.ok(kept[0]?.equals(damaged) === true && kept[1]?.equals(wal) === true, 'kept byte for byte');
      assert.deepEqual([...fleet.assertAudited()], []);
    });
  });
}

/** @returns what the edge has logged; it is started again as a supervisor does, at most once */
async function untilDone(fleet: Fleet): Promise<string> {
  const done = fleet.untilDone();
  if ((await Promise.race([done, fleet.exited('edge')])) !== 1) return await done, fleet.logOf('edge').join('\n');
  const log = fleet.logOf('edge').join('\n');
  assert.match(log, /\[OUTBOX_DAMAGED\]\n {2}what to do: start the edge again/);
  fleet.start('edge');
  await done;
  return `${log}\n${fleet.logOf('edge').join('\n')}`;
}

function moveAway(fleet: Fleet, file: string): void {
  for (const each of readdirSync(dirname(file))) renameSync(join(dirname(file), each), join(fleet.folder, each));
}

const TOPIC_TOLD = /the broker's file was damaged: it is kept in this folder, and a new one holds what is sound of it/;
/** A part that meets damage, and one whose file another part has set aside. */
const TOPIC_ENDS = /\[BROKER_DAMAGED\]\n {2}what to do: start the part again|\[BROKER_UNREACHABLE\]\n {2}what to do: start the part again/;
/** So that the simulator is not done before the edge meets the damage: nobody replays for it when it has ended. */
const SLOW = '100';

const TOPICS: [what: string, hurt: Hurt, isAnyKept: boolean, speed?: string][] = [
  ['emptied', emptied, false],
  ['a page of zeros', zeroPage, true],
  ['pages written over', garbage, true],
  ['cut off', cutOff, true],
  ['a bit flipped in each append', (path) => flipAppends(path, 1), false, SLOW],
  ['a bit flipped in every second append', (path) => flipAppends(path, 2), true, SLOW],
];

for (const [what, hurt, isAnyKept, speed] of TOPICS) {
  test(`broker/broker.db, ${what}: seen, set aside, everything is delivered, nobody does anything`, async () => {
    await withFleet(async (fleet) => {
      const file = join(fleet.stateDir, 'broker/broker.db');
      foldWal(file);
      hurt(file);
      const damaged = readFileSync(file);
      fleet.startAll();
      const done = fleet.untilDone();
      const supervised = Promise.all([startAgain(fleet, 'edge'), startAgain(fleet, 'simulate')]);
      await Promise.race([done, supervised.then(() => done)]);
      const logs = (['edge', 'simulate'] as const).map((part) => fleet.loggedSince(part, 0)).join('\n');
      assert.match(logs, TOPIC_TOLD);
      if (isAnyKept) assert.match(logs, /"batches":[1-9]/);
      const aside = join(fleet.stateDir, 'broker/damaged/broker-1/broker.db');
      assert.ok(existsSync(aside), 'kept');
      // Damage that a running part met lies in a file that may have been written to since.
      if (!logs.includes('[BROKER_DAMAGED]')) assert.deepEqual(readFileSync(aside), damaged, 'kept byte for byte');
      assert.deepEqual(readdirSync(join(fleet.stateDir, 'broker/damaged')), ['broker-1'], 'once');
      assert.equal(fleet.starts.cloud, 1);
      assert.deepEqual([...fleet.assertAudited()], []);
    }, speed);
  });
}

/** As a supervisor does, once. */
async function startAgain(fleet: Fleet, part: PartName): Promise<void> {
  const code = await fleet.exited(part);
  // It is done, or the test is.
  if (code === 0 || code === EXIT.interrupted || code === null) return;
  assert.match(fleet.logOf(part).join('\n'), TOPIC_ENDS);
  fleet.start(part);
}

const STORE: [what: string, hurt: Hurt, seen: RegExp][] = [
  ['a page of zeros', zeroPage, /series\.db is damaged/],
  ['pages written over', garbage, /series\.db is damaged/],
  ['a page of parts of zeros', zeroParts, /series\.db is damaged/],
  ['header of zeros', (path) => change(path, (bytes) => bytes.fill(0, 0, PAGE_BYTES)), /series\.db is damaged/],
  ['cut off', cutOff, /series\.db is damaged/],
  ['emptied', emptied, /series\.db is damaged: it is empty/],
];

/** True where the file was set aside; then it is kept byte for byte, and the log says so. */
function isKept(fleet: Fleet, damaged: Buffer): boolean {
  const aside = join(fleet.stateDir, 'cloud/damaged/series-1/series.db');
  const log = fleet.logOf('cloud').join('\n');
  assert.equal(existsSync(aside), /series\.db was damaged: it is kept in .*damaged.series-1/.test(log), log);
  if (existsSync(aside)) assert.deepEqual(readFileSync(aside), damaged, 'kept byte for byte');
  return existsSync(aside);
}

for (const [what, hurt, seen] of STORE) {
  test(`cloud/series.db, ${what}: seen, set aside, the rest taken over, everything is delivered, nobody does anything`, async () => {
    await withFleet(async (fleet) => {
      const file = join(fleet.stateDir, 'cloud/series.db');
      foldWal(file);
      hurt(file);
      const damaged = readFileSync(file);
      fleet.startAll();
      await fleet.untilDone();
      assert.match(fleet.logOf('cloud').join('\n'), seen);
      assert.ok(isKept(fleet, damaged));
      for (const part of ['cloud', 'edge', 'simulate'] as const) assert.equal(fleet.starts[part], 1);
      await untilAudited(fleet);
    });
  });
}

const VALUES: [what: string, hurt: Hurt, seen: RegExp | undefined][] = [
  // They may all fall where nothing is written, or into values, which keep the file well-formed.
  [`${FEW_FLIPS} flipped bits, seed 2`, (path) => flip(path, FEW_FLIPS, 2), undefined],
  [`${FLIPS} flipped bits, seed 1`, (path) => flip(path, FLIPS, 1), undefined],
  ['a bit flipped in a part', flipPart, /audit: exit 1[^]*the checksum of seqs \d+ to \d+ does not hold/],
];

for (const [what, hurt, seen] of VALUES) {
  test(`cloud/series.db, ${what}: set aside, mended or named by the audit; when the file is moved away everything arrives`, async () => {
    await withFleet(async (fleet) => {
      const file = join(fleet.stateDir, 'cloud/series.db');
      foldWal(file);
      hurt(file);
      const damaged = readFileSync(file);
      fleet.startAll();
      await fleet.untilDone();
      if (isKept(fleet, damaged)) return untilAudited(fleet);
      const found = foundByAudit(fleet);
      if (seen !== undefined) assert.match(found ?? '', seen);
      if (found === undefined) return;
      for (const part of ['simulate', 'edge', 'cloud'] as const) await fleet.kill(part);
      moveAway(fleet, file);
      fleet.startAll();
      await fleet.untilDone();
      await untilAudited(fleet);
    });
  });
}

/** The edge may have been done before: then it says so until it has asked the new store. */
async function untilAudited(fleet: Fleet): Promise<void> {
  const deadline = performance.now() + AUDITED_DEADLINE_MS;
  while (performance.now() < deadline && foundByAudit(fleet) !== undefined) await new Promise((resolve) => setTimeout(resolve, 500));
  assert.deepEqual([...fleet.assertAudited()], []);
}

/** Undefined where the cloud has the truth. */
function foundByAudit(fleet: Fleet): string | undefined {
  try {
    assert.deepEqual([...fleet.assertAudited()], []);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

for (const [name, hurt] of [
  ['cloud/series.db', walGone],
  ['cloud/series.db', walFlipped],
  ['broker/broker.db', walGone],
  ['broker/broker.db', walFlipped],
] as const) {
  test(`${name}, WAL ${hurt === walGone ? 'gone' : 'with flipped bits'}: an older file, and what it lacks is brought again`, async () => {
    await withFleet(async (fleet) => {
      const file = join(fleet.stateDir, name);
      assert.ok(statSync(`${file}-wal`).size > 32, 'something was in it');
      hurt(file);
      fleet.startAll();
      await fleet.untilDone();
      assert.deepEqual([...fleet.assertAudited()], []);
    });
  });
}

async function withFleet(check: (fleet: Fleet) => Promise<void>, speed = 'max'): Promise<void> {
  const fleet = new Fleet({ dataDir, stateFrom: midway, speed });
  try {
    await fleet.open();
    await check(fleet);
  } finally {
    await fleet.stop();
  }
}

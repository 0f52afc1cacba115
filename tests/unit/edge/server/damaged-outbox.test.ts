/** An outbox whose file is damaged as a whole: set aside byte for byte, and told of. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import Database from 'better-sqlite3';
import { EdgeStore } from '../../../../edge/server/edge-store.ts';
import { OUTBOX_FILE } from '../../../../edge/server/outbox-schema.ts';
import { OperatingError } from '../../../../common/errors.ts';
import { armFailpoints } from '../../../../common/failpoints.ts';
import { closePart, openPart } from '../../../../common/protocol/window.ts';
import { SET_ASIDE_FOLDER } from '../../../../common/set-aside.ts';
import { damageInWalOnly } from '../../../doubles/wal-damage.ts';

let folder: string;
let store: EdgeStore;

function openStore(): EdgeStore {
  const opened = new EdgeStore({ folder, quotaBytes: 1 << 28, windowMs: 5_000 });
  opened.start();
  return opened;
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fogline-damaged-outbox-'));
  store = openStore();
});

afterEach(() => {
  armFailpoints(undefined);
  store.stop();
  rmSync(folder, { recursive: true });
});

/** Rows of a household, from its first seq on. */
async function insert(rows: number): Promise<void> {
  const seqs = Array.from({ length: rows }, (_, i) => i + 1);
  const parts = seqs.map((seq) => {
    const reading = { household: 'h1', device: 'meter', src: 'aa', seq, timeMs: seq * 5_000, values: { energy: 1, power: 100 } };
    return closePart(openPart(reading, 5_000));
  });
  const write = () => parts.forEach((part, at) => store.outbox.insert({ kind: 'part', part, partition: 0, offset: at }, 1_000));
  await store.exclusive(async () => store.commit(true, write));
}

for (const [what, hurt] of [
  ['pages written over', (bytes: Buffer) => bytes.fill(0x55, 8_192, 24_576)],
  ['a page of zeros', (bytes: Buffer) => bytes.fill(0, 16_384, 24_576)],
  ['a header of another program', (bytes: Buffer) => bytes.fill(0x20, 0, 100)],
  ['cut off', (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1)],
] as const) {
  test(`a damaged file (${what}) is set aside byte for byte and told of, never taken as empty`, async () => {
    await insert(400);
    store.stop();
    const file = join(folder, OUTBOX_FILE);
    const damaged = Buffer.from(hurt(readFileSync(file)));
    writeFileSync(file, damaged);
    store = openStore();
    assert.equal(store.outbox.unackedCount, 0);
    assert.deepEqual(readFileSync(join(store.setAside?.folder ?? '', OUTBOX_FILE)), damaged);
    assert.notEqual(store.setAside?.finding ?? '', '');
    store.stop();
    store = openStore();
    assert.equal(store.setAside, undefined, 'told once');
  });
}

test('killed after the WAL was put aside, and opened by another since: the next start keeps that WAL', async () => {
  await insert(1);
  const wal = readFileSync(join(folder, `${OUTBOX_FILE}-wal`));
  assert.ok(wal.length > 0);
  store.stop();
  const aside = join(folder, SET_ASIDE_FOLDER, 'outbox-1');
  mkdirSync(aside, { recursive: true });
  writeFileSync(join(aside, `${OUTBOX_FILE}-wal`), wal);
  const file = join(folder, OUTBOX_FILE);
  const damaged = readFileSync(file).fill(0x55, 8_192, 24_576);
  writeFileSync(file, damaged);
  writeFileSync(`${file}-wal`, '');
  store = openStore();
  assert.equal(store.setAside?.folder, aside);
  assert.deepEqual([readFileSync(join(aside, OUTBOX_FILE)), readFileSync(join(aside, `${OUTBOX_FILE}-wal`))], [damaged, wal]);
});

for (const [at, nth] of [
  ['outbox_inside_aside', 1],
  ['outbox_inside_aside', 2],
  ['outbox_inside_aside', 3],
  ['outbox_after_aside', 1],
] as const) {
  test(`killed at ${at}, time ${nth}: the next start goes on, and takes no older state for the outbox`, async () => {
    await insert(1);
    store.stop();
    const { damaged, wal } = damageInWalOnly(join(folder, OUTBOX_FILE));
    let reached = 0;
    armFailpoints((name) => {
      if (name === at && ++reached === nth) throw new Error('killed');
    });
    assert.throws(() => openStore(), /killed/);
    armFailpoints(undefined);
    store = openStore();
    const aside = join(folder, SET_ASIDE_FOLDER, 'outbox-1');
    assert.equal(store.setAside?.folder, aside);
    assert.deepEqual([readFileSync(join(aside, OUTBOX_FILE)), readFileSync(join(aside, `${OUTBOX_FILE}-wal`))], [damaged, wal]);
    assert.equal(store.outbox.unackedCount, 0);
    store.stop();
    store = openStore();
    assert.equal(store.setAside, undefined, 'told once');
  });
}

test('a folder of damaged files that a person has taken away is no place for the next one', async () => {
  for (const expected of ['outbox-1', 'outbox-2', 'outbox-3']) {
    await insert(400);
    store.stop();
    const file = join(folder, OUTBOX_FILE);
    writeFileSync(file, readFileSync(file).fill(0x55, 8_192, 24_576));
    store = openStore();
    assert.equal(store.setAside?.folder, join(folder, SET_ASIDE_FOLDER, expected));
    if (expected === 'outbox-2') rmSync(join(folder, SET_ASIDE_FOLDER, 'outbox-1'), { recursive: true });
  }
});

test('damage that is met while the edge runs: the next start sets the file aside', async () => {
  await insert(1);
  const error = store.ended(Object.assign(new Error('malformed'), { code: 'SQLITE_CORRUPT_INDEX' }));
  assert.ok(error instanceof OperatingError && error.code === 'OUTBOX_DAMAGED');
  store.stop();
  store = openStore();
  assert.match(store.setAside?.finding ?? '', /running edge/);
  assert.equal(store.ended(error), error, 'another error is no damage');
});

test('an outbox that is gone, or emptied, is told of; the first one is not', async () => {
  assert.equal(store.setAside, undefined);
  await insert(1);
  for (const hurt of [(file: string) => rmSync(file), (file: string) => truncateSync(file)]) {
    store.stop();
    hurt(join(folder, OUTBOX_FILE));
    store = openStore();
    assert.match(store.setAside?.finding ?? '', /gone, or empty/);
  }
});

test('an outbox whose epoch is damaged is not called empty: its rows are there, and what is gone is told of', async () => {
  await insert(1);
  const { epoch } = store;
  store.stop();
  const file = new Database(join(folder, OUTBOX_FILE));
  assert.equal(file.prepare("UPDATE meta SET value = value || 'x' WHERE key = 'epoch'").run().changes, 1);
  file.close();
  store = openStore();
  assert.equal(store.setAside, undefined);
  assert.notEqual(store.epoch, epoch);
  assert.deepEqual(await store.setAsideDamaged(), ['a number or name of the edge ("epoch"): its checksum does not hold']);
  assert.equal(store.outbox.unackedCount, 1);
  store.stop();
  store = openStore();
  assert.deepEqual(await store.setAsideDamaged(), []);
});

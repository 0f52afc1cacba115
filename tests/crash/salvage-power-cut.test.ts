/**
 * A power cut while a damaged series.db is replaced: everything that this does to the disk is logged, and the disk is made anew as a cut at
 * many moments would have left it. Whenever it was, the next start has all that can be read, and the damaged file is kept byte for byte.
 */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { SERIES_FILE } from '../../cloud/server/storage/open-database.ts';
import { Edge, part } from '../contract/series-store-probes.ts';
import { assertSurvives, lossesAt } from '../doubles/power-cut-trials.ts';
import { noStrace, recordWrites } from '../doubles/write-log.ts';
import { openStores } from './announcing-writer.ts';

const CUTS = process.env['FOGLINE_LONG'] === '1' ? 400 : 120;
const PAGE_BYTES = 8_192;
const WRITER = fileURLToPath(new URL('./salvaging-writer.ts', import.meta.url));
const SEQS = 2_001;
/** A page of the index over the parts is damaged: every part can be read. */
const HURT = "SELECT min(pageno) FROM dbstat WHERE name = 'parts_by_seq' AND pagetype = 'leaf'";
const skip = noStrace();

const folder = mkdtempSync(join(tmpdir(), 'fogline-salvage-cut-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A state killed with something in its write-ahead log, and a page of zeros in its file. */
async function damagedState(): Promise<{ state: string; bytes: Buffer }> {
  const home = join(folder, 'home');
  const store = openStores(home).series();
  await store.start();
  const edge = new Edge(store);
  await edge.hello();
  for (let at = 1; at < SEQS; at += 500) await edge.send(Array.from({ length: 500 }, (_, i) => part(at + i, at + i)));
  const database = new Database(store.path);
  database.pragma('wal_checkpoint(TRUNCATE)');
  const page = database.prepare(HURT).pluck().get() as number;
  database.close();
  await edge.send([part(SEQS, SEQS)]);
  const state = join(folder, 'damaged');
  cpSync(join(home, 'state'), state, { recursive: true });
  await store.stop();
  const file = join(state, SERIES_FILE);
  const bytes = readFileSync(file);
  bytes.fill(0, (page - 1) * PAGE_BYTES, page * PAGE_BYTES);
  writeFileSync(file, bytes);
  return { state, bytes };
}

test(`a damaged series.db is replaced at ${CUTS} power cuts: never begun as empty, never half a store`, { skip }, async () => {
  const { state, bytes } = await damagedState();
  const home = mkdtempSync(join(folder, 'cut-'));
  const ops = recordWrites(home, ['--import', 'tsx', WRITER, state, home]);
  const check = async (image: string, said: readonly string[]) => {
    // The whole of what was written: a compiler that the writer starts says its source, with these words in it.
    if (!said.includes('damaged 1\n')) return;
    const store = openStores(image).series();
    await store.start();
    try {
      assert.equal((await store.households())[0]?.readings, SEQS);
    } finally {
      await store.stop();
    }
    const aside = join(image, 'state/cloud/damaged');
    assert.ok(existsSync(aside), 'set aside');
    const files = readdirSync(aside).map((each) => join(aside, each, 'series.db'));
    const kept = files.filter((file) => existsSync(file));
    assert.equal(kept.length, 1, 'once');
    for (const file of kept) assert.ok(readFileSync(file).equals(bytes), 'kept byte for byte');
  };
  assert.ok(ops.length > 100, `${ops.length} calls`);
  const run = { home, ops, image: join(folder, 'image'), check };
  await assertSurvives(run, CUTS);
  // The control: a disk on which no folder is ever synced has lost one or the other.
  const lost = await lossesAt(
    { ...run, ops: ops.filter((op, at) => op.kind !== 'sync' || at < ops.findIndex(({ kind }) => kind === 'said')) },
    CUTS,
  );
  assert.ok(lost.length > 0, 'what is not synced is lost');
});

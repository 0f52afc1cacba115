/** A bit that flips in the kind of a value beside the parts: the file is damaged by it, and all it says is taken over or told as lost. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { SERIES_FILE } from '../../../../../cloud/server/storage/open-database.ts';
import type { SalvageTold } from '../../../../../cloud/server/storage/replace-damaged.ts';
import { SqliteSeriesStore } from '../../../../../cloud/server/storage/sqlite-series-store.ts';
import { systemClock } from '../../../../../common/clock.ts';
import { Edge, everything, WINDOW_MS } from '../../../../contract/series-store-probes.ts';
import { HOMES, HurtStore } from '../../../../doubles/hurt-store.ts';
import { cellsOf, flipBit } from '../../../../doubles/sqlite-cells.ts';

const TABLES = ['meta', 'field_sets', 'households', 'devices', 'sources', 'gaps', 'series'] as const;
const INDEXES = ['sqlite_autoindex_households_1', 'sqlite_autoindex_devices_1', 'sqlite_autoindex_sources_1', 'sqlite_autoindex_series_1'];
const FIRST_TEXT_TYPE = 12;
/** In the header of the file. */
const USER_VERSION_AT = 60;

const hurt = new HurtStore();
const folder = mkdtempSync(join(tmpdir(), 'fogline-kinds-'));
let truth: unknown;
before(async () => {
  await hurt.make();
  truth = (await startedOn(hurt.bytes)).all;
});
after(() => {
  hurt.remove();
  rmSync(folder, { recursive: true, force: true });
});

type Done = Extract<SalvageTold, { step: 'done' }>;

async function startedOn(bytes: Buffer): Promise<{ done: Done | undefined; all: unknown }> {
  const stateDir = join(folder, 'state');
  rmSync(stateDir, { recursive: true, force: true });
  mkdirSync(dirname(join(stateDir, SERIES_FILE)), { recursive: true });
  writeFileSync(join(stateDir, SERIES_FILE), bytes);
  let done: Done | undefined;
  const postalCodes = { assign: () => ({ postalCode: '12529', state: 'DE-BB', from: 'file' as const }) };
  const onSalvage = (told: SalvageTold) => void (told.step === 'done' && (done = told));
  const store = new SqliteSeriesStore({ stateDir, windowMs: WINDOW_MS, postalCodes, clock: systemClock, onSalvage });
  await store.start();
  try {
    await new Edge(store).hello(HOMES);
    return { done, all: await everything(store) };
  } finally {
    await store.stop();
  }
}

/** Where the kinds of values stand in the rows of a table or an index, with what they are. */
function kindsOf(place: string): { at: number; kind: number }[] {
  const kinds: { at: number; kind: number }[] = [];
  for (const { header } of cellsOf(hurt.bytes, hurt.roots().get(place) as number)) {
    for (let at = header.at; at < header.at + header.length; ) {
      let [kind, start] = [0, at];
      do kind = kind * 128 + ((hurt.bytes[at] as number) & 127);
      while ((hurt.bytes[at++] as number) >= 128);
      kinds.push({ at: at - 1, kind });
      assert.ok(at - start <= 2);
    }
  }
  return kinds;
}

for (const place of [...TABLES, ...INDEXES]) {
  test(`${place}: each text taken for bytes, and nothing is lost`, { timeout: 300_000 }, async () => {
    const texts = kindsOf(place).filter(({ kind }) => kind >= FIRST_TEXT_TYPE);
    assert.ok(texts.length > 0);
    for (const { at } of texts) {
      const file = Buffer.from(hurt.bytes);
      flipBit(file, at, 0);
      const { done, all } = await startedOn(file);
      if (done !== undefined)
        assert.deepEqual([done.households, done.readingsLost, done.sourcesUnknown, done.mayLackNames], [HOMES.length, 0, 0, false], place);
      assert.deepEqual(all, truth, `${place}, byte ${at}`);
    }
  });
}

for (const version of [2, 3]) {
  test(`each bit of each kind, in a file of schema ${version}: a start, and what is lost is told`, { timeout: 600_000 }, async () => {
    let salvaged = 0;
    for (const place of ['field_sets', 'households', 'sources'] as const) {
      for (const { at } of kindsOf(place).slice(0, 6)) {
        for (let bit = 0; bit < 7; bit++) {
          const file = Buffer.from(hurt.bytes);
          flipBit(file, at, bit);
          file.writeUInt32BE(version, USER_VERSION_AT);
          const { done } = await startedOn(file).catch((error: unknown) => {
            // What is not damaged as a file is refused as one that was half brought up to date.
            if (version === 2 && /duplicate column/.test((error as Error).message)) return { done: undefined };
            throw new Error(`${place}, byte ${at}, bit ${bit}`, { cause: error });
          });
          if (done === undefined) continue;
          salvaged++;
          const isTold = done.mayLackNames || done.readingsLost > 0 || done.sourcesUnknown > 0;
          assert.ok(done.households === HOMES.length || isTold, `${place}, byte ${at}, bit ${bit}: ${JSON.stringify(done)}`);
        }
      }
    }
    assert.ok(salvaged > 20, `${salvaged}`);
  });
}

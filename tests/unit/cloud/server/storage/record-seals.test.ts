/**
 * A bit that flips in the file of series.db, in what decides what is acknowledged: every column of every table and index beside the parts,
 * and anywhere. Real files, byte by byte.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { seededRandom } from '../../../../../common/random.ts';
import { HurtStore, type Outcome } from '../../../../doubles/hurt-store.ts';
import { cellsOf, flipBit } from '../../../../doubles/sqlite-cells.ts';

const hurt = new HurtStore();
before(async () => {
  await hurt.make();
});
after(() => hurt.remove());

/** What a flip in a value may become; never 'unseen'. */
const PLACES: [name: string, columns: readonly string[], allowed: readonly Outcome[], keys?: number][] = [
  ['households', ['id', 'household', 'postal_code', 'postal_code_from', 'state', 'generation', 'claim', 'edge', 'seal'], ['mended']],
  ['devices', ['id', 'household_id', 'device', 'seal'], ['mended']],
  [
    'sources',
    ['id', 'device_id', 'src', 'covered', 'first_ms', 'greatest_ms', 'readings', 'digest_high', 'digest_low', 'forgotten', 'seal'],
    ['mended'],
  ],
  ['gaps', ['source_id', 'from_seq', 'to_seq', 'reason', 'seal'], ['mended']],
  ['series', ['id', 'device_id', 'field', 'count', 'energy_ws', 'window_count', 'last_ms', 'seal'], ['mended']],
  ['field_sets', ['id', 'fields', 'seal'], ['mended']],
  [
    'rollups',
    [
      ...['level_ms', 'start_ms', 'series_id', 'count', 'sum', 'min', 'max', 'first', 'first_ms', 'first_source', 'first_seq'],
      ...['last', 'last_ms', 'last_source', 'last_seq', 'energy_ws', 'window_count', 'seal'],
    ],
    ['mended', 'unseen'],
    3,
  ],
  ['sqlite_autoindex_households_1', ['household', 'id'], ['mended']],
  ['sqlite_autoindex_devices_1', ['household_id', 'device', 'id'], ['mended']],
  ['sqlite_autoindex_sources_1', ['device_id', 'src', 'id'], ['mended']],
  ['sqlite_autoindex_series_1', ['device_id', 'field', 'id'], ['mended']],
];
const LONG = process.env['FOGLINE_LONG'] === '1';
/** Bits tried of each column. */
const BITS_OF_COLUMN = LONG ? 40 : 6;
const RANDOM_FLIPS = LONG ? 3_000 : Number(process.env['N'] ?? 120);

for (const [place, columns, allowed, keys = 0] of PLACES) {
  test(`${place}: a bit of each column`, { timeout: 600_000 }, async () => {
    const random = seededRandom(7);
    const cells = cellsOf(hurt.bytes, hurt.roots().get(place) as number);
    assert.ok(cells.length > 0);
    for (const [column, name] of columns.entries()) {
      for (let n = 0; n < BITS_OF_COLUMN; n++) {
        const cell = cells[random.below(cells.length)]!;
        const value = cell.values[column]!.length === 0 && name === 'id' ? cell.rowidBytes : cell.values[column]!;
        if (value.length === 0) continue;
        const file = Buffer.from(hurt.bytes);
        const at = value.at + random.below(value.length);
        flipBit(file, at, random.below(8));
        const outcome = await hurt.outcome(file, `${place}.${name}, byte ${at}`, column < keys);
        assert.ok(
          outcome === 'refused at the start' || outcome === 'salvaged' || allowed.includes(outcome),
          `${place}.${name}, byte ${at}: ${outcome}`,
        );
      }
    }
  });
}

/** True in the key of a part or a bucket, and in what says how long its values are. */
function isKey(at: number): boolean {
  const spans = [3, 4].flatMap((keys) =>
    cellsOf(hurt.bytes, hurt.roots().get(keys === 3 ? 'rollups' : 'parts') as number).flatMap(({ header, values }) => [
      header,
      ...values.slice(0, keys),
    ]),
  );
  return spans.some((span) => at >= span.at && at < span.at + span.length);
}

test(`${RANDOM_FLIPS} bits anywhere in the file`, { timeout: 1_800_000 }, async () => {
  const random = seededRandom(11);
  const count = new Map<Outcome, number>();
  for (let n = 0; n < RANDOM_FLIPS; n++) {
    const file = Buffer.from(hurt.bytes);
    // Half of the file is room for more: mostly where something is written.
    let at = random.below(file.length);
    while (file[at] === 0 && random.below(20) > 0) at = random.below(file.length);
    const bit = random.below(8);
    flipBit(file, at, bit);
    const outcome = await hurt.outcome(file, `byte ${at}, bit ${bit}`, isKey(at));
    count.set(outcome, (count.get(outcome) ?? 0) + 1);
  }
  for (const outcome of ['salvaged', 'part'] as const) assert.ok((count.get(outcome) ?? 0) > 0, JSON.stringify([...count]));
});

test('what is known of a source and one of its parts, both damaged: that household is declared, the other goes on', async () => {
  const file = Buffer.from(hurt.bytes);
  const [source] = cellsOf(file, hurt.roots().get('sources') as number);
  const part = cellsOf(file, hurt.roots().get('parts') as number).find(({ values }) => values[0]!.length === 0);
  assert.equal(source?.rowid, 1);
  // The device of number 1, which takes no byte, has the source of number 1.
  flipBit(file, source.values[3]!.at + 1, 1);
  flipBit(file, part!.values[10]!.at + 5, 3);
  assert.equal(await hurt.outcome(file, 'a source and its part'), 'declared');
});

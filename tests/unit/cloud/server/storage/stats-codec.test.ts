import assert from 'node:assert/strict';
import { it } from 'node:test';
import { decodeField, encodeStats } from '../../../../../cloud/server/storage/stats-codec.ts';
import { FIELDS_MAX, STAT, STATS_PER_FIELD } from '../../../../../common/messages.ts';
import { seededRandom } from '../../../../../common/random.ts';

/** In the order of STAT. */
type Field = [sum: number, min: number, max: number, first: number, last: number];

function assertRoundTrip(fields: readonly Field[]): Buffer {
  const bytes = encodeStats(fields.flat());
  fields.forEach((field, i) => {
    const decoded = { sum: 1, min: 1, max: 1, first: 1, last: 1 };
    decodeField(bytes, fields.length, i, decoded);
    for (const [name, at] of Object.entries(STAT)) {
      assert.ok(Object.is(decoded[name as keyof typeof STAT], field[at]), `${name} of field ${i} of ${JSON.stringify(fields)}`);
    }
  });
  return bytes;
}

it('gives back every number bit for bit', () => {
  const random = seededRandom(3);
  const values = [0, -0, 1, -1, 0.1, 0.2, 0.30000000000000004, 5e-324, Number.MAX_VALUE, -Number.MAX_VALUE, 9082.3166859];
  const any = () =>
    random.below(3) === 0 ? random.next() * 10 ** (random.below(40) - 20) : (values[random.below(values.length)] as number);
  for (let run = 0; run < 3_000; run++) {
    const fields = Array.from({ length: 1 + random.below(6) }, (): Field => {
      const [first, last] = [any(), any()];
      // Every flag, alone and together with others.
      const either = () => [first, last, first + last, any()][random.below(4)] as number;
      return [either(), either(), either(), first, random.below(3) === 0 ? first : last];
    });
    assertRoundTrip(fields);
  }
});

it('takes the most fields a part may have', () => {
  assertRoundTrip(Array.from({ length: FIELDS_MAX }, (_, i): Field => [i + 0.5, i + 0.25, i + 0.75, i + 1, i + 2]));
});

it('needs 9 bytes for one reading, 17 for two', () => {
  assert.equal(assertRoundTrip([[7, 7, 7, 7, 7]]).length, 9);
  assert.equal(assertRoundTrip([[12, 5, 7, 5, 7]]).length, 17);
  assert.equal(assertRoundTrip([[15, 2, 7, 5, 7]]).length, 17 + 16);
  assert.equal(STATS_PER_FIELD, 5);
});

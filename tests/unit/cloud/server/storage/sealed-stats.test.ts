/** What is written of a part in one go is what is looked at in two: its statistics, and the seal over row and statistics. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sealOf, sealOfOwner, sealPart } from '../../../../../cloud/server/storage/part-seals.ts';
import { encodeStats } from '../../../../../cloud/server/storage/stats-codec.ts';
import { FIELDS_MAX, type Part, STATS_PER_FIELD } from '../../../../../common/messages.ts';
import { digestFromHex } from '../../../../../common/protocol/digest.ts';
import { seededRandom } from '../../../../../common/random.ts';

const owner = sealOfOwner('home', 'meter', '1f00c2aa', ['power']);

test('the seal of a part holds for the row that is stored of it, whatever was sealed before', () => {
  const random = seededRandom(7);
  const word = () =>
    random
      .below(2 ** 32)
      .toString(16)
      .padStart(8, '0');
  for (let run = 0; run < 500; run++) {
    const fields = Array.from({ length: 1 + random.below(FIELDS_MAX) }, (_, i) => `f${i}`);
    const values = [0, -0, 1.5, 300];
    const stats = Array.from({ length: fields.length * STATS_PER_FIELD }, () =>
      random.below(2) === 0 ? (values[random.below(values.length)] as number) : random.next() * 1_000,
    );
    const fromSeq = 1 + random.below(1_000_000);
    const windowStartMs = 1_577_145_600_000 + 5_000 * random.below(1_000_000);
    const part: Part = {
      household: 'home',
      device: 'meter',
      src: '1f00c2aa',
      fromSeq,
      toSeq: fromSeq + 2,
      windowStartMs,
      count: 3,
      fields,
      stats,
      firstMs: windowStartMs + 100,
      lastMs: windowStartMs + 4_100,
      digest: word() + word(),
    };
    const { high, low } = digestFromHex(part.digest);
    const sealed = sealPart(owner, part, high, low);
    assert.deepEqual(sealed.stats, encodeStats(stats));
    assert.equal(sealed.seal, sealOf(owner, windowStartMs, fromSeq, part.toSeq, part.firstMs, part.lastMs, high, low, encodeStats(stats)));
  }
});

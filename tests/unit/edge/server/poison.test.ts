/** Readings that are well-formed and yet of no use further on: whatever becomes of their household, nobody else is held up. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIELDS_MAX, type Reading } from '../../../../common/messages.ts';
import { encodeReading } from '../../../../common/topic-codec.ts';
import { BASE_MS, readingOf, VirtualSite } from '../../../doubles/virtual-site.ts';

const LONG = 'x'.repeat(128);

/** Each is put into the topic between the readings of a healthy household. */
const POISON: [what: string, readings: Partial<Reading>[], parkedBy: RegExp | undefined][] = [
  [
    'a sum beyond all numbers',
    [
      { seq: 1, timeMs: BASE_MS, values: { power: 1.7e308 } },
      { seq: 2, timeMs: BASE_MS + 1, values: { power: 1.7e308 } },
    ],
    /rejected at seq 1\.\.2: a statistic is not a finite number/,
  ],
  ['the last time there is', [{ seq: 1, timeMs: Number.MAX_SAFE_INTEGER }], undefined],
  ['the first time there is', [{ seq: 1, timeMs: Number.MIN_SAFE_INTEGER }], /rejected at seq 1\.\.1/],
  ['a time that no calendar has', [{ seq: 1, timeMs: 9e15 }], undefined],
  ['a time before all others', [{ seq: 1, timeMs: -9e15 }], undefined],
  ['the greatest number', [{ seq: 1, values: { power: Number.MAX_VALUE, energy: Number.MIN_VALUE } }], undefined],
  [
    'as many fields as there may be, with the longest names',
    [
      {
        seq: 1,
        src: LONG,
        device: LONG,
        values: Object.fromEntries(Array.from({ length: FIELDS_MAX }, (_, i) => [`${LONG}${i}`.slice(-128), 1e-300])),
      },
    ],
    undefined,
  ],
  [
    'other fields in each reading',
    Array.from({ length: 40 }, (_, i) => ({ seq: i + 1, timeMs: BASE_MS + i, values: { [`field${i}`]: i } })),
    undefined,
  ],
  [
    'a source that begins before another one ended',
    [
      { seq: 1, src: 'first', timeMs: BASE_MS + 60_000 },
      { seq: 1, src: 'second', timeMs: BASE_MS },
    ],
    /rejected at seq 1\.\.1: second source/,
  ],
];

for (const [what, readings, parkedBy] of POISON) {
  test(`nobody else is held up by ${what}`, async () => {
    const site = new VirtualSite();
    try {
      await site.start();
      site.produce('healthy', 1, 5);
      for (const [i, reading] of readings.entries()) {
        const whole = { ...readingOf('poison', i + 1), ...reading };
        site.append([{ key: 'poison', value: encodeReading(whole) }]);
      }
      site.produce('healthy', 6, 10);
      await site.clock.advance(150_000);
      assert.deepEqual(site.errors, []);
      assert.equal(site.edge.status()?.unreadable, 0, 'the record itself is readable');
      assert.deepEqual(site.held('healthy').covered, [[1, 10]]);
      const parked = site.edge.status()?.parked ?? [];
      assert.deepEqual(
        parked.map(({ household }) => household),
        parkedBy === undefined ? [] : ['poison'],
      );
      if (parkedBy !== undefined) assert.match(parked[0]?.reason ?? '', parkedBy);
      let windows = 0;
      for await (const row of site.cloud.reading.range({ resolution: 'raw' })) windows += Number(row.household === 'healthy');
      assert.equal(windows, 10, 'what is stored can be read');
    } finally {
      site.end();
    }
  });
}

/** Readings that are well-formed and yet of no use further on: whatever becomes of their household, nobody else is held up. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AppendResult } from '../../../../cloud/server/storage/series-store.ts';
import { FIELDS_MAX, type PartsRequest, rangeOf, type Reading } from '../../../../common/messages.ts';
import { encodeReading } from '../../../../common/topic-codec.ts';
import { ForwardingStore } from '../../../doubles/forwarding-store.ts';
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

/** What of the promise does not hold: readings of a healthy household around the poison all arrive, and only the poisoned one parks. */
async function harmOf(site: VirtualSite, readings: readonly Partial<Reading>[], parkedBy: RegExp | undefined): Promise<string[]> {
  await site.start();
  site.produce('healthy', 1, 5);
  for (const [i, reading] of readings.entries()) {
    const whole = { ...readingOf('poison', i + 1), ...reading };
    site.append([{ key: 'poison', value: encodeReading(whole) }]);
  }
  site.produce('healthy', 6, 10);
  await site.clock.advance(150_000);
  const harm = site.errors.map(String);
  const { unreadable = 0, parked = [] } = site.edge.status() ?? {};
  if (unreadable > 0) harm.push('the record itself is not readable');
  const { covered } = site.held('healthy');
  if (JSON.stringify(covered) !== '[[1,10]]') harm.push(`of healthy there is ${JSON.stringify(covered)}`);
  const names = parked.map(({ household }) => household).join(' ');
  if (names !== (parkedBy === undefined ? '' : 'poison')) harm.push(`parked: ${names}`);
  const reason = parked.find(({ household }) => household === 'poison')?.reason ?? '';
  if (parkedBy !== undefined && !parkedBy.test(reason)) harm.push(`poison is parked by "${reason}"`);
  let windows = 0;
  for await (const row of site.cloud.reading.range({ resolution: 'raw' })) windows += Number(row.household === 'healthy');
  if (windows !== 10) harm.push(`${windows} windows of healthy can be read`);
  return harm;
}

for (const [what, readings, parkedBy] of POISON) {
  test(`nobody else is held up by ${what}`, async (t) => {
    const site = new VirtualSite();
    t.after(() => site.end());
    assert.deepEqual(await harmOf(site, readings, parkedBy), []);
  });
}

/** A store that does with a whole request what is due to one row of it. */
class AllOrNothing extends ForwardingStore {
  override async append(request: PartsRequest): Promise<AppendResult> {
    const [first] = request.rows.map((row) => rangeOf(row).household === 'poison');
    const isMixed = request.rows.some((row) => (rangeOf(row).household === 'poison') !== first);
    if (!isMixed) return super.append(request);
    const result = await super.append({ ...request, rows: [] });
    return { ...result, verdicts: request.rows.map(() => ({ verdict: 'rejected', reason: 'planted' })) };
  }
}

test('control: where one row has its whole request refused, the check sees the harm', async (t) => {
  const site = new VirtualSite({}, { wrapStore: (store) => new AllOrNothing(store) });
  t.after(() => site.end());
  const [, readings, parkedBy] = POISON.find(
    ([what]) => what === 'a source that begins before another one ended',
  ) as (typeof POISON)[number];
  const harm = await harmOf(site, readings, parkedBy);
  assert.ok(
    harm.some((found) => found.startsWith('parked:') && found.includes('healthy')),
    harm.join('; '),
  );
});

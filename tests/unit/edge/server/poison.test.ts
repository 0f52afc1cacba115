/** Readings that are well-formed and yet of no use further on: whatever becomes of their household, nobody else is held up. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AppendResult } from '../../../../cloud/server/storage/series-store.ts';
import { type PartsRequest, rangeOf } from '../../../../common/messages.ts';
import { encodeReading } from '../../../../common/topic-codec.ts';
import { ForwardingStore } from '../../../doubles/forwarding-store.ts';
import { type Poison, poisons } from '../../../doubles/poison-readings.ts';
import { BASE_MS, readingOf, VirtualSite } from '../../../doubles/virtual-site.ts';

const POISONS = poisons(BASE_MS);

/** What of the promise does not hold: readings of a healthy household around the poison all arrive, and only the poisoned one parks. */
async function harmOf(site: VirtualSite, { readings, parkedBy }: Poison): Promise<string[]> {
  await site.start();
  site.produce('healthy', 1, 5);
  for (const [i, reading] of readings.entries()) {
    const whole = { ...readingOf('poison', i + 1), ...reading };
    site.append([{ key: 'poison', value: encodeReading(whole) }]);
  }
  site.produce('healthy', 6, 10);
  await site.clock.advance(150_000);
  // What has come by then is on its way already: so it must go on, also where the poison waits in the outbox.
  site.produce('healthy', 11, 15);
  await site.clock.advance(150_000);
  const harm = site.errors.map(String);
  const { unreadable = 0, parked = [] } = site.edge.status() ?? {};
  if (unreadable > 0) harm.push('the record itself is not readable');
  const { covered } = site.held('healthy');
  if (JSON.stringify(covered) !== '[[1,15]]') harm.push(`of healthy there is ${JSON.stringify(covered)}`);
  const names = parked.map(({ household }) => household).join(' ');
  if (names !== (parkedBy === undefined ? '' : 'poison')) harm.push(`parked: ${names}`);
  const reason = parked.find(({ household }) => household === 'poison')?.reason ?? '';
  if (parkedBy !== undefined && !parkedBy.test(reason)) harm.push(`poison is parked by "${reason}"`);
  let windows = 0;
  for await (const row of site.cloud.reading.range({ resolution: 'raw' })) windows += Number(row.household === 'healthy');
  if (windows !== 15) harm.push(`${windows} windows of healthy can be read`);
  return harm;
}

for (const poison of POISONS) {
  test(`nobody else is held up by ${poison.what}`, async (t) => {
    const site = new VirtualSite();
    t.after(() => site.end());
    assert.deepEqual(await harmOf(site, poison), []);
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
  const poison = POISONS.find(({ what }) => what === 'a source that begins before another one ended');
  const harm = await harmOf(site, poison as Poison);
  assert.ok(
    harm.some((found) => found.startsWith('parked:') && found.includes('healthy')),
    harm.join('; '),
  );
});

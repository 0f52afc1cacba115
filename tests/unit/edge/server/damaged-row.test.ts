/** Outbox rows that were damaged in the file: their household parks, nobody else is held up, nothing of them reaches the cloud. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { OUTBOX_FILE } from '../../../../edge/server/outbox-schema.ts';
import { VirtualSite } from '../../../doubles/virtual-site.ts';

const DAMAGES: [what: string, change: string, reason: RegExp][] = [
  ['statistics that are no JSON', "stats = '[1,2'", /outbox row \d+ is damaged: its statistics are not JSON/],
  ['statistics that close the request early', 'stats = \'[1]],"x":[[1]\'', /outbox row \d+ is damaged: its statistics are not JSON/],
  ['too few statistics', "stats = '[1]'", /rejected at seq 1\.\.1: statistics do not fit/],
  ['statistics that are no numbers', 'stats = \'["a","b","c","d","e"]\'', /rejected at seq 1\.\.1: a statistic is not a finite number/],
  ['field names that are no JSON', "fields = '[power'", /rejected at seq 1\.\.1: field names/],
  ['a digest that is none', "digest = '\"x'", /rejected at seq 1\.\.1: digest/],
];

for (const [what, change, reason] of DAMAGES) {
  test(`${what} cost their household only`, async () => {
    const site = new VirtualSite();
    try {
      await site.start();
      site.produce('healthy', 1, 1);
      site.produce('damaged', 1, 1);
      await site.clock.advance(10_000);
      site.cloud.kill();
      site.produce('healthy', 2, 10);
      site.produce('damaged', 2, 10);
      await site.clock.advance(10_000);
      site.edge.kill();
      damage(site.edge.stateFolder, change);
      await site.cloud.start();
      site.edge.start();
      await site.clock.advance(120_000);
      assert.deepEqual(site.held('healthy').covered, [[1, 10]]);
      assert.deepEqual(site.held('damaged').covered, []);
      const [parked, ...others] = site.edge.status()?.parked ?? [];
      assert.deepEqual([parked?.household, others], ['damaged', []]);
      assert.match(parked?.reason ?? '', reason);
      assert.deepEqual(site.errors, []);
    } finally {
      site.end();
    }
  });
}

function damage(folder: string, change: string): void {
  const database = new Database(join(folder, OUTBOX_FILE));
  const { changes } = database
    .prepare(
      `UPDATE outbox_bodies SET ${change} WHERE id IN
         (SELECT outbox.id FROM outbox JOIN sources ON sources.id = source_id WHERE household = 'damaged' AND from_seq = 1)`,
    )
    .run();
  database.close();
  assert.equal(changes, 1);
}

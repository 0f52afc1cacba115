import assert from 'node:assert/strict';
import { test } from 'node:test';
import { partitionOf } from '../../../../common/broker/broker.ts';

test('a household has the same partition on every machine and in every version', () => {
  // FNV-1a of "", "a" and "foobar" as published: 0x811c9dc5, 0xe40c292c, 0xbf9cf968.
  assert.equal(partitionOf('', 1_000), 0x811c9dc5 % 1_000);
  assert.equal(partitionOf('a', 1_000), 0xe40c292c % 1_000);
  assert.equal(partitionOf('foobar', 1_000), 0xbf9cf968 % 1_000);
});

test('households spread over the partitions', () => {
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < 1_000; i++) {
    const partition = partitionOf(`household-${i}`, 4);
    counts[partition] = (counts[partition] ?? NaN) + 1;
  }
  for (const count of counts) assert.ok(count > 150, `a partition has ${count} of 1000 households`);
});

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { LatestQueue } from '../../../../../cloud/server/storage/latest-queue.ts';
import { bucket } from '../../../../contract/latest-suite.ts';

const told = (windows: readonly { household: string; field: string; startMs: number }[]) =>
  windows.map(({ household, field, startMs }) => `${household}.${field}@${startMs}`).join(' ');

it('gives the newest window of each series, households in the order in which they began to wait', () => {
  const queue = new LatestQueue(10);
  queue.add([bucket('b', 1), bucket('a', 1), bucket('b', 1, { field: 'energy' })]);
  queue.add([bucket('a', 3), bucket('b', 2)]);
  queue.add([bucket('a', 2)]);
  assert.equal(queue.size, 3);
  assert.equal(queue.coalesced, 3);
  assert.equal(told(queue.take(10)), 'b.power@2 b.energy@1 a.power@3');
  assert.equal(queue.size, 0);
  assert.deepEqual(queue.take(10), []);
});

it('is taken in pieces, and what comes meanwhile is not lost', () => {
  const queue = new LatestQueue(10);
  queue.add(['x', 'y', 'z'].map((field) => bucket('a', 1, { field })));
  assert.equal(told(queue.take(2)), 'a.x@1 a.y@1');
  assert.equal(queue.size, 1);
  queue.add([bucket('a', 2, { field: 'x' }), bucket('b', 1)]);
  assert.equal(told(queue.take(2)), 'a.z@1 a.x@2');
  assert.equal(told(queue.take(2)), 'b.power@1');
});

it('holds no more households than it may: the one that waits longest goes, counted by its windows', () => {
  const queue = new LatestQueue(2);
  queue.add([bucket('a', 1), bucket('a', 1, { field: 'energy' }), bucket('b', 1)]);
  queue.add([bucket('a', 2), bucket('c', 1), bucket('b', 2)]);
  assert.equal(queue.dropped, 2);
  assert.equal(queue.size, 2);
  assert.equal(told(queue.take(9)), 'b.power@2 c.power@1');
  queue.add([bucket('a', 1)]);
  queue.clear();
  assert.equal(queue.size, 0);
  assert.deepEqual(queue.take(9), []);
});

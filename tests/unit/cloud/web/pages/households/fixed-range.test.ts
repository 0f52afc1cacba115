import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fixedRange, nearestSpan } from '../../../../../../cloud/web/pages/households/fixed-range.ts';

test('a range of words becomes instants once the ends are known', () => {
  const span = { fromMs: 0, toMs: 1_000 };
  assert.deepEqual(fixedRange({ from: 'latest-24h', to: 'latest' }, span), {
    from: '1970-01-01T00:00:00.000Z',
    to: '1970-01-01T00:00:01.000Z',
  });
  assert.equal(fixedRange({ from: 'latest-24h', to: 'latest' }, null), null);
  assert.deepEqual(fixedRange({ from: '2019-12-24T00:00:00Z', to: 'now' }, null), { from: '2019-12-24T00:00:00Z', to: 'now' });
});

test('the nearest data: the end that is nearer, beside the gap, never longer than the data', () => {
  const data = { firstMs: 1_000, lastMs: 2_000 };
  const gap = { fromMs: 1_200, toMs: 1_600 };
  assert.deepEqual(nearestSpan({ fromMs: 5_000, toMs: 5_100 }, data, undefined), { fromMs: 1_900, toMs: 2_000 });
  assert.deepEqual(nearestSpan({ fromMs: 0, toMs: 500 }, data, undefined), { fromMs: 1_000, toMs: 1_500 });
  assert.deepEqual(nearestSpan({ fromMs: 5_000, toMs: 90_000 }, data, undefined), { fromMs: 1_000, toMs: 2_000 });
  assert.deepEqual(nearestSpan({ fromMs: 1_250, toMs: 1_350 }, data, gap), { fromMs: 1_100, toMs: 1_200 });
  assert.deepEqual(nearestSpan({ fromMs: 1_450, toMs: 1_550 }, data, gap), { fromMs: 1_600, toMs: 1_700 });
});

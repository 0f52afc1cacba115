import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  centredAt,
  keyMovesMs,
  movedBy,
  placeOf,
  SPAN_LEAST_MS,
  stripPath,
  zoomedAt,
} from '../../../../../../cloud/web/pages/explore/brush.ts';

const HOUR_MS = 3_600_000;
const WHOLE = { fromMs: 0, toMs: 100 * HOUR_MS };
const SPAN = { fromMs: 10 * HOUR_MS, toMs: 20 * HOUR_MS };

test('edges move inside the recording and stop before each other; the whole keeps its length', () => {
  assert.deepEqual(movedBy(SPAN, 'from', HOUR_MS, WHOLE), { fromMs: 11 * HOUR_MS, toMs: 20 * HOUR_MS });
  assert.deepEqual(movedBy(SPAN, 'from', 50 * HOUR_MS, WHOLE), { fromMs: 20 * HOUR_MS - SPAN_LEAST_MS, toMs: 20 * HOUR_MS });
  assert.deepEqual(movedBy(SPAN, 'from', -50 * HOUR_MS, WHOLE), { fromMs: 0, toMs: 20 * HOUR_MS });
  assert.deepEqual(movedBy(SPAN, 'to', -50 * HOUR_MS, WHOLE), { fromMs: 10 * HOUR_MS, toMs: 10 * HOUR_MS + SPAN_LEAST_MS });
  assert.deepEqual(movedBy(SPAN, 'to', 500 * HOUR_MS, WHOLE), { fromMs: 10 * HOUR_MS, toMs: 100 * HOUR_MS });
  assert.deepEqual(movedBy(SPAN, 'both', 500 * HOUR_MS, WHOLE), { fromMs: 90 * HOUR_MS, toMs: 100 * HOUR_MS });
  assert.deepEqual(movedBy(SPAN, 'both', -500 * HOUR_MS, WHOLE), { fromMs: 0, toMs: 10 * HOUR_MS });
  assert.deepEqual(movedBy({ fromMs: -HOUR_MS, toMs: 200 * HOUR_MS }, 'both', HOUR_MS, WHOLE), WHOLE);
});

test('keys move by a hundredth and a tenth of the recording and to its ends; others do nothing', () => {
  assert.deepEqual(
    ['ArrowLeft', 'ArrowRight', 'PageUp', 'PageDown', 'Home', 'End', 'x'].map((key) => keyMovesMs(key, WHOLE)),
    [-HOUR_MS, HOUR_MS, 10 * HOUR_MS, -10 * HOUR_MS, -100 * HOUR_MS, 100 * HOUR_MS, undefined],
  );
});

test('a click beside the brush takes its middle there', () => {
  assert.deepEqual(centredAt(SPAN, 50 * HOUR_MS, WHOLE), { fromMs: 45 * HOUR_MS, toMs: 55 * HOUR_MS });
  assert.deepEqual(centredAt(SPAN, 1, WHOLE), { fromMs: 0, toMs: 10 * HOUR_MS });
  assert.deepEqual([placeOf(25 * HOUR_MS, WHOLE), placeOf(-5, WHOLE), placeOf(1e12, WHOLE)], [25, 0, 100]);
});

test('plus and minus zoom around the active point', () => {
  assert.deepEqual(zoomedAt('+', SPAN, undefined), { fromMs: 12.5 * HOUR_MS, toMs: 17.5 * HOUR_MS });
  assert.deepEqual(zoomedAt('-', SPAN, undefined), { fromMs: 5 * HOUR_MS, toMs: 25 * HOUR_MS });
  assert.deepEqual(zoomedAt('+', SPAN, SPAN.fromMs), { fromMs: 10 * HOUR_MS, toMs: 15 * HOUR_MS });
  assert.equal(zoomedAt('x', SPAN, undefined), undefined);
});

test('the line of the strip begins anew after a bucket without data', () => {
  const extent = { least: 0, greatest: 10 };
  assert.equal(stripPath([0, 10, null, 5, null, 0, 0], extent, 12), 'M71.4 11L214.3 1M500 6h1M785.7 11L928.6 11');
  assert.equal(stripPath([null, null], extent, 12), '');
  assert.equal(stripPath([3, 3], { least: 3, greatest: 3 }, 12), 'M250 11L750 11');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { awayFirst } from '../../../../../cloud/server/api/live-picture.ts';

test('edges that are away come before those that are late, those before the ones online; else the order stays', () => {
  const edges = (['online', 'late', 'never', 'online', 'offline'] as const).map((health, n) => ({ edge: `edge-${n}`, health }));
  assert.deepEqual(
    awayFirst(edges).map(({ edge }) => edge),
    ['edge-2', 'edge-4', 'edge-1', 'edge-0', 'edge-3'],
  );
});

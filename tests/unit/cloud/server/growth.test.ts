import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Growth } from '../../../../cloud/server/growth.ts';

test('growth is that of the last while; what was before the first look counts not, a total that fell began anew', () => {
  const growth = new Growth(60_000);
  const at = (second: number, total: number) => growth.of('x', total, second * 1_000);
  assert.equal(at(0, 500), 0);
  assert.equal(at(1, 503), 3);
  assert.equal(at(30, 503), 3);
  assert.equal(at(59, 504), 4);
  assert.equal(at(95, 504), 1);
  assert.equal(at(200, 504), 0);
  assert.equal(at(201, 2), 2);
  assert.equal(at(202, 5), 5);
  assert.equal(at(215, 5), 5);
  assert.equal(at(300, 5), 0);
  assert.equal(growth.of('y', 7, 0), 0);
  growth.keepOnly(new Set(['y']));
  assert.equal(at(301, 900), 0);
});

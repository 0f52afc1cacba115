import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../common/random.ts';
import { throughTransport } from '../../doubles/virtual-transport.ts';

const BODY = Buffer.from('what is sent, of some length');

test('what is not damaged arrives whole, in whatever pieces', () => {
  const random = seededRandom(1);
  for (let i = 0; i < 200; i++) {
    for (const way of ['request', 'reply'] as const) assert.deepEqual(throughTransport(way, BODY, random), BODY);
  }
});

test('damage is seen by the codec, or arrives in the payload', () => {
  const random = seededRandom(2);
  const counts = { ended: 0, damaged: 0, whole: 0 };
  for (let i = 0; i < 500; i++) {
    const arrived = throughTransport('request', BODY, random, { where: 'anywhere', bits: 1 + random.below(8) });
    if (arrived === undefined) counts.ended++;
    else if (arrived.equals(BODY)) counts.whole++;
    else counts.damaged++;
  }
  assert.ok(counts.ended > 50 && counts.damaged > 200, JSON.stringify(counts));
  for (let i = 0; i < 200; i++) {
    const arrived = throughTransport('reply', BODY, random, { where: 'payload', bits: 1 });
    assert.ok(arrived !== undefined && arrived.length === BODY.length && !arrived.equals(BODY), 'the payload alone');
  }
});

/** It must speak up for an edge that is refused and asks again at once, and for no other. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeReply, encodeRequest } from '../../common/wire.ts';
import { VirtualClock } from '../doubles/virtual-clock.ts';
import { REFUSED_PER_MINUTE_MAX, RefusalWitness } from './refusal-witness.ts';

const parts = { edge: 'e', epoch: 'p', claim: 'c', startId: 's', windowMs: 5_000, generations: {}, rows: [] };
const REQUEST = encodeRequest({ kind: 'parts', parts });
const REFUSED = encodeReply({ kind: 'refused', reason: 'x' });
const TAKEN = encodeReply({ kind: 'parts', startId: 's', verdicts: [], postalCodes: {}, generations: {} });

async function refusedEvery(ms: number, times: number, takenEvery = Number.POSITIVE_INFINITY): Promise<RefusalWitness> {
  const clock = new VirtualClock();
  const witness = new RefusalWitness(clock);
  for (let i = 1; i <= times; i++) {
    witness.saw(REQUEST, i % takenEvery === 0 ? TAKEN : REFUSED);
    await clock.advance(ms);
  }
  return witness;
}

test('refusals one after the other are counted within a minute', async () => {
  assert.deepEqual((await refusedEvery(2_000, 200)).findings, []);
  assert.equal((await refusedEvery(2_000, 200)).mostPerMinute, 30);
  assert.match((await refusedEvery(500, 200)).findings.join(), new RegExp(`refused ${REFUSED_PER_MINUTE_MAX + 1} times`));
  assert.deepEqual((await refusedEvery(500, 200, 20)).findings, [], 'something was taken in between');
});

test('what was damaged on its way, and what is no request for parts, is not counted', () => {
  const witness = new RefusalWitness(new VirtualClock());
  for (let i = 0; i < 200; i++) {
    witness.saw(Buffer.from('{"v":1,'), REFUSED);
    witness.saw(encodeRequest({ kind: 'hello', hello: { edge: 'e', epoch: 'p', claim: 'c', windowMs: 5_000, households: [] } }), REFUSED);
  }
  assert.deepEqual([witness.findings, witness.mostPerMinute], [[], 0]);
});

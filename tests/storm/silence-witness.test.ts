/** It must speak up for an edge that is told live and is not, and for one that is told silent and is not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../doubles/virtual-clock.ts';
import { SilenceWitness, type TellsEdges } from './silence-witness.ts';

async function findings(told: 'live' | 'silent', quietMs: number): Promise<{ text: string; silences: number }> {
  const clock = new VirtualClock();
  const witness = new SilenceWitness(clock, 15_000);
  const liveness: TellsEdges = { edges: () => [{ edge: 'e', state: told }] };
  witness.watch(liveness);
  witness.heard('e');
  await clock.advance(quietMs);
  witness.look();
  return { text: witness.findings.join('\n'), silences: witness.silences };
}

test('silence is to be told after its time and not before', async () => {
  assert.deepEqual(await findings('live', 14_000), { text: '', silences: 0 });
  assert.deepEqual(await findings('silent', 16_000), { text: '', silences: 1 });
  assert.match((await findings('live', 16_000)).text, /not heard for 16000 ms and is told to be live/);
  assert.match((await findings('silent', 14_000)).text, /heard 14000 ms ago and is told to be silent/);
});

test('what a cloud before this one heard is not held against it', async () => {
  const clock = new VirtualClock();
  const witness = new SilenceWitness(clock, 15_000);
  witness.heard('e');
  witness.watch({ edges: () => [] });
  await clock.advance(60_000);
  witness.look();
  assert.deepEqual(witness.findings, []);
});

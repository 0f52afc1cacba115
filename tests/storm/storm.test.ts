/**
 * Storms: production edge and cloud in virtual time, every fault by seed. A red one prints its seed; `node --import tsx
 * tests/storm/replay.ts SEED` runs it again and tells everything that happened.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runStorm, type StormResult } from './storm.ts';
import { STORM_FAILPOINTS } from './storm-faults.ts';
import { describePlan, FAULTS, WORLD_NAMES } from './storm-plan.ts';

/** Nine rounds through the worlds. */
const SEEDS = 63;
/** One of each world: these are run twice. */
const SEEDS_TWICE = WORLD_NAMES.length;
const FINDINGS_SHOWN = 5;

function assertWeathered({ plan, findings, readings }: StormResult): void {
  assert.ok(readings > 50, `seed ${plan.seed} has ${readings} readings only`);
  if (findings.length === 0) return;
  const shown = findings.slice(0, FINDINGS_SHOWN).map((finding) => `  ${finding}`);
  assert.fail(
    `seed ${plan.seed}: ${findings.length} findings\n${shown.join('\n')}\n${describePlan(plan)}\n` +
      `replay: node --import tsx tests/storm/replay.ts ${plan.seed}`,
  );
}

describe('storms', () => {
  const results: StormResult[] = [];

  for (let seed = 0; seed < SEEDS; seed++) {
    it(`seed ${seed}`, async () => {
      const result = await runStorm(seed);
      results.push(result);
      assertWeathered(result);
    });
  }

  it('the same seed gives the same storm', async () => {
    for (const { plan, hash } of results.slice(0, SEEDS_TWICE)) assert.equal((await runStorm(plan.seed)).hash, hash, `seed ${plan.seed}`);
    assert.equal(new Set(results.map(({ hash }) => hash)).size, SEEDS);
  });

  it('every fault came, every failpoint killed, and every usual verdict was given', () => {
    const keys = (of: (result: StormResult) => ReadonlyMap<string, number>) => new Set(results.flatMap((result) => [...of(result).keys()]));
    const faults = [...keys(({ faults }) => faults)];
    for (const fault of FAULTS) {
      if (fault !== 'link black-holed') assert.ok(faults.includes(fault), `no storm had the fault "${fault}"`);
    }
    assert.equal(faults.filter((fault) => fault.startsWith('black hole')).length, 4);
    const died = keys(({ died }) => died);
    for (const name of STORM_FAILPOINTS) assert.ok(died.has(name), `nobody died at ${name}`);
    const verdicts = keys(({ verdicts }) => verdicts);
    for (const verdict of ['stored', 'duplicate', 'gap', 'not_owner']) assert.ok(verdicts.has(verdict), `no row was answered ${verdict}`);
    assert.ok(
      results.some(({ quotaReached }) => quotaReached),
      'no outbox was ever full',
    );
  });
});

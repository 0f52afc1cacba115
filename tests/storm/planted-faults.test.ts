/** A storm that lets a wrong program pass is worth nothing: each of these must turn one red. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PLANTED_FAULTS, SURVIVORS } from './planted-faults.ts';
import { runStorm } from './storm.ts';

/** Three rounds through all worlds. */
const SEEDS_MAX = 21;
/** One round: those that are harmless are told so by the many storms that were run when they were found to be. */
const SURVIVOR_SEEDS = 7;

describe('planted faults', () => {
  for (const planted of PLANTED_FAULTS) {
    it(`${planted.name} is seen`, async (context) => {
      for (let i = 0; i < SEEDS_MAX; i++) {
        const seed = (planted.from ?? 0) + i;
        const { findings } = await runStorm(seed, { planted });
        const [first] = findings;
        if (first === undefined) continue;
        context.diagnostic(`${planted.name}: red at seed ${seed}, ${i + 1} of at most ${SEEDS_MAX}: ${first.slice(0, 140)}`);
        return;
      }
      assert.fail(`${planted.name} survived ${SEEDS_MAX} seeds`);
    });
  }

  it('there are twenty', () => assert.equal(PLANTED_FAULTS.length, 20));
});

describe('wrong programs that another rule makes harmless', () => {
  for (const planted of SURVIVORS) {
    it(`${planted.name}: ${planted.because}`, async () => {
      for (let seed = 0; seed < SURVIVOR_SEEDS; seed++) {
        const { findings } = await runStorm(seed, { planted });
        assert.deepEqual(findings, [], `seen at seed ${seed}: it belongs to the planted faults`);
      }
    });
  }
});

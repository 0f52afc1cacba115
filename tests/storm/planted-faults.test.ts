/** A storm that lets a wrong program pass is worth nothing: five of them must turn it red. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PLANTED_FAULTS } from './planted-faults.ts';
import { runStorm } from './storm.ts';

/** Two rounds through all worlds. */
const SEEDS_MAX = 14;

describe('planted faults', () => {
  for (const planted of PLANTED_FAULTS) {
    it(`${planted.name} is seen`, async (context) => {
      for (let seed = 0; seed < SEEDS_MAX; seed++) {
        const { findings } = await runStorm(seed, { planted });
        const [first] = findings;
        if (first === undefined) continue;
        context.diagnostic(`${planted.name}: red at seed ${seed}, ${seed + 1} of at most ${SEEDS_MAX}: ${first.slice(0, 140)}`);
        return;
      }
      assert.fail(`${planted.name} survived ${SEEDS_MAX} seeds`);
    });
  }

  it('there are five', () => assert.equal(PLANTED_FAULTS.length, 5));
});

/** A storm that lets a wrong program pass is worth nothing: each of these must turn one red. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PLANTED_FAULTS } from './planted-faults.ts';
import { runStorm } from './storm.ts';

/** Three rounds through all worlds. */
const SEEDS_MAX = 21;

describe('planted faults', () => {
  for (const planted of PLANTED_FAULTS) {
    it(`${planted.name} is seen`, async (context) => {
      const { from = 0, shows, plan, name } = planted;
      for (let i = 0; i < SEEDS_MAX; i++) {
        const seed = from + i;
        const { findings } = await runStorm(seed, { planted });
        const shown = shows === undefined ? findings[0] : findings.find((finding) => shows.test(finding));
        if (shown === undefined) continue;
        context.diagnostic(`${name}: red at seed ${seed}, ${i + 1} of at most ${SEEDS_MAX}: ${shown.slice(0, 140)}`);
        if (plan === undefined) return;
        const without = await runStorm(seed, { planted: { name, plan } });
        assert.deepEqual(without.findings, [], `seed ${seed} is red by its plan alone`);
        return;
      }
      assert.fail(`${name} survived ${SEEDS_MAX} seeds`);
    });
  }

  it('there are twenty-five', () => assert.equal(PLANTED_FAULTS.length, 25));
});

/** Runs scenarios as tests: each must be explored to its end without a counterexample, and nothing in its budget may be left untried. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ALL_RULES } from './small-model-rules.ts';
import { explore } from './small-model-search.ts';
import type { Scenario } from './small-model-world.ts';

/** More than any of the scenarios has; a scenario that outgrows it would make the suite slow. */
const STATES_MAX = 120_000;

/** @param expected what must have happened in at least one of the scenarios */
export function testScenarios(scenarios: readonly Scenario[], expected: readonly string[]): void {
  const reached = new Set<string>();
  let states = 0;
  for (const scenario of scenarios) {
    test(scenario.name, (context) => {
      const found = explore({ scenario, off: ALL_RULES, reached }, STATES_MAX);
      states += found.states;
      context.diagnostic(`${found.states} states, ${found.steps} steps, ${found.completions} runs to the end`);
      assert.equal(found.counterexample, undefined, JSON.stringify(found.counterexample, null, 1));
      assert.deepEqual([...found.faults].sort(), Object.keys(scenario.budget).sort());
      assert(found.states > 100);
    });
  }
  test('everything that can happen has happened', () => assert.deepEqual([...reached].sort(), [...expected].sort()));
  after(() => process.stdout.write(`${states} states explored\n`));
}

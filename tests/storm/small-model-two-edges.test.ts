/** Every interleaving with two edges: a fresh one takes over from one that is dead, a copy of one works beside it, one is set back. */
import { scenario } from './small-model-scenarios.ts';
import { testScenarios } from './small-model-suite.ts';

testScenarios(
  [
    // The other edge is dead for good, and so is its disk. Retention deletes what the dead one had committed.
    scenario('late', { 'take-over': 1, retention: 1 }),
    scenario('skipped', { 'take-over': 1, retention: 1, timeout: 1 }),
    scenario('atOnce', { 'take-over': 1, retention: 1, backup: 1, restore: 1 }),
    scenario('twoFine', { 'take-over': 1, retention: 1, replace: 1 }),
    // Two live edges with the same database.
    scenario('atOnce', { clone: 1 }),
    scenario('threeAtOnce', { clone: 1, idle: 1 }),
    scenario('twoAtOnce', { clone: 1, timeout: 1 }),
    scenario('twoAtOnce', { clone: 1, replace: 1 }),
    scenario('twoSources', { clone: 1 }),
    // An older copy of its database under the same edge.
    scenario('late', { copy: 1, 'edge restore': 1 }),
    scenario('three', { copy: 1, 'edge restore': 1, idle: 1 }),
    scenario('atOnce', { copy: 1, 'edge restore': 1, timeout: 1 }),
    scenario('twoFine', { copy: 1, 'edge restore': 1, backup: 1, restore: 1 }),
    scenario('twoAtOnce', { copy: 1, 'edge restore': 1, replace: 2 }),
    scenario('twoSources', { copy: 1, 'edge restore': 1 }),
  ],
  [
    ...['stored', 'duplicate', 'gap', 'not_owner'],
    ...['queues again', 'learns of a lost ack', 'drops a row', 'misses seqs', 'refills', 'declares'],
    ...['open: keep', 'open: drop'],
  ],
);

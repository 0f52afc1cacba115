/**
 * An edge that is killed while it works in the answer to a hello, between any two rows that change or are put in: the next hello mends
 * what it left, whatever came in between.
 */
import { scenario } from './small-model-scenarios.ts';
import { testScenarios } from './small-model-suite.ts';

testScenarios(
  [
    scenario('lateAtOnce', { 'half hello': 2, timeout: 2 }),
    scenario('atOnce', { 'half hello': 2, backup: 1, restore: 1 }),
    scenario('lateAtOnce', { 'half hello': 1, backup: 1, restore: 2 }),
    scenario('devicesAtOnce', { 'half hello': 1, backup: 1, restore: 1, timeout: 1 }),
    scenario('plain', { 'half hello': 1, backup: 1, restore: 1, trim: 1 }, { refillReadingsMax: 1 }),
    scenario('skipped', { 'half hello': 1, backup: 1, restore: 1, trim: 1, retention: 1 }),
    scenario('twoFine', { 'half hello': 1, replace: 1, backup: 1, restore: 1 }),
    scenario('twoAtOnce', { 'half hello': 1, 'edge restore': 1, copy: 1, trim: 1 }),
  ],
  [
    ...['stored', 'duplicate', 'gap', 'not_owner'],
    ...['queues again', 'learns of a lost ack', 'drops a row', 'misses seqs', 'refills', 'refills in pieces', 'declares'],
    ...['open: keep', 'open: drop'],
  ],
);

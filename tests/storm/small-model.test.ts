/**
 * Every interleaving of one edge, one cloud, their link and their topic with few readings and few faults. What is explored, and what is
 * checked, is told in common/protocol/DESIGN.md.
 */
import { scenario } from './small-model-scenarios.ts';
import { testScenarios } from './small-model-suite.ts';

testScenarios(
  [
    scenario('marked', {}),
    // The link: requests and answers that are late, lost, doubled; two requests on their way overtake each other.
    scenario('devicesAtOnce', { timeout: 1, duplicate: 1 }),
    scenario('marked', { timeout: 2, duplicate: 1, repeat: 1 }),
    scenario('late', { timeout: 1, repeat: 1, idle: 1 }),
    // The edge's process.
    scenario('lateAtOnce', { crash: 1, idle: 1 }),
    scenario('skipped', { crash: 1, repeat: 1 }),
    scenario('devicesAtOnce', { crash: 1, timeout: 1 }),
    // The cloud's process, and its disk set back.
    scenario('atOnce', { 'cloud crash': 1, backup: 1, restore: 2 }),
    scenario('plain', { backup: 1, restore: 1, timeout: 1, trim: 1 }),
    scenario('lateAtOnce', { backup: 1, restore: 1, crash: 1 }),
    scenario('plain', { backup: 1, restore: 1, trim: 1 }, { refillReadingsMax: 1 }),
    scenario('skipped', { backup: 1, restore: 1, trim: 1, retention: 1 }),
    // The log is lost; what it held is lost or comes again.
    scenario('plain', { replace: 1, timeout: 1 }),
    scenario('lateAtOnce', { replace: 1, crash: 1 }),
    scenario('threeFine', { replace: 2 }),
    scenario('twoFine', { replace: 2, backup: 1, restore: 1 }),
    // A device with a second source.
    scenario('twoSources', { timeout: 1, crash: 1, backup: 1, restore: 1 }),
  ],
  [
    ...['stored', 'duplicate', 'gap', 'not_owner'],
    ...['queues again', 'learns of a lost ack', 'drops a row', 'misses seqs', 'refills', 'refills in pieces', 'declares'],
    // An open part that overlaps what is stored takes two edges, or one that was set back.
    ...['open: keep', 'open: close'],
  ],
);

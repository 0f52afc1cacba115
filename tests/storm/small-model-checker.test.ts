/**
 * Tests of the checker: without a rule it must find a counterexample; which rules have a second one behind them, so that it finds none
 * without the first. And the random walk, where the search can't go.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RULES, type Rule } from './small-model-rules.ts';
import { scenario } from './small-model-scenarios.ts';
import { explore } from './small-model-search.ts';
import { walk } from './small-model-walk.ts';
import type { Budget, Scenario } from './small-model-world.ts';

const STATES_MAX = 50_000;

interface Ablation {
  /** More than one where each alone makes up for the other. */
  off: readonly Rule[];
  scenario: Scenario;
  /** What goes wrong. */
  message: RegExp;
}

const restored = scenario('twoFine', { backup: 1, restore: 1 });
const replaced = scenario('twoFine', { replace: 1 });
const replacedTwice = scenario('twoFine', { replace: 2 });
const setBack = scenario('threeFine', { copy: 1, 'edge restore': 1, idle: 1 });
const cloned = scenario('twoAtOnce', { clone: 1 });
const lateRequest = scenario('plain', { crash: 1, timeout: 1 });

const ABLATIONS: readonly Ablation[] = [
  { off: ['seen is a set of intervals'], scenario: replacedTwice, message: /declared missing and lies in the log/ },
  { off: ['holes are searched in the log'], scenario: setBack, message: /declared missing and lies in the log/ },
  { off: ['the start id tells another cloud process'], scenario: restored, message: /lost without a word/ },
  {
    off: ['acks of another start are ignored', 'a hello waits for the requests on their way'],
    scenario: restored,
    message: /for acknowledged, the cloud has not got it/,
  },
  {
    off: ['acks of another start are ignored', 'nothing is sent before the answer to a hello'],
    scenario: restored,
    message: /for acknowledged, the cloud has not got it/,
  },
  { off: ['not_owner stops a household'], scenario: scenario('plain', { crash: 1 }), message: /finds no end/ },
  { off: ['a gap is refused'], scenario: scenario('plain', { timeout: 1 }), message: /was accepted/ },
  { off: ['each start has a claim of its own'], scenario: lateRequest, message: /is stored, and c1 has taken its place/ },
  { off: ['each start has a claim of its own'], scenario: cloned, message: /has taken its place/ },
  { off: ['a part of another generation is refused'], scenario: lateRequest, message: /is stored, and c1 has taken its place/ },
  {
    off: ['a part of another generation is refused', 'an overlap is refused'],
    scenario: { ...setBack, looksAtLives: false },
    message: /counted twice/,
  },
  { off: ['covered is reloaded after a hello'], scenario: restored, message: /finds no end/ },
  { off: ['acked rows outside covered are queued again'], scenario: restored, message: /in two parts/ },
  { off: ['what overlaps covered is dropped'], scenario: setBack, message: /in two parts/ },
  { off: ['a repeated claim keeps its generation'], scenario: scenario('plain', { timeout: 1 }), message: /nobody else has claimed/ },
  { off: ['declared is not covered'], scenario: replacedTwice, message: /declared missing and lies in the log/ },
  { off: ['the end mark names the last seqs'], scenario: replaced, message: /lost without a word/ },
  { off: ['the log under the offset is checked'], scenario: replaced, message: /lost without a word/ },
  { off: ['the lowest seq goes first'], scenario: replaced, message: /finds no end/ },
  { off: ['un-acked gap rows are searched anew'], scenario: replaced, message: /lost without a word/ },
  { off: ['the earlier source goes first'], scenario: scenario('twoSources', {}), message: /lost without a word|rejected/ },
  {
    off: ['committed is below what is not acknowledged'],
    scenario: scenario('twoFine', { 'take-over': 1, retention: 1 }),
    message: /declared missing and was never lost/,
  },
  {
    off: ['nothing is committed while a hello is due'],
    scenario: scenario('threeFine', { copy: 1, 'edge restore': 1, idle: 1, 'half hello': 1, retention: 1 }),
    message: /declared missing and was never lost/,
  },
];

for (const { off, scenario: where, message } of ABLATIONS) {
  test(`without "${off.join('" and "')}"`, (context) => {
    const found = explore({ scenario: where, off: new Set(off), reached: new Set() }, STATES_MAX);
    assert(found.counterexample !== undefined, `${found.states} states were right without the rule`);
    assert.match(found.counterexample.message, message);
    context.diagnostic(`${found.states} states, ${found.counterexample.trace.length} steps: ${found.counterexample.message}`);
  });
}

interface SecondBehind {
  off: Rule;
  /** What does the work without it. */
  because: string;
  scenarios: readonly Scenario[];
}

/** The cloud is set back while requests and answers are on their way, and nothing may come after them. */
const LATE_ACKS = [
  restored,
  scenario('atOnce', { 'cloud crash': 1, backup: 1, restore: 2 }),
  scenario('plain', { backup: 1, restore: 1, timeout: 1 }),
  scenario('threeAtOnce', { backup: 1, restore: 1, timeout: 1, duplicate: 1 }),
];
const TWO_LIVES = [setBack, cloned, lateRequest].map((its) => ({ ...its, looksAtLives: false }));

const SECOND_BEHIND: readonly SecondBehind[] = [
  {
    off: 'acks of another start are ignored',
    because: 'the cloud answers hello_first to what is of another start, and a hello waits for what is on its way',
    scenarios: LATE_ACKS,
  },
  {
    off: 'a hello waits for the requests on their way',
    because: 'their acks are of another start than the one that answered the hello, and are ignored',
    scenarios: LATE_ACKS,
  },
  { off: 'nothing is sent before the answer to a hello', because: 'as before: its acks are ignored', scenarios: LATE_ACKS },
  { off: 'an overlap is refused', because: 'parts that overlap are of another generation', scenarios: [setBack, cloned] },
  {
    off: 'a part of another generation is refused',
    because: 'for the readings alone: what is sent by two is a duplicate or overlaps (R4, R8)',
    scenarios: TWO_LIVES,
  },
  { off: 'each start has a claim of its own', because: 'for the readings alone: no number of an edge is a key (R8)', scenarios: TWO_LIVES },
];

for (const { off, because, scenarios } of SECOND_BEHIND) {
  test(`without "${off}" alone no reading is lost or counted twice: ${because}`, (context) => {
    let states = 0;
    for (const its of scenarios) {
      const found = explore({ scenario: its, off: new Set([off]), reached: new Set() }, STATES_MAX);
      assert.equal(found.counterexample, undefined, `${its.name}: ${JSON.stringify(found.counterexample, null, 1)}`);
      states += found.states;
    }
    assert.ok(states > 1_000, `${states} states`);
    context.diagnostic(`${states} states in ${scenarios.map(({ name }) => name).join('; ')}`);
  });
}

test('every rule is switched off once', () => {
  const tried = new Set(ABLATIONS.flatMap(({ off }) => off));
  assert.deepEqual([...tried].sort(), [...RULES].sort());
});

// ---- the random walk ---------------------------------------------------------------------------------------

const STEPS_PER_EPISODE = 150;
/** The first seed; episode n has seed + n. */
const SEED = Number(process.env['FOGLINE_STORM_SEED'] ?? '1');
const EPISODES = Number(process.env['FOGLINE_STORM_EPISODES'] ?? '250');
/** Much of everything, as long as nothing has to be lost. */
const FAULTS: Budget = {
  ...{ timeout: 6, duplicate: 3, repeat: 2, idle: 3, trim: 2, crash: 4, 'half hello': 3, 'cloud crash': 2, backup: 2, restore: 3 },
  ...{ 'take-over': 1, clone: 2, copy: 1, 'edge restore': 2 },
};

const WALKS: Readonly<Record<string, Budget>> = {
  'a log that keeps everything': FAULTS,
  'a log that is trimmed': { ...FAULTS, retention: 4 },
  'a log that is replaced': { ...FAULTS, replace: 2, retention: 2 },
};

for (const [name, budget] of Object.entries(WALKS)) {
  test(`random walk with ${name}: seeds ${SEED} to ${SEED + EPISODES - 1}`, (context) => {
    let steps = 0;
    for (let seed = SEED; seed < SEED + EPISODES; seed++) {
      const walked = walk(seed, budget, STEPS_PER_EPISODE);
      steps += walked.steps;
      assert.equal(walked.counterexample, undefined, `seed ${seed}: ${JSON.stringify(walked.counterexample, null, 1)}`);
    }
    assert(steps > EPISODES * 50, 'the walks ended early');
    context.diagnostic(`${steps} steps`);
  });
}

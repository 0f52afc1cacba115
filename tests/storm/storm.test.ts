/**
 * Storms: production edges and cloud in virtual time, every fault by seed. A red one prints the command that runs it again and tells
 * everything that happened.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runStorm, type StormResult } from './storm.ts';
import { STORM_FAILPOINTS, STORM_TOUCHES } from './storm-faults.ts';
import { describePlan, FAULTS, WORLD_NAMES } from './storm-plan.ts';
import { replayCommand } from './storm-text.ts';

/** Six rounds through the worlds; FOGLINE_LONG=1 gives twelve. */
const SEEDS = process.env['FOGLINE_LONG'] === '1' ? 84 : 42;
/** One of each world: these are run twice. */
const SEEDS_TWICE = WORLD_NAMES.length;
const FINDINGS_SHOWN = 5;
/** Touches beside STORM_TOUCHES. */
const OTHER_TOUCHES = [
  'edge live link.request, before',
  'edge live link.request, after',
  'edge live link.request, failed',
  'edge clock.timer, after',
  'cloud clock.timer, after',
  'cloud reply, before',
  'cloud clock.sleep, before',
  'cloud clock.sleep, after',
];

/** Consumption goes on as long as the edge: it seldom comes back while somebody lives. */
const SELDOM_TOUCHED = 'edge broker.consume, after';

function assertWeathered({ plan, findings, readings }: StormResult): void {
  assert.ok(readings > 50, `seed ${plan.seed} has ${readings} readings only`);
  if (findings.length === 0) return;
  const shown = findings.slice(0, FINDINGS_SHOWN).map((finding) => `  ${finding}`);
  assert.fail(
    `seed ${plan.seed}: ${findings.length} findings\n${shown.join('\n')}\n${describePlan(plan)}\nreplay: ${replayCommand(plan.seed)}`,
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

  it('a storm may be told how many edges and homes it has, and what it stores in', async () => {
    const { plan, households, findings } = await runStorm(3, { edges: 4, homes: 2, store: 'memory' });
    assert.deepEqual([plan.edges, households, plan.store], [4, 8, 'memory']);
    assert.deepEqual(findings, []);
    assert.equal(replayCommand(3, { edges: 4, store: 'memory' }), 'npm run storm -- --seed 3 --edges 4 --store memory');
    assert.equal(replayCommand(3, { only: 'outages', noCodec: true }), 'npm run storm -- --seed 3 --only outages --no-codec');
  });

  it('every fault came, and every usual verdict was given', () => {
    const keys = (of: (result: StormResult) => ReadonlyMap<string, number>) => new Set(results.flatMap((result) => [...of(result).keys()]));
    const faults = [...keys(({ faults }) => faults)];
    for (const fault of FAULTS) {
      if (fault !== 'link black-holed') assert.ok(faults.includes(fault), `no storm had the fault "${fault}"`);
    }
    assert.equal(faults.filter((fault) => fault.startsWith('black hole')).length, 4);
    const verdicts = keys(({ verdicts }) => verdicts);
    for (const verdict of ['stored', 'duplicate', 'gap', 'not_owner']) assert.ok(verdicts.has(verdict), `no row was answered ${verdict}`);
    const some = (is: (result: StormResult) => boolean, what: string) => assert.ok(results.some(is), what);
    some(({ quotaReached }) => quotaReached, 'no outbox was ever full');
    some(({ damaged }) => damaged > 20, 'no message was damaged');
    some(({ silences }) => silences > 0, 'no edge was told silent');
    for (const kind of ['sqlite', 'memory']) some(({ plan }) => plan.store === kind, `no storm stored in ${kind}`);
    some(({ plan }) => plan.edges > 1 && plan.inFlightMax > 1, 'no storm had several edges and several requests on their way');
  });

  it('somebody died at every failpoint, and before and after each thing that is waited for', () => {
    const died = new Set(results.flatMap((result) => [...result.died.keys()]));
    for (const name of STORM_FAILPOINTS) assert.ok(died.has(name), `nobody died at ${name}`);
    const touches = (['edge', 'cloud'] as const).flatMap((part) => STORM_TOUCHES[part].map((touch) => `${part} ${touch}`));
    const missed = touches.flatMap((touch) => [`${touch}, before`, `${touch}, after`]).filter((touch) => !died.has(touch));
    assert.deepEqual(
      missed.filter((touch) => touch !== SELDOM_TOUCHED),
      [],
      'nobody died there',
    );
    const touched = new Set(results.flatMap((result) => [...result.touched.keys()]));
    const known = new Set([
      ...touches.flatMap((touch) => ['before', 'after', 'failed'].map((when) => `${touch}, ${when}`)),
      ...OTHER_TOUCHES,
    ]);
    assert.deepEqual(
      [...touched].filter((touch) => !known.has(touch)),
      [],
      'a touch that nobody knows',
    );
  });
});

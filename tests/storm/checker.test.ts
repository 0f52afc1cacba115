/** The checker must fail for every kind of error that it is there for. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Bucket } from '../../cloud/server/storage/series-store.ts';
import type { Reading } from '../../common/messages.ts';
import { check, type Evidence } from './checker.ts';

const START_MS = 1_577_145_600_000;

function reading(seq: number, offsetMs: number, power: number): Reading {
  return { household: 'h', device: 'meter', src: 's', seq, timeMs: START_MS + offsetMs, values: { power } };
}

function bucket(offsetMs: number, values: readonly number[], first = values[0], last = values.at(-1)): Bucket {
  const sum = values.reduce((a, b) => a + b, 0);
  return {
    household: 'h',
    device: 'meter',
    field: 'power',
    startMs: START_MS + offsetMs,
    count: values.length,
    mean: sum / values.length,
    min: Math.min(...values),
    max: Math.max(...values),
    first: first as number,
    last: last as number,
    energyKwh: null,
  };
}

/** Seqs 1 and 2 are not in the run, 3 to 6 are readings, of which 6 comes late; 7 is damaged. */
function good(): Evidence {
  return {
    windowMs: 5_000,
    readings: [reading(3, 1_000, 10), reading(4, 2_000, -4), reading(5, 6_000, 7), reading(6, 3_000, 1)],
    notInRun: [{ household: 'h', device: 'meter', src: 's', fromSeq: 1, toSeq: 2 }],
    damaged: [{ household: 'h', device: 'meter', src: 's', fromSeq: 7, toSeq: 7 }],
    last: [{ household: 'h', device: 'meter', src: 's', seq: 7 }],
    sources: new Map([
      [
        'h/meter/s',
        {
          covered: [[3, 6]],
          declared: [
            { from: 1, to: 2, reason: 'not in run' },
            { from: 7, to: 7, reason: 'missing in the log' },
          ],
          readings: 4,
        },
      ],
    ]),
    buckets: [
      { lengthMs: 5_000, buckets: [bucket(0, [10, -4, 1]), bucket(5_000, [7])] },
      // Of two windows: the second weighs as much as the first, though it has one reading only.
      { lengthMs: 60_000, buckets: [{ ...bucket(0, [10, -4, 7, 1], 10, 7), mean: ((10 - 4 + 1) / 3 + 7) / 2 }] },
    ],
    households: [
      { household: 'h', postalCode: '10115', state: 'DE-BE', postalCodeFrom: 'drawn', firstMs: 0, lastMs: 0, readings: 4, declared: 3 },
    ],
    edge: {
      queued: 0,
      sent: 0,
      acked: 3,
      newestMs: START_MS,
      oldestUnackedMs: null,
      households: 1,
      parked: [],
      waitingFor: [],
      runs: [{ run: 'r', ended: true, done: true }],
      trimmedEarly: 0,
      unreadable: 1,
      outboxFull: false,
    },
    isLogReplaced: false,
  };
}

function source(evidence: Evidence) {
  return evidence.sources.get('h/meter/s') as {
    covered: [number, number][];
    declared: { from: number; to: number; reason: string }[];
    readings: number;
  };
}

function window(evidence: Evidence, i = 0): Bucket {
  return evidence.buckets[0]?.buckets[i] as Bucket;
}

const WRONG: Readonly<Record<string, { spoil: (evidence: Evidence) => void; says: RegExp }>> = {
  'a seq that is not stored': { spoil: (e) => (source(e).covered = [[3, 5]]), says: /1 seqs are unknown and should be stored: 6/ },
  'a seq that nobody made': { spoil: (e) => (source(e).covered = [[3, 8]]), says: /8/ },
  'a reading declared missing': {
    spoil: (e) => {
      source(e).covered = [[3, 5]];
      source(e).declared[1] = { from: 6, to: 7, reason: 'missing in the log' };
    },
    says: /missing and should be stored: 6/,
  },
  'a seq both stored and declared': {
    spoil: (e) => source(e).declared.push({ from: 4, to: 4, reason: 'x' }),
    says: /seq 4 is stored and declared/,
  },
  'a hole that is not declared': { spoil: (e) => source(e).declared.pop(), says: /unknown and should be missing: 7/ },
  'a gap for the wrong reason': {
    spoil: (e) => ((source(e).declared[0] as { reason: string }).reason = 'x'),
    says: /should be not in run: 1 2/,
  },
  'a wrong count of readings': { spoil: (e) => (source(e).readings = 5), says: /counted 5 readings, there are 4/ },
  'a source that nobody made': {
    spoil: (e) => (e.sources as Map<string, unknown>).set('h/meter/t', source(e)),
    says: /nobody made such a source/,
  },
  'a source that is missing': {
    spoil: (e) => (e.sources as Map<string, unknown>).clear(),
    says: /4 seqs are unknown and should be stored/,
  },
  'a double count': { spoil: (e) => (window(e).count = 4), says: /count is 4, should be 3/ },
  'a wrong sum': { spoil: (e) => (window(e).mean *= 1 + 1e-8), says: /mean is/ },
  'a mean of power that weighs readings instead of windows': {
    spoil: (e) => ((bucketsAt(e, 1)[0] as Bucket).mean = (10 - 4 + 1 + 7) / 4),
    says: /\+60000: mean is 3.5, should be 4.66/,
  },
  'a wrong min': { spoil: (e) => (window(e).min = 1), says: /min is 1, should be -4/ },
  'a wrong max': { spoil: (e) => (window(e).max = 11), says: /max is 11, should be 10/ },
  'a wrong first': { spoil: (e) => (window(e).first = -4), says: /first is -4, should be 10/ },
  'a wrong last': { spoil: (e) => (window(e).last = -4), says: /last is -4, should be 1/ },
  'a missing window': { spoil: (e) => bucketsAt(e, 0).pop(), says: /\+5000: is missing/ },
  'a window too many': { spoil: (e) => bucketsAt(e, 0).push(bucket(10_000, [1])), says: /has no reading/ },
  'a window twice': { spoil: (e) => bucketsAt(e, 0).push(bucket(5_000, [7])), says: /is there twice/ },
  'a wrong rollup': { spoil: (e) => ((bucketsAt(e, 1)[0] as Bucket).count = 3), says: /\+60000: count is 3/ },
  'a household with too many readings': {
    spoil: (e) => ((e.households[0] as { readings: number }).readings = 8),
    says: /the cloud says 8 readings/,
  },
  'rows left in the outbox': { spoil: (e) => (e.edge.queued = 2), says: /the outbox holds 2 queued/ },
  'a parked household': { spoil: (e) => (e.edge.parked = [{ household: 'h', reason: 'conflict' }]), says: /h is parked: conflict/ },
  'a household that waits': { spoil: (e) => (e.edge.waitingFor = ['h']), says: /waits for h/ },
  'a run that never ended': { spoil: (e) => (e.edge.runs = []), says: /saw no end/ },
  'a run that is not done': { spoil: (e) => (e.edge.runs = [{ run: 'r', ended: true, done: false }]), says: /done false/ },
  'nothing to check': { spoil: (e) => (e.readings = []), says: /nothing to check/ },
  'a storm that lost count': { spoil: (e) => (e.readings = [...e.readings].slice(1)), says: /lost count/ },
};

describe('the checker', () => {
  it('finds nothing where all is well', () => {
    assert.deepEqual(check(good()), []);
  });

  for (const [name, { spoil, says }] of Object.entries(WRONG)) {
    it(`sees ${name}`, () => {
      const evidence = good();
      spoil(evidence);
      assert.match(check(evidence).join('\n'), says);
    });
  }

  it('takes a skip for missing only where the log was replaced', () => {
    const evidence = good();
    for (const gap of source(evidence).declared) gap.reason = 'missing in the log';
    assert.equal(check(evidence).length, 1);
    assert.deepEqual(check({ ...evidence, isLogReplaced: true }), []);
  });
});

function bucketsAt(evidence: Evidence, level: number): Bucket[] {
  return (evidence.buckets[level] as Evidence['buckets'][number]).buckets as Bucket[];
}

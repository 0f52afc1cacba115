/** Is a long run that went wrong a red one, whatever it was that went wrong? */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMissed } from '../../../benchmarks/question.ts';
import { FAULTS } from '../../../benchmarks/soak-faults.ts';
import { type FaultTally, figuresOf, MINUTES_FOR_ALL, redsOf, replayCommand, type SoakRecord } from '../../../benchmarks/soak-judge.ts';

const OF_POISON = { household: 'poison-1', stage: 'cloud', window: null, what: 'its readings are here, and there is no file of it' };

const GOOD: SoakRecord = {
  minutes: 30,
  faults: Object.fromEntries(FAULTS.map(({ name }) => [name, { tried: 3, met: 2 }])),
  ended: [],
  broken: [],
  poisoned: ['poison-1'],
  parked: ['poison-1'],
  audit: {
    run: 'ended',
    windows: 1_000,
    declared: [{ household: 'home-1', stage: 'source', reason: 'rows set aside (quarantine.jsonl)', readings: 2 }],
    refusals: [OF_POISON],
  },
  watched: [{ what: 'largest memory of a process', value: 100, unit: 'MB', promise: { is: '≤', limit: 400 } }],
};

const audited = (audit: Partial<SoakRecord['audit']>): SoakRecord => ({ ...GOOD, audit: { ...GOOD.audit, ...audit } });
const withFault = (name: string, tally: FaultTally): SoakRecord => ({ ...GOOD, faults: { ...GOOD.faults, [name]: tally } });

test('a run that suffered every fault and is whole is a good one', () => {
  assert.deepEqual(redsOf(GOOD), []);
  assert.deepEqual(figuresOf(GOOD).filter(isMissed), []);
});

test('each kind of fault has its own name, and its figure says how often it took effect', () => {
  assert.equal(new Set(FAULTS.map(({ name }) => name)).size, FAULTS.length);
  const counted = figuresOf(GOOD).filter(({ what }) => what.startsWith('fault: '));
  assert.deepEqual(
    counted.map(({ what, value }) => [what, value]),
    FAULTS.map(({ name }) => [`fault: ${name}`, 2]),
  );
});

for (const { name } of FAULTS) {
  test(`${name}: tried and never seen to take effect is red`, () => {
    const record = withFault(name, { tried: 3, met: 0 });
    assert.deepEqual(redsOf(record), [`${name}: tried 3 times, and never seen to take effect`]);
    assert.deepEqual(
      figuresOf(record)
        .filter(isMissed)
        .map(({ what }) => what),
      [`fault: ${name}`],
    );
  });
}

test('a kind that never came is red, but in a run that is too short for all of them', () => {
  const record = withFault('clone', { tried: 0, met: 0 });
  assert.deepEqual(redsOf(record), ['clone: never tried']);
  assert.deepEqual(redsOf({ ...record, minutes: MINUTES_FOR_ALL }), ['clone: never tried']);
  assert.deepEqual(redsOf({ ...record, minutes: MINUTES_FOR_ALL - 1 }), []);
});

const difference = { household: 'home-2', stage: 'cloud', window: '2019-12-24T00:00:05.000Z', what: 'the mean is another' };
const lost = { household: 'home-2', stage: 'cloud', reason: 'missing in the log', readings: 4 };

const WRONG: [what: string, record: SoakRecord, red: RegExp][] = [
  ['a part that ended by itself', { ...GOOD, ended: ['cloud: out of memory'] }, /^ended by itself: cloud: out of memory$/],
  ['a promise broken in a fault', { ...GOOD, broken: ['locked: 3 rows acknowledged'] }, /^locked: 3 rows acknowledged$/],
  ['a household parked that had no poison', { ...GOOD, parked: ['poison-1', 'home-7'] }, /^home-7 is parked, and had no poison$/],
  ['a difference of the audit', audited({ refusals: [OF_POISON, difference] }), /^audit: home-2, cloud, 2019-.*: the mean is another$/],
  [
    'another difference of a poisoned household',
    audited({ refusals: [OF_POISON, { ...difference, household: 'poison-1' }] }),
    /^audit: poison-1, cloud, .*: the mean is another$/,
  ],
  [
    'a household of no file that had no poison',
    audited({ refusals: [OF_POISON, { ...OF_POISON, household: 'hostile-home' }] }),
    /^audit: hostile-home, cloud, no window: its readings are here, and there is no file of it$/,
  ],
  ['an audit that does not see the poison', audited({ refusals: [] }), /^audit: nothing is said of poison-1/],
  ['readings declared lost', audited({ declared: [lost] }), /^audit: 4 readings of home-2 declared lost: missing in the log$/],
  ['a run that has not ended', audited({ run: 'not ended' }), /^audit: the run is not ended$/],
  ['an audit of nothing', audited({ windows: 0 }), /^audit: nothing was compared$/],
  [
    'something that has grown',
    { ...GOOD, watched: [{ what: 'largest memory of a process', value: 500, unit: 'MB', promise: { is: '≤', limit: 400 } }] },
    /^largest memory of a process: 500 MB$/,
  ],
  [
    'something that was never seen',
    { ...GOOD, watched: [{ what: 'open files', value: Number.NaN, unit: 'files', promise: { is: '≤', limit: 8 } }] },
    /^open files: NaN files$/,
  ],
];

for (const [what, record, red] of WRONG) {
  test(`${what} is red, alone and by its name`, () => {
    const reds = redsOf(record);
    assert.equal(reds.length, 1, reds.join('\n'));
    assert.match(reds[0] as string, red);
  });
}

test('what is red says how it is done again', () => {
  assert.equal(replayCommand(30, 7), 'npm run soak -- --minutes 30 --seed 7');
});

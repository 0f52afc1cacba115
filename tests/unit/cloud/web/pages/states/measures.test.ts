import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StateRow } from '../../../../../../cloud/server/api/api-types.ts';
import { Formatter } from '../../../../../../cloud/web/format.ts';
import {
  comparedOf,
  howMade,
  isExtrapolated,
  MEASURES,
  measureOf,
  missingText,
  toggled,
  valueOf,
  valueText,
} from '../../../../../../cloud/web/pages/states/measures.ts';
import { translator } from '../../../../../../cloud/web/words/words.ts';

const f = new Formatter('en', 'Europe/Berlin');
const locale = { f, t: translator('en', f) };
const row: StateRow = {
  state: 'DE-BB',
  name: 'Brandenburg',
  households: 3,
  drawn: 1,
  reporting: 3,
  meanW: 300,
  annualKwh: 2_628,
  annualEur: 788.4,
  coveredHours: 23.8,
  rough: false,
};
const nobody: StateRow = { ...row, households: 0, reporting: 0, drawn: 0, meanW: null, annualKwh: null, annualEur: null, coveredHours: 0 };

test('how a year was made is always said, and that less than a day was extrapolated', () => {
  assert.equal(
    howMade(row, locale),
    'Mean power × 8,760 h, from 23.8\u00a0h of data (0.3\u00a0% of a year), 3 households. ' +
      'Extrapolated from less than a day: no allowance for season or time of day.',
  );
  assert.equal(
    howMade({ reporting: 1, coveredHours: 24 }, locale),
    'Mean power × 8,760 h, from 24\u00a0h of data (0.3\u00a0% of a year), 1 household.',
  );
  assert.match(howMade({ reporting: 1, coveredHours: 0.1 }, locale), /from 6\u00a0min of data \(< 0\.1\u00a0% of a year\)/);
  assert.deepEqual([isExtrapolated(row), isExtrapolated({ reporting: 1, coveredHours: 24 }), isExtrapolated(nobody)], [true, false, false]);
  assert.equal(howMade(nobody, locale), '');
});

test('figures of a state; one without a household has none in any measure, never 0', () => {
  assert.deepEqual(
    MEASURES.map((measure) => valueOf(row, measure, 47.6)),
    [2_628, 300, 788.4, 3, 0.5],
  );
  assert.deepEqual(
    MEASURES.map((measure) => valueOf(nobody, measure, 24)),
    [null, null, null, null, null],
  );
  assert.equal(valueOf(row, 'coverage', null), null);
  assert.equal(missingText(nobody, locale), 'no household');
  assert.equal(missingText({ households: 2 }, locale), 'no data in this range');
  assert.equal(valueText({ ...row, rough: true }, 'kwh', 24, locale), '~2,628\u00a0kWh');
  assert.equal(valueText({ ...row, rough: true }, 'w', 24, locale), '300\u00a0W');
});

test('measure and states of an address: what nobody knows is left out', () => {
  assert.deepEqual([measureOf('eur'), measureOf('x'), measureOf(null)], ['eur', 'kwh', 'kwh']);
  const known = new Set(['DE-BB', 'DE-BE', 'DE-BY', 'DE-HH']);
  assert.deepEqual(comparedOf('DE-BB,DE-XX,DE-BB,DE-BE,DE-BY,DE-HH', known), ['DE-BB', 'DE-BE', 'DE-BY']);
  assert.deepEqual(comparedOf(null, known), []);
  assert.deepEqual(toggled(['DE-BB'], 'DE-BE'), ['DE-BB', 'DE-BE']);
  assert.deepEqual(toggled(['DE-BB', 'DE-BE'], 'DE-BB'), ['DE-BE']);
  assert.deepEqual(toggled(['DE-BB', 'DE-BE', 'DE-BY'], 'DE-HH'), ['DE-BB', 'DE-BE', 'DE-BY']);
});

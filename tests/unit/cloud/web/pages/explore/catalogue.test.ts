import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Catalogue,
  NO_CATALOGUE,
  OPENED_HOUSEHOLDS_MAX,
  openedHouseholds,
  OPTIONS_MAX,
  type Option,
  optionsFor,
} from '../../../../../../cloud/web/pages/explore/catalogue.ts';

const CATALOGUE: Catalogue = {
  fields: ['energy', 'power'],
  households: [
    { household: 'home-01', state: 'DE-BB' },
    { household: 'home-02', state: 'DE-BE' },
  ],
  states: ['DE-BB', 'DE-BE'],
  devices: new Map([['home-01', ['home-01/meter.energy', 'home-01/meter.power', 'home-01/pv.power']]]),
};
const label = (option: Option) => (option.key.startsWith('state:DE-BB') ? 'Brandenburg' : option.key);
const keys = (text: string, catalogue = CATALOGUE) => optionsFor(catalogue, text, label).options.map(({ key }) => key);

test('without a word: all, each household, households with the devices that are known, states', () => {
  assert.deepEqual(keys(''), [
    'all.power',
    'all.energy',
    '*.power',
    'home-01.power',
    'home-01.energy',
    'home-01/meter.energy',
    'home-01/meter.power',
    'home-01/pv.power',
    'home-02.power',
    'state:DE-BB.power',
    'state:DE-BB.energy',
    'state:DE-BE.power',
    'state:DE-BE.energy',
  ]);
  assert.deepEqual(keys('', NO_CATALOGUE), []);
});

test('every word must be found, in the reference or in the label, whatever its case', () => {
  assert.deepEqual(keys('BRANDEN power'), ['state:DE-BB.power']);
  assert.deepEqual(keys('pv'), ['home-01/pv.power']);
  assert.deepEqual(keys('home-02 power'), ['home-02.power']);
  assert.deepEqual(keys('home-02 nowhere'), []);
});

test('one entry adds a series of each household', () => {
  const each = optionsFor(CATALOGUE, '*', label).options[0];
  assert.deepEqual(each?.refs, ['home-01.power', 'home-02.power']);
});

test('of many households the list is cut, and devices are asked for only of those that are typed', () => {
  const households = Array.from({ length: 200 }, (_, n) => ({ household: `home-${n}`, state: 'DE-BB' }));
  const many = { ...CATALOGUE, households };
  const { options, more } = optionsFor(many, 'home', label);
  assert.deepEqual([options.length, more], [OPTIONS_MAX, 200 - OPTIONS_MAX]);
  assert.deepEqual(openedHouseholds(many, ''), []);
  assert.deepEqual(openedHouseholds(many, 'power'), []);
  assert.deepEqual(openedHouseholds(many, 'home-117/met'), ['home-117']);
  assert.equal(openedHouseholds(many, 'home-1').length, OPENED_HOUSEHOLDS_MAX);
  // Of few also while something else is typed: a device is found by its name.
  for (const text of ['', 'pv']) assert.deepEqual(openedHouseholds(CATALOGUE, text), ['home-01', 'home-02']);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byAxes, choiceOf, isAddable, partsOf, queryFor, refusalOf, SERIES_MAX } from '../../../../../../cloud/web/pages/explore/choice.ts';

function choiceIn(query: string) {
  return choiceOf(new URLSearchParams(query));
}

test('without a word in the address it is the power of all households', () => {
  const choice = choiceIn('');
  assert.deepEqual(
    [choice.refs, choice.stat, choice.isStacked, choice.isNormalised, choice.isTable],
    [['all.power'], 'mean', false, false, false],
  );
});

test('a choice survives its way through the address', () => {
  const choice = {
    refs: ['home-01.power', 'home-01/meter.power1', 'state:DE-BB.power', 'all.energy'],
    hidden: new Set(['all.energy']),
    stat: 'energy' as const,
    isStacked: true,
    isNormalised: true,
    isTable: true,
  };
  assert.deepEqual(choiceOf(new URLSearchParams(queryFor(choice))), choice);
  assert.deepEqual(
    queryFor({ refs: ['all.power'], hidden: new Set(), stat: 'mean', isStacked: false, isNormalised: false, isTable: false }),
    {
      series: '',
      hidden: '',
      stat: '',
      stack: '',
      norm: '',
      view: '',
    },
  );
  assert.deepEqual(choiceIn(`series=${queryFor({ refs: [] })['series']}`).refs, []);
});

test('what is no reference, stands twice or is hidden without being there is left out', () => {
  const wrong = ['<img>.power', 'a.b.power', 'a/b/c.power', 'state:XX.power', 'home', '.power', 'a.', `${'x'.repeat(129)}.power`];
  assert.deepEqual(choiceIn(`series=${encodeURIComponent([...wrong, 'a.power', 'a.power'].join(','))}`).refs, ['a.power']);
  assert.deepEqual([...choiceIn('series=a.power&hidden=b.power,a.power').hidden], ['a.power']);
  assert.equal(choiceIn('stat=median').stat, 'mean');
  const many = Array.from({ length: SERIES_MAX + 5 }, (_, n) => `h${n}.power`);
  assert.equal(choiceIn(`series=${many.join(',')}`).refs.length, SERIES_MAX);
});

test('a reference tells whose it is', () => {
  assert.deepEqual(partsOf('all.power'), { kind: 'all', whose: '', device: '', field: 'power' });
  assert.deepEqual(partsOf('state:DE-BB.power'), { kind: 'state', whose: 'DE-BB', device: '', field: 'power' });
  assert.deepEqual(partsOf('h1.energy'), { kind: 'household', whose: 'h1', device: '', field: 'energy' });
  assert.deepEqual(partsOf('h1/m.energy'), { kind: 'device', whose: 'h1', device: 'm', field: 'energy' });
});

test('two units have an axis each, the series of a third are refused', () => {
  const refs = ['a.power', 'a.energy', 'b.power1', 'a.battery_soc', 'b.energy'];
  assert.deepEqual(byAxes(refs), { drawn: ['a.power', 'a.energy', 'b.power1', 'b.energy'], refused: ['a.battery_soc'] });
  assert.equal(refusalOf(['a.power'], 'a.energy'), undefined);
  assert.equal(refusalOf(['a.power', 'a.energy'], 'b.power2'), undefined);
  assert.equal(refusalOf(['a.power', 'a.energy'], 'a.battery_soc'), 'thirdUnit');
  const many = Array.from({ length: SERIES_MAX }, (_, n) => `h${n}.power`);
  assert.equal(refusalOf(many, 'x.power'), 'tooMany');
});

test('series are added up only where nothing is counted twice', () => {
  const sums: [refs: string[], isSum: boolean][] = [
    [['a.power', 'b.power'], true],
    [['a.power1', 'a.power2', 'a.power3'], true],
    [['a/m.power', 'a/n.power'], true],
    [['state:DE-BB.power', 'state:DE-BE.power'], true],
    [['a.power'], false],
    [['a.power', 'a.power1'], false],
    [['all.power', 'a.power'], false],
    [['all.power', 'all.power1'], false],
    [['a.power', 'a/m.power'], false],
    [['state:DE-BB.power', 'a.power'], false],
    [['a.power', 'b.energy'], false],
    [['a.battery_soc', 'b.battery_soc'], false],
    [['a.unheard_of', 'b.unheard_of'], false],
  ];
  for (const [refs, isSum] of sums) assert.equal(isAddable(refs, 'mean'), isSum, refs.join(' + '));
  assert.equal(isAddable(['a.power', 'b.power'], 'energy'), true);
  for (const stat of ['min', 'max'] as const) assert.equal(isAddable(['a.power', 'b.power'], stat), false);
});

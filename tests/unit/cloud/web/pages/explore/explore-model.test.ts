import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Choice } from '../../../../../../cloud/web/pages/explore/choice.ts';
import { type ExploreModelParts, exploreModel } from '../../../../../../cloud/web/pages/explore/explore-model.ts';
import { HOUR_MS, smallTable } from './small-table.ts';

function modelOf(table: ExploreModelParts['table'], choice: Partial<Choice> = {}, more: Partial<ExploreModelParts> = {}) {
  const refs = table.series.map(({ ref }) => ref);
  const whole = { refs, hidden: new Set<string>(), stat: 'mean' as const, isStacked: false, isNormalised: false, ...choice };
  const recorded = { fromMs: table.fromMs, toMs: table.toMs };
  return exploreModel({
    table,
    comparison: undefined,
    choice: whole,
    label: (ref) => ref,
    comparedLabel: (its) => `${its} then`,
    recorded,
    ...more,
  });
}

const ysOf = (points: readonly { y: number }[] | undefined) => points?.map(({ y }) => y);

test('a bucket without data is no number; a gap is where none of the shown series has data', () => {
  const table = smallTable({ 'a.power': { mean: [1, null, null, 4] }, 'b.power': { mean: [1, null, 3, 4] } });
  const model = modelOf(table);
  assert.deepEqual(ysOf(model.lines[0]?.points), [1, NaN, NaN, 4]);
  assert.equal(model.lines[0]?.points[0]?.x, HOUR_MS / 2);
  assert.deepEqual(model.gaps, [{ fromMs: HOUR_MS, toMs: 2 * HOUR_MS }]);
  assert.deepEqual(modelOf(table, { hidden: new Set(['b.power']) }).gaps, [{ fromMs: HOUR_MS, toMs: 3 * HOUR_MS }]);
  assert.deepEqual(modelOf(table, { hidden: new Set(['a.power', 'b.power']) }).gaps, []);
});

test('before the recording begins and after it ends nothing is missing', () => {
  const table = smallTable({ 'a.power': { mean: [null, 2, null, null] } });
  const recorded = { fromMs: HOUR_MS, toMs: 2.5 * HOUR_MS };
  assert.deepEqual(modelOf(table, {}, { recorded }).gaps, [{ fromMs: 2 * HOUR_MS, toMs: 2.5 * HOUR_MS }]);
});

test('a second unit has the axis on the right; a hidden series keeps the colours of the others', () => {
  const table = smallTable({ 'a.power': { mean: [1] }, 'b.power': { mean: [2] }, 'a.energy': { mean: [3] } });
  const model = modelOf(table, { hidden: new Set(['a.power']) });
  assert.deepEqual([model.unit, model.secondUnit], ['W', 'kWh']);
  assert.deepEqual(
    model.lines.map(({ key, colour, axis }) => [key, colour, axis]),
    [
      ['b.power', 1, undefined],
      ['a.energy', 2, 'second'],
    ],
  );
  assert.equal(modelOf(table, { hidden: new Set(['a.energy']) }).secondUnit, undefined);
});

test('the axis of counters fits the data, but not that of power, of energy, of what is stacked or normalised', () => {
  const table = smallTable({ 'a.power': { mean: [1] }, 'a.energy': { mean: [3] } });
  assert.deepEqual(modelOf(table).fitsData, { first: false, second: true });
  assert.deepEqual(modelOf(table, { stat: 'energy' }).fitsData, { first: false, second: false });
  assert.deepEqual(modelOf(table, { isNormalised: true }).fitsData, { first: false, second: false });
  const counters = smallTable({ 'a.energy': { last: [3] } });
  assert.deepEqual(modelOf(counters, { stat: 'last' }).fitsData, { first: true, second: false });
  assert.deepEqual(modelOf(counters, { stat: 'last', isStacked: true }).fitsData, { first: false, second: false });
});

test('normalised, each series has 100 as its greatest, its band with it, and all share one axis', () => {
  const table = smallTable({ 'a.power': { mean: [-50, 200], min: [-100, 100], max: [0, 400] }, 'a.energy': { mean: [0, 0] } });
  const model = modelOf(table, { isNormalised: true });
  assert.deepEqual([model.unit, model.secondUnit], ['%', undefined]);
  assert.deepEqual(ysOf(model.lines[0]?.points), [-25, 100]);
  assert.deepEqual(ysOf(model.lines[0]?.band?.max), [0, 200]);
  assert.deepEqual(ysOf(model.lines[1]?.points), [0, 0]);
});

test('stacked there is no band; amounts of few series are bars, of many they are lines', () => {
  const table = smallTable({ 'a.power': { mean: [1], min: [0], max: [2], energyKwh: [1] } });
  assert.equal(modelOf(table, { isStacked: true }).lines[0]?.band, undefined);
  assert.equal(modelOf(table).kind, 'line');
  const energy = modelOf(table, { stat: 'energy' });
  assert.deepEqual([energy.kind, energy.unit, ysOf(energy.lines[0]?.points)], ['bar', 'kWh', [1]]);
  const many = smallTable(Object.fromEntries(Array.from({ length: 5 }, (_, n) => [`h${n}.power`, { energyKwh: [1] }])));
  assert.equal(modelOf(many, { stat: 'energy' }).kind, 'line');
});

test('the period compared with stands under the same local time, in the scale of its series', () => {
  // The clocks go forward between the two days: midnight stands under midnight.
  const thenMs = Date.parse('2019-03-30T00:00:00+01:00');
  const nowMs = Date.parse('2019-04-01T00:00:00+02:00');
  const table = smallTable({ 'a.power': { mean: [10, 20] }, 'b.power': { mean: [1, 1] } }, nowMs);
  const comparison = smallTable({ 'b.power': { mean: [5, 5] }, 'a.power': { mean: [5, null] } }, thenMs);
  const model = modelOf(table, { isNormalised: true, hidden: new Set(['b.power']) }, { comparison });
  assert.deepEqual(
    model.lines.map(({ key, isCompared }) => [key, isCompared]),
    [
      ['a.power', false],
      ['compared:a.power', true],
    ],
  );
  assert.deepEqual(model.lines[1]?.points, [
    { x: nowMs + HOUR_MS / 2, y: 25 },
    { x: nowMs + 1.5 * HOUR_MS, y: NaN },
  ]);
});

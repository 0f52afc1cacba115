import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SimulatorMeta } from '../../../../../edge/simulator/cosim/simulator.ts';
import { entitiesFrom, metaOf, toldEntity, toldMeta } from '../../../../../edge/simulator/remote/remote-meta.ts';

const MODELS = { M: { public: true, params: ['p'], attrs: ['x', 'y'], trigger: ['x'], 'non-persistent': ['y'], any_inputs: true } };

test('a meta in the words of mosaik is one in ours, and back', () => {
  const { meta, rules } = metaOf('A', { api_version: '3.0', type: 'hybrid', models: MODELS, extra_methods: ['help'] });
  const model = { public: true, params: ['p'], attrs: ['x', 'y'], anyInputs: true, trigger: ['x'], nonPersistent: ['y'] };
  const expected: SimulatorMeta = { type: 'hybrid', models: { M: model }, extraMethods: ['help'] };
  assert.deepEqual(meta, expected);
  assert.deepEqual(rules, { setupDone: true, maxAdvance: true });
  assert.deepEqual(metaOf('A', JSON.parse(JSON.stringify(toldMeta(expected)))).meta, expected);
});

test('old versions know less', () => {
  const cases: [string | number | undefined, boolean, boolean][] = [
    [undefined, false, false],
    ['1', false, false],
    [2, false, false],
    ['2.1', false, false],
    ['2.2', true, false],
    ['2.10', true, false],
    ['3', true, true],
    ['3.0.13', true, true],
  ];
  for (const [version, setupDone, maxAdvance] of cases) {
    const { meta, rules } = metaOf('A', { api_version: version, models: {}, ...(maxAdvance ? { type: 'event-based' } : {}) });
    assert.deepEqual(rules, { setupDone, maxAdvance }, String(version));
    assert.equal(meta.type, maxAdvance ? 'event-based' : 'time-based');
  }
});

test('what is no meta is refused, with the place', () => {
  const cases: [unknown, RegExp][] = [
    [null, /A: init answered null/],
    [{ api_version: '4.0', type: 'hybrid', models: {} }, /4\.0 of the API; 1 to 3/],
    [{ api_version: 'new', type: 'hybrid', models: {} }, /api_version new is no version/],
    [{ api_version: '3.0', models: {} }, /no type/],
    [{ api_version: '3.0', type: 'hybrid' }, /no models/],
    [{ models: { M: { attrs: 'x' } } }, /A\.M: its attrs is no list of names/],
    [{ models: { M: 5 } }, /A\.M: its description/],
  ];
  for (const [told, expected] of cases) assert.throws(() => metaOf('A', told), expected);
  assert.throws(() => metaOf('A', { api_version: '2.2', models: {} }, '3.0'), /the scenario says 3\.0/);
  metaOf('A', { api_version: '3', type: 'hybrid', models: {} }, '3.0');
});

test('entities, with children, relations and extra information', () => {
  const told = [{ eid: 'a', type: 'M', rel: ['b'], extra_info: { x: 1 }, children: [{ eid: 'b', type: 'N' }] }];
  const ours = [{ eid: 'a', type: 'M', rel: ['b'], extraInfo: { x: 1 }, children: [{ eid: 'b', type: 'N' }] }];
  assert.deepEqual(entitiesFrom('A', told), ours);
  assert.deepEqual(JSON.parse(JSON.stringify(ours.map(toldEntity))), told);
  assert.throws(() => entitiesFrom('A', null), /create answered is not a list/);
  assert.throws(() => entitiesFrom('A', [null]), /an entity that is no object/);
});

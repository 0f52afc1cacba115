/** The assets as simulators: metas that the engine takes, entities, refused parameters, and time. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { systemClock } from '../../../../../../common/clock.ts';
import type { Reading } from '../../../../../../common/messages.ts';
import { rulesOf } from '../../../../../../edge/simulator/cosim/attributes.ts';
import { CosimError } from '../../../../../../edge/simulator/cosim/errors.ts';
import type { Inputs, Outputs, Params, Requests, Simulator } from '../../../../../../edge/simulator/cosim/simulator.ts';
import { World } from '../../../../../../edge/simulator/cosim/world.ts';
import { ASSET_SIMULATORS } from '../../../../../../edge/simulator/models/assets/registry.ts';

const JUNE = '2023-06-21T00:00:00Z';
const NOON_TICK = 12 * 3_600;
const NO_REQUESTS = {} as Requests;
const ASSETS = Object.keys(ASSET_SIMULATORS).filter((name) => name !== 'asset-readings');

function begin(name: string, params: Params = {}, timeResolution = 1): { simulator: Simulator; model: string } {
  const simulator = ASSET_SIMULATORS[name]!();
  const meta = simulator.init(name, timeResolution, params, NO_REQUESTS);
  assert.ok(!(meta instanceof Promise));
  return { simulator, model: Object.keys(meta.models)[0]! };
}

function created(name: string, num: number, params: Params = {}, init: Params = { start: JUNE }): Simulator {
  const { simulator, model } = begin(name, init);
  void simulator.create(num, model, params);
  return simulator;
}

function valueAfter(simulator: Simulator, eid: string, attr: string, tick: number, inputs: Inputs = {}): unknown {
  void simulator.step(tick, inputs, tick);
  const outputs = simulator.getData({ [eid]: [attr] });
  assert.ok(!(outputs instanceof Promise));
  return outputs.data[eid]![attr];
}

describe('every asset', () => {
  for (const name of ASSETS) {
    test(`${name}: a valid meta with one model; any number of entities, named one after the other`, () => {
      const { simulator, model } = begin(name);
      assert.equal(rulesOf(name, ASSET_SIMULATORS[name]!().init(name, 1, {}, NO_REQUESTS) as never).size, 1);
      const eids = [simulator.create(2, model, {}), simulator.create(1, model, {})].flatMap((entities) => {
        assert.ok(Array.isArray(entities));
        return entities.map(({ eid, type }) => [eid, type]);
      });
      assert.deepEqual(
        eids,
        [0, 1, 2].map((i) => [`${name}-${i}`, model]),
      );
    });

    test(`${name}: steps at multiples of its step, in ticks of any length`, () => {
      const { simulator, model } = begin(name, { start: JUNE, step_seconds: 900 }, 60);
      void simulator.create(1, model, {});
      const next = [0, 15, 22].map((tick) => simulator.step(tick, {}, tick));
      assert.deepEqual(next, name === 'self-consumption' ? [null, null, null] : [15, 30, 30]);
    });
  }

  const wrong: [name: string, init: Params, create: Params, message: RegExp][] = [
    ['pv', { start: '2023-06-21T00:00:00' }, {}, /pv, init, before tick 0: start is 2023-06-21T00:00:00: write a time with its zone/],
    ['pv', { step_seconds: 0.5 }, {}, /step_seconds is 0.5, a multiple of 1 s up to 3600 s/],
    ['pv', { step_seconds: 7_200 }, {}, /step_seconds is 7200/],
    ['pv', { step_seconds: '60' }, {}, /step_seconds is 60/],
    ['pv', { seed: 1.5 }, {}, /seed is 1.5/],
    ['pv', { steps: 5 }, {}, /no parameter steps; it has start, step_seconds, seed/],
    ['pv', {}, { tilt_deg: 120 }, /pv, create, before tick 0: tilt_deg of PV is 120, a number from 0 to 90/],
    ['pv', {}, { peak_power_w: -1 }, /peak_power_w of PV is -1/],
    ['battery', {}, { capacity_wh: Number.NaN }, /capacity_wh of Battery is NaN/],
    ['battery', {}, { capacity: 5 }, /Battery has no parameter capacity/],
    ['battery', {}, { charge_efficiency: 1.2 }, /charge_efficiency of Battery is 1.2/],
    ['battery', {}, { soc_begin_percent: 5, soc_min_percent: 10 }, /soc_begin_percent.*5.*soc_min_percent.*10/],
    ['asset-readings', {}, { household: 'a.b' }, /household is a.b/],
  ];
  for (const [name, init, create, message] of wrong) {
    test(`refuses ${name} with ${JSON.stringify({ ...init, ...create })}`, () => {
      const attempt = () => {
        const { simulator, model } = begin(name, init);
        void simulator.create(1, model, create);
      };
      assert.throws(attempt, (error) => error instanceof CosimError && error.code === 'CREATE_REFUSED' && message.test(error.message));
    });
  }
});

test('roofs and houses of one seed have the same weather; another seed has another', () => {
  const power = (seed: number, eid: string) => valueAfter(created('pv', 2, {}, { start: JUNE, seed }), eid, 'power', NOON_TICK);
  assert.ok((power(1, 'pv-0') as number) < -100);
  assert.equal(power(1, 'pv-0'), power(1, 'pv-1'));
  assert.notEqual(power(1, 'pv-0'), power(2, 'pv-0'));
});

test('cars and base loads of one simulator differ', () => {
  for (const name of ['ev-charger', 'base-load']) {
    const courses = Array.from({ length: 8 }, () => [] as unknown[]);
    const simulator = created(name, 8, {}, { start: JUNE, step_seconds: 900 });
    const wanted = Object.fromEntries(courses.map((_, i) => [`${name}-${i}`, ['power']]));
    for (let tick = NOON_TICK; tick < 3 * NOON_TICK; tick += 900) {
      void simulator.step(tick, {}, tick);
      const { data } = simulator.getData(wanted) as Outputs;
      courses.forEach((course, i) => course.push(data[`${name}-${i}`]!['power']));
    }
    assert.ok(new Set(courses.map(String)).size > 3, name);
  }
});

test('a base load takes what a small household takes, in steps of any length', () => {
  for (const step_seconds of [60, 900, 3_600]) {
    const simulator = created('base-load', 40, {}, { start: JUNE, step_seconds });
    const eids = Array.from({ length: 40 }, (_, i) => `base-load-${i}`);
    let wh = 0;
    for (let tick = 0; tick < 3 * 86_400; tick += step_seconds) {
      void simulator.step(tick, {}, tick);
      const { data } = simulator.getData(Object.fromEntries(eids.map((eid) => [eid, ['power']]))) as {
        data: Record<string, { power: number }>;
      };
      for (const eid of eids) wh += (data[eid]!.power * step_seconds) / 3_600;
    }
    const yearly_kwh = ((wh / 40 / 3) * 365) / 1_000;
    assert.ok(yearly_kwh > 2_500 && yearly_kwh < 5_500, `${yearly_kwh} kWh a year in steps of ${step_seconds} s`);
  }
});

describe('a battery', () => {
  const told = (setpoint: number): Inputs => ({ 'battery-0': { setpoint: { 'controller.c': setpoint } } });

  test('replaces a round by the next one, and moves on with time only', () => {
    const battery = created('battery', 1, { capacity_wh: 10_000, charge_efficiency: 1 });
    const stored = (tick: number, inputs?: Inputs) => valueAfter(battery, 'battery-0', 'stored_energy', tick, inputs);
    assert.equal(stored(0, told(4_000)), 5_000);
    assert.equal(stored(0, told(3_000)), 5_000);
    assert.equal(stored(60), 5_050, 'a minute of 3,000 W');
    assert.equal(stored(60), 5_050);
    assert.equal(stored(90, told(0)), 5_075, 'half a minute more, for it keeps its set-point');
    assert.equal(stored(120), 5_075);
  });
});

describe('readings', () => {
  test('have every connected field, and seqs that count the steps', async () => {
    const taken: Reading[] = [];
    const sink: Simulator = {
      init: () => ({ type: 'event-based', models: { Sink: { params: [], attrs: ['readings'] } } }),
      create: () => [{ eid: 'sink', type: 'Sink' }],
      step: (_time, inputs) => {
        for (const readings of Object.values(inputs['sink']!['readings']!)) taken.push(...(readings as Reading[]));
        return null;
      },
      getData: () => ({ data: {} }),
    };
    const world = new World({ clock: systemClock });
    const params = { start: JUNE, step_seconds: 900 };
    const pv = await world.start('pv', ASSET_SIMULATORS['pv']!(), params);
    const meters = await world.start('meters', ASSET_SIMULATORS['asset-readings']!(), params);
    const [one, two] = await pv.create(2, 'PV');
    const [meter] = await meters.create(1, 'Meter', { household: 'home', model: 'two roofs' });
    const [end] = await (await world.start('sink', sink)).create(1, 'Sink');
    for (const roof of [one!, two!]) world.connect(roof, meter!, [['power', 'pv_power']]);
    world.connect(one!, meter!, ['cloud_cover']);
    world.connect(meter!, end!, ['readings']);
    await world.run({ until: 86_400 });
    assert.equal(taken.length, 96);
    const alone = created('pv', 1, {}, params);
    taken.forEach(({ household, device, src, seq, timeMs, values }, i) => {
      assert.deepEqual([household, device, seq, timeMs], ['home', 'meter', i + 1, Date.parse(JUNE) + i * 900_000]);
      assert.match(src, /^[0-9a-f]{8}$/);
      assert.equal(values['pv_power'], 2 * (valueAfter(alone, 'pv-0', 'power', i * 900) as number));
      assert.deepEqual(Object.keys(values), ['pv_power', 'cloud_cover']);
    });
    assert.equal(new Set(taken.map(({ src }) => src)).size, 1);
  });

  test('are of another source when anything differs that decides them', () => {
    const sourceOf = (init: Params, create: Params) => {
      const { simulator, model } = begin('asset-readings', init);
      void simulator.create(1, model, create);
      return (valueAfter(simulator, create['household'] as string, 'readings', 0) as Reading[])[0]!.src;
    };
    const base = { household: 'home', model: 'a' };
    const sources = [
      sourceOf({ start: JUNE }, base),
      sourceOf({ start: '2023-06-22T00:00:00Z' }, base),
      sourceOf({ start: JUNE, step_seconds: 30 }, base),
      sourceOf({ start: JUNE }, { ...base, model: 'b' }),
      sourceOf({ start: JUNE }, { ...base, household: 'other' }),
    ];
    assert.equal(new Set(sources).size, sources.length);
    assert.equal(sourceOf({ start: JUNE }, base), sources[0]);
  });
});

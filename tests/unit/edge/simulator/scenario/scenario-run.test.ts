/** Scenario files, run in this process: they do what the same world does that is put together by hand. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { POWER_TOPIC } from '../../../../../common/broker/broker.ts';
import { systemClock } from '../../../../../common/clock.ts';
import { silentLogger } from '../../../../../common/logger.ts';
import type { Reading } from '../../../../../common/messages.ts';
import { decodeTopicMessage } from '../../../../../common/topic-codec.ts';
import type { RunOptions, RunSummary, StepRecord } from '../../../../../edge/simulator/cosim/run-options.ts';
import { World } from '../../../../../edge/simulator/cosim/world.ts';
import { ASSET_SIMULATORS } from '../../../../../edge/simulator/models/assets/registry.ts';
import { Collector } from '../../../../../edge/simulator/models/collector.ts';
import { type CheckedScenario, checkScenario, loadScenario } from '../../../../../edge/simulator/scenario/scenario-check.ts';
import type { ScenarioFile } from '../../../../../edge/simulator/scenario/scenario-file.ts';
import { runCheckedScenario, untilTick } from '../../../../../edge/simulator/scenario/scenario-run.ts';
import { VirtualTopics } from '../../../../doubles/virtual-broker.ts';
import { openVirtualWriter } from '../../../../doubles/virtual-topic-writer.ts';

const START = '2023-06-21T10:00:00Z';
const STREET = fileURLToPath(new URL('../../../../../edge/simulator/scenario/street.scenario.jsonc', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'fogline-scenario-run-'));
after(() => rmSync(folder, { recursive: true }));

interface Lived {
  summary: RunSummary;
  records: StepRecord[];
  csv: string;
}

function checked(file: ScenarioFile, hasCollectFile = true): CheckedScenario {
  return checkScenario(JSON.stringify(file), join(folder, 'its.json'), { hasCollectFile, hasUntil: true });
}

async function live(file: ScenarioFile, run: Partial<RunOptions> = {}): Promise<Lived> {
  const records: StepRecord[] = [];
  let csv = '';
  const summary = await runCheckedScenario({
    scenario: checked(file),
    makers: { collector: () => new Collector({ write: (text) => (csv += text), goOnAt: undefined }) },
    households: [],
    run: { until: 30, onStep: (record) => records.push(structuredClone(record)), ...run },
    clock: systemClock,
    logger: silentLogger,
    environment: {},
  });
  return { summary, records, csv };
}

const BATTERY_LOOP: ScenarioFile = {
  start: START,
  seed: 7,
  groups: { loop: {} },
  simulators: {
    roofs: { model: 'pv', params: { seed: 9 } },
    points: { model: 'grid-connection', group: 'loop' },
    controllers: { model: 'self-consumption', group: 'loop' },
    cells: { model: 'battery', group: 'loop' },
  },
  entities: {
    pvs: { simulator: 'roofs', model: 'PV', count: 2, params: { tilt_deg: 40 } },
    gcps: { simulator: 'points', model: 'GridConnection', count: 2 },
    heads: { simulator: 'controllers', model: 'SelfConsumption', count: 2 },
    boxes: { simulator: 'cells', model: 'Battery', count: 2, params: { capacity_wh: 5_000 } },
  },
  connections: [
    { from: 'pvs', to: 'gcps', pattern: 'zip', attributes: ['power'], transform: [{ scale: 2 }, { clamp: [-3_000, null] }] },
    { from: 'gcps', to: 'heads', pattern: 'zip', attributes: ['grid_power'] },
    { from: 'heads', to: 'boxes', pattern: 'zip', attributes: ['setpoint'] },
    { from: 'boxes', to: 'gcps', pattern: 'zip', attributes: [['power', 'battery_power']], weak: true },
    {
      from: 'boxes',
      to: 'heads',
      pattern: 'zip',
      attributes: [['power', 'battery_power']],
      weak: true,
      initialData: { power: 0 },
    },
  ],
};

async function byHand(): Promise<RunSummary> {
  const world = new World({ clock: systemClock });
  const loop = world.group();
  const its = { start: START, seed: 7 };
  const simulators = [
    await world.start('roofs', ASSET_SIMULATORS['pv']!(), { ...its, seed: 9 }),
    await loop.start('points', ASSET_SIMULATORS['grid-connection']!(), its),
    await loop.start('controllers', ASSET_SIMULATORS['self-consumption']!(), its),
    await loop.start('cells', ASSET_SIMULATORS['battery']!(), its),
  ] as const;
  const [roofs, points, controllers, cells] = simulators;
  const pvs = await roofs.create(2, 'PV', { tilt_deg: 40 });
  const gcps = await points.create(2, 'GridConnection');
  const heads = await controllers.create(2, 'SelfConsumption');
  const boxes = await cells.create(2, 'Battery', { capacity_wh: 5_000 });
  const both = [0, 1] as const;
  const transform = (power: unknown) => Math.max(-3_000, (power as number) * 2);
  for (const i of both) world.connect(pvs[i]!, gcps[i]!, ['power'], { transform });
  for (const i of both) world.connect(gcps[i]!, heads[i]!, ['grid_power']);
  for (const i of both) world.connect(heads[i]!, boxes[i]!, ['setpoint']);
  for (const i of both) world.connect(boxes[i]!, gcps[i]!, [['power', 'battery_power']], { weak: true });
  for (const i of both) world.connect(boxes[i]!, heads[i]!, [['power', 'battery_power']], { weak: true, initialData: { power: 0 } });
  return world.run({ until: 30 });
}

test('a file with groups, weak connections and transforms is the world put together by hand', async () => {
  const { summary, records } = await live(BATTERY_LOOP);
  assert.equal(summary.traceHash, (await byHand()).traceHash);
  assert.ok(summary.completed);
  const rounds = records.filter(({ sid, time }) => sid === 'points' && time.tick === 0);
  assert.equal(rounds.length, 2);
  const { csv: _, ...again } = await live(BATTERY_LOOP);
  assert.equal(again.summary.traceHash, summary.traceHash);
  assert.notEqual(
    (await live({ ...BATTERY_LOOP, simulators: { ...BATTERY_LOOP.simulators, roofs: { model: 'pv' } } })).summary.traceHash,
    summary.traceHash,
  );
});

test('one per file, filled in; what is collected', async () => {
  for (const name of ['b.dat', 'a.dat', 'c.txt']) writeFileSync(join(folder, name), '');
  const { csv, records } = await live({
    start: START,
    simulators: { meters: { model: 'asset-readings' }, roofs: { model: 'pv' }, paper: { model: 'collector' } },
    entities: {
      homes: {
        simulator: 'meters',
        model: 'Meter',
        onePerFile: { folder: '.', pattern: '?.dat' },
        params: { household: '%(stem)s-%(number)s', model: '%(scenario)s 100%%' },
      },
      pvs: { simulator: 'roofs', model: 'PV' },
      sheet: { simulator: 'paper', model: 'Collector' },
    },
    connections: [
      { from: 'pvs', to: 'homes', pattern: 'oneToMany', attributes: [['power', 'pv_power']], transform: [{ sign: 'flip' }] },
      { from: 'homes', to: 'sheet', pattern: 'manyToOne', attributes: ['readings'] },
    ],
  });
  assert.match(csv, /^tick,source,attribute,value\n0,meters\.a-1,readings,"\[/);
  assert.match(csv, /\n0,meters\.b-2,readings,/);
  assert.doesNotMatch(csv, /meters\.c/);
  const [first] = records.filter(({ sid }) => sid === 'meters');
  assert.ok((first?.inputs['a-1']?.['pv_power']?.['roofs.pv-0'] as number) > 0, 'the sign is flipped');
});

/** Which battery each roof got. */
async function drawn(seed: number, connection: { seed?: number; evenly?: boolean; maxConnects?: number } = {}): Promise<string[]> {
  const { records } = await live(
    {
      start: START,
      seed,
      simulators: { roofs: { model: 'pv' }, points: { model: 'grid-connection' } },
      entities: {
        pvs: { simulator: 'roofs', model: 'PV', count: 12 },
        gcps: { simulator: 'points', model: 'GridConnection', count: 4 },
      },
      connections: [{ from: 'pvs', to: 'gcps', pattern: 'random', attributes: ['power'], ...connection }],
    },
    { until: 5 },
  );
  const inputs = records.find(({ sid }) => sid === 'points')?.inputs ?? {};
  return Object.entries(inputs)
    .flatMap(([eid, its]) => Object.keys(its['power'] ?? {}).map((source) => `${source} ${eid}`))
    .sort();
}

test('random connections: the same for the same seed, evenly unless said otherwise', async () => {
  const connections = await drawn(1);
  assert.equal(connections.length, 12);
  for (let i = 0; i < 4; i++) assert.equal(connections.filter((its) => its.endsWith(`grid-connection-${i}`)).length, 3);
  assert.deepEqual(await drawn(1), connections);
  assert.notDeepEqual(await drawn(2), connections);
  assert.notDeepEqual(await drawn(1, { seed: 5 }), connections);
  const unevenly = await drawn(1, { evenly: false, maxConnects: 6 });
  assert.equal(unevenly.length, 12);
});

test('draws: the same for each entity, whatever else the file holds', async () => {
  const file = (count: number): ScenarioFile => ({
    simulators: { cells: { model: 'battery' } },
    entities: {
      boxes: {
        simulator: 'cells',
        model: 'Battery',
        count,
        params: {
          capacity_wh: { $draw: { min: 5_000, max: 15_000, step: 500 } },
          charge_power_max_w: { $param: 'capacity_wh', transform: [{ scale: 0.5 }, { clamp: [null, 4_000] }] },
        },
      },
    },
  });
  const params = (count: number) => checked(file(count)).sets[0]!.batches.map((batch) => batch.params as Record<string, number>);
  const twenty = params(20);
  assert.deepEqual(params(8), twenty.slice(0, 8));
  assert.ok(new Set(twenty.map(({ capacity_wh }) => capacity_wh)).size > 5);
  for (const { capacity_wh = 0, charge_power_max_w } of twenty) {
    assert.ok(capacity_wh >= 5_000 && capacity_wh <= 15_000 && capacity_wh % 500 === 0);
    assert.equal(charge_power_max_w, Math.min(4_000, capacity_wh / 2));
  }
});

test('what is left out is left out with its entities and connections', () => {
  const file: ScenarioFile = {
    start: START,
    simulators: { roofs: { model: 'pv' }, paper: { model: 'collector', optional: true } },
    entities: { pvs: { simulator: 'roofs', model: 'PV' }, sheet: { simulator: 'paper', model: 'Collector' } },
    connections: [{ from: 'pvs', to: 'sheet', attributes: ['power'] }],
  };
  assert.deepEqual(
    checked(file, true).sets.map(({ name }) => name),
    ['pvs', 'sheet'],
  );
  assert.deepEqual(
    checked(file, false).sets.map(({ name }) => name),
    ['pvs'],
  );
});

test('until is in seconds, whatever a tick is', () => {
  const ticks = (timeResolutionSeconds: number, until: number) =>
    untilTick(checked({ timeResolutionSeconds, simulators: { p: { model: 'collector' } } }), until);
  assert.equal(ticks(1, 3_600), 3_600);
  assert.equal(ticks(60, 3_600), 60);
  assert.equal(ticks(60, 3_601), 61);
  assert.equal(ticks(0.1, 0.3), 3);
});

async function street(untilSeconds: number): Promise<{ summary: RunSummary; readings: Map<string, Reading[]> }> {
  const scenario = loadScenario(STREET, { hasCollectFile: false, hasUntil: true });
  const topics = new VirtualTopics();
  const writer = await openVirtualWriter(topics, mkdtempSync(join(folder, 'street-')), scenario.startMs!, 2);
  const summary = await runCheckedScenario({
    scenario,
    makers: { topic: () => writer },
    households: [],
    run: { until: untilSeconds },
    clock: systemClock,
    logger: silentLogger,
    environment: {},
  });
  await writer.stop();
  const readings = new Map<string, Reading[]>();
  for (const partition of [0, 1]) {
    for (const { value } of topics.log(POWER_TOPIC, partition).records) {
      const message = decodeTopicMessage(value);
      if (message.kind !== 'reading') continue;
      const { household } = message.reading;
      readings.set(household, [...(readings.get(household) ?? []), message.reading]);
    }
  }
  return { summary, readings };
}

test('the street: 50 different households, whose fields add up, twice the same', async () => {
  const { summary, readings } = await street(600);
  assert.equal(readings.size, 50);
  for (const its of readings.values()) {
    assert.equal(its.length, 120);
    for (const { values } of its) {
      const parts = ['base_power', 'pv_power', 'ev_power', 'heat_pump_power', 'battery_power'].map((field) => values[field] ?? Number.NaN);
      assert.ok(Math.abs(parts.reduce((sum, part) => sum + part, 0) - (values['power'] ?? Number.NaN)) < 1e-6);
    }
  }
  assert.ok(new Set([...readings.values()].map((its) => its[0]?.values['base_power'])).size > 25);
  assert.equal((await street(600)).summary.traceHash, summary.traceHash);
});

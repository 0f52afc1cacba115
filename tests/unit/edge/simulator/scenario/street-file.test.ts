/** The file of the street, run for a simulated day into a topic: what is in the topic adds up, and the same seed gives the same trace. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { POWER_TOPIC } from '../../../../../common/broker/broker.ts';
import { systemClock } from '../../../../../common/clock.ts';
import { type Logger, silentLogger } from '../../../../../common/logger.ts';
import { isoTime } from '../../../../../common/iso-time.ts';
import type { Mark, Reading } from '../../../../../common/messages.ts';
import { addReading, belongsTo, closePart, openPart } from '../../../../../common/protocol/window.ts';
import { decodeTopicMessage } from '../../../../../common/topic-codec.ts';
import { FIELD_UNITS } from '../../../../../common/units.ts';
import type { RunSummary } from '../../../../../edge/simulator/cosim/run-options.ts';
import type { Params } from '../../../../../edge/simulator/cosim/simulator.ts';
import { parsePlacedJson } from '../../../../../edge/simulator/scenario/json-comments.ts';
import { type CheckedScenario, checkScenario } from '../../../../../edge/simulator/scenario/scenario-check.ts';
import type { ScenarioFile } from '../../../../../edge/simulator/scenario/scenario-file.ts';
import { runCheckedScenario } from '../../../../../edge/simulator/scenario/scenario-run.ts';
import { VirtualTopics } from '../../../../doubles/virtual-broker.ts';
import { BASE_MS, VirtualSite } from '../../../../doubles/virtual-site.ts';
import { openVirtualWriter } from '../../../../doubles/virtual-topic-writer.ts';

const PARTITIONS = 3;
const DAY_SECONDS = 86_400;
const JUNE_MS = Date.parse('2023-06-21T00:00:00Z');
const JANUARY_MS = Date.parse('2023-01-20T00:00:00Z');
/** Of the seeds from 1 on the first one with a clear longest day. */
const CLEAR_JUNE_SEED = 17;
const FIELDS = ['base_power', 'battery_power', 'battery_soc', 'ev_power', 'heat_pump_power', 'power', 'pv_power'];

const STREET = fileURLToPath(new URL('../../../../../edge/simulator/scenario/street.scenario.jsonc', import.meta.url));

const state = mkdtempSync(join(tmpdir(), 'fogline-street-'));
after(() => rmSync(state, { recursive: true, force: true }));

interface StreetHousehold {
  household: string;
  settings: { battery: Params };
}

interface Day {
  street: StreetHousehold[];
  summary: RunSummary;
  warnings: string[];
  readings: Map<string, Reading[]>;
  marks: Mark[];
}

interface DayOptions {
  seed: number;
  startMs: number;
  households: number;
  stepSeconds?: number;
  untilSeconds?: number;
}

/** The file, with another seed, start, number of households and step. */
function scenarioOf({ seed, startMs, households, stepSeconds = 5 }: DayOptions): CheckedScenario {
  const file = parsePlacedJson(readFileSync(STREET, 'utf8')).value as ScenarioFile;
  for (const set of Object.values(file.entities ?? {})) if (set.count !== undefined) set.count = households;
  const text = JSON.stringify({ ...file, seed, start: isoTime(startMs), stepSeconds });
  return checkScenario(text, STREET, { hasCollectFile: false, hasUntil: false });
}

function householdsOf({ sets }: CheckedScenario): StreetHousehold[] {
  const paramsOf = (name: string) => sets.find((set) => set.name === name)!.batches.map(({ params }) => params);
  const batteries = paramsOf('batteries');
  return paramsOf('meters').map(({ household }, i) => ({ household: household as string, settings: { battery: batteries[i]! } }));
}

async function live({ untilSeconds = DAY_SECONDS, ...options }: DayOptions, topics = new VirtualTopics(), folder?: string): Promise<Day> {
  const warnings: string[] = [];
  const writer = await openVirtualWriter(topics, folder ?? mkdtempSync(join(state, 'run-')), options.startMs, PARTITIONS);
  const scenario = scenarioOf(options);
  const warn = (_fields: object, message: string) => void warnings.push(message);
  const summary = await runCheckedScenario({
    scenario,
    makers: { topic: () => writer },
    households: [],
    run: { until: untilSeconds },
    clock: systemClock,
    logger: Object.assign(Object.create(silentLogger) as Logger, { warn }),
    environment: {},
  });
  await writer.end(options.startMs + untilSeconds * 1_000, new Set());
  await writer.stop();
  const readings = new Map<string, Reading[]>();
  const marks: Mark[] = [];
  for (let partition = 0; partition < PARTITIONS; partition++) {
    for (const { value } of topics.log(POWER_TOPIC, partition).records) {
      const message = decodeTopicMessage(value);
      if (message.kind === 'reading')
        readings.set(message.reading.household, [...(readings.get(message.reading.household) ?? []), message.reading]);
      else if (message.kind === 'mark') marks.push(message.mark);
      else assert.fail(message.kind);
    }
  }
  return { street: householdsOf(scenario), summary, warnings, readings, marks };
}

function hourOf({ timeMs }: Reading): number {
  return (timeMs % 86_400_000) / 3_600_000;
}

function value(reading: Reading, field: string): number {
  const told = reading.values[field];
  assert.ok(told !== undefined, field);
  return told;
}

describe('a June day in a street of 12', () => {
  let day: Day;
  before(async () => {
    day = await live({ seed: CLEAR_JUNE_SEED, startMs: JUNE_MS, households: 12, stepSeconds: 60 });
  });

  test('every household has a reading for every minute, with every field', () => {
    assert.deepEqual(day.warnings, []);
    assert.ok(day.summary.completed);
    assert.equal(day.readings.size, 12);
    for (const { household } of day.street) {
      const readings = day.readings.get(household)!;
      assert.equal(readings.length, 1_440);
      readings.forEach((reading, i) => {
        assert.equal(reading.seq, i + 1);
        assert.equal(reading.timeMs, JUNE_MS + i * 60_000);
        assert.deepEqual(Object.keys(reading.values).sort(), FIELDS);
      });
    }
    assert.equal(
      day.marks.filter(({ end }) => end).reduce((sources, { last }) => sources + last.length, 0),
      12,
    );
  });

  test('the sum at the connection point is what the assets take and give, in every reading', () => {
    for (const reading of [...day.readings.values()].flat()) {
      const sum = FIELDS.filter((field) => field !== 'power' && field !== 'battery_soc').reduce((s, field) => s + value(reading, field), 0);
      assert.ok(Math.abs(value(reading, 'power') - sum) < 1e-9);
    }
  });

  test('the energy of the day: what the battery took and did not give is what it holds, and its losses', () => {
    for (const { household, settings } of day.street) {
      const readings = day.readings.get(household)!;
      let stored = (settings.battery['capacity_wh'] as number) / 2;
      for (const reading of readings) {
        const soc = value(reading, 'battery_soc');
        assert.ok(soc >= -1e-9 && soc <= 100 + 1e-9);
        assert.ok(Math.abs((soc / 100) * (settings.battery['capacity_wh'] as number) - stored) < 1e-6);
        const power = value(reading, 'battery_power');
        assert.ok(Math.abs(power) <= (settings.battery['charge_power_max_w'] as number) + 1e-9);
        stored += (power > 0 ? power * 0.9487 : power / 0.9487) / 60;
      }
      const wh = (field: string) => readings.reduce((sum, reading) => sum + value(reading, field) / 60, 0);
      const balance = wh('base_power') + wh('pv_power') + wh('ev_power') + wh('heat_pump_power') + wh('battery_power') - wh('power');
      assert.ok(Math.abs(balance) < 1e-6);
      assert.ok(wh('pv_power') < -8_000 && wh('base_power') > 2_000, 'there is something to balance');
    }
  });

  test('nothing goes to or comes from the grid that the battery could have taken or given', () => {
    let exchanges = 0;
    for (const { household, settings } of day.street) {
      const limit = settings.battery['charge_power_max_w'] as number;
      for (const reading of day.readings.get(household)!) {
        const [grid, battery, soc] = [value(reading, 'power'), value(reading, 'battery_power'), value(reading, 'battery_soc')];
        if (Math.abs(grid) < 1e-6) continue;
        exchanges++;
        // In a step in which it becomes full or empty it has changed by less than 5 % of its capacity.
        if (grid > 0)
          assert.ok(battery <= 1e-9 && (soc < 5 || battery < 1e-6 - limit), `takes ${grid} W at ${soc} %, battery ${battery} W`);
        else assert.ok(battery >= -1e-9 && (soc > 95 || battery > limit - 1e-6), `feeds in ${grid} W at ${soc} %, battery ${battery} W`);
      }
    }
    assert.ok(exchanges > 1_000);
  });

  test('connection point and controller take two rounds a step, the battery one', () => {
    const steps = Object.fromEntries(day.summary.profile.map(({ sid, steps }) => [sid, steps]));
    assert.deepEqual(
      ['pv', 'grid-connection', 'self-consumption', 'battery', 'asset-readings'].map((sid) => steps[sid]),
      [1_440, 2_880, 2_880, 1_440, 1_440],
    );
  });

  test('no light at night, feed-in at noon', () => {
    const all = [...day.readings.values()].flat();
    assert.ok(all.every((reading) => value(reading, 'pv_power') <= 0));
    assert.ok(all.every((reading) => (hourOf(reading) < 20.5 && hourOf(reading) > 1.5) || value(reading, 'pv_power') === 0));
    const noon = all.filter((reading) => hourOf(reading) >= 11 && hourOf(reading) < 12);
    assert.ok(noon.every((reading) => value(reading, 'pv_power') < 0));
    const feedingIn = new Set(noon.filter((reading) => value(reading, 'power') < -500).map(({ household }) => household));
    assert.ok(feedingIn.size >= 9, `${feedingIn.size} of 12 households feed in`);
  });

  test('every field goes into parts, and every power is one for the cloud', () => {
    for (const readings of day.readings.values()) {
      const part = openPart(readings[0]!, 300_000);
      let at = 1;
      for (; belongsTo(part, readings[at]!, 300_000); at++) addReading(part, readings[at]!);
      const closed = closePart(part);
      assert.equal(closed.count, 5);
      assert.deepEqual(closed.fields, FIELDS);
    }
    for (const field of FIELDS) assert.equal(FIELD_UNITS[field], field.endsWith('power') ? 'W' : '%');
  });
});

test('same seed, same trace; another seed, another one', async () => {
  const options = { seed: 3, startMs: JANUARY_MS, households: 5, stepSeconds: 300 };
  const [one, two, other] = [await live(options), await live(options), await live({ ...options, seed: 4 })];
  assert.match(one.summary.traceHash!, /^[0-9a-f]{16}$/);
  assert.equal(one.summary.traceHash, two.summary.traceHash);
  assert.deepEqual(one.readings, two.readings);
  assert.notEqual(one.summary.traceHash, other.summary.traceHash);
});

test('a run that begins again on its state goes on with the readings where it was', async () => {
  const topics = new VirtualTopics();
  const folder = mkdtempSync(join(state, 'resumed-'));
  const options = { seed: 3, startMs: JANUARY_MS, households: 4, stepSeconds: 300 };
  await live({ ...options, untilSeconds: 20_100 }, topics, folder);
  const resumed = await live(options, topics, folder);
  const whole = await live(options);
  assert.deepEqual(resumed.readings, whole.readings, 'nothing twice, nothing missing');
});

test('in January the houses are heated and the battery can not carry them', async () => {
  const { readings, street } = await live({ seed: 5, startMs: JANUARY_MS, households: 50, stepSeconds: 900 });
  assert.equal(street.length, 50);
  const all = [...readings.values()].flat();
  const kwh = (field: string) => all.reduce((sum, reading) => sum + value(reading, field), 0) / 4_000 / 50;
  assert.ok(kwh('heat_pump_power') > 8 && kwh('heat_pump_power') < 40, `${kwh('heat_pump_power')} kWh of heat pump a household`);
  assert.ok(kwh('ev_power') > 3 && kwh('ev_power') < 15, `${kwh('ev_power')} kWh of car a household`);
  assert.ok(kwh('power') > 5, `${kwh('power')} kWh from the grid a household`);
});

test('a quarter of an hour of the street goes through edge and cloud: every field of every reading, without a gap', async () => {
  const site = new VirtualSite({ topic: { partitions: PARTITIONS, retentionMs: 3_600_000 } });
  try {
    const startMs = BASE_MS + 11 * 3_600_000;
    const { street, readings } = await live({ seed: CLEAR_JUNE_SEED, startMs, households: 4, untilSeconds: 900 }, site.topics);
    await site.start();
    const isThere = () => street.every(({ household }) => site.held(household, readings.get(household)![0]!.src).readings === 180);
    await site.until(isThere, 600_000);
    assert.deepEqual(site.errors, []);
    assert.ok(isThere());
    for (const { household } of street) {
      const held = new Map<string, number[]>();
      for await (const { field, mean } of site.cloud.reading.range({ household, resolution: 'raw' }))
        held.set(field, [...(held.get(field) ?? []), mean]);
      const told = FIELDS.map((field) => [field, readings.get(household)!.map((reading) => value(reading, field))]);
      assert.deepEqual([...held], told);
      for await (const { field, energyKwh } of site.cloud.reading.range({ household, resolution: '15m' })) {
        const mean = readings.get(household)!.reduce((sum, reading) => sum + value(reading, field), 0) / 180;
        if (field === 'battery_soc') assert.equal(energyKwh, null);
        else assert.ok(Math.abs(energyKwh! - mean / 4_000) < 1e-9, field);
      }
      for await (const gap of site.cloud.reading.gaps({ household })) assert.fail(JSON.stringify(gap));
    }
  } finally {
    site.end();
  }
});

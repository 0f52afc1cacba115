/**
 * `fogline audit` and `why` on a street: models have no files, the topic takes their place; and the energy balance of what the cloud holds.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ensureBuilt } from '../crash/fleet.ts';
import { ANY_PORTS } from '../doubles/any-ports.ts';
import { assertNamed, assertYes, audit, cleanUp, copyOf, fogline, folder, inFile, type Report, run } from '../doubles/audited-run.ts';
import { METERED_START_MS, writeMeteredData } from '../truth/metered-data.ts';

const STREET = fileURLToPath(new URL('../../edge/simulator/scenario/street.scenario.jsonc', import.meta.url));
const HOUSEHOLDS = 50;
const STEPS = 60;
/** In the evening: the roofs still give, the cars come home, the batteries are at work. */
const START = '2023-06-21T16:00:00Z';
const START_MS = Date.parse(START);
const state = join(folder, 'street');
const PART = 'source_id = 1 AND from_seq = 30';
const BUCKET = "level_ms = 900000 AND series_id = (SELECT id FROM series WHERE device_id = 1 AND field = 'power')";

before(() => {
  ensureBuilt();
  const street = join(folder, 'evening.jsonc');
  writeFileSync(street, readFileSync(STREET, 'utf8').replace('2023-06-21T00:00:00Z', START));
  const args = ['run', '--scenario', street, '--until', String(STEPS * 5), '--speed', 'max', '--exit-when-done', '--state', state];
  const { status, stderr } = fogline(...args, ...ANY_PORTS);
  assert.equal(status, 0, stderr);
});
after(cleanUp);

type ModelReport = Report & { models: number };
/** No file is asked for: whatever --data says is not read. */
const auditOf = (its: string) => audit(its, join(folder, 'nowhere')) as ModelReport;

test('yes: topic, edge and cloud have the same of each household, every window is that of the topic; what has no truth is said', () => {
  const report = auditOf(state);
  assertYes(report);
  assert.deepEqual(
    [report.run, report.devices.length, report.models, report.windows],
    ['ended', HOUSEHOLDS, HOUSEHOLDS, HOUSEHOLDS * STEPS],
  );
  for (const { truth, source, topic, edge, cloud } of report.devices) {
    assert.deepEqual([truth, topic?.readings, topic?.firstSeq, topic?.lastSeq], ['topic', STEPS, 1, STEPS]);
    for (const stage of [source, edge, cloud]) assert.deepEqual(stage, topic);
  }
  assert.equal(new Set(report.devices.map(({ topic }) => topic?.digest)).size, HOUSEHOLDS);
  const { stdout } = fogline('audit', '--state', state);
  assert.match(stdout, /^ {2}source a model: nothing but the topic says what it gave$/m);
  assert.match(stdout, /^note: 50 households are models: whether the values are right nobody can say here; /m);
  assert.match(stdout, /^audit: yes, all agree: 50 households, 3,000 windows, [\d,]+ buckets$/m);
});

test('no: whatever is changed at the cloud or the edge is named', () => {
  const cloudChanges: [sql: string, what: RegExp][] = [
    [`DELETE FROM parts WHERE ${PART}`, /the window is missing/],
    [`UPDATE parts SET stats = (SELECT stats FROM parts WHERE source_id = 1 AND from_seq = 31) WHERE ${PART}`, /instead of|readings/],
    [`UPDATE parts SET digest_low = digest_low + 1 WHERE ${PART}`, /not that of the topic's readings/],
    ['UPDATE sources SET digest_low = digest_low + 1 WHERE id = 1', /the topic's readings make/],
    ['UPDATE sources SET readings = readings + 1 WHERE id = 1', /its totals say 61 readings, its seqs are 60/],
    [`UPDATE rollups SET energy_ws = energy_ws + 1 WHERE ${BUCKET}`, /Ws instead of/],
    [`UPDATE rollups SET last = last + 1e-9 WHERE ${BUCKET}`, /last .* instead of/],
    [`UPDATE sources SET covered = '[[1,${STEPS - 1}]]' WHERE id = 1`, /readings|source has no reading|which the cloud has not/],
  ];
  for (const [sql, what] of cloudChanges) {
    const changed = copyOf(state);
    inFile(join(changed, 'cloud/series.db'), (database) => assert.equal(database.prepare(sql).run().changes, 1, sql));
    const report = auditOf(changed);
    assert.ok(!report.agrees, sql);
    const [first] = report.refusals;
    assert.ok(
      report.refusals.some((its) => what.test(its.what)),
      `${sql}: ${JSON.stringify(report.refusals.slice(0, 3))}`,
    );
    assertNamed(report, { household: first?.household as string, stage: first?.stage as string });
    rmSync(changed, { recursive: true });
  }
  const changed = copyOf(state);
  inFile(join(changed, 'edge/outbox.db'), (database) => database.exec('UPDATE sources SET digest_low = digest_low + 1 WHERE id = 1'));
  const [refusal] = auditOf(changed).refusals;
  assert.match(`${refusal?.stage} ${refusal?.what}`, /^edge the digest of its 60 readings is/);
});

test('no: a household that the topic has nothing of', () => {
  const changed = copyOf(state);
  inFile(join(changed, 'cloud/series.db'), (database) => {
    database.exec("UPDATE households SET household = 'street-51' WHERE household = 'street-7'");
  });
  assertNamed(auditOf(changed), { household: 'street-51', stage: 'cloud', what: /the topic has no reading of it/ });
});

test('a trimmed topic: what can not be added up again is said, edge and cloud are compared with each other', () => {
  const trimmed = copyOf(state);
  inFile(join(trimmed, 'broker/broker.db'), (database) => {
    const logs = "SELECT log.id FROM log JOIN topic ON topic.id = topic_id WHERE name = 'power_topic'";
    database.exec(`UPDATE log SET earliest_offset = (SELECT base_offset + count FROM batch WHERE log = log.id ORDER BY base_offset LIMIT 1)
      WHERE id IN (${logs})`);
    database.exec(`DELETE FROM batch WHERE base_offset = 0 AND log IN (${logs})`);
  });
  const report = auditOf(trimmed) as ModelReport & { notices: string[] };
  assert.deepEqual(report.refusals, []);
  const said = report.notices.filter((notice) =>
    /the topic is trimmed, so its windows can not be added up again; totals and digest/.test(notice),
  );
  assert.equal(said.length, HOUSEHOLDS);
  assert.equal(report.windows, 0);
  inFile(join(trimmed, 'cloud/series.db'), (database) => database.exec('UPDATE sources SET digest_low = digest_low + 1 WHERE id = 1'));
  assert.match(auditOf(trimmed).refusals[0]?.what ?? '', /is not that of the same ones at the edge/);
});

test('files and a model in one scenario: each is compared with its own truth', () => {
  const [data, file, mixed] = [join(folder, 'homes'), join(folder, 'mixed.json'), join(folder, 'mixed')];
  writeMeteredData(data, { households: 2, seconds: 300, seed: 4 });
  const params = { start: new Date(METERED_START_MS).toISOString(), step_seconds: 5 };
  const homes = { file: '%(path)s', household: '%(household)s', firstLine: '%(firstLine)s' };
  const scenario = {
    simulators: {
      homes: { model: 'household' },
      topic: { model: 'topic' },
      loads: { model: 'base-load', params: { ...params, seed: 1 } },
      meters: { model: 'asset-readings', params },
    },
    entities: {
      homes: { simulator: 'homes', model: 'Household', onePerFile: { dataset: 'households' }, params: homes },
      sink: { simulator: 'topic', model: 'Topic' },
      load: { simulator: 'loads', model: 'BaseLoad' },
      meter: { simulator: 'meters', model: 'Meter', params: { household: 'model-1', model: '%(scenario)s' } },
    },
    connections: [
      { from: 'homes', to: 'sink', pattern: 'manyToOne', attributes: ['readings', 'skipped'] },
      { from: 'load', to: 'meter', attributes: ['power'] },
      { from: 'meter', to: 'sink', attributes: ['readings'] },
    ],
  };
  writeFileSync(file, JSON.stringify(scenario));
  run(mixed, data, '--scenario', file);
  const report = audit(mixed, data) as ModelReport;
  assertYes(report);
  const truths = report.devices.map(({ household, truth }) => [household, truth]);
  assert.deepEqual(truths, [
    ['home-1', 'file'],
    ['home-2', 'file'],
    ['model-1', 'topic'],
  ]);
  assert.deepEqual([report.models, report.energy.length], [1, 2]);
  // Without its file a household would only be compared with the topic: that is no truth of a replay.
  rmSync(join(data, 'home-2.csv'));
  assertNamed(audit(mixed, data), { household: 'home-2', stage: 'cloud', what: /there is no file of it/ });
});

test('without a topic nothing is said: exit 4 with the remedy', () => {
  const bare = copyOf(state);
  rmSync(join(bare, 'broker'), { recursive: true });
  const { status, stderr } = fogline('audit', '--state', bare);
  assert.equal(status, 4, stderr);
  assert.match(stderr, /the readings are those of models, and the topic that holds them is not here[^\n]*\n {2}what to do: /);
});

test('why: the window of a model at every stage, a mistyped household the one meant', () => {
  const { status, stdout, stderr } = fogline('why', 'street-7', '100', '--state', state);
  assert.equal(status, 0, stderr);
  assert.match(
    stdout,
    /source:\n {2}a model: [^\n]*\ntopic:\n {2}partition \d, offset \d+: meter [0-9a-f]{8} seq 21 at 2023-06-21T16:01:40\.000Z: /,
  );
  assert.match(stdout, /cloud:\n {2}part: meter/);
  const mistyped = fogline('why', 'stret-7', '100', '--state', state);
  assert.equal(mistyped.status, 2);
  assert.match(mistyped.stderr, /there is no household stret-7\n {2}what to do: did you mean street-7\?/);
});

test('what the cloud holds balances: grid = base load + heat pump + car + battery + roof (negative), in every window, to 1e-9', () => {
  const rows = exported(state);
  for (const asset of ASSETS)
    assert.ok(
      rows.some(({ field, mean }) => field === asset && mean !== 0),
      `${asset} is at work`,
    );
  const balances = balancesOf(rows);
  assert.equal(balances.length, HOUSEHOLDS * STEPS);
  assert.ok(
    balances.every((its) => its <= 1e-9),
    `worst: ${Math.max(...balances)}`,
  );
  // A check that can't fail shows nothing: one value that is changed by a hundredth of a percent is seen.
  const changed = exported(state);
  const row = changed.find(({ field }) => field === 'base_power');
  assert.ok(row !== undefined && row.mean > 0);
  row.mean *= 1.0001;
  assert.equal(balancesOf(changed).filter((its) => its > 1e-9).length, 1);
});

const ASSETS = ['base_power', 'heat_pump_power', 'ev_power', 'battery_power', 'pv_power'];

interface Row {
  household: string;
  field: string;
  window: string;
  mean: number;
}

function exported(its: string): Row[] {
  const { status, stdout, stderr } = spawnSync('node', [join(import.meta.dirname, '../../dist/fogline.js'), 'export', '--state', its], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  assert.equal(status, 0, stderr);
  const [title, ...lines] = stdout.trimEnd().split('\n');
  assert.equal(title, 'household,device,field,window_start,mean,min,max,last,count');
  return lines.map((line) => {
    const [household = '', , field = '', window = '', mean, min, max, last, count] = line.split(',');
    assert.deepEqual([min, max, last, count], [mean, mean, mean, '1'], 'a window is one step');
    assert.ok(Date.parse(window) >= START_MS, window);
    return { household, field, window, mean: Number(mean) };
  });
}

/** By household and window: what is missing of the balance, relative to what flows. */
function balancesOf(rows: readonly Row[]): number[] {
  const windows = new Map<string, Map<string, number>>();
  for (const { household, field, window, mean } of rows) {
    const key = `${household} ${window}`;
    let fields = windows.get(key);
    if (fields === undefined) windows.set(key, (fields = new Map()));
    fields.set(field, mean);
  }
  return [...windows.values()].map((fields) => {
    const parts = ASSETS.map((field) => fields.get(field) as number);
    const grid = fields.get('power') as number;
    const flow = parts.reduce((sum, part) => sum + Math.abs(part), Math.abs(grid));
    return Math.abs(grid - parts.reduce((sum, part) => sum + part, 0)) / flow;
  });
}

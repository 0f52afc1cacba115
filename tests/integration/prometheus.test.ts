/**
 * A real Prometheus with the scrape configuration and the rules that the documents give, over a real cloud and edge: every query of the
 * dashboard is run as Grafana would, and alerts ring when they must. Half a minute.
 */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ensureBuilt, Fleet } from '../crash/fleet.ts';
import { blocksOf } from '../doubles/document-blocks.ts';
import { noPrometheus, Prometheus, promtool, type Sample } from '../doubles/prometheus.ts';
import { writeTinyData } from '../truth/tiny-data.ts';

const DOCS = join(import.meta.dirname, '../../docs');
const RULES = join(DOCS, 'alerts.rules.yml');
/** The documents leave the pace to Prometheus, which looks once a minute. */
const PACE = 'global: { scrape_interval: 1s, evaluation_interval: 1s }\n';
const SHOWN_SECONDS = 120;
const STEP_SECONDS = 1;
/** Grafana's words, with its own default where "All" is chosen; four scrapes are what it takes for an interval of a rate. */
const GRAFANA = { $__rate_interval: '4s', $edge: '.+' } as const;
/** Queries over what has labels only once it has happened: an empty panel is right while it has not. */
const MAY_BE_EMPTY = ['sum by (outcome) (fogline_store_damaged_records_total)', 'increase(fogline_store_forgotten_buckets_total[1h])'];

const REQUESTS = 'sum by (status) (rate(fogline_http_requests_total[$__rate_interval]))';

interface Query {
  expr: string;
  legendFormat: string;
}

interface Dashboard {
  panels: { title: string; targets?: Query[] }[];
  templating: { list: { name: string; type: string; query: { query: string } }[] };
}

const DASHBOARD = JSON.parse(readFileSync(join(DOCS, 'grafana/fogline.json'), 'utf8')) as Dashboard;
const QUERIES = DASHBOARD.panels.flatMap(({ targets = [] }) => targets);
const needsPrometheus = { skip: noPrometheus };

const folder = mkdtempSync(join(tmpdir(), 'fogline-prometheus-'));
let fleet: Fleet | undefined;
let cloudUrl: string;
let prometheus: Prometheus;

/** As written in docs/operating.md, for parts at other ports. */
function config(cloudPort: number, edgePort: number): string {
  const [text, ...more] = blocksOf('operating.md', 'yaml', '').filter((block) => block.startsWith('scrape_configs:'));
  assert(text !== undefined && more.length === 0);
  const placed = text.replace('127.0.0.1:5006', `127.0.0.1:${cloudPort}`).replace('127.0.0.1:9101', `127.0.0.1:${edgePort}`);
  assert.notEqual(placed, text);
  return placed;
}

before(async () => {
  if (noPrometheus !== false) return;
  ensureBuilt();
  const dataDir = join(folder, 'data');
  writeTinyData(dataDir, { households: 2, seconds: 300, seed: 3 });
  fleet = new Fleet({ dataDir, sets: ['cloud.silent_after_seconds=3'] });
  const { httpPort, statusPort } = await fleet.open();
  cloudUrl = `http://127.0.0.1:${httpPort}`;
  copyFileSync(RULES, join(folder, 'alerts.rules.yml'));
  prometheus = new Prometheus(folder, PACE + config(httpPort, statusPort));
  for (const part of ['cloud', 'edge'] as const) fleet.start(part);
  await prometheus.start();
  await prometheus.until('both are scraped', async () => (await prometheus.targets()).every(({ health }) => health === 'up'));
  fleet.start('simulate');
});

after(async () => {
  await prometheus?.stop();
  await fleet?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function asGrafana(expr: string): string {
  return Object.entries(GRAFANA).reduce((text, [word, its]) => text.replaceAll(word, its), expr);
}

const run = (expr: string): Promise<Sample[]> => prometheus.range(asGrafana(expr), SHOWN_SECONDS, STEP_SECONDS);

/** Newest value of the one series that there is; NaN before it is. */
async function figure(expr: string): Promise<number> {
  const samples = await run(expr);
  assert(samples.length <= 1, `${expr}: ${JSON.stringify(samples)}`);
  return Number(samples[0]?.values.at(-1)?.[1]);
}

/** Queries that show nothing and should, and labels in a legend that no line has. */
async function faultsOf(queries: readonly Query[]): Promise<string[]> {
  const faults: string[] = [];
  for (const { expr, legendFormat } of queries) {
    const samples = await run(expr);
    if (samples.length === 0 && !MAY_BE_EMPTY.includes(expr)) faults.push(`${expr}: nothing`);
    for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
      if (samples.some(({ metric }) => metric[label as string] === undefined)) faults.push(`${expr}: no label ${label}`);
  }
  return faults;
}

test('promtool takes the configuration of docs/operating.md, with a token too, and the rules', needsPrometheus, () => {
  const remote = config(5016, 9111)
    .replace(/ {4}# From another machine: scheme: https, and\n/, '    scheme: https\n')
    .replace('    # authorization:', '    authorization:')
    .replace('/etc/prometheus/fogline-token', 'fogline-token');
  assert.match(remote, /^ {4}scheme: https\n {4}authorization: \{ credentials_file: fogline-token \}$/m);
  writeFileSync(join(folder, 'fogline-token'), 'a-token');
  copyFileSync(RULES, join(folder, 'alerts.rules.yml'));
  const check = (text: string) => {
    const file = join(folder, 'checked.yml');
    writeFileSync(file, text);
    return promtool('check', 'config', file);
  };
  for (const text of [config(5016, 9111), remote]) {
    const { isGood, text: said } = check(text);
    assert(isGood, said);
    assert.match(said, /SUCCESS: 24 rules found/);
  }
  assert(!check(remote.replace('fogline-token', 'no-token')).isGood);
  assert(!check(config(5016, 9111).replace('static_configs', 'static_config')).isGood);
});

test(
  'every query of the dashboard is answered, those that must show something do, with the labels of their legends',
  needsPrometheus,
  async () => {
    await fleet?.untilDone();
    const stored = () => figure('fogline_cloud_rows{outcome="stored"}');
    const settled = async () =>
      (await figure('fogline_edge_outbox_parts')) === 0 &&
      (await stored()) > 0 &&
      (await stored()) === (await figure('fogline_edge_outbox_acked_rows'));
    await prometheus.until('what is scraped is the end of the run', settled);
    // Somebody who asks, so that there is something to tell of requests.
    const asked = async () => (await fetch(`${cloudUrl}/api/v1/households`)).ok && (await run(REQUESTS)).length > 0;
    await prometheus.until('requests are counted', asked);
    assert(QUERIES.length > 30);
    assert.deepEqual(await faultsOf(QUERIES), []);
    assert.equal(await figure('sum(fogline_edge_live{edge=~"$edge"})'), 1);
    assert.equal(await figure('sum(fogline_edge_parked_households{edge=~"$edge"})'), 0);
    for (const { name, type, query } of DASHBOARD.templating.list.filter((variable) => variable.type === 'query')) {
      const [, metric, label] = /^label_values\((\w+), (\w+)\)$/.exec(query.query) ?? [];
      assert.deepEqual([name, type, (await prometheus.labelValues(label as string, metric as string)).length], ['edge', 'query', 1]);
    }
  },
);

test('a query that is mistyped, of what is not there, or with another legend, is found', needsPrometheus, async () => {
  await assert.rejects(faultsOf([{ expr: 'rate(fogline_cloud_rows[4s)', legendFormat: '' }]), /parse error/);
  const absent = { expr: 'sum(fogline_cloud_row)', legendFormat: '' };
  assert.deepEqual(await faultsOf([absent, { expr: 'fogline_edge_live', legendFormat: '{{household}}' }]), [
    'sum(fogline_cloud_row): nothing',
    'fogline_edge_live: no label household',
  ]);
});

test('the rules are judged without an error, and an edge that is killed rings: once, by its name', needsPrometheus, async () => {
  const rules = await prometheus.rules();
  assert.equal(rules.length, 24);
  assert.deepEqual(
    rules.filter(({ health, lastError }) => health !== 'ok' || lastError !== undefined).map(({ name, lastError }) => [name, lastError]),
    [],
  );
  assert.deepEqual(
    rules.flatMap(({ alerts }) => alerts),
    [],
  );
  const [edge] = await prometheus.labelValues('edge', 'fogline_edge_live');
  await fleet?.kill('edge');
  const firing = async () =>
    (await prometheus.rules())
      .flatMap(({ alerts }) => alerts.filter(({ state }) => state === 'firing'))
      .map(({ annotations }) => annotations);
  await prometheus.until('an alert', async () => (await firing()).length > 0);
  assert.deepEqual(await firing(), [{ summary: `edge ${edge} is silent`, runbook: 'docs/operating.md#edge-silent' }]);
});

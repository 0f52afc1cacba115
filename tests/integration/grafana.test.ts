/**
 * docs/grafana/fogline.json asks for what running parts expose: each metric and label of its queries is looked for at /metrics of a cloud
 * and an edge that work. Half a minute.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ensureBuilt, Fleet } from '../crash/fleet.ts';
import { writeTinyData } from '../truth/tiny-data.ts';

interface Panel {
  type: string;
  title: string;
  description?: string;
  fieldConfig?: { defaults: { unit?: string } };
  targets?: { expr: string; legendFormat: string }[];
  gridPos: { x: number; w: number };
  options?: { legend?: { showLegend?: boolean; calcs?: string[] } };
}

interface Dashboard {
  title: string;
  schemaVersion: number;
  panels: Panel[];
}

/** Labels of each metric that is exposed; none while it has no sample yet. */
type Exposed = ReadonlyMap<string, ReadonlySet<string>>;

const DASHBOARD = JSON.parse(readFileSync(join(import.meta.dirname, '../../docs/grafana/fogline.json'), 'utf8')) as Dashboard;
const GRID_COLUMNS = 24;
/** Units that Grafana knows, of those that are used. */
const UNITS = new Set(['short', 's', 'bytes', 'percentunit', 'rowsps', 'cps', 'reqps']);
const SCRAPED = ['instance', 'job'];
const WORDS = new Set(['by', 'without', 'and', 'or', 'unless', 'on', 'offset']);

const folder = mkdtempSync(join(tmpdir(), 'fogline-grafana-'));
let fleet: Fleet;
let exposed: Exposed;

before(async () => {
  ensureBuilt();
  const dataDir = join(folder, 'data');
  writeTinyData(dataDir, { households: 2, seconds: 300, seed: 3 });
  fleet = new Fleet({ dataDir });
  await fleet.open();
  fleet.startAll();
  await fleet.untilDone();
  // A first scrape, so that the second one has a request to tell of.
  await fleet.metrics('cloud');
  exposed = exposedBy(`${await fleet.metrics('cloud')}\n${await fleet.metrics('edge')}`);
});

after(async () => {
  await fleet.stop();
  rmSync(folder, { recursive: true, force: true });
});

function exposedBy(text: string): Exposed {
  const labels = new Map<string, Set<string>>();
  for (const [, name, kind] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    const suffixes = kind === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
    for (const suffix of suffixes) if (!labels.has(name + suffix)) labels.set(name + suffix, new Set());
  }
  for (const [, name, its] of text.matchAll(/^([a-z_]+)\{([^}]*)\} /gm)) {
    for (const [, label] of (its as string).matchAll(/(\w+)="/g)) labels.get(name as string)?.add(label as string);
  }
  return labels;
}

/** What a query names that is not there. */
function faultsOfQuery(expr: string, legend: string, known: Exposed): string[] {
  const inBraces = [...expr.matchAll(/\{([^}]*)\}/g)].flatMap(([, its]) =>
    [...(its as string).matchAll(/(\w+)\s*[=!]/g)].map((m) => m[1] as string),
  );
  const grouped = [...expr.matchAll(/\b(?:by|without) \(([^)]*)\)/g)].flatMap(([, its]) =>
    (its as string).split(',').map((label) => label.trim()),
  );
  const shown = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1] as string);
  const bare = expr.replaceAll(/\{[^}]*\}|\b(?:by|without) \([^)]*\)|\[[^\]]*\]|"[^"]*"/g, ' ');
  const names = [...bare.matchAll(/[a-zA-Z_]\w*(?!\w*\s*\()/g)].map(([name]) => name).filter((name) => !WORDS.has(name));
  if (names.length === 0) return [`${expr}: no metric`];
  const missing = names.filter((name) => !known.has(name)).map((name) => `${expr}: no metric ${name}`);
  const labels = new Set(names.flatMap((name) => [...(known.get(name) ?? [])]));
  // A counter that has counted nothing yet shows no labels; the table of docs/operating.md has them.
  const isSilent = names.every((name) => known.get(name)?.size === 0);
  const odd = [...inBraces, ...grouped, ...shown].filter((label) => !labels.has(label) && !SCRAPED.includes(label));
  const wrong = isSilent ? odd.filter((label) => !tableLabels(names[0] as string).includes(label)) : odd;
  return [...missing, ...wrong.map((label) => `${expr}: no label ${label}`)];
}

const GUIDE = readFileSync(join(import.meta.dirname, '../../docs/operating.md'), 'utf8');

function tableLabels(metric: string): string[] {
  const cell = new RegExp(`^\\| \`${metric}\` \\| ([^|]*) \\|`, 'm').exec(GUIDE)?.[1] ?? '';
  return cell
    .replaceAll('`', '')
    .split(',')
    .map((label) => label.trim());
}

function faultsOf({ panels }: Dashboard, known: Exposed): string[] {
  return panels.flatMap((panel) => {
    const { type, title, targets = [], gridPos, options } = panel;
    if (title === '') return ['a panel without title'];
    if (type === 'row') return [];
    const unit = panel.fieldConfig?.defaults.unit ?? '';
    return [
      ...(UNITS.has(unit) ? [] : [`${title}: unit "${unit}"`]),
      ...((panel.description ?? '') === '' ? [`${title}: no description`] : []),
      ...(gridPos.x + gridPos.w > GRID_COLUMNS ? [`${title}: outside`] : []),
      ...(options?.legend !== undefined && (options.legend.showLegend === undefined || options.legend.calcs === undefined)
        ? [`${title}: a legend that is not said to be shown`]
        : []),
      ...(targets.length === 0
        ? [`${title}: no query`]
        : targets.flatMap(({ expr, legendFormat }) => faultsOfQuery(expr, legendFormat, known))),
    ];
  });
}

test('each metric and label of the dashboard is exposed by running parts; titles, units and words are there', () => {
  assert(exposed.size > 30, `${exposed.size} metrics`);
  assert(DASHBOARD.panels.length > 20);
  assert.deepEqual(faultsOf(DASHBOARD, exposed), []);
  assert.match(GUIDE, new RegExp(`schema version ${DASHBOARD.schemaVersion}`));
});

test('a metric or label that nobody exposes is found, so is a missing unit', () => {
  assert.deepEqual(faultsOfQuery('rate(fogline_edge_lives[5m])', '', exposed), [
    'rate(fogline_edge_lives[5m]): no metric fogline_edge_lives',
  ]);
  assert.deepEqual(faultsOfQuery('sum by (house) (fogline_edge_live)', '', exposed), [
    'sum by (house) (fogline_edge_live): no label house',
  ]);
  assert.deepEqual(faultsOfQuery('fogline_edge_live', '{{household}}', exposed), ['fogline_edge_live: no label household']);
  assert.deepEqual(faultsOfQuery('fogline_redis_up or fogline_edge_live{edge=~"a"}', '', exposed).length, 1);
  const [first] = DASHBOARD.panels.filter(({ type }) => type === 'stat');
  assert.deepEqual(faultsOf({ ...DASHBOARD, panels: [{ ...(first as Panel), fieldConfig: { defaults: {} } }] }, exposed), [
    'Alerts: unit ""',
  ]);
});

test('jobs that the dashboard goes by are those of the scrape snippet', () => {
  const jobs = [...GUIDE.matchAll(/job_name: (\S+)/g)].map((match) => match[1]);
  assert.deepEqual(jobs, ['fogline-cloud', 'fogline-edge']);
  for (const { targets = [] } of DASHBOARD.panels) {
    for (const { expr } of targets) for (const [, job] of expr.matchAll(/job=~"([^"]*)"/g)) assert.equal(job, 'fogline.*');
  }
});

/**
 * docs/alerts.rules.yml by promtool's own tests: each rule rings for what a cloud and an edge expose when it must, once and with its
 * words, and no rule rings for a site where all is well. Some seconds.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { noPrometheus, promtool } from '../doubles/prometheus.ts';

const RULES = join(import.meta.dirname, '../../docs/alerts.rules.yml');
const needsPromtool = { skip: noPrometheus };
/** Minutes: what is wrong begins, and the end of what Prometheus has seen. */
const TURN = 20;
const END = 50;
const DAY_SECONDS = 86_400;

type Labels = Readonly<Record<string, string>>;
/** By minute; null while it is not exposed. */
type Course = (minute: number) => number | null;

const CLOUD: Labels = { instance: 'cloud:5006', job: 'fogline-cloud' };
const NAMED: Labels = { ...CLOUD, edge: 'e1' };
const EDGE: Labels = { instance: 'edge:9101', job: 'fogline-edge', edge: 'e1' };

const flat =
  (value: number): Course =>
  () =>
    value;
const step =
  (before: number | null, then: number): Course =>
  (minute) =>
    minute < TURN ? before : then;
/** Counts `perMinute` from the turn on. */
const growth =
  (perMinute: number): Course =>
  (minute) =>
    Math.max(0, minute - TURN) * perMinute;

interface Series {
  metric: string;
  labels: Labels;
  course: Course;
}

const of = (metric: string, labels: Labels, course: Course): Series => ({ metric, labels, course });
/** What the cloud tells of each edge and the edge of itself. */
const toldTwice = (metric: string, course: Course): Series[] => [of(metric, NAMED, course), of(metric, EDGE, course)];
const rows = (outcome: string, course: Course) => of('fogline_cloud_rows', { ...CLOUD, outcome }, course);
const refused = (verdict: string, course: Course) => of('fogline_rows_refused_total', { ...CLOUD, verdict }, course);

const WELL: readonly Series[] = [
  of('fogline_edge_live', NAMED, flat(1)),
  of('fogline_households_silent', CLOUD, flat(0)),
  of('fogline_edge_outbox_parts', NAMED, flat(3)),
  of('fogline_edge_households', NAMED, flat(2)),
  of('fogline_link_certificate_seconds', CLOUD, flat(20 * DAY_SECONDS)),
  of('fogline_link_edge_certificate_seconds', NAMED, flat(40 * DAY_SECONDS)),
  ...toldTwice('fogline_edge_outbox_age_seconds', flat(5)),
  ...[
    'outbox_full',
    'parked_households',
    'waiting_households',
    'unreadable_records',
    'trimmed_early_rows',
    'outbox_damage',
    'topic_damage',
    'names_left_out',
  ].flatMap((name) => toldTwice(`fogline_edge_${name}`, flat(0))),
  ...['gap', 'overlap', 'conflict', 'not_owner', 'rejected'].map((verdict) => refused(verdict, flat(0))),
  of('fogline_link_refused_total', { ...CLOUD, reason: 'rate' }, flat(0)),
  rows('parts', (minute) => 200 * minute),
  rows('duplicates', (minute) => minute),
  rows('unusable', flat(0)),
  of('fogline_readings_declared_total', CLOUD, flat(0)),
  of('fogline_store_damaged_parts_total', CLOUD, flat(0)),
  of('fogline_redis_up', CLOUD, flat(1)),
];

interface Case {
  alert: string;
  ill: readonly Series[];
  /** Minutes after the turn at which it must not ring yet, and at which it must. */
  silentAt?: number;
  ringsAt: number;
  labels: Labels;
  summary: string;
}

const damaged = (outcome: string) => of('fogline_store_damaged_records_total', { ...CLOUD, table: 'rollups', outcome }, step(null, 1));

const CASES: readonly Case[] = [
  { alert: 'EdgeSilent', ill: [of('fogline_edge_live', NAMED, step(1, 0))], ringsAt: 0, labels: NAMED, summary: 'edge e1 is silent' },
  {
    alert: 'HouseholdSilent',
    ill: [of('fogline_households_silent', CLOUD, step(0, 2))],
    ringsAt: 0,
    labels: CLOUD,
    summary: 'some household owes windows',
  },
  {
    alert: 'OutboxDeep',
    ill: [of('fogline_edge_outbox_parts', NAMED, step(3, 120))],
    silentAt: 0,
    ringsAt: 1,
    labels: NAMED,
    summary: 'edge e1 has a deep outbox',
  },
  {
    alert: 'OutboxOld',
    ill: toldTwice('fogline_edge_outbox_age_seconds', step(5, 400)),
    silentAt: 0,
    ringsAt: 1,
    labels: { edge: 'e1' },
    summary: 'edge e1 has an old window waiting',
  },
  {
    alert: 'OutboxFull',
    ill: toldTwice('fogline_edge_outbox_full', step(0, 1)),
    ringsAt: 0,
    labels: { edge: 'e1' },
    summary: 'edge e1 takes in nothing more: its outbox is full',
  },
  {
    alert: 'OutboxTrimmed',
    ill: toldTwice('fogline_edge_trimmed_early_rows', step(0, 1)),
    ringsAt: 0,
    labels: { edge: 'e1' },
    summary: 'edge e1 has dropped acknowledged rows early',
  },
  {
    alert: 'HouseholdParked',
    ill: toldTwice('fogline_edge_parked_households', step(0, 1)),
    ringsAt: 0,
    labels: { edge: 'e1' },
    summary: 'edge e1 holds households back',
  },
  {
    alert: 'HouseholdWaiting',
    ill: toldTwice('fogline_edge_waiting_households', step(0, 1)),
    silentAt: 0,
    ringsAt: 1,
    labels: { edge: 'e1' },
    summary: 'edge e1 waits for households to be assigned',
  },
  {
    alert: 'RecordsUnreadable',
    ill: toldTwice('fogline_edge_unreadable_records', step(0, 1)),
    ringsAt: 0,
    labels: { edge: 'e1' },
    summary: 'edge e1 has set records of the topic aside',
  },
  {
    alert: 'OutboxDamaged',
    ill: toldTwice('fogline_edge_outbox_damage', step(0, 2)),
    ringsAt: 0,
    labels: { edge: 'e1' },
    summary: 'edge e1 has found damage in its outbox',
  },
  {
    alert: 'TopicDamaged',
    ill: toldTwice('fogline_edge_topic_damage', step(0, 1)),
    ringsAt: 0,
    labels: { edge: 'e1' },
    summary: 'edge e1 has a damaged topic, which was set aside',
  },
  {
    alert: 'NamesLeftOut',
    ill: toldTwice('fogline_edge_names_left_out', step(0, 1)),
    ringsAt: 0,
    labels: { edge: 'e1' },
    summary: 'edge e1 can not ask for households whose names are none',
  },
  {
    alert: 'EdgeCertificateEnding',
    ill: [of('fogline_link_edge_certificate_seconds', NAMED, step(30 * DAY_SECONDS, 30 * DAY_SECONDS - 60))],
    ringsAt: 0,
    labels: NAMED,
    summary: 'edge e1 has a certificate that expires soon',
  },
  {
    alert: 'RowsRefused',
    ill: [refused('conflict', step(0, 1))],
    ringsAt: 0,
    labels: { ...CLOUD, verdict: 'conflict' },
    summary: 'cloud refuses rows that contradict what is stored, or make no sense',
  },
  {
    alert: 'OwnerRefused',
    ill: [refused('not_owner', step(0, 1))],
    ringsAt: 0,
    labels: { ...CLOUD, verdict: 'not_owner' },
    summary: 'cloud refuses an edge whose households belong to another',
  },
  {
    alert: 'PeersRefused',
    ill: [of('fogline_link_refused_total', { ...CLOUD, reason: 'rate' }, growth(3))],
    silentAt: 1,
    ringsAt: 9,
    labels: {},
    summary: 'cloud refuses peers at the link',
  },
  {
    alert: 'CertificateEnding',
    ill: [of('fogline_link_certificate_seconds', CLOUD, step(14 * DAY_SECONDS, 14 * DAY_SECONDS - 60))],
    ringsAt: 0,
    labels: CLOUD,
    summary: 'cloud has a certificate that expires soon',
  },
  {
    alert: 'RequestsUnusable',
    ill: [rows('unusable', growth(3))],
    silentAt: 1,
    ringsAt: 9,
    labels: { ...CLOUD, outcome: 'unusable' },
    summary: 'cloud gets requests that it can not serve',
  },
  {
    alert: 'GapsDeclared',
    ill: [of('fogline_readings_declared_total', CLOUD, step(0, 5))],
    ringsAt: 0,
    labels: CLOUD,
    summary: 'cloud was told of readings that are missing for good',
  },
  {
    alert: 'StoreDamaged',
    ill: [of('fogline_store_damaged_parts_total', CLOUD, step(0, 1))],
    ringsAt: 0,
    labels: CLOUD,
    summary: 'cloud has stored parts that are damaged',
  },
  {
    alert: 'RecordsDamaged',
    ill: [damaged('refused')],
    ringsAt: 0,
    labels: { ...CLOUD, table: 'rollups', outcome: 'refused' },
    summary: 'cloud has damaged records that it can not mend',
  },
  {
    alert: 'RecordsMended',
    ill: [damaged('mended')],
    ringsAt: 0,
    labels: { ...CLOUD, table: 'rollups', outcome: 'mended' },
    summary: 'cloud found damaged records and mended them',
  },
  {
    alert: 'DuplicatesMany',
    ill: [rows('duplicates', growth(200))],
    silentAt: 3,
    ringsAt: 9,
    labels: CLOUD,
    summary: 'cloud gets most rows twice',
  },
  {
    alert: 'RedisDown',
    ill: [of('fogline_redis_up', CLOUD, step(1, 0))],
    silentAt: 0,
    ringsAt: 1,
    labels: CLOUD,
    summary: 'cloud does not reach Redis',
  },
];

/** What looks ill and is not: no rule rings for it. */
const HARMLESS: readonly Series[][] = [
  // Nineteen parts of each household: less than two minutes.
  [of('fogline_edge_outbox_parts', NAMED, step(3, 20_000)), of('fogline_edge_households', NAMED, flat(1_000))],
  // An edge that has not said yet which households it has.
  [of('fogline_edge_households', NAMED, flat(0))],
  // All of them twice, and too few to say so.
  [rows('parts', growth(50)), rows('duplicates', growth(50))],
  // One in three.
  [rows('duplicates', growth(60))],
];

const folder = mkdtempSync(join(tmpdir(), 'fogline-rules-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const keyOf = ({ metric, labels }: Series): string =>
  `${metric}{${Object.entries(labels)
    .map(([name, value]) => `${name}="${value}"`)
    .join(', ')}}`;

function inputOf(ill: readonly Series[]): { series: string; values: string }[] {
  const all = new Map([...WELL, ...ill].map((series) => [keyOf(series), series.course]));
  const minutes = Array.from({ length: END + 1 }, (_, minute) => minute);
  return [...all].map(([series, course]) => ({ series, values: minutes.map((minute) => course(minute) ?? '_').join(' ') }));
}

const minutesOf = (minute: number): string => `${minute}m`;

function testOf({ alert, ill, silentAt = -1, ringsAt, labels, summary }: Case): object {
  const runbook = `docs/operating.md#${alert.replaceAll(/(?<!^)[A-Z]/g, (letter) => `-${letter}`).toLowerCase()}`;
  const severity = new RegExp(`alert: Fogline${alert}\n.*\n.*\n.*\n +severity: (\\w+)`).exec(readFileSync(RULES, 'utf8'))?.[1];
  const ringing = [{ exp_labels: { ...labels, severity }, exp_annotations: { summary, runbook } }];
  return {
    name: alert,
    interval: '1m',
    input_series: inputOf(ill),
    alert_rule_test: [
      { eval_time: minutesOf(TURN + silentAt), alertname: `Fogline${alert}`, exp_alerts: [] },
      ...CASES.map((other) => ({
        eval_time: minutesOf(TURN + ringsAt),
        alertname: `Fogline${other.alert}`,
        exp_alerts: other.alert === alert ? ringing : [],
      })),
    ],
  };
}

const QUIET = HARMLESS.map((series, i) => ({
  name: `harmless ${i}`,
  interval: '1m',
  input_series: inputOf(series),
  alert_rule_test: [TURN, TURN + 1, TURN + 5, TURN + 12, END].flatMap((minute) =>
    CASES.map(({ alert }) => ({ eval_time: minutesOf(minute), alertname: `Fogline${alert}`, exp_alerts: [] })),
  ),
}));

/** What promtool finds wrong with the rules; empty when nothing. */
function faultsOf(rules: string, tests: readonly object[]): string {
  writeFileSync(join(folder, 'alerts.rules.yml'), rules);
  const file = join(folder, 'tests.json');
  writeFileSync(file, JSON.stringify({ rule_files: ['alerts.rules.yml'], evaluation_interval: '1m', tests }));
  const { isGood, text } = promtool('test', 'rules', file);
  assert.equal(isGood, text.includes('SUCCESS'), text);
  return isGood ? '' : text;
}

test('each rule rings when it must, and no other with it', needsPromtool, () => {
  const rules = readFileSync(RULES, 'utf8');
  assert.deepEqual(
    [...rules.matchAll(/alert: Fogline(\w+)/g)].map((match) => match[1]),
    CASES.map(({ alert }) => alert),
  );
  assert.equal(faultsOf(rules, [...CASES.map(testOf), ...QUIET]), '');
});

test('a rule that rings late, never, twice, or in other words is found', needsPromtool, () => {
  const rules = readFileSync(RULES, 'utf8');
  for (const [right, wrong] of [
    [">= 60'\n        for: 30s", ">= 60'\n        for: 2m"],
    [">= 60'\n        for: 30s", ">= 60'\n        for: 0m"],
    [' / clamp_min(fogline_edge_households, 1)', ''],
    ['clamp_min(fogline_edge_households, 1)', 'fogline_edge_households'],
    ['>= 1000', '>= 0'],
    ['< 1209600', '< 1'],
    ['< 2592000', '< 2592001'],
    ['fogline_redis_up == 0', 'fogline_redis_ups == 0'],
    ['edge {{ $labels.edge }} is silent', 'edge {{ $labels.instance }} is silent'],
    ['max by (edge) (fogline_edge_outbox_full)', 'fogline_edge_outbox_full'],
  ] as const) {
    assert(rules.includes(right), right);
    assert.match(faultsOf(rules.replace(right, wrong), [...CASES.map(testOf), ...QUIET]), /FAILED/, wrong);
  }
});

/** docs/operating.md and docs/alerts.rules.yml say what the program does: every alert, every metric, nothing else. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROWS_FOR_A_SHARE } from '../../../cloud/server/alert-figures.ts';
import {
  ALERT_KINDS,
  ALERT_RULES,
  type AlertKind,
  CERTIFICATE_ENDING_MS,
  EDGE_CERTIFICATE_ENDING_MS,
} from '../../../cloud/server/alert-rules.ts';
import {
  LOGINS_PER_ADDRESS_PER_MINUTE,
  REFUSALS_PER_ADDRESS_PER_MINUTE,
  REQUESTS_PER_ADDRESS_PER_MINUTE,
} from '../../../cloud/server/api/rate-limits.ts';
import { EVENTS_MAX } from '../../../cloud/server/storage/sqlite-event-log.ts';
import { runCloud } from '../../doubles/running-cloud.ts';

const ROOT = join(import.meta.dirname, '../../..');
const GUIDE = readFileSync(join(ROOT, 'docs/operating.md'), 'utf8');
const RULES = readFileSync(join(ROOT, 'docs/alerts.rules.yml'), 'utf8');

/** Text under a heading of the third level. */
function sectionOf(guide: string, heading: string): string | undefined {
  return guide.split(/^### /m).find((section) => section.startsWith(`${heading}\n`));
}

/** What is missing of an alert in the guide. */
function faultsOf(guide: string): string[] {
  return ALERT_KINDS.flatMap((kind) => {
    const section = sectionOf(guide, kind)?.replaceAll('\n', ' ');
    if (section === undefined) return [`${kind}: no heading`];
    const { runbook, severity } = ALERT_RULES[kind];
    if (!section.includes(`**What to do:** ${runbook}.`)) return [`${kind}: another line`];
    return section.toLowerCase().includes(`${severity}, of a`) || section.toLowerCase().includes(`${severity}, of the`)
      ? []
      : [`${kind}: ${severity}`];
  });
}

function documented(guide: string): string[] {
  return [...guide.matchAll(/^\| `(fogline_\w+)` \|/gm)].map((match) => match[1]!);
}

test('each alert has its heading in the guide, with its line of what to do', () => {
  assert.deepEqual(faultsOf(GUIDE), []);
  assert.deepEqual(faultsOf(GUIDE.replace('### outbox-old', '### outbox-aged')), ['outbox-old: no heading']);
  assert.deepEqual(faultsOf(GUIDE.replace(ALERT_RULES['redis-down'].runbook, 'wait')), ['redis-down: another line']);
  const headings = [...GUIDE.matchAll(/^### (.+)$/gm)].map((match) => match[1]);
  assert.deepEqual(headings, [...ALERT_KINDS]);
});

test('the table of metrics has all that the sources name, and no other', () => {
  const named = new Set<string>();
  const sources = ['cloud', 'edge', 'common'].flatMap((room) => readdirSync(join(ROOT, room), { recursive: true, withFileTypes: true }));
  for (const { name: file, parentPath } of sources.filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))) {
    for (const [, name] of readFileSync(join(parentPath, file), 'utf8').matchAll(/'(fogline_[a-z]\w+)'/g)) named.add(name!);
  }
  assert(named.size > 25);
  assert.deepEqual(documented(GUIDE).toSorted(), [...named].toSorted());
});

test('what a running cloud registers is in the table', async (t) => {
  const cloud = await runCloud({ states: {} });
  t.after(() => cloud.stop());
  const registered = cloud.metrics.names().filter((name) => name.startsWith('fogline_'));
  assert(registered.length > 15);
  const table = new Set(documented(GUIDE));
  assert.deepEqual(
    registered.filter((name) => !table.has(name)),
    [],
  );
});

test('limits in the guide are those of the program', () => {
  for (const limit of [
    `${REQUESTS_PER_ADDRESS_PER_MINUTE.toLocaleString('en')} requests a minute`,
    `${LOGINS_PER_ADDRESS_PER_MINUTE} tries at \`/login\` a minute`,
    `${REFUSALS_PER_ADDRESS_PER_MINUTE} refused requests a minute`,
    `${EVENTS_MAX.toLocaleString('en')} events`,
  ])
    assert(GUIDE.includes(limit), limit);
});

function waitOf(ms: number): string {
  return ms % 60_000 === 0 ? `${ms / 60_000}m` : `${ms / 1_000}s`;
}

/** Figures in a rule for Prometheus that the program has too. */
const FIGURES: Partial<Record<AlertKind, readonly number[]>> = {
  'outbox-deep': [ALERT_RULES['outbox-deep'].raiseAt],
  'outbox-old': [ALERT_RULES['outbox-old'].raiseAt / 1_000],
  'edge-certificate-ending': [EDGE_CERTIFICATE_ENDING_MS / 1_000],
  'peers-refused': [ALERT_RULES['peers-refused'].raiseAt],
  'certificate-ending': [CERTIFICATE_ENDING_MS / 1_000],
  'requests-unusable': [ALERT_RULES['requests-unusable'].raiseAt],
  'duplicates-many': [ROWS_FOR_A_SHARE, ALERT_RULES['duplicates-many'].raiseAt],
};

test('the rules for Prometheus ring at the figures of the program', () => {
  const expressions = [...RULES.matchAll(/expr: '(.+)'/g)].map(([, expression]) => expression!);
  for (const [i, kind] of ALERT_KINDS.entries()) {
    const figures = [...expressions[i]!.matchAll(/[<>]=? ([\d.]+)/g)].map(([, figure]) => Number(figure));
    assert.deepEqual(figures, FIGURES[kind] ?? figures.filter((figure) => figure === 0), kind);
  }
});

test('the rules for Prometheus are one for each alert, of metrics that there are, and lead to the guide', () => {
  const rules = RULES.split(/^ {6}- /m).slice(1);
  assert.equal(rules.length, ALERT_KINDS.length);
  const table = new Set(documented(GUIDE));
  for (const [i, rule] of rules.entries()) {
    const kind = ALERT_KINDS[i]!;
    const name = `Fogline${kind.replaceAll(/(?:^|-)([a-z])/g, (_all, letter: string) => letter.toUpperCase())}`;
    const { raiseAfterMs, severity } = ALERT_RULES[kind];
    const shape = new RegExp(
      `^alert: ${name}\n {8}expr: '([^'\n]+)'\n {8}for: ${waitOf(raiseAfterMs)}\n {8}labels:\n {10}severity: ${severity}\n` +
        ` {8}annotations:\n {10}summary: '[^'\n]+'\n {10}runbook: 'docs/operating\\.md#${kind}'\n$`,
    );
    const expression = shape.exec(rule)?.[1];
    assert(expression !== undefined, `${kind}:\n${rule}`);
    const metrics = expression.match(/fogline_\w+/g) ?? [];
    assert(metrics.length > 0 && metrics.every((metric) => table.has(metric)), expression);
    for (const pair of ['()', '[]', '{}']) assert.equal(expression.split(pair[0]!).length, expression.split(pair[1]!).length, expression);
  }
});

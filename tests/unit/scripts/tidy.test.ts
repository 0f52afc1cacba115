import assert from 'node:assert/strict';
import { test } from 'node:test';
import { repositoryFiles, tidy } from '../../../scripts/tidy.ts';

const lineOf = (...parts: string[]) => `${parts.join('\n')}\n`;

/** A small repository in which nothing is untidy; each test plants one thing in it. */
const CLEAN: Readonly<Record<string, string>> = {
  'fogline.ts':
    "await import('./edge/server/main.ts');\nawait import('./edge/simulator/main.ts');\nawait import('./cloud/server/main.ts');\n",
  'common/clock.ts': 'export const now = () => Date.now();\n',
  'common/units.ts': 'export const WATT = 1;\n',
  'common/config.ts': 'export const env = () => process.env;\n',
  'common/protocol/rule.ts': "import { WATT } from '../units.ts';\nexport const rule = WATT;\n",
  'edge/server/main.ts': lineOf(
    "import { rule } from '../../common/protocol/rule.ts';",
    "import { env } from '../../common/config.ts';",
    'export const edge = [rule, env];',
  ),
  'edge/simulator/main.ts': lineOf(
    "import { engine } from './cosim/engine.ts';",
    "import { now } from '../../common/clock.ts';",
    'export const simulator = [engine, now];',
  ),
  'edge/simulator/cosim/engine.ts': 'export const engine = 1;\n',
  'cloud/server/main.ts': lineOf(
    "import { store } from './storage/sqlite-series-store.ts';",
    "import { page } from './api/rest.ts';",
    "import { total } from './analytics/rollup.ts';",
    'export const cloud = [store, page, total];',
  ),
  'cloud/server/analytics/rollup.ts': 'export const total = 1;\n',
  'cloud/server/storage/sqlite-series-store.ts': "import Database from 'better-sqlite3';\nexport const store = Database;\n",
  'cloud/server/storage/series-store.ts': 'export interface SeriesStore {\n  append(): void;\n}\n',
  'cloud/server/api/rest.ts':
    "import type { SeriesStore } from '../storage/series-store.ts';\nexport const page = (store: SeriesStore) => store;\n",
  'cloud/server/api/api-types.ts': 'export interface StateRow {\n  state: string;\n}\n',
  'cloud/web/main.ts': lineOf(
    "import type { StateRow } from '../server/api/api-types.ts';",
    "import { WATT } from '../../common/units.ts';",
    'export const row = (r: StateRow) => [r, WATT];',
  ),
  'tests/unit/rule.test.ts': "import '../../common/protocol/rule.ts';\n",
};

function messages(planted: Readonly<Record<string, string>>): string[] {
  return tidy(new Map(Object.entries({ ...CLEAN, ...planted })));
}

/** Plants the files and wants exactly one message, at that path, that says so. */
function onlyMessage(planted: Readonly<Record<string, string>>, path: string, expected: RegExp): void {
  const found = messages(planted);
  assert.equal(found.length, 1, `wanted one message, got: ${found.join('\n') || 'none'}`);
  assert(found[0]!.startsWith(`${path}:`), found[0]);
  assert.match(found[0]!, expected);
}

const lines = (count: number) => Array.from({ length: count }, (_, i) => `  step(${i});`).join('\n');

test('the repository itself is tidy', () => {
  const files = repositoryFiles();
  assert(files.size > 50, `only ${files.size} files were found`);
  const found = tidy(files);
  assert(found.length === 0, `\n${found.join('\n')}\n${found.length} untidy places`);
});

test('a small clean repository gives no message', () => {
  assert.deepEqual(messages({}), []);
});

const importer = (path: string, line: string) => ({ [path]: `${CLEAN[path] ?? ''}${line}\n` });

test('walls: who may import whom', () => {
  const cases: [path: string, line: string, expected: RegExp][] = [
    ['common/units.ts', "import '../edge/server/main.ts';", /common imports nothing of ours/],
    ['edge/server/main.ts', "import '../../cloud/server/main.ts';", /meet only in a topic/],
    ['edge/server/main.ts', "import '../simulator/main.ts';", /meet only in a topic/],
    ['edge/simulator/main.ts', "import '../server/main.ts';", /meet only in a topic/],
    ['edge/simulator/main.ts', "import type { X } from '../server/main.ts';", /meet only in a topic/],
    ['edge/simulator/main.ts', "void import('../server/main.ts');", /meet only in a topic/],
    ['cloud/server/main.ts', "import '../../edge/server/main.ts';", /neither edge nor page/],
    ['cloud/server/main.ts', "import '../web/main.ts';", /neither edge nor page/],
    ['cloud/web/main.ts', "import type { X } from '../server/main.ts';", /the page knows the HTTP API only/],
    ['cloud/web/main.ts', "import { now } from '../../common/clock.ts';", /the page imports types only/],
    ['cloud/web/main.ts', "import { type A, b } from '../server/api/api-types.ts';", /the page imports types only/],
    ['cloud/server/api/rest.ts', "import '../storage/sqlite-series-store.ts';", /only through its contracts/],
    ['cloud/server/api/rest.ts', "import { x } from '../storage/series-store.ts';", /only through its contracts/],
    ['cloud/server/analytics/rollup.ts', "import '../storage/series-store.ts';", /analytics is pure|ours/],
    ['common/protocol/rule.ts', "import '../config.ts';", /protocol is pure/],
    ['common/protocol/rule.ts', "import 'node:fs';", /this room is pure/],
    ['cloud/server/analytics/rollup.ts', "import 'node:fs';", /this room is pure/],
    ['cloud/server/analytics/rollup.ts', "import { now } from '../../../common/clock.ts';", /this room is pure/],
    ['edge/server/main.ts', "import '../../tests/unit/rule.test.ts';", /no tests, scripts or benchmarks|meet only in a topic/],
    ['edge/server/main.ts', "import './nowhere.ts';", /there is no such file/],
  ];
  for (const [path, line, expected] of cases) {
    const found = messages(importer(path, line)).filter((message) => !message.includes('cycle'));
    assert(found.length >= 1, `${path}: ${line} was accepted`);
    assert(
      found.some((message) => message.startsWith(`${path}:`) && expected.test(message)),
      found.join('\n'),
    );
  }
});

test('walls: cosim knows nothing of energy, the supervisor only common', () => {
  const meter = { 'edge/simulator/models/meter.ts': 'export const meter = 1;\n' };
  const engine = importer('edge/simulator/cosim/engine.ts', "import '../models/meter.ts';");
  assert.match(messages({ ...meter, ...engine }).join('\n'), /cosim knows time and data flow/);
  const supervisor = { 'fogline.ts': `${CLEAN['fogline.ts']}await import('./supervisor/main.ts');\n` };
  const main = { 'supervisor/main.ts': "import '../edge/server/main.ts';\nexport const run = 1;\n" };
  onlyMessage({ ...supervisor, ...main }, 'supervisor/main.ts', /knows its children by their events/);
});

test('walls: the audit knows only common, and opens files by two doors', () => {
  const start = { 'fogline.ts': `${CLEAN['fogline.ts']}await import('./audit/main.ts');\n` };
  for (const room of ['edge/server', 'edge/simulator', 'cloud/server']) {
    const main = { 'audit/main.ts': `import '../${room}/main.ts';\nimport '../common/units.ts';\nexport const audit = 1;\n` };
    onlyMessage({ ...start, ...main }, 'audit/main.ts', /repeats no mistake/);
  }
  const database = { 'audit/main.ts': "import 'better-sqlite3';\nexport const audit = 1;\n" };
  onlyMessage({ ...start, ...database }, 'audit/main.ts', /one dependency, one door/);
});

test('what production may import is allowed: the wall does not stand everywhere', () => {
  assert.deepEqual(
    messages(importer('edge/simulator/main.ts', "import { WATT } from '../../common/units.ts';\nexport { WATT as W };")),
    [],
  );
  assert.deepEqual(
    messages(importer('edge/simulator/cosim/engine.ts', "import { now } from '../../../common/clock.ts';\nexport const t = now;")),
    [],
  );
});

test('import cycles, types too', () => {
  const a = { 'common/a.ts': "import type { B } from './b.ts';\nexport type A = B;\n" };
  const b = { 'common/b.ts': "import type { A } from './a.ts';\nexport type B = A;\n" };
  const user = importer('edge/server/main.ts', "import type { A } from '../../common/a.ts';\nexport type C = A;");
  onlyMessage({ ...a, ...b, ...user }, 'common/a.ts', /import cycle common\/a\.ts → common\/b\.ts → common\/a\.ts/);
});

test('no barrels and no attics', () => {
  for (const name of ['index', 'utils', 'helpers', 'types', 'misc']) {
    const path = `common/${name}.ts`;
    const user = importer('edge/server/main.ts', `import '../../common/${name}.ts';`);
    onlyMessage({ ...user, [path]: 'export const x = 1;\n' }, path, /name the file after the one thing in it/);
  }
  const user = importer('edge/server/main.ts', "import '../../common/all.ts';");
  onlyMessage({ ...user, 'common/all.ts': "export { WATT } from './units.ts';\n" }, 'common/all.ts', /only re-exports/);
});

test('one dependency, one door', () => {
  const cases: [path: string, line: string, expected: RegExp][] = [
    ['edge/server/main.ts', "import { Kafka } from 'kafkajs';", /kafkajs.*one door/],
    ['edge/server/main.ts', "import nano from 'nanomsg';", /nanomsg.*one door/],
    ['edge/server/main.ts', "import { pino } from 'pino';", /pino.*one door/],
    ['edge/server/main.ts', "import express from 'express';", /express.*one door/],
    ['cloud/server/main.ts', "import Database from 'better-sqlite3';", /better-sqlite3.*one door/],
    ['edge/simulator/main.ts', "import { parse } from 'csv-parse/sync';", /csv-parse.*one door/],
    ['cloud/web/main.ts', "import { Chart } from 'chart.js/auto';", /chart\.js.*one door/],
    ['cloud/web/main.ts', "import { render } from 'luxon';", /luxon.*one door/],
    ['cloud/server/main.ts', "import { render } from 'preact';", /preact.*one door/],
    ['cloud/server/main.ts', "import Redis from 'ioredis';", /ioredis.*one door/],
    ['cloud/server/main.ts', "import x from '@scope/new-thing';", /@scope\/new-thing, which has no door/],
    ['cloud/server/main.ts', "import x from 'constructor';", /which has no door/],
  ];
  for (const [path, line, expected] of cases) onlyMessage(importer(path, line), path, expected);
  assert.deepEqual(messages(importer('tests/unit/rule.test.ts', "import nano from 'nanomsg';")), []);
});

test('pages in markup are looked at like the rest: the slashes of tags hide nothing', () => {
  const page = (last: string) => ({
    'cloud/web/main.tsx': `export const Page = () => <p>\n  <br /> {1 / 2}\n</p>;\n${last}\n`,
  });
  assert.deepEqual(messages(page('')), []);
  onlyMessage(page("import { Chart } from 'chart.js';"), 'cloud/web/main.tsx', /chart\.js.*one door/);
  onlyMessage(page('export const its = Math.random();'), 'cloud/web/main.tsx', /take a Random/);
  onlyMessage(page("import './missing.tsx';"), 'cloud/web/main.tsx', /no such file/);
});

test('time comes from common/clock.ts', () => {
  const cases: [line: string, expected: RegExp][] = [
    ['export const t = Date.now();', /nowMs\(\)/],
    ['export const t = new Date();', /nowMs\(\)/],
    ['export const t = Date();', /nowMs\(\)/],
    ['setTimeout(() => {}, 5);', /sleep\(\) or timer\(\)/],
    ['const h = setInterval(() => {}, 5);', /sleep\(\) or timer\(\)/],
    ['globalThis.setImmediate(() => {});', /sleep\(\) or timer\(\)/],
    ['export const s = AbortSignal.timeout(5);', /sleep\(\) or timer\(\)/],
    ['export const t = performance.now();', /monotonicMs\(\)/],
    ['export const t = process.hrtime.bigint();', /monotonicMs\(\)/],
    ["import { setTimeout as wait } from 'node:timers/promises';", /take a Clock/],
    ["import { performance as p } from 'perf_hooks';", /take a Clock|no door/],
  ];
  for (const [line, expected] of cases) {
    const found = messages(importer('edge/server/main.ts', line));
    assert(found.length >= 1, `${line} was accepted`);
    assert.match(found.join('\n'), expected, line);
    if (!line.startsWith('import'))
      assert.deepEqual(messages(importer('cloud/web/main.ts', line)), [], `the page keeps its own time: ${line}`);
  }
  const harmless = [
    'export const t = new Date(5);',
    'export const d = (clock: { sleep(): void }) => clock.sleep();',
    '// setTimeout() and Date.now() are words here',
    "export const words = 'Date.now() and performance.now()';",
    'export const words = `Date.now() ${1}`;',
    'socket.setTimeout(5);',
  ];
  for (const line of harmless) assert.deepEqual(messages(importer('edge/server/main.ts', line)), [], line);
  assert.match(messages(importer('edge/server/main.ts', 'export const t = `${Date.now()}`;')).join(), /nowMs/);
});

test('no Math.random anywhere, tests too; process.env only in config', () => {
  for (const path of ['edge/server/main.ts', 'cloud/web/main.ts', 'tests/unit/rule.test.ts']) {
    onlyMessage(importer(path, 'export const r = Math.random();'), path, /take a Random/);
  }
  onlyMessage(importer('edge/server/main.ts', "export const e = process.env['X'];"), 'edge/server/main.ts', /add a setting/);
  assert.deepEqual(messages(importer('tests/unit/rule.test.ts', "export const e = process.env['X'];")), []);
});

test('sizes: files, functions, lines', () => {
  const path = 'edge/server/main.ts';
  onlyMessage(importer(path, '// x\n'.repeat(500)), path, /lines, at most 500: split it/);
  onlyMessage(importer(path, `// ${'x'.repeat(140)}`), path, /characters, at most 140/);
  const functions = [
    `export function long(a: number): void {\n${lines(71)}\n}`,
    `export const long = async () => {\n${lines(71)}\n};`,
    `export class Long {\n  async work(a: { b: string }): Promise<void> {\n${lines(71)}\n  }\n}`,
    `export class Long {\n  short() {}\n\n  constructor() {\n${lines(71)}\n  }\n}`,
    `export function long(): { a: number } {\n${lines(71)}\n}`,
    `export function long(): { a: number }[] {\n${lines(71)}\n}`,
    `test('x', async (t) => {\n${lines(71)}\n});`,
  ];
  for (const text of functions) onlyMessage(importer(path, text), path, /a function of 73 lines, at most 70/);
  const others = [
    `export function fits(): void {\n${lines(68)}\n}`,
    `export const table = {\n${lines(80).replaceAll(';', ',')}\n};`,
    `export interface Long {\n${lines(80)}\n}`,
    `export class Long {\n${'  short() {}\n'.repeat(80)}}`,
    `describe('x', () => {\n${"  test('y', () => {});\n".repeat(80)}});`,
    `if (a) {\n${lines(71)}\n}`,
    `for (const a of (() => b)()) {\n${lines(71)}\n}`,
  ];
  for (const text of others) assert.deepEqual(messages(importer(path, text)), [], text.slice(0, 60));
});

test('braces and quotes in strings, comments and patterns do not mislead', () => {
  const path = 'edge/server/main.ts';
  const tricky = [
    'export const a = /[/{"]+/.test("{");',
    "export const b = '{' + `{${'}'}{` + '\\'{';",
    'export const c = 4 / 2 / 1; // {',
    '/* { */ export const d = (x: number) => x / 2;',
    `export const e = "import { x } from '../simulator/main.ts'";`,
  ].join('\n');
  assert.deepEqual(messages(importer(path, tricky)), []);
  onlyMessage(importer(path, `${tricky}\nexport function long() {\n${lines(71)}\n}`), path, /a function of 73 lines/);
});

test('dead files', () => {
  onlyMessage({ 'common/lonely.ts': 'export const x = 1;\n' }, 'common/lonely.ts', /use it or delete it/);
  const spare = { 'common/spare.ts': 'export const x = 1;\n' };
  onlyMessage(
    { ...spare, ...importer('tests/unit/rule.test.ts', "import '../../common/spare.ts';") },
    'common/spare.ts',
    /only tests import/,
  );
  const worker = importer('edge/server/main.ts', "export const w = new URL('../../common/spare.ts', import.meta.url);");
  assert.deepEqual(messages({ ...spare, ...worker }), []);
});

test("no machine's own paths and no registry hosts, in any text file", () => {
  const cases: [path: string, text: string, expected: RegExp][] = [
    ['README.md', `See ${'/work'}/shared for more.`, /path of one machine/],
    ['docs/x.md', `(${'/root'}/.cache)`, /path of one machine/],
    ['common/units.ts', `export const WATT = '${'/tmp'}/x';\n`, /os\.tmpdir\(\)/],
    ['.ci/run', `npm ci --registry https://registry.${'npmjs'}.org`, /package registry/],
    ['config.ini', `; from ${'pypi'}.org`, /package registry/],
  ];
  for (const [path, text, expected] of cases) onlyMessage({ [path]: text }, path, expected);
  assert.deepEqual(messages({ 'README.md': 'a/work/b, the root/ folder, https://host/work/x and ${dir}/tmp/y' }), []);
});

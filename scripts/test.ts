/**
 * Runs the tests: `node --import tsx scripts/test.ts [folder or file …]`, by default everything below tests/.
 *
 * The last line is `N passed, M failed, K skipped`; before it stand the files that took longest, where many ran. Skips are named with
 * their reason; with FOGLINE_REQUIRE_ALL=1 each counts as a failure too. A file without a test is a failure. Ends by itself also when
 * something is left open.
 *
 * `*.alone.test.ts` compare times with each other: they run after the others, with nothing beside them.
 */
import { readdirSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { exitFlushed } from '../common/flush-output.ts';

/** Test files at once; plain machines have two cores. */
const FILES_AT_ONCE = 2;
/** A file that takes longer is ended and counts as failed: a forgotten timer must not hold up the run for ever. */
const FILE_TIMEOUT_MS = 1_200_000;

/** Of the files that took longest, so many are named. */
const SLOWEST_NAMED = 12;

interface Tally {
  passed: number;
  failed: string[];
  skipped: string[];
  /** Duration of each file in ms. */
  tookMs: Map<string, number>;
}

const files = testFiles(process.argv.slice(2));
if (files.length === 0) {
  process.stderr.write(`no *.test.ts in ${process.argv.slice(2).join(' ') || 'tests'}\n`);
  process.exit(1);
}
const isAlone = (path: string) => path.endsWith('.alone.test.ts');
const counted: Tally = { passed: 0, failed: [], skipped: [], tookMs: new Map() };
await runFiles(
  files.filter((path) => !isAlone(path)),
  FILES_AT_ONCE,
  counted,
);
await runFiles(files.filter(isAlone), 1, counted);
await finish(counted);

function testFiles(places: readonly string[]): string[] {
  const found = (places.length > 0 ? places : ['tests']).flatMap((place) => {
    const path = resolve(place);
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return place.endsWith('.test.ts') ? [path] : [];
    return readdirSync(path, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => join(path, name));
  });
  return [...new Set(found)].sort();
}

async function runFiles(paths: string[], concurrency: number, counted: Tally): Promise<void> {
  if (paths.length === 0) return;
  const stream = run({ files: paths, concurrency, timeout: FILE_TIMEOUT_MS });
  stream.on('test:pass', (event) => {
    // Suites are only headings.
    if (event.details.type === 'suite') return;
    // A file in which no test ran is reported as a passed test with the file's name.
    if (paths.includes(event.name)) {
      counted.failed.push(`${relative(process.cwd(), event.name)}: no test in it`);
      return;
    }
    const reason = event.skip ?? event.todo;
    if (reason === undefined) counted.passed++;
    else counted.skipped.push(`${event.name}: ${reason === true || reason === '' ? 'no reason given' : reason}`);
  });
  stream.on('test:fail', (event) => {
    if (event.details.type === 'suite') return;
    counted.failed.push(event.name);
  });
  // A file as a whole is a test too, under its own name.
  stream.on('test:complete', ({ name, details }) => {
    if (paths.includes(name)) counted.tookMs.set(name, details.duration_ms);
  });
  await new Promise((done) => {
    stream
      .compose(new spec())
      .on('data', (text: string) => process.stdout.write(text))
      .on('end', done);
  });
}

function finish({ passed, failed, skipped, tookMs }: Tally): Promise<never> {
  const required = process.env['FOGLINE_REQUIRE_ALL'] === '1';
  const lines = tookMs.size > SLOWEST_NAMED ? slowest(tookMs) : [];
  lines.push(...skipped.map((skip) => `skipped: ${skip}${required ? ' (FOGLINE_REQUIRE_ALL=1: a failure)' : ''}`));
  lines.push(...failed.map((name) => `failed: ${name}`));
  const failures = failed.length + (required ? skipped.length : 0);
  lines.push(`${passed} passed, ${failures} failed, ${skipped.length} skipped`);
  process.stdout.write(`\n${lines.join('\n')}\n`);
  return exitFlushed(failures > 0 || passed === 0 ? 1 : 0);
}

function slowest(tookMs: ReadonlyMap<string, number>): string[] {
  const byTime = [...tookMs].sort(([, a], [, b]) => b - a).slice(0, SLOWEST_NAMED);
  const lines = byTime.map(([file, ms]) => `  ${(ms / 1_000).toFixed(0).padStart(4)} s ${relative(process.cwd(), file)}`);
  return ['slowest files:', ...lines, ''];
}

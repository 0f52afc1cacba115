/**
 * What docs/reading-the-data.md and docs/notebooks.md show is run as it stands: each curl line, the pandas pieces as one notebook, and
 * those of R as another. The day is 2019-10-27, of 25 hours; one household has a hole of two. Half a minute.
 */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import type { ProfileReply, SeriesReply } from '../../cloud/server/api/api-types.ts';
import { blocksOf, curlLines } from '../doubles/document-blocks.ts';
import { checkDocumented } from '../doubles/documented-fetch.ts';
import { pythonWith } from '../doubles/python-with.ts';
import { type RunningCloud, runCloud, WINDOW_MS } from '../doubles/running-cloud.ts';

const run = promisify(execFile);
const HOUR_MS = 3_600_000;
const DAY_MS = Date.parse('2019-10-27T00:00:00+02:00');
const DAY_END_MS = Date.parse('2019-10-28T00:00:00+01:00');
const HOLE_MS = Date.parse('2019-10-27T10:00:00+01:00');
const HOLE_END_MS = HOLE_MS + 2 * HOUR_MS;
const PATIENT_MS = 60_000;
/** curl says 28 when its time is over, which is how a stream without end is left. */
const CURL_TIMED_OUT = 28;

const python = pythonWith('pandas', 'matplotlib');
const needsPandas = python === undefined ? { skip: 'no Python with pandas and matplotlib: set FOGLINE_PYTHON' } : {};
const hasR = spawnSync('Rscript', ['--vanilla', '-e', 'library(jsonlite)'], { stdio: 'ignore' }).status === 0;
const needsR = hasR ? {} : { skip: 'no Rscript with jsonlite: install r-base-core and r-cran-jsonlite' };
const needsCurl = spawnSync('curl', ['--version']).status === 0 ? {} : { skip: 'no curl: install it' };
const folder = mkdtempSync(join(tmpdir(), 'fogline-notebook-'));
let cloud: RunningCloud;

before(async () => {
  cloud = await runCloud({ states: { 'h-1': 'DE-BB', 'h-2': 'DE-BY' } });
  await cloud.ship('h-1', readings(DAY_MS - 2 * HOUR_MS, DAY_END_MS));
  await cloud.ship('h-2', readings(DAY_MS, HOLE_MS));
  await cloud.ship('h-2', readings(HOLE_END_MS, DAY_END_MS));
  cloud.heartbeat('edge-1');
});

after(async () => {
  await cloud.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** One a window; the power climbs from 100 W to 820 W in each hour. */
function readings(fromMs: number, toMs: number): { timeMs: number; values: { power: number } }[] {
  const count = (toMs - fromMs) / WINDOW_MS;
  return Array.from({ length: count }, (_, i) => {
    const timeMs = fromMs + i * WINDOW_MS;
    return { timeMs, values: { power: 100 + (timeMs % HOUR_MS) / WINDOW_MS } };
  });
}

async function seriesReply(query: string): Promise<SeriesReply> {
  const response = await fetch(`${cloud.url}/api/v1/series?${query}`);
  assert.equal(response.status, 200);
  return (await response.json()) as SeriesReply;
}

interface Answer {
  status: number;
  type: string;
  body: string;
}

/** The line in a shell, as pasted. */
async function curl(line: string): Promise<Answer> {
  const file = join(folder, 'answer');
  const command = `${line.replaceAll('HOUSEHOLD', 'h-1')} -sS --max-time 4 -o '${file}' -w '%{http_code} %{content_type}'`;
  const { stdout } = await run('sh', ['-c', command], { timeout: PATIENT_MS }).catch((cause: { code?: number; stdout?: string }) => {
    assert(cause.code === CURL_TIMED_OUT && line.includes('/stream'), `${line}: curl ended with ${cause.code}`);
    return { stdout: cause.stdout ?? '' };
  });
  const [status, ...type] = stdout.split(' ');
  return { status: Number(status), type: type.join(' '), body: readFileSync(file, 'utf8') };
}

/** Success, and the form that the API's document promises. */
async function checkCurl(line: string): Promise<void> {
  const { status, type, body } = await curl(line);
  assert.equal(status, 200, `${line}: ${status} ${body}`);
  assert(body.length > 0, line);
  const path = /127\.0\.0\.1:\d+(\/[^?' ]*)/.exec(line.replaceAll('HOUSEHOLD', 'h-1'))?.[1] as string;
  await checkDocumented('GET', path, new Response(body, { status, headers: { 'content-type': type } }));
  const lines = body.trimEnd().split('\n');
  if (type.startsWith('text/csv')) checkCsv(line, lines);
  else if (type.startsWith('application/x-ndjson')) checkNdjson(line, lines);
  else if (type.startsWith('text/event-stream')) assert.match(body, /^event: ?live$/m);
  else assert(type.startsWith('application/json'), `${line}: ${type}`);
}

function checkCsv(line: string, [title = '', ...rows]: readonly string[]): void {
  assert.match(title, /^(start|household),/, line);
  assert(rows.length > 1, line);
  for (const row of rows) assert.equal(row.split(',').length, title.split(',').length, `${line}: ${row}`);
}

function checkNdjson(line: string, rows: readonly string[]): void {
  assert.equal(rows.length, 100, line);
  for (const row of rows) assert.deepEqual(Object.keys(JSON.parse(row) as object).slice(0, 2), ['start', 'series'], line);
}

test('each curl line of docs/reading-the-data.md answers as the API says', needsCurl, async () => {
  const lines = curlLines('reading-the-data.md', cloud.url);
  assert(lines.length >= 14, `${lines.length} lines`);
  for (const line of lines) await checkCurl(line);
});

test('a curl line that asks for what is not there is found', needsCurl, async () => {
  await assert.rejects(checkCurl(`curl '${cloud.url}/api/v1/households/nobody/devices'`), /404/);
  await assert.rejects(checkCurl(`curl '${cloud.url}/metrics'`), /text\/plain/);
  await assert.rejects(checkCurl("curl 'http://127.0.0.1:1/api/v1'"), /curl ended with 7/);
});

interface Notebook {
  day: (number | null)[];
  zone: string;
  wide: Record<string, (number | null)[]>;
  missing: Record<string, number>;
  energy: Record<string, (number | null)[]>;
  hours: number[];
  load: number[];
  percent: number[];
  hourly: (number | null)[];
  missingWindows: number;
  windows: number;
  gaps: number;
}

/** After the pieces: what they have made, as JSON. */
const REPORT = `
def plain(numbers):
    return [None if pd.isna(x) else float(x) for x in numbers]
print(json.dumps({
    "day": plain(day["mean"]), "zone": str(day.index.tz), "wide": {name: plain(wide[name]) for name in wide}, "missing": missing.to_dict(),
    "energy": {name: plain(energy[name]) for name in energy}, "hours": plain(hours.values()),
    "load": plain(load), "percent": plain(load.index), "hourly": plain(hourly["mean"]),
    "missingWindows": int(every.isna().sum()), "windows": len(every), "gaps": len(gaps),
}))
`;

async function runNotebook(): Promise<Notebook> {
  const pieces = blocksOf('notebooks.md', 'python', cloud.url);
  assert(pieces.length >= 8, `${pieces.length} pieces`);
  const file = join(folder, 'notebook.py');
  // A hole in the middle of the day: the piece that looks at the windows is to see the household that has one.
  writeFileSync(file, `${pieces.join('\n').replace('household=homes[0]', 'household=homes[1]')}\n${REPORT}`);
  const env = { ...process.env, MPLBACKEND: 'Agg', FOGLINE_DASHBOARD_TOKEN: '' };
  const { stdout } = await run(python as string, ['-W', 'error::FutureWarning', file], { cwd: folder, env, timeout: 3 * PATIENT_MS });
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) as string) as Notebook;
}

/** Quarter hours of the day by the readings themselves: each hour climbs, the hole has none. */
function trueQuarters(hasHole: boolean): (number | null)[] {
  return Array.from({ length: 100 }, (_, i) => {
    const atMs = DAY_MS + i * (HOUR_MS / 4);
    return hasHole && atMs >= HOLE_MS && atMs < HOLE_END_MS ? null : 189.5 + 180 * (i % 4);
  });
}

async function checkNotebook(made: Notebook): Promise<void> {
  const from = encodeURIComponent('2019-10-27T00:00:00+02:00');
  const to = encodeURIComponent('2019-10-28T00:00:00+01:00');
  const quarters = await seriesReply(`series=h-1.power,h-2.power&from=${from}&to=${to}&resolution=15m`);
  for (const { series, columns } of quarters.series) assert.deepEqual(made.wide[series], columns.mean, series);
  assert.deepEqual(made.wide, { 'h-1.power': trueQuarters(false), 'h-2.power': trueQuarters(true) });
  assert.deepEqual(made.missing, { 'h-1.power': 0, 'h-2.power': 8 });
  const days = await seriesReply('series=h-1.power,h-2.power&from=first&resolution=1d&stats=energy');
  for (const { series, columns } of days.series) assert.deepEqual(made.energy[series], columns.energyKwh, series);
  assert.deepEqual(made.hours, [24, 25]);
  assert.equal(made.zone, 'Europe/Berlin');
  assert.deepEqual(made.day, (await seriesReply('series=h-1.power&from=latest-24h&resolution=15m')).series[0]?.columns.mean);
  assert.deepEqual(made.hourly, (await seriesReply('series=all.power&from=latest-24h&resolution=1h')).series[0]?.columns.mean);
  const profile = (await (
    await fetch(`${cloud.url}/api/v1/households/h-1/profile?field=power&from=${from}&to=${to}`)
  ).json()) as ProfileReply;
  const duration = profile.loadDuration;
  assert(Math.abs((made.load[0] as number) - (duration[0]?.w as number)) < 0.01);
  assert(Math.abs((made.load.at(-1) as number) - (duration.at(-1)?.w as number)) < 0.01);
  assert.deepEqual([made.load.length, made.percent[0], made.percent.at(-1)], [100, 0, 100]);
  assert.deepEqual([made.missingWindows, made.windows], [(2 * HOUR_MS) / WINDOW_MS, (6 * HOUR_MS) / WINDOW_MS]);
  assert.equal(made.gaps, 1);
}

test('the pandas pieces of docs/notebooks.md have the numbers of the API', needsPandas, async () => {
  await checkNotebook(await runNotebook());
  assert(statSync(join(folder, 'power.png')).size > 5_000);
});

/** After the pieces of R: the same names and forms as those of pandas. NA becomes null. */
const REPORT_OF_R = `
listed <- function(table, value) lapply(split(table[[value]], table$series), I)
cat("\\n", toJSON(list(
  day = day$mean, zone = unbox(attr(day$start, "tzone")), wide = lapply(wide[power], I), missing = lapply(as.list(missing), unbox),
  energy = listed(days, "energyKwh"), hours = days$hours[days$series == power[1]], load = load, percent = percent, hourly = hourly$mean,
  missingWindows = unbox(sum(is.na(every$mean))), windows = unbox(nrow(every)), gaps = unbox(nrow(gaps))
), digits = NA, na = "null"), "\\n", sep = "")
`;

async function runR(pieces: readonly string[], token = ''): Promise<Notebook> {
  const file = join(folder, 'notebook.R');
  writeFileSync(file, `options(warn = 2)\n${pieces.join('\n').replace('household = homes[1]', 'household = homes[2]')}\n${REPORT_OF_R}`);
  const env = { ...process.env, FOGLINE_DASHBOARD_TOKEN: token };
  const { stdout } = await run('Rscript', ['--vanilla', file], { cwd: folder, env, timeout: 3 * PATIENT_MS });
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) as string) as Notebook;
}

test('the R pieces of docs/notebooks.md have the numbers of the API', needsR, async () => {
  const pieces = blocksOf('notebooks.md', 'r', cloud.url);
  assert(pieces.length >= 9, `${pieces.length} pieces`);
  await checkNotebook(await runR(pieces));
  assert(statSync(join(folder, 'power-r.png')).size > 5_000);
});

test('an R piece that is wrong is found: a column, a width, a gap taken for 0', needsR, async () => {
  const pieces = blocksOf('notebooks.md', 'r', cloud.url);
  const mistaken = (right: string, wrong: string) => {
    assert(
      pieces.some((piece) => piece.includes(right)),
      right,
    );
    return runR(pieces.map((piece) => piece.replace(right, wrong)));
  };
  await assert.rejects(mistaken('"energyKwh", "coverage"', '"kwh", "coverage"'), /undefined columns selected/);
  await assert.rejects(mistaken('resolution = "1h"', 'resolution = "7h"'), /400/);
  const filled = 'long$mean[is.na(long$mean)] <- 0\nwide <-';
  await assert.rejects(async () => checkNotebook(await mistaken('wide <-', filled)), assert.AssertionError);
});

test('R shows the token where one is demanded', needsR, async () => {
  const held = 'only-for-this-test';
  const doors = { demandsToken: true, tokens: { idOf: (token: string) => (token === held ? 'notebook' : undefined), holds: () => true } };
  const closed = await runCloud({ states: { 'h-1': 'DE-BB' }, doors });
  try {
    await closed.shipPower('h-1', 300, 720);
    const pieces = blocksOf('notebooks.md', 'r', closed.url).slice(0, 2);
    const asked = async (token: string) => {
      const file = join(folder, 'token.R');
      writeFileSync(file, `${pieces.join('\n')}\ncat(sum(!is.na(day$mean)), unique(na.omit(day$mean)))`);
      const env = { ...process.env, FOGLINE_DASHBOARD_TOKEN: token };
      return (await run('Rscript', ['--vanilla', file], { cwd: folder, env, timeout: PATIENT_MS })).stdout;
    };
    assert.match(await asked(held), /^4 300$/m);
    await assert.rejects(asked(''), /401/);
  } finally {
    await closed.stop();
  }
});

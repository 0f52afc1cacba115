/** Charts over time in a real Chromium before a real cloud: gaps, ranges, zoom, comparison, exports, live. About two minutes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import type { Page } from 'playwright-core';
import { builtPages, needsChromium, shows, textOf } from '../doubles/built-pages.ts';
import { drawnPixels } from '../doubles/canvas-pixels.ts';
import { type RunningCloud, T0_MS, WINDOW_MS } from '../doubles/running-cloud.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** The household is silent from the third hour to the fifth. */
const GAP = { fromMs: T0_MS + 2 * HOUR_MS, toMs: T0_MS + 4 * HOUR_MS };
const END_MS = T0_MS + 6 * HOUR_MS;

const pages = builtPages();
const { open } = pages;

function cloudFor(t: TestContext): Promise<RunningCloud> {
  return pages.cloud(t, { states: { home: 'DE-BB' } });
}

/** A reading a minute for six hours, none in the gap. */
async function shipWithGap(cloud: RunningCloud): Promise<void> {
  const minutes = Array.from({ length: 6 * 60 }, (_, i) => T0_MS + i * MINUTE_MS);
  const there = minutes.filter((timeMs) => timeMs < GAP.fromMs || timeMs >= GAP.toMs);
  await cloud.ship(
    'home',
    there.map((timeMs) => ({ timeMs, values: { power: 400 + (timeMs % 7) } })),
  );
}

/** One reading of each quarter of an hour from `fromMs` on. */
async function shipQuarters(cloud: RunningCloud, fromMs: number, count: number): Promise<void> {
  const quarters = Array.from({ length: count }, (_, i) => fromMs + i * 15 * MINUTE_MS);
  await cloud.ship(
    'home',
    quarters.map((timeMs) => ({ timeMs, values: { power: 100 } })),
  );
}

/** For each column of pixels of the chart whether the line of the first series is in it. */
async function drawnColumns(page: Page): Promise<boolean[]> {
  const { columns } = await drawnPixels(page, '.time-chart canvas', '--series-1');
  return columns.map((count) => count > 0);
}

async function asTable(page: Page): Promise<string[][]> {
  await page.locator('.time-chart canvas').waitFor();
  await page.keyboard.press('t');
  const rows = page.locator('.figures-table tbody tr');
  await rows.first().waitFor();
  return rows.evaluateAll((its) => its.map((row) => [...row.children].map((cell) => (cell.textContent ?? '').replaceAll('\u00a0', ' '))));
}

function path(fromMs: number, toMs: number, more = ''): string {
  return `/?from=${new Date(fromMs).toISOString()}&to=${new Date(toMs).toISOString()}${more}`;
}

test('two hours without data are a hole in the picture, in the table, in CSV and in JSON, and never 0', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  await shipWithGap(cloud);
  const { page } = await open(t, cloud.url, { path: path(T0_MS, END_MS, '&res=1m') });
  const columns = await drawnColumns(page);
  const [first, last] = [columns.indexOf(true), columns.lastIndexOf(true)];
  const hole = longestRun(columns.slice(first, last + 1), false);
  const share = hole / (last - first + 1);
  assert(Math.abs(share - 1 / 3) < 0.02, `the hole is ${share} of the line`);
  assert.match(
    (await page.locator('.time-chart canvas').getAttribute('aria-label')) ?? '',
    /^Chart of Total power, 24 Dec 2019, 07:00 – 13:00 CET\./,
  );
  const rows = await asTable(page);
  assert.equal(rows.length, 360);
  const silent = rows.slice(120, 240);
  assert(silent.every(([, mean, , , energy, coverage]) => mean === '—no data' && energy === '—no data' && coverage === '0 %'));
  assert.equal(rows.filter(([, mean]) => mean === '—no data').length, 120);
  await page.keyboard.press('t');
  const csv = await exported(page, 'csv');
  assert.equal(csv, await answer(cloud, 'csv'));
  assert.equal(csv.split('\n').filter((line) => line.endsWith(',,,,,0')).length, 120);
  const json = JSON.parse(await exported(page, 'json')) as { rows: { mean: number | null; start: string }[] };
  assert.equal(json.rows.filter(({ mean }) => mean === null).length, 120);
  assert(json.rows.every(({ mean }) => mean !== 0));
});

test('the table has the very figures of the CSV', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  await shipWithGap(cloud);
  const { page } = await open(t, cloud.url, { path: path(T0_MS, END_MS, '&res=30m') });
  const lines = (await answer(cloud, 'csv', '30m')).trim().split('\n').slice(1);
  const rows = await asTable(page);
  const means = lines.map((line) => line.split(',')[2] ?? '');
  assert.deepEqual(
    rows.map(([, mean]) => mean),
    means.map((mean) => (mean === '' ? '—no data' : `${Math.round(Number(mean))} W`)),
  );
});

for (const [day, from, to, quarters] of [
  ['25 hours', '2019-10-26T22:00:00Z', '2019-10-27T23:00:00Z', 100],
  ['23 hours', '2019-03-30T23:00:00Z', '2019-03-31T22:00:00Z', 92],
] as const) {
  test(`a day of ${day} has ${quarters} quarters of an hour, whatever the browser's zone`, needsChromium, async (t) => {
    const cloud = await cloudFor(t);
    await shipQuarters(cloud, Date.parse(from), quarters);
    for (const timezoneId of ['Europe/Berlin', 'America/New_York']) {
      const { page } = await open(t, cloud.url, { path: path(Date.parse(from), Date.parse(to), '&res=15m'), timezoneId });
      const rows = await asTable(page);
      assert.equal(rows.length, quarters);
      assert.equal(new Set(rows.map(([time]) => time)).size, quarters, 'no quarter has the name of another');
      assert.match(rows[0]?.[0] ?? '', /^\d+ \w+ 2019, 00:00 – 00:15 CES?T$/);
      assert.match(rows.at(-1)?.[0] ?? '', /23:45 – .*00:00 CES?T$/);
    }
  });
}

test('a drag zooms the page, z and going back undo it, arrows go from period to period', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  await shipWithGap(cloud);
  const { page } = await open(t, cloud.url, { path: path(T0_MS, END_MS) });
  await drawnColumns(page);
  const before = page.url();
  const box = (await page.locator('.time-chart canvas').boundingBox()) ?? assert.fail();
  await page.mouse.move(box.x + box.width * 0.3, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.4, box.y + box.height / 2, { steps: 4 });
  await page.mouse.move(box.x + box.width * 0.6, box.y + box.height / 2, { steps: 4 });
  await page.mouse.up();
  await page.waitForURL((url) => url.href !== before);
  const zoomed = new URL(page.url()).searchParams;
  const lengthMs = Date.parse(zoomed.get('to') ?? '') - Date.parse(zoomed.get('from') ?? '');
  assert(lengthMs > HOUR_MS && lengthMs < 2.6 * HOUR_MS, `${lengthMs} ms`);
  await page.keyboard.press('z');
  await page.waitForURL((url) => url.search === new URL(before).search);
  await page.goBack();
  await page.waitForURL((url) => url.searchParams.get('from') === zoomed.get('from'));
  await page.goForward();
  await page.keyboard.press('[');
  await page.waitForURL((url) => url.searchParams.get('to') === new Date(T0_MS).toISOString());
  await shows(page, '.empty', 'No data in this range');
  await page.locator('.empty button').click();
  await drawnColumns(page);
});

test('a sum without all of its households is dotted, and the heading says so', needsChromium, async (t) => {
  const cloud = await pages.cloud(t, { states: { home: 'DE-BB', other: 'DE-BY' } });
  const hours = 3;
  await cloud.shipPower('home', 400, (hours * HOUR_MS) / WINDOW_MS);
  for (const hour of [0, 2]) await cloud.shipPower('other', 300, HOUR_MS / WINDOW_MS, T0_MS + hour * HOUR_MS);
  const { page } = await open(t, cloud.url, { path: path(T0_MS, T0_MS + hours * HOUR_MS, '&res=5m') });
  const columns = await drawnColumns(page);
  await shows(page, '.chart-head .lead', 'Dotted: a part of the households');
  const [first, last] = [columns.indexOf(true), columns.lastIndexOf(true)];
  /** Share of columns with something of the line, in the middle of an hour. */
  const drawn = (hour: number) => {
    const at = (its: number) => Math.round(first + ((last - first) * its) / hours);
    const part = columns.slice(at(hour + 0.2), at(hour + 0.8));
    return part.filter(Boolean).length / part.length;
  };
  for (const hour of [0, 2]) assert(drawn(hour) > 0.95, `${drawn(hour)} of the columns`);
  assert(drawn(1) > 0.1 && drawn(1) < 0.8, `${drawn(1)} of the columns`);
  const [, whole] = await asTable(page);
  assert.deepEqual(whole?.slice(1, 2), ['700 W']);
  await page.goto(`${cloud.url}${path(T0_MS, T0_MS + HOUR_MS, '&res=5m')}`);
  await drawnColumns(page);
  assert.doesNotMatch(await textOf(page, '.chart-head .lead'), /Dotted/);
});

test('presets follow the data; compare draws the period before; the choice is in the address', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  await shipWithGap(cloud);
  const { page } = await open(t, cloud.url);
  await drawnColumns(page);
  assert.equal(new URL(page.url()).search, '');
  await page.locator('#range').click();
  await page.locator('[data-preset=today]').click();
  assert.equal(new URL(page.url()).searchParams.get('from'), '2019-12-23T23:00:00.000Z');
  await shows(page, '#range-span', /24 Dec 2019, 00:00 – 25 Dec 2019, 00:00 CET/);
  await page.goto(`${cloud.url}${path(T0_MS + 4 * HOUR_MS, END_MS)}`);
  await page.locator('#compare').selectOption('previous');
  await shows(page, '.legend', 'all households, previous period');
  assert.equal(new URL(page.url()).searchParams.get('compare'), 'previous');
  await page.locator('#compare').selectOption('none');
  await page.locator('.legend').waitFor({ state: 'detached' });
  await page.locator('#range').click();
  await page.locator('#range-from').fill('2019-12-24T08:00');
  await page.locator('#range-to').fill('2019-12-24T09:00');
  await page.locator('.span-form button').click();
  assert.equal(new URL(page.url()).searchParams.get('to'), '2019-12-24T08:00:00.000Z');
});

test('arrow keys move the active point and say it', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  await shipWithGap(cloud);
  const { page } = await open(t, cloud.url, { path: path(T0_MS, END_MS, '&res=1h') });
  await drawnColumns(page);
  await page.locator('.chart-box').focus();
  await page.keyboard.press('Home');
  await shows(page, '.read-out', /^24 Dec 2019, 07:00 – 08:00 CET: all households 40\d\sW/);
  for (let i = 0; i < 2; i++) await page.keyboard.press('ArrowRight');
  await shows(page, '.read-out', '09:00 – 10:00 CET: all households no data');
  await page.keyboard.press('End');
  await shows(page, '.read-out', '12:00 – 13:00 CET');
});

test('new windows are appended: the same canvas, a short question, no hole and nothing twice', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  await cloud.shipPower('home', 300, 120);
  const { page, urls } = await open(t, cloud.url, { path: '/?from=latest-1h&res=1m' });
  await drawnColumns(page);
  await page.evaluate(`document.querySelector('.time-chart canvas').dataset.same = 'yes'`);
  const asked = () => urls.filter((url) => url.includes('/api/v1/series') && url.includes('resolution=1m'));
  assert.equal(asked().length, 1);
  await cloud.shipPower('home', 900, 30, T0_MS + 120 * WINDOW_MS);
  await shows(page, '#newest', '07:12:30 CET');
  await page.clock.runFor(6_000);
  for (let i = 0; i < 150 && asked().length < 2; i++) await page.waitForTimeout(100);
  assert.equal(new URL(asked()[1] ?? '').searchParams.get('from'), String(T0_MS + 9 * MINUTE_MS));
  await page.locator('canvas[data-same=yes][aria-label*="to 900"]').waitFor();
  // The last minute is half over: what is missing of it comes with the next windows.
  await cloud.shipPower('home', 300, 6, T0_MS + 150 * WINDOW_MS);
  await shows(page, '#newest', '07:13:00 CET');
  await page.clock.runFor(6_000);
  for (let i = 0; i < 150 && asked().length < 3; i++) await page.waitForTimeout(100);
  const rows = (await asTable(page)).filter(([, mean]) => mean !== '—no data');
  assert.deepEqual(
    rows.map(([, mean]) => mean),
    [...Array.from({ length: 10 }, () => '300 W'), '900 W', '900 W', '600 W'],
  );
});

test('a failed question says why and can be asked again', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  await shipWithGap(cloud);
  const { page } = await open(t, cloud.url, { path: '/?from=2019-12-24T07:00', expectFaults: true });
  await shows(page, '.time-chart [role=alert]', /The data could not be loaded/);
  await page.locator('.time-chart [role=alert] button').click();
  await shows(page, '.time-chart [role=alert]', /The data could not be loaded/);
  assert.match(await textOf(page, '.time-chart [role=alert]'), /from/);
});

async function exported(page: Page, kind: 'csv' | 'json'): Promise<string> {
  await page.locator('.chart-tools .menu > button').click();
  const [download] = await Promise.all([page.waitForEvent('download'), page.locator(`[data-export=${kind}]`).click()]);
  assert.match(download.suggestedFilename(), new RegExp(`^fogline-total-power-20191224T0600Z-1m\\.${kind}$`));
  return readFileSync(await download.path(), 'utf8');
}

/** What the API says to the question of the chart. */
async function answer(cloud: RunningCloud, format: string, resolution = '1m'): Promise<string> {
  const stats = 'mean,min,max,energy,coverage';
  const query = new URLSearchParams({ series: 'all.power', from: String(T0_MS), to: String(END_MS), resolution, stats, format });
  const response = await fetch(`${cloud.url}/api/v1/series?${query}`);
  assert.equal(response.status, 200);
  return response.text();
}

function longestRun(values: readonly boolean[], wanted: boolean): number {
  let longest = 0;
  let run = 0;
  for (const value of values) {
    run = value === wanted ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  return longest;
}

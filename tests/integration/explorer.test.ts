/** The explorer in a real Chromium before a real cloud, in a minute. Every test also fails on a console error or a request to elsewhere. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import type { Page } from 'playwright-core';
import type { SeriesReply } from '../../cloud/server/api/api-types.ts';
import { builtPages, needsChromium, type OpenOptions, scrollsSideways, shows, textOf } from '../doubles/built-pages.ts';
import { pixelsOf } from '../doubles/canvas-pixels.ts';
import { type RunningCloud, T0_MS } from '../doubles/running-cloud.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const STATES = { 'home-01': 'DE-BB', 'home-02': 'DE-BB', 'home-03': 'DE-BE' };
const NOTHING = '—no data';
const DAY_MINUTES = 24 * 60;

const built = builtPages();

async function cloudFor(t: TestContext): Promise<RunningCloud> {
  return built.cloud(t, { states: STATES });
}

interface Shipped {
  household: string;
  fromMs?: number;
  minutes?: number;
  /** Nothing is there in these minutes. */
  without?: (minute: number) => boolean;
  values?: (minute: number) => Record<string, number>;
  device?: string;
}

/** One window a minute: what is looked at are buckets of five minutes and longer. */
async function ship(cloud: RunningCloud, parts: Shipped): Promise<void> {
  const { household, fromMs = T0_MS, minutes = DAY_MINUTES, without = () => false, device } = parts;
  const values = parts.values ?? ((minute: number) => ({ power: 300 + (minute % 97) }));
  const all = Array.from({ length: minutes }, (_, minute) => minute).filter((minute) => !without(minute));
  await cloud.ship(
    household,
    all.map((minute) => ({ timeMs: fromMs + minute * MINUTE_MS, values: values(minute) })),
    device,
  );
}

const GAP = { fromMinute: 600, toMinute: 720 };
const inGap = (minute: number) => minute >= GAP.fromMinute && minute < GAP.toMinute;

async function explore(t: TestContext, cloud: RunningCloud, query: string, options: OpenOptions = {}): Promise<Page> {
  const { page } = await built.open(t, cloud.url, { path: `/explore${query}`, ...options });
  // Where the data begins is told by the stream: a default range that is longer than the data becomes shorter by it.
  await shows(page, '#data-clock', ' 2019');
  await ready(page);
  return page;
}

/** Reads once the picture or the table of the address is there. */
async function ready(page: Page): Promise<void> {
  await page.locator('.time-chart[aria-busy=false] canvas, .time-chart[aria-busy=false] #explore-figures').first().waitFor();
}

/** No series is answered until they are released: what is done meanwhile is done to a range that is asked for and not shown yet. */
async function heldSeries(page: Page): Promise<{ release(): void }> {
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route('**/api/v1/series?**', async (route) => {
    await released;
    // One that the page has given up can't go on.
    await route.continue().catch(() => undefined);
  });
  return { release };
}

async function figures(page: Page): Promise<{ names: string[]; rows: string[][] }> {
  await page.locator('#explore-figures tbody tr').first().waitFor();
  const more = page.locator('.more-rows');
  if (await more.isVisible()) await more.click();
  const texts = (selector: string) =>
    page
      .locator(selector)
      .evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => (cell.textContent ?? '').replaceAll('\u00a0', ' '))));
  const [names = []] = await texts('#explore-figures thead tr');
  return { names, rows: await texts('#explore-figures tbody tr') };
}

async function saved(page: Page, kind: 'csv' | 'ndjson' | 'png'): Promise<{ name: string; bytes: Buffer }> {
  await page.locator('#explore-export').click();
  const [file] = await Promise.all([page.waitForEvent('download'), page.locator(`#explore-export-panel [data-export=${kind}]`).click()]);
  return { name: file.suggestedFilename(), bytes: readFileSync(await file.path()) };
}

/** What a button of the export menu puts into the clipboard. */
async function copied(page: Page, kind: string): Promise<string> {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.locator('#explore-export').click();
  await page.locator(`#explore-export-panel [data-export=${kind}]`).click();
  await shows(page, '.said', 'Copied');
  return (await page.evaluate('navigator.clipboard.readText()')) as string;
}

/** How many columns of pixels of a span of the picture have the colour of the first series, of how many. */
async function drawnColumns(page: Page, fromShare: number, toShare: number): Promise<{ drawn: number; of: number }> {
  const [map] = await pixelsOf(page, '.chart-box canvas', ['--series-1']);
  const columns = (map?.columns ?? []).map((count) => count > 0);
  const [first, last] = [columns.indexOf(true), columns.lastIndexOf(true)];
  const part = columns.slice(Math.round(first + (last - first) * fromShare), Math.round(first + (last - first) * toShare));
  return { drawn: part.filter(Boolean).length, of: part.length };
}

test('two hours without data are a gap in the picture, in the table, in the files and in the API', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  await ship(cloud, { household: 'home-01', without: inGap });
  const page = await explore(t, cloud, `?series=home-01.power&from=${T0_MS}&to=${T0_MS + 24 * HOUR_MS}&res=15m`);
  await shows(page, '.chart-head .lead', '1 stretch without data');
  const share = (minute: number) => (minute - 7.5) / (DAY_MINUTES - 15);
  const before = await drawnColumns(page, share(300), share(580));
  const inside = await drawnColumns(page, share(GAP.fromMinute + 10), share(GAP.toMinute - 10));
  const after = await drawnColumns(page, share(740), share(1_000));
  assert(inside.of > 30, `${inside.of} columns`);
  assert.equal(inside.drawn, 0);
  for (const { drawn, of } of [before, after]) assert(drawn === of && of > 100, `${drawn} of ${of}`);
  const csv = (await saved(page, 'csv')).bytes.toString();
  const ndjson = (await saved(page, 'ndjson')).bytes.toString();
  await page.locator('#as-table').click();
  const { names, rows } = await figures(page);
  assert.deepEqual(
    names.map((name) => name.replace('home-01 · power', '')),
    ['Start', 'mean, W', 'minimum, W', 'maximum, W', 'energy, kWh', 'coverage'],
  );
  assert.equal(rows.length, 96);
  const empty = rows.filter((row) => row[1] === NOTHING);
  assert.equal(empty.length, 8);
  for (const row of empty) assert.deepEqual(row.slice(1), [NOTHING, NOTHING, NOTHING, NOTHING, '0.00 %']);
  assert(rows.every((row) => row[1] !== '0'));
  const query = `series=home-01.power&from=${T0_MS}&to=${T0_MS + 24 * HOUR_MS}&resolution=15m&stats=mean,min,max,energy,coverage`;
  const reply = (await (await fetch(`${cloud.url}/api/v1/series?${query}`)).json()) as SeriesReply;
  const mean = reply.series[0]?.columns.mean ?? [];
  assert.deepEqual(
    rows.map((row) => (row[1] === NOTHING ? null : Number(row[1]?.replaceAll(',', '')))),
    mean,
  );
  assert.equal(csv, await (await fetch(`${cloud.url}/api/v1/series?${query}&layout=columns&format=csv`)).text());
  assert.equal(ndjson, await (await fetch(`${cloud.url}/api/v1/series?${query}&layout=columns&format=ndjson`)).text());
  assert.equal(csv.split('\n').filter((line) => /Z,,,,,0$/.test(line)).length, 8);
  assert.equal(ndjson.split('\n').filter((line) => line.includes('"home-01.power.mean":null')).length, 8);
});

test('the series are asked for once, before the scripts that draw them have run', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  for (const household of Object.keys(STATES)) await ship(cloud, { household });
  const query = `?series=${Object.keys(STATES)
    .map((household) => `${household}.power`)
    .join()}&tz=UTC`;
  const { page } = await built.open(t, cloud.url, { path: '/explore' });
  await ready(page);
  const asked: string[] = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname + new URL(request.url()).search));
  // Nothing but what asks for them has run until they are asked for.
  let isHeld = false;
  await page.route('**/assets/frame-*.js', async (route) => {
    isHeld = true;
    while (!asked.some((its) => its.startsWith('/api/v1/series'))) await page.waitForTimeout(10);
    await route.continue();
  });
  // It says too what is told with the picture, and later.
  await page.route('**/api/v1/stream', () => undefined);
  await page.goto(`${cloud.url}/explore${query}`);
  await ready(page);
  await shows(page, '.page-head .label', 'synthetic');
  assert(isHeld, 'the script of the frame has another name');
  await page.locator('#explore-stats tbody tr').nth(3).waitFor();
  const series = asked.filter((its) => its.startsWith('/api/v1/series') && !its.includes('from=first'));
  assert.equal(series.length, 1, series.join(' '));
  assert.match(series[0] ?? '', /series=home-01\.power,home-02\.power,home-03\.power&from=latest-24h&to=latest&tz=UTC&points=500/);
});

test('the stream, which draws the frame anew, comes after the picture', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  await ship(cloud, { household: 'home-01' });
  const { page } = await built.open(t, cloud.url, { path: '/explore' });
  await ready(page);
  const series = await heldSeries(page);
  // The page that is left has a stream of its own, which comes when it may.
  await page.goto('about:blank');
  let hasStream = false;
  page.on('request', (request) => (hasStream ||= request.url().endsWith('/api/v1/stream')));
  // Nothing that waits for a while, or for the browser to have nothing else to do, happens before the clock is let go.
  await page.clock.pauseAt(Date.now() + HOUR_MS);
  await page.goto(`${cloud.url}/explore?series=home-01.power`);
  await shows(page, 'main h1', 'Explorer');
  series.release();
  await ready(page);
  assert.equal(hasStream, false);
  await page.clock.runFor(2_000);
  await shows(page, '#data-clock', 'Dec 2019');
  assert.equal(hasStream, true);
});

test('a first answer that does not come holds up neither the frame nor the stream', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  await ship(cloud, { household: 'home-01' });
  const { page } = await built.open(t, cloud.url, { path: '/explore' });
  await ready(page);
  const series = await heldSeries(page);
  await page.goto(`${cloud.url}/explore?series=home-01.power`);
  await shows(page, 'main h1', 'Explorer');
  await shows(page, '#data-clock', 'Dec 2019');
  assert.equal(await page.locator('.time-chart canvas').count(), 0);
  series.release();
  await ready(page);
});

test('the day on which the clocks go back has 100 quarter hours, the one on which they go forward 92', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  const days = [
    {
      from: '2019-03-31T00:00:00+01:00',
      to: '2019-04-01T00:00:00+02:00',
      quarters: 92,
      names: /01:45 – 03:00 CEST|01:45 CET – 03:00 CEST/,
    },
    { from: '2019-10-27T00:00:00+02:00', to: '2019-10-28T00:00:00+01:00', quarters: 100, names: /02:45 CEST – 02:00 CET/ },
  ];
  for (const { from } of days) await ship(cloud, { household: 'home-01', fromMs: Date.parse(from), minutes: 25 * 60 });
  const page = await explore(t, cloud, '');
  for (const { from, to, quarters, names } of days) {
    const range = `from=${encodeURIComponent(from)}&to=${encodeURIComponent(to)}&res=15m`;
    await page.goto(`${cloud.url}/explore?series=home-01.power&${range}&view=table`);
    const { rows } = await figures(page);
    assert.equal(rows.length, quarters);
    assert(rows.every((row) => row[1] !== NOTHING));
    assert.equal(rows.filter((row) => names.test(row[0] ?? '')).length, 1, String(names));
    assert.equal(new Set(rows.map((row) => row[0])).size, quarters, 'no two rows have one name');
    const csv = (await saved(page, 'csv')).bytes.toString();
    assert.equal(csv.trimEnd().split('\n').length, quarters + 1);
  }
});

test('a copied link shows the same chart to a reader in another time zone', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  for (const household of ['home-01', 'home-02']) await ship(cloud, { household, without: inGap });
  const here = await explore(t, cloud, '?series=home-01.power,home-02.power,state:DE-BB.power&hidden=home-02.power&res=1h&stat=max', {
    timezoneId: 'Europe/Berlin',
    locale: 'en-GB',
  });
  const link = await copied(here, 'link');
  assert.match(link, /tz=Europe/);
  const told = async (page: Page) => {
    await ready(page);
    const summary = await page.locator('.chart-box canvas').getAttribute('aria-label');
    await page.locator('.chart-box').focus();
    await page.keyboard.press('End');
    await page.locator('.read-out', { hasText: 'CET' }).waitFor();
    const point = await textOf(page, '.read-out');
    const chips = await page
      .locator('.chips button[aria-pressed]')
      .evaluateAll((all) => all.map((one) => `${one.textContent} ${one.ariaPressed}`));
    const png = (await saved(page, 'png')).bytes;
    await page.locator('#as-table').click();
    return { summary, point, chips, png: png.toString('base64'), ...(await figures(page)) };
  };
  const elsewhere = await explore(t, cloud, new URL(link).search, { timezoneId: 'America/New_York', locale: 'en-US' });
  const [one, other] = [await told(here), await told(elsewhere)];
  assert.equal(await elsewhere.evaluate('Intl.DateTimeFormat().resolvedOptions().timeZone'), 'America/New_York');
  assert.deepEqual(other, one);
  for (const page of [here, elsewhere]) await page.close();
  assert(one.rows.length >= 24 && one.summary?.includes('CET'));
  assert.deepEqual(one.chips, ['home-01 · power true', 'home-02 · power false', 'Brandenburg · power true']);
});

test('by keyboard only: search, add, refuse a third unit, read points, zoom, move the brush, come back', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  await ship(cloud, { household: 'home-01', values: (minute) => ({ power: 500 + minute, energy: 10 + minute / 1_000, battery_soc: 50 }) });
  await ship(cloud, { household: 'home-02', device: 'pv', values: () => ({ power: -80 }) });
  const page = await explore(t, cloud, '');
  const keys = async (...all: string[]) => {
    for (const key of all) await page.keyboard.press(key);
  };
  const chips = () => page.locator('.chips button[aria-pressed]').allTextContents();
  await keys('/');
  assert.equal(await page.evaluate('document.activeElement.getAttribute("role")'), 'combobox');
  await page.keyboard.type('pv');
  await page.locator('[role=option]', { hasText: 'home-02 / pv' }).waitFor();
  await keys('ArrowDown');
  const active = await page.locator('[role=combobox]').getAttribute('aria-activedescendant');
  assert.equal(await page.locator(`[id="${active}"]`).textContent(), 'home-02 / pv · powerW');
  await keys('Enter');
  await ready(page);
  assert.deepEqual(await chips(), ['all households · power', 'home-02 / pv · power']);
  assert.match(page.url(), /series=all\.power,home-02\/pv\.power/);
  await keys('Escape', 'Escape');
  assert.equal(await page.locator('[role=combobox]').inputValue(), '');
  assert.equal(await page.locator('[role=combobox]').getAttribute('aria-expanded'), 'false');
  await page.keyboard.type('all energy');
  await keys('Enter', 'Escape', 'Escape');
  await page.keyboard.type('all soc');
  await keys('Enter');
  await shows(page, '.picker .refusal', /Not added: its unit \(%\).*up to 2 units/);
  assert.equal((await chips()).length, 3);
  await keys('Escape');
  await page.locator('.chips .remove').nth(2).focus();
  await keys('Enter');
  await page.locator('.chips button[aria-pressed]').nth(1).focus();
  await keys('Space');
  assert.equal(await page.locator('.chips button[aria-pressed=false]').count(), 1);
  assert.match(page.url(), /hidden=home-02\/pv\.power/);
  await page.locator('.chart-box').focus();
  await keys('Home', 'ArrowRight', 'ArrowRight');
  await shows(page, '.read-out', /07:10 – 07:15 CET: all households · power: \d+\sW/);
  const [from] = (await textOf(page, '#range-span')).split(' – ');
  const answers = await heldSeries(page);
  await keys('+');
  await page.waitForURL(/from=2019-12-24T/);
  assert.notEqual((await textOf(page, '#range-span')).split(' – ')[0], from?.replace(', 06:59', ''));
  const brush = page.locator('.brush-both');
  await brush.focus();
  const told = await brush.getAttribute('aria-valuetext');
  const url = page.url();
  await keys('ArrowRight');
  await page.locator(`.brush-both:not([aria-valuetext="${told}"])`).waitFor();
  await page.clock.runFor(1_000);
  await page.waitForURL((next) => next.href !== url);
  answers.release();
  await page.locator('.brush-to').focus();
  await keys('End');
  await page.clock.runFor(1_000);
  await page.waitForURL(/to=2019-12-25T/);
  await page.locator('h1').click();
  await keys('z', 'z', 'z');
  await page.waitForURL((next) => !next.search.includes('from='));
  await keys('t');
  await page.locator('#explore-figures').waitFor();
  assert.match(page.url(), /view=table/);
});

test('two units, stacked, normalised, compared, statistics with totals; what can not be told says so', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  const dayMs = 24 * HOUR_MS;
  const range = `from=${T0_MS}&to=${T0_MS + dayMs}&res=1h`;
  for (const [n, household] of ['home-01', 'home-02'].entries()) {
    const values = () => ({ power: 100 * (n + 1), energy: 5 });
    await ship(cloud, { household, fromMs: T0_MS - dayMs, minutes: 2 * DAY_MINUTES, values });
  }
  const page = await explore(t, cloud, `?series=home-01.power,home-02.power&${range}`);
  const stats = async () => {
    await ready(page);
    // They are made after the picture.
    await page.locator('#explore-stats tbody tr').first().waitFor();
    return page
      .locator('#explore-stats tbody tr')
      .evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => (cell.textContent ?? '').replaceAll('\u00a0', ' '))));
  };
  // A window of 5 s in each minute.
  assert.deepEqual(await stats(), [
    ['home-01 · power', '24 / 24', '8 %', '100 W', '100 W', '100 W', '100 W', '200 Wh'],
    ['home-02 · power', '24 / 24', '8 %', '200 W', '200 W', '200 W', '200 W', '400 Wh'],
    ['Total of 2', '', '8 %', '', '300 W', '', '', '600 Wh'],
  ]);
  await page.locator('#stacked').check();
  await page.waitForURL(/stack=1/);
  await page.locator('#normalised').check();
  await page.waitForURL((next) => next.search.includes('norm=1') && !next.search.includes('stack'));
  await page.locator('#compare').selectOption('previous');
  await page.locator('#explore-stats tr', { hasText: 'previous period' }).first().waitFor();
  assert.equal(await page.locator('#stacked').isDisabled(), true);
  assert.equal((await stats()).filter((row) => /previous period/.test(row[0] ?? '')).length, 2);
  assert.match(await copied(page, 'python'), /shown = pd\.read_csv\(.*\ncompared = pd\.read_csv\(/);
  await page.goto(`${cloud.url}/explore?series=all.power,all.energy&${range}&stat=max`);
  await shows(page, '.refusal', '2 series are sums');
  await page.goto(`${cloud.url}/explore?series=home-01.power,home-01.energy,home-01.nothing&${range}`);
  await shows(page, '.explore-choice > .refusal', '1 series is not drawn: a chart has up to 2 units.');
  // The words stand there before the figures: a cloud that stops meanwhile would be a fault of the page's console.
  await ready(page);
});

test('what is copied for the shell gives the figures of the page', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  await ship(cloud, { household: 'home-01', without: inGap });
  const page = await explore(t, cloud, '?series=home-01.power&res=1h');
  const [, address = ''] = /^curl --fail '([^']+)'$/.exec(await copied(page, 'curl')) ?? [];
  const csv = await (await fetch(address)).text();
  assert.equal((await saved(page, 'csv')).bytes.toString(), csv);
  assert(csv.startsWith('start,home-01.power.mean,') && csv.includes(',,,,0\n'));
  assert((await copied(page, 'r')).includes(address));
});

test('the edges of the brush and the brush itself are dragged', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  await ship(cloud, { household: 'home-01' });
  const page = await explore(t, cloud, '?series=home-01.power');
  const box = async (selector: string) => {
    await page.locator(selector).waitFor();
    return (await page.locator(selector).boundingBox()) ?? assert.fail(selector);
  };
  const drag = async (selector: string, byPx: number) => {
    const { x, y, width, height } = await box(selector);
    const url = page.url();
    await page.mouse.move(x + width / 2, y + height / 2);
    await page.mouse.down();
    await page.mouse.move(x + width / 2 + byPx, y + height / 2, { steps: 4 });
    await page.mouse.up();
    await page.waitForURL((next) => next.href !== url);
    await ready(page);
    const parameters = new URL(page.url()).searchParams;
    return [Date.parse(parameters.get('from') ?? ''), Date.parse(parameters.get('to') ?? '')] as const;
  };
  const whole = await box('.brush');
  const [from, to] = await drag('.brush-to', -whole.width / 2);
  assert(Math.abs(to - from - 12 * HOUR_MS) < HOUR_MS, `${(to - from) / HOUR_MS} h`);
  const [later, end] = await drag('.brush-both', whole.width / 4);
  assert(Math.abs(later - from - 6 * HOUR_MS) < HOUR_MS, `${(later - from) / HOUR_MS} h`);
  assert(Math.abs(end - later - (to - from)) < MINUTE_MS, 'as long as before');
  await page.goBack();
  await page.waitForURL((next) => next.searchParams.get('from') === new Date(from).toISOString());
});

test('new windows are appended while the range follows the data', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  await ship(cloud, { household: 'home-01', minutes: 60 });
  const page = await explore(t, cloud, '?series=home-01.power&from=latest-1h&view=table&res=5m');
  const { rows } = await figures(page);
  await ship(cloud, { household: 'home-01', fromMs: T0_MS + HOUR_MS, minutes: 10, values: () => ({ power: 4_321 }) });
  for (let i = 0; i < 40 && !(await page.locator('#explore-figures td', { hasText: '4,321' }).count()); i++) {
    await page.clock.runFor(1_000);
    await page.waitForTimeout(100);
  }
  const next = (await figures(page)).rows;
  const kept = rows.slice(4, 10).map(([start]) => start);
  assert(next.some((row) => row[1] === '4,321'));
  for (const start of kept) assert.equal(next.filter((row) => row[0] === start).length, 1, 'once, and still there');
});

test('nothing chosen, and no data in the range, say what to do', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  await ship(cloud, { household: 'home-01', minutes: 60 });
  const { page } = await built.open(t, cloud.url, { path: '/explore?series=none', expectFaults: true });
  await shows(page, '.chart-box', 'Add a series to begin.');
  await page.goto(`${cloud.url}/explore?series=home-01.power&from=2018-01-01T00:00:00Z&to=2018-01-02T00:00:00Z`);
  await shows(page, '.empty', 'No data in this range');
  await page.goto(`${cloud.url}/explore?series=nobody.power`);
  await shows(page, '.empty[role=alert]', 'Nothing is stored of nobody · power');
});

const LOOKS: Readonly<Record<string, OpenOptions>> = {
  'light, wide, en': { viewport: { width: 1440, height: 1000 }, locale: 'en-GB' },
  'dark, wide, de': { viewport: { width: 1440, height: 1000 }, colorScheme: 'dark', locale: 'de-DE' },
  'light, narrow, de': { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, locale: 'de-DE' },
  'dark, narrow, en': { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, colorScheme: 'dark', locale: 'en-GB' },
};

test('light and dark, English and German, wide and narrow: nothing scrolls sideways, the picture is drawn', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  for (const household of Object.keys(STATES)) await ship(cloud, { household });
  for (const [look, options] of Object.entries(LOOKS)) {
    const page = await explore(t, cloud, '?series=home-01.power,home-02.power,home-03.power,state:DE-BB.power', options);
    await page.locator('.brush').waitFor();
    assert.equal(await scrollsSideways(page), false, look);
    const { drawn, of } = await drawnColumns(page, 0.1, 0.9);
    assert(of > 100 && drawn > of * 0.9, `${look}: ${drawn} of ${of}`);
    await shows(page, '.controls', options.locale === 'de-DE' ? 'Auflösung' : 'Resolution');
    await page.locator('#as-table').click();
    await page.locator('#explore-figures').waitFor();
    assert.equal(await scrollsSideways(page), false, look);
    await page.close();
  }
});

/**
 * States and households in a real Chromium before a real cloud. Every test also fails on a console error or a request to elsewhere.
 * About a minute.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import type { Page } from 'playwright-core';
import type { HouseholdsReply, ProfileReply, StatesReply } from '../../cloud/server/api/api-types.ts';
import { Formatter } from '../../cloud/web/format.ts';
import { builtPages, needsChromium, scrollsSideways, shows, textOf } from '../doubles/built-pages.ts';
import { named } from '../../cloud/web/words/state-names.ts';
import { AREA_TOLERANCE, drawnPixels, pixelsOf } from '../doubles/canvas-pixels.ts';
import { graveViolations } from '../doubles/grave-violations.ts';
import { type RunningCloud, T0_MS, WINDOW_MS } from '../doubles/running-cloud.ts';

const HOUR_MS = 3_600_000;
/** Households of a long list. FOGLINE_LONG=1 makes it as long as the pages are meant for; that takes minutes. */
const MANY = process.env['FOGLINE_LONG'] === '1' ? 10_000 : 120;
const HOUR_WINDOWS = HOUR_MS / WINDOW_MS;
/** The household with all fields; between its first and its last hour two are missing. */
const WHOLE = 'bb-1';
/** Real ids are so long. */
const HASHED = '0f'.repeat(32);
const POWERS: Readonly<Record<string, [state: string, powerW: number]>> = {
  [WHOLE]: ['DE-BB', 400],
  'bb-2': ['DE-BB', 200],
  'be-1': ['DE-BE', 900],
  'by-1': ['DE-BY', -150],
  'nw-1': ['DE-NW', 2_000],
  'sh-1': ['DE-SH', 100],
};
const STATES = Object.fromEntries(Object.entries(POWERS).map(([household, [state]]) => [household, state]));
const f = new Formatter('en', 'Europe/Berlin');

const { cloud: cloudOf, open } = builtPages();

async function cloudFor(t: TestContext): Promise<RunningCloud> {
  const cloud = await cloudOf(t, { states: STATES });
  for (const [household, [, powerW]] of Object.entries(POWERS)) {
    if (household !== WHOLE) await cloud.shipPower(household, powerW, HOUR_WINDOWS, T0_MS + 3 * HOUR_MS);
  }
  for (const fromMs of [T0_MS, T0_MS + 3 * HOUR_MS]) await cloud.ship(WHOLE, wholeHour(fromMs));
  cloud.heartbeat('edge-1', { households: Object.keys(POWERS).length });
  return cloud;
}

/** An hour of all fields, of which the first half draws half. */
function wholeHour(fromMs: number) {
  return Array.from({ length: HOUR_WINDOWS }, (_, i) => {
    const power = i < HOUR_WINDOWS / 2 ? 200 : 600;
    const values = { power, power1: power / 2, power2: power / 4, power3: power / 4, energy: 10 + i / 1_000 };
    return { timeMs: fromMs + i * WINDOW_MS, values };
  });
}

async function getJson<T>(cloud: RunningCloud, path: string): Promise<T> {
  const response = await fetch(cloud.url + path);
  assert.equal(response.status, 200, path);
  return (await response.json()) as T;
}

/** Rows of a table in words. */
async function rowsOf(page: Page, id: string): Promise<string[][]> {
  await page.locator(`#${id} tbody tr`).first().waitFor({ state: 'attached' });
  return page
    .locator(`#${id} tbody tr`)
    .evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => (cell.textContent ?? '').replaceAll('\u00a0', ' '))));
}

/** Columns of a canvas from the first to the last with something of the line, and the most in a row without. */
async function breakInLine(page: Page, canvas: string): Promise<{ wide: number; longest: number }> {
  const { columns } = await drawnPixels(page, canvas, '--series-1');
  const drawn = columns.flatMap((count, x) => (count > 0 ? [x] : []));
  const longest = drawn.slice(1).reduce((most, x, i) => Math.max(most, x - (drawn[i] as number)), 0);
  const wide = (drawn.at(-1) ?? 0) - (drawn[0] ?? 0);
  return { wide, longest };
}

const MAP = '.picture[data-size=square] canvas';

test('the map: every state in the colour of its figure, hatched where nobody lives; by keyboard too', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  const { page } = await open(t, cloud.url, { path: '/states', viewport: { width: 1440, height: 1000 } });
  await page.locator(MAP).waitFor();
  await shows(page, '.ranking', /North Rhine-Westphalia/);
  // 2,000 W, 900 W, 300 and 100 W, −150 W, nobody: the map is drawn with a frame of the browser, not with the text.
  const names = ['--scale-7', '--scale-3', '--scale-1', '--bar-negative', '--hatch', '--scale-5'];
  await drawnPixels(page, MAP, '--scale-7');
  const areas = (await pixelsOf(page, MAP, names, AREA_TOLERANCE)).map(({ area }) => area);
  const [rich, berlin, poor, below, hatched, unused] = areas;
  assert(rich !== undefined && berlin !== undefined && poor !== undefined && below !== undefined && hatched !== undefined);
  const said = areas.map(({ pixels }, n) => `${names[n]} ${pixels}`).join(', ');
  const share = below.pixels / rich.pixels;
  assert(share > 1.5 && share < 2.4, `Bavaria is twice North Rhine-Westphalia: ${said}`);
  assert(berlin.pixels > poor.pixels / 100 && berlin.pixels < poor.pixels / 20, `Berlin stands above Brandenburg: ${said}`);
  assert(hatched.pixels > rich.pixels / 10, `hatched is where nobody lives: ${said}`);
  assert.equal(unused?.pixels, 0, said);
  assert(rich.x < poor.x && rich.y < below.y, 'west of the others, north of Bavaria');
  await page.mouse.move(rich.x, rich.y);
  await shows(page, '.picture .read-out', /^North Rhine-Westphalia/);
  await page.mouse.move(1, 1);
  assert.match(await textOf(page, '.step-legend'), /no household/);
  assert.match((await page.locator(MAP).getAttribute('aria-label')) ?? '', /5 of 16 states.*Highest: North Rhine-Westphalia, 17,520\skWh/);

  await page.locator('.picture[data-size=square] .chart-box').focus();
  await page.keyboard.press('ArrowRight');
  await shows(page, '.picture .read-out', /^North Rhine-Westphalia: kWh a year: 17,520\skWh; Mean power × 8,760 h, from 1\sh of data/);
  await page.keyboard.press('ArrowRight');
  await shows(page, '.picture .read-out', /^Berlin/);
  assert.equal(await page.locator('.ranking li[data-active=true]').getAttribute('data-state'), 'DE-BE');
  await page.keyboard.press('End');
  await shows(page, '.picture .read-out', /: no household$/);
  await page.keyboard.press('Home');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/states\/DE-NW$/);
  await shows(page, 'h1', 'North Rhine-Westphalia');
});

test('pointing at a state of the ranking moves nothing: on a narrow page its box can be ticked', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  const { page } = await open(t, cloud.url, { path: '/states', viewport: { width: 360, height: 800 } });
  const box = page.locator('.ranking li[data-state=DE-BE] input');
  await box.scrollIntoViewIfNeeded();
  const before = await box.boundingBox();
  await box.hover();
  await page.locator('.ranking li[data-state=DE-BE][data-active=true]').waitFor();
  assert.deepEqual(await box.boundingBox(), before);
  await box.click();
  await page.waitForURL(/with=DE-BE/);
});

test('ranking, table and CSV are what the API says, in the range of the page', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  const from = T0_MS + 3 * HOUR_MS;
  const range = `from=${new Date(from).toISOString()}&to=${new Date(from + HOUR_MS).toISOString()}`;
  const { page } = await open(t, cloud.url, { path: `/states?${range}&measure=w` });
  const { states } = await getJson<StatesReply>(cloud, `/api/v1/states?${range}`);
  const expected = named(states, 'en').map(({ name, state, households, meanW, annualKwh, annualEur, coveredHours, drawn }) => {
    if (meanW === null) return [name, 'no household', '—no data', '—no data', '—no data', '—no data', '—no data', '—no data'];
    assert.equal(coveredHours, 1, state);
    const year = `${f.annual(annualKwh)}extrapolated`;
    return [name, String(households), f.power(meanW), year, f.eur(annualEur), '1 h', f.percent(1), String(drawn)];
  });
  const plain = expected.map((row) => row.map((text) => text.replaceAll('\u00a0', ' ')));
  assert.deepEqual(
    await rowsOf(page, 'states-table'),
    plain.sort((a, b) => (a[0] ?? '').localeCompare(b[0] ?? '', 'de')),
  );
  assert.equal(states.find(({ state }) => state === 'DE-BB')?.meanW, 300);

  const figures = await page.locator('.ranking li').allTextContents();
  assert.deepEqual(
    figures.slice(0, 5).map((text) => text.replaceAll('\u00a0', ' ')),
    ['North Rhine-Westphalia2.00 kW', 'Berlin900 W', 'Brandenburg300 W', 'Schleswig-Holstein100 W', 'Bavaria−150 W'],
  );
  await page.locator('#ranking-order input[value=least]').check();
  await shows(page, '.ranking li:first-child', 'Bavaria');
  await page.locator('#states-table th button', { hasText: 'Mean power' }).click();
  assert.equal((await rowsOf(page, 'states-table'))[0]?.[0], 'North Rhine-Westphalia');
  assert.equal(await page.locator('#states-table th[aria-sort=descending]').textContent(), 'Mean power↓');

  const download = page.waitForEvent('download');
  await page.locator('.card:last-of-type > .card-head button').click();
  const lines = readFileSync(await (await download).path(), 'utf8')
    .trim()
    .split('\n');
  assert.equal(lines[0], 'state,name,households,drawn,reporting,meanW,annualKwh,annualEur,coveredHours,coverage');
  const brandenburg = states.find(({ state }) => state === 'DE-BB');
  assert(lines.includes(`DE-BB,Brandenburg,2,0,2,300,${brandenburg?.annualKwh},${brandenburg?.annualEur},1,1`), lines.join('\n'));
  assert(lines.includes('DE-HE,Hesse,0,0,0,,,,0,'));

  await page.locator('#measure input[value=households]').check();
  await shows(page, '.ranking li:nth-child(2)', /Brandenburg|Berlin|Bavaria/);
  await page.waitForURL(/measure=households/);
});

test('map and matrix are loaded by the pages that show them, not by the overview', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  const { page, urls } = await open(t, cloud.url);
  await page.locator('.time-chart canvas').first().waitFor();
  const textOfScripts = async () => {
    const scripts = [...new Set(urls.filter((url) => url.endsWith('.js')))];
    return (await Promise.all(scripts.map(async (url) => (await fetch(url)).text()))).join('');
  };
  // A controller registers itself under its name, in whichever quotes the build writes it.
  const has = (text: string, name: string) => new RegExp(`id\\s*[=:]\\s*["'\`]${name}["'\`]`).test(text);
  const overview = await textOfScripts();
  assert(has(overview, 'bar'), 'the search finds what it is for');
  assert.deepEqual([has(overview, 'choropleth'), has(overview, 'matrix')], [false, false]);
  await page.locator('nav a[href^="/states"]').first().click();
  await page.locator(MAP).waitFor();
  const states = await textOfScripts();
  assert.deepEqual([has(states, 'choropleth'), has(states, 'matrix')], [true, false]);
  await page.goto(`${cloud.url}/households/${WHOLE}`);
  await page.locator('.picture[data-size=matrix] canvas').waitFor();
  assert(has(await textOfScripts(), 'matrix'));
});

test('three states side by side, a fourth is not taken', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  const { page } = await open(t, cloud.url, { path: '/states' });
  for (const state of ['DE-BB', 'DE-BE', 'DE-NW']) await page.locator(`.ranking li[data-state=${state}] input`).check();
  assert.equal(await page.locator('.ranking li[data-state=DE-SH] input').isDisabled(), true);
  // The picture of the first one is there before the answer with all three.
  await page.locator('#compare .legend button').nth(2).waitFor();
  assert.deepEqual(await page.locator('#compare .legend button').allTextContents(), ['Brandenburg', 'Berlin', 'North Rhine-Westphalia']);
  await page.locator('#compare .time-chart canvas').waitFor();
  assert.match(await textOf(page, '#compare-table tbody tr:nth-child(2)'), /Mean power3\d\d W900 W2\.00 kW/);
  assert.match(page.url(), /with=DE-BB,DE-BE,DE-NW/);
  await page.locator('.compare-chosen button', { hasText: 'Berlin' }).click();
  await page.locator('#compare .legend button').nth(2).waitFor({ state: 'detached' });
  assert.deepEqual(await page.locator('#compare .legend button').allTextContents(), ['Brandenburg', 'North Rhine-Westphalia']);
});

test('one state: how its year was made, its hours, its households; states that are empty or unknown', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  const { page, faults } = await open(t, cloud.url, { path: '/states/DE-BB', expectFaults: true });
  await shows(page, 'h1', 'Brandenburg');
  await shows(page, '#how-made', /Mean power × 8,760 h, from 1\.5\sh of data \(< 0\.1\s% of a year\), 2 households\. .*extrapolated/);
  await page.locator('.picture canvas').waitFor();
  await page.locator('.picture .chart-box').focus();
  for (let hour = 0; hour <= 7; hour++) await page.keyboard.press('ArrowRight');
  // Seven in the morning in Berlin: only the first household, 400 W on average.
  await shows(page, '.picture .read-out', /^07:00: Monday to Friday 400\sW \(400\sW – 400\sW\); Saturday, Sunday no data$/);
  await page.locator('.picture .chart-tools button').first().click();
  const hours = await rowsOf(page, 'hours-table');
  assert.equal(hours.length, 24);
  assert.deepEqual(hours[10]?.slice(0, 2), ['10:00', '600 W']);
  assert.deepEqual(hours[8]?.slice(0, 2), ['08:00', '—no data'], 'the gap is no zero');
  await page.locator('.state-households a', { hasText: WHOLE }).click();
  await page.waitForURL(/\/households\/bb-1$/);
  assert.deepEqual(faults, []);

  await page.goto(`${cloud.url}/states/DE-HE`);
  await shows(page, '.empty', /no household.*Hesse/);
  await page.goto(`${cloud.url}/states/DE-XX`);
  await shows(page, '.empty', 'No state has the code DE-XX.');
  await page.locator('.empty a').click();
  await shows(page, 'h1', 'States');
  assert(faults.length > 0 && faults.every((fault) => /404/.test(fault)), faults.join('\n'));
});

test('the list: what the API says, filtered, sorted, searched with /, taken away as CSV', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  await cloud.shipPower('sh-1', 100, 24, T0_MS + 4 * HOUR_MS);
  const { page } = await open(t, cloud.url, { path: '/households' });
  const { households } = await getJson<HouseholdsReply>(cloud, '/api/v1/households');
  await page.locator('#households-table tbody tr').nth(5).waitFor();
  const rows = await rowsOf(page, 'households-table');
  assert.deepEqual(
    rows.map((row) => [row[0], row[2], row[3], row[4], row[8]]),
    households.map((its) => [its.household, its.postalCode, its.edge, f.power(its.powerW).replace('\u00a0', ' '), f.number(its.readings)]),
  );
  assert.deepEqual(
    rows.map((row) => row[5]),
    ['stale · 2 min', 'stale · 2 min', 'stale · 2 min', 'stale · 2 min', 'stale · 2 min', 'fresh'],
  );
  await page.locator('#filter-age').selectOption('fresh');
  await shows(page, '#found', '1 of 6 households');
  assert.match(page.url(), /age=fresh/);
  await page.locator('#filter-age').selectOption('');
  await page.locator('h1').click();
  await page.keyboard.press('/');
  await page.keyboard.type('BRANDENBURG');
  await shows(page, '#found', '2 of 6 households');
  const download = page.waitForEvent('download');
  await page.locator('.filters button').click();
  const lines = readFileSync(await (await download).path(), 'utf8')
    .trim()
    .split('\n');
  assert.equal(lines.length, 3);
  assert.match(lines[1] ?? '', /^bb-1,DE-BB,10115,file,edge-1,600,2019-12-24T10:00:00\.000Z,stale,/);
  await page.locator('[data-search]').fill('nobody at all');
  await shows(page, '.empty', 'No household matches');
  await page.locator('.empty button').click();
  await shows(page, '#found', '6 households');
  await page.locator('#households-table th button', { hasText: 'Power now' }).click();
  assert.deepEqual(
    (await rowsOf(page, 'households-table')).map((row) => row[0]),
    ['nw-1', 'be-1', 'bb-1', 'bb-2', 'sh-1', 'by-1'],
  );
  await page.waitForURL(/sort=-power/);
  await page.goBack();
});

test('a list of more households than are drawn at once comes in parts, all of them from the API', needsChromium, async (t) => {
  const cloud = await cloudOf(t, { states: {} });
  for (let i = 0; i < MANY; i++) await cloud.shipPower(`h-${String(i).padStart(5, '0')}`, i, 1);
  const { page, urls } = await open(t, cloud.url, { path: '/households' });
  await shows(page, '.parts', `1–50 of ${f.number(MANY)}`);
  assert.equal((await rowsOf(page, 'households-table')).length, 50);
  await page.locator('.parts button').last().click();
  await shows(page, '.parts', `51–100 of ${f.number(MANY)}`);
  await page.goto(`${cloud.url}/households?part=${Math.ceil(MANY / 50)}`);
  await shows(page, '.parts', `–${f.number(MANY)} of ${f.number(MANY)}`);
  assert.equal((await rowsOf(page, 'households-table')).at(-1)?.[0], `h-${String(MANY - 1).padStart(5, '0')}`);
  assert.equal(await page.locator('.parts button').last().isDisabled(), true);
  await page.locator('#households-table th button', { hasText: 'Power now' }).click();
  await shows(page, '#households-table tbody tr:first-child', `h-${String(MANY - 1).padStart(5, '0')}`);
  await page.locator('[data-search]').fill('h-00007');
  await shows(page, '#found', `1 of ${f.number(MANY)} households`);
  assert(urls.filter((url) => url.includes('/api/v1/households?limit=1000')).length >= Math.ceil(MANY / 1_000));
});

test('one household: figures of the API, a gap of two hours listed and drawn as a gap', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  const range = `from=${new Date(T0_MS).toISOString()}&to=${new Date(T0_MS + 4 * HOUR_MS).toISOString()}`;
  const { page } = await open(t, cloud.url, { path: `/households/${WHOLE}?${range}`, viewport: { width: 1280, height: 1400 } });
  const profile = await getJson<ProfileReply>(cloud, `/api/v1/households/${WHOLE}/profile?${range}`);
  await shows(page, '#profile-energy', f.energy(profile.energyKwh));
  assert.equal(f.energy(profile.energyKwh).replace('\u00a0', ' '), '800 Wh');
  assert.match(await textOf(page, '#profile-mean'), /400 W/);
  assert.match(await textOf(page, '#profile-base'), /200 W/);
  assert.match(await textOf(page, '#profile-peak'), /600 Wat 24 Dec 2019, 07:30 CET/);
  assert.match(await textOf(page, '#profile-coverage'), /50 %2 h of data/);
  assert.match(await textOf(page, '#profile-gaps'), /1.*2 h 00 min in all/);
  assert.deepEqual(await rowsOf(page, 'gaps-table'), [
    ['24 Dec 2019, 08:00:00 CET', '24 Dec 2019, 10:00:00 CET', '2 h 00 min', 'no readings', 'meter', 'Show'],
  ]);

  const chart = '.time-chart[data-size=tall] canvas';
  await page.locator(chart).waitFor();
  const { wide, longest } = await breakInLine(page, chart);
  assert(wide > 300 && longest > wide * 0.45 && longest < wide * 0.55, `no line in ${longest} of ${wide} columns`);

  const counter = page.locator('.time-chart canvas[aria-label*="Energy counter"]');
  await counter.waitFor();
  assert.match((await counter.getAttribute('aria-label')) ?? '', /from 10\.000\skWh to 10\.719\skWh/);

  await page.locator('.picture[data-size=matrix] canvas').waitFor();
  await page.locator('.picture[data-size=matrix] .chart-tools button').first().click();
  const week = await rowsOf(page, 'week-table');
  assert.deepEqual([week[7]?.[2], week[8]?.[2], week[7]?.[1]], ['400 W', '—no data', '—no data']);

  await page.locator('#windows summary').click();
  await page.locator('#windows-table tbody tr').first().waitFor();
  assert.deepEqual((await rowsOf(page, 'windows-table'))[0], [
    '24 Dec 2019, 07:00:00 CET',
    'meter',
    '200 W',
    '200 W',
    '200 W',
    '200 W',
    '1',
  ]);
  await page.locator('#windows button').click();
  await page.locator('#windows-table tbody tr').nth(150).waitFor({ state: 'attached' });
  const csv = await fetch(cloud.url + ((await page.locator('#windows-csv').getAttribute('href')) ?? ''));
  const lines = (await csv.text()).trim().split('\n');
  assert.equal(lines.length, 1 + 2 * HOUR_WINDOWS, 'a hole in the CSV, no zeros');
  assert.equal(lines.filter((its) => /T0[78]:/.test(its)).length, 0);
  assert.deepEqual(await page.locator('.legend button').allTextContents(), ['Phase 1', 'Phase 2', 'Phase 3']);

  await page.locator('#gaps-table button').click();
  await page.waitForURL(/from=2019-12-24T06:00:00\.000Z&to=2019-12-24T10:00:00\.000Z|from=2019-12-24T06/);
  const link = (await page.locator('.page-head a').first().getAttribute('href')) ?? '';
  assert.match(link, /^\/explore\?series=bb-1\.power&from=/);
});

test('a household without data in the range says why and leads to the nearest; an unknown one leads on', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  const inGap = `from=${new Date(T0_MS + 2.5 * HOUR_MS).toISOString()}&to=${new Date(T0_MS + 2.75 * HOUR_MS).toISOString()}`;
  const { page, faults } = await open(t, cloud.url, { path: `/households/${WHOLE}?${inGap}`, expectFaults: true });
  await shows(page, '#no-data', /No data in this range It lies in a gap from 24 Dec 2019, 08:00:00 CET to .*10:00:00 CET \(no readings\)/);
  await page.locator('#no-data button').click();
  // The end of the gap is nearer than its beginning.
  await page.waitForURL(/from=2019-12-24T09:00:00\.000Z&to=2019-12-24T09:15:00\.000Z/);
  await shows(page, '#profile-mean', /200\sW/);
  assert.deepEqual(faults, []);
  await page.goto(`${cloud.url}/households/no-such-one`);
  await shows(page, '.empty', /Nothing has been stored for no-such-one/);
  await page.locator('.empty a').click();
  await shows(page, 'h1', 'Households');
  assert(faults.length > 0 && faults.every((fault) => /404/.test(fault)), faults.join('\n'));
});

for (const [colorScheme, locale, width] of [
  ['light', 'en-GB', 1_440],
  ['dark', 'de-DE', 360],
] as const) {
  test(`nothing serious for axe, nothing sideways: ${colorScheme}, ${locale}, ${width} px`, needsChromium, async (t) => {
    const cloud = await cloudFor(t);
    await cloud.shipPower(HASHED, 10, 1, T0_MS + 3 * HOUR_MS);
    const phone = width < 640 ? { isMobile: true, hasTouch: true } : {};
    const options = { colorScheme, locale, viewport: { width, height: 800 }, path: '/states?with=DE-BB,DE-BE', ...phone };
    const { page } = await open(t, cloud.url, options);
    const pages: [path: string, waitFor: string][] = [
      ['/states?with=DE-BB,DE-BE', '#compare .time-chart canvas'],
      ['/states/DE-BB', '.picture canvas'],
      ['/households', '#households-table tbody tr'],
      [`/households/${WHOLE}`, '.picture[data-size=matrix] canvas'],
      ['/states/DE-BE', '.state-households a'],
      [`/households/${HASHED}`, '.picture[data-size=matrix] canvas'],
    ];
    for (const [path, waitFor] of pages) {
      await page.goto(cloud.url + path);
      await page.locator(waitFor).first().waitFor();
      assert.equal(await page.locator('html').getAttribute('lang'), locale.slice(0, 2));
      assert.equal(await scrollsSideways(page), false, `${path} scrolls sideways`);
      assert.deepEqual(await graveViolations(page), [], path);
      assert((await page.locator('[data-label]:visible').count()) > 0, 'the label of the data');
    }
  });
}

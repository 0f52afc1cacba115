/**
 * The frame of the pages in a real Chromium: every page in both languages, lights and widths; settings, keys, pause, addresses. About two
 * minutes.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { builtPages, needsChromium, scrollsSideways, shows, textOf } from '../doubles/built-pages.ts';
import { graveViolations } from '../doubles/grave-violations.ts';
import { type RunningCloud, T0_MS, WINDOW_MS } from '../doubles/running-cloud.ts';

const TITLES = {
  en: ['Overview', 'States', 'Households', 'Explorer', 'Fleet'],
  de: ['Übersicht', 'Länder', 'Haushalte', 'Explorer', 'Flotte'],
};

const pages = builtPages();
const { open } = pages;

async function cloudFor(t: TestContext): Promise<RunningCloud> {
  const cloud = await pages.cloud(t, { states: { 'h-1': 'DE-BB', 'h-2': 'DE-BY' } });
  await cloud.shipPower('h-1', 400, 60);
  await cloud.shipPower('h-2', 1_400, 60);
  cloud.heartbeat('edge-1', { parked: [{ household: 'h-9', reason: 'second source' }] });
  return cloud;
}

// Every page in every shape: pages-matrix.test.ts.
for (const [language, colorScheme, width] of [
  ['en', 'light', 1_440],
  ['de', 'dark', 360],
] as const) {
  test(`the frame, ${language}, ${colorScheme}, ${width} px wide: each page by its name, nothing wrong`, needsChromium, async (t) => {
    const cloud = await cloudFor(t);
    const phone = width < 500 ? { isMobile: true, hasTouch: true } : {};
    const size = { viewport: { width, height: width < 500 ? 740 : 900 }, ...phone };
    const { page } = await open(t, cloud.url, { locale: language, colorScheme, ...size });
    assert.equal(await page.locator('html').getAttribute('lang'), language);
    assert.deepEqual(await page.locator('nav.pages a').allTextContents(), TITLES[language]);
    await page.locator('.time-chart canvas').waitFor();
    await shows(page, '#status-text', 'live');
    assert.equal(await scrollsSideways(page), false);
    assert.deepEqual(await graveViolations(page), []);
  });
}

test('the search for violations finds one', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  const { page } = await open(t, cloud.url);
  await page.locator('main h1').waitFor();
  await page.evaluate(`document.querySelector('main').append(document.createElement('button'))`);
  assert.match((await graveViolations(page)).join(), /^button-name: /);
});

test('an address that is no page says so, with status 404; programs get a problem', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  const { page, faults } = await open(t, cloud.url, { path: '/nothing/here', expectFaults: true });
  await shows(page, 'main h1', 'There is no such page');
  assert.deepEqual(
    faults.filter((fault) => !/status of 404/.test(fault)),
    [],
  );
  await page.locator('main a.primary').click();
  await shows(page, 'main h1', 'Overview');
  const html = { headers: { accept: 'text/html' } };
  assert.equal((await fetch(`${cloud.url}/nothing/here`, html)).status, 404);
  const problem = await fetch(`${cloud.url}/api/v1/nothing`, html);
  assert.match(problem.headers.get('content-type') ?? '', /problem\+json/);
  assert.match((await fetch(`${cloud.url}/nothing`)).headers.get('content-type') ?? '', /problem\+json/);
});

test('links and going back change the page without a new document, and the range goes along', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  const { page } = await open(t, cloud.url, { path: '/?from=latest-1h' });
  await shows(page, 'main h1', 'Overview');
  await page.evaluate('globalThis.sameDocument = true');
  await page.locator('nav.pages a', { hasText: 'States' }).click();
  await shows(page, 'main h1', 'States');
  assert.equal(page.url(), `${cloud.url}/states?from=latest-1h`);
  await page.goBack();
  await shows(page, 'main h1', 'Overview');
  assert.equal(await page.evaluate('globalThis.sameDocument'), true);
});

test('what was chosen holds at once and after a reload', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  const { page } = await open(t, cloud.url);
  await shows(page, '#newest', '06:05:00'.replace('06', '07'));
  await page.locator('#open-settings').click();
  await page.locator('#settings input[value=dark]').check();
  assert.equal(await page.evaluate('getComputedStyle(document.body).backgroundColor'), 'rgb(13, 19, 24)');
  await page.locator('#settings input[value=de]').check();
  await shows(page, '#settings h2', 'Einstellungen');
  await page.locator('#settings input[value=utc]').check();
  await page.keyboard.press('Escape');
  await page.locator('#settings').waitFor({ state: 'detached' });
  await shows(page, '#newest', '06:05:00 UTC');
  await page.reload();
  await shows(page, 'main h1', 'Übersicht');
  await shows(page, '#newest', '06:05:00 UTC');
  assert.equal(await page.locator('html').getAttribute('lang'), 'de');
  assert.equal(await page.evaluate('getComputedStyle(document.body).backgroundColor'), 'rgb(13, 19, 24)');
});

test('keys: help, pages, pause; none while typing', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  const { page } = await open(t, cloud.url);
  await shows(page, '#power', /1\.80\skW/);
  await page.keyboard.press('?');
  await page.locator('#help').waitFor();
  await page.keyboard.press('Escape');
  await page.locator('#help').waitFor({ state: 'detached' });
  await page.keyboard.press('g');
  await page.keyboard.press('f');
  await shows(page, 'main h1', 'Fleet');
  await page.keyboard.press('g');
  await page.keyboard.press('o');
  await shows(page, '#power', /1\.80\skW/);
  await page.keyboard.press('l');
  await shows(page, '#status-text', 'paused');
  await cloud.shipPower('h-1', 5_000, 1, T0_MS + 60 * WINDOW_MS);
  await page.waitForTimeout(2_500);
  assert.equal(await textOf(page, '#power'), '1.80 kW');
  await page.keyboard.press('l');
  await shows(page, '#power', /6\.40\skW/);
  await shows(page, '#status-text', 'live');
  await page.locator('#range').click();
  await page.locator('#range-from').focus();
  await page.keyboard.press('l');
  assert.equal(await textOf(page, '#status-text'), 'live');
});

test('a copied link names range and zone, and shows the same chart in a browser elsewhere', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  const { page } = await open(t, cloud.url, { path: '/?from=latest-1h&res=1m', permissions: ['clipboard-read', 'clipboard-write'] });
  await page.locator('.time-chart canvas').waitFor();
  await page.locator('#copy-link').click();
  await shows(page, '#said', 'Link copied');
  const link = new URL((await page.evaluate('navigator.clipboard.readText()')) as string);
  assert.equal(link.searchParams.get('tz'), 'Europe/Berlin');
  const here = await page.locator('.time-chart canvas').getAttribute('aria-label');
  const { page: other } = await open(t, cloud.url, { path: link.pathname + link.search, timezoneId: 'Asia/Tokyo' });
  await other.locator('.time-chart canvas').waitFor();
  assert.equal(await other.locator('.time-chart canvas').getAttribute('aria-label'), here);
});

test('a page whose script does not come says so and can be asked for again; the frame stays', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  const { page } = await open(t, cloud.url, { expectFaults: true });
  await shows(page, 'main h1', 'Overview');
  await page.route('**/assets/fleet-*.js', (route) => route.abort());
  await page.locator('nav.pages a', { hasText: 'Fleet' }).click();
  await shows(page, 'main [role=alert]', 'This page could not be shown.');
  await page.locator('nav.pages a', { hasText: 'States' }).click();
  await shows(page, 'main h1', 'States');
});

test('one stream a tab, whatever pages are visited', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  const { page, urls } = await open(t, cloud.url);
  for (const name of ['States', 'Households', 'Explorer', 'Fleet', 'Overview']) {
    await page.locator('nav.pages a', { hasText: name }).click();
    await shows(page, 'main h1', name);
  }
  assert.equal(urls.filter((url) => url.endsWith('/api/v1/stream')).length, 1);
});

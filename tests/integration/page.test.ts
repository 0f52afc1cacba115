/** The overview in a real Chromium before a real cloud. Every test also fails on a console error or a request to elsewhere. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import type { StatesReply } from '../../cloud/server/api/api-types.ts';
import { STATE_NAMES } from '../../cloud/server/postal-codes.ts';
import { systemClock } from '../../common/clock.ts';
import { builtPages, needsChromium, scrollsSideways, shows, textOf } from '../doubles/built-pages.ts';
import { ordered } from '../../cloud/web/live/page-state.ts';
import { named } from '../../cloud/web/words/state-names.ts';
import { AREA_TOLERANCE, pixelsOf } from '../doubles/canvas-pixels.ts';
import { graveViolations } from '../doubles/grave-violations.ts';
import { type CloudOptions, type RunningCloud, runCloud, T0_MS, WINDOW_MS } from '../doubles/running-cloud.ts';
import { ShiftedClock } from '../doubles/shifted-clock.ts';

/** Script of the overview, what its charts need included. */
const OVERVIEW_GZIP_BYTES_MAX = 200_000;
/** Households: `h-DE-BB` and so on; nobody lives in two of the states. */
const EMPTY_STATES = ['DE-HB', 'DE-SL'];
const INHABITED = [...STATE_NAMES.keys()].filter((state) => !EMPTY_STATES.includes(state));
const STATES = Object.fromEntries([...STATE_NAMES.keys()].map((state) => [`h-${state}`, state]));

/** Less is the blurred edge of something else. */
const BAR_PX_LEAST = 3;
/** An em dash, and in words for screen readers. */
const NOTHING = '—no data';

const pages = builtPages();
const { pageDir, open } = pages;

/** A cloud for one test. */
function cloudFor(t: TestContext, options: Pick<CloudOptions, 'port' | 'clock' | 'doors' | 'silentAfterMs'> = {}): Promise<RunningCloud> {
  return pages.cloud(t, { states: STATES, ...options });
}

/** Power of the household in the n-th inhabited state; the third one feeds in. */
function powerOf(n: number): number {
  return n === 2 ? -80 : 120 + 37 * n;
}

async function shipAll(cloud: RunningCloud, windows = 24): Promise<void> {
  for (const [n, state] of INHABITED.entries()) await cloud.shipPower(`h-${state}`, powerOf(n), windows);
}

/** The table's rows, which are in the page also while they are folded away. */
async function tableRows(page: Page): Promise<string[][]> {
  await page.locator('#states-table').waitFor({ state: 'attached' });
  return page
    .locator('#states-table tbody tr')
    .evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => (cell.textContent ?? '').replaceAll('\u00a0', ' '))));
}

/** The bars of a colour once there are `count` of them: the figures come after the page. */
async function bars(page: Page, colourName: '--bar' | '--bar-negative', count: number): Promise<number[]> {
  await page.locator('#chart').waitFor();
  let lengths: number[] = [];
  for (let attempt = 0; attempt < 50; attempt++) {
    lengths = await barLengths(page, colourName);
    if (lengths.length === count) return lengths;
    await page.waitForTimeout(100);
  }
  return assert.fail(`${lengths.length} bars of ${colourName}, expected ${count}`);
}

/** Lengths in pixels of the bars as drawn, from top to bottom, found by their colour. */
async function barLengths(page: Page, colourName: '--bar' | '--bar-negative'): Promise<number[]> {
  const [{ rows, scale } = assert.fail()] = await pixelsOf(page, '#chart', [colourName], AREA_TOLERANCE);
  const lengths: number[] = [];
  let longest = 0;
  for (const length of [...rows, 0]) {
    if (length >= BAR_PX_LEAST) longest = Math.max(longest, length);
    else if (longest > 0) {
      lengths.push(longest / scale);
      longest = 0;
    }
  }
  return lengths;
}

test('the overview is small, and what other pages need is not in it', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  await shipAll(cloud, 2);
  const { page, urls } = await open(t, cloud.url);
  await page.locator('.time-chart canvas').waitFor();
  const scripts = urls.filter((url) => url.endsWith('.js')).map((url) => readFileSync(join(pageDir, new URL(url).pathname)));
  assert(scripts.length >= 2);
  const bytes = scripts.reduce((sum, script) => sum + gzipSync(script).length, 0);
  assert(bytes < OVERVIEW_GZIP_BYTES_MAX, `${bytes} bytes`);
  t.diagnostic(`${bytes} bytes gzipped`);
  const text = scripts.join('');
  assert(text.includes('doughnut') || text.includes('"line"'), 'the charts are in it');
  for (const name of ['choropleth', 'matrix']) assert(!text.includes(`id="${name}"`) && !text.includes(`id:"${name}"`), name);
});

test('16 states with the right numbers, as bars and as a table', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  await shipAll(cloud);
  cloud.heartbeat('edge-1', { queued: 3, sent: 4, households: 14 });
  const { page, urls } = await open(t, cloud.url);
  await shows(page, '#status-text', 'live');
  const rows = await tableRows(page);
  const reply = (await (await fetch(`${cloud.url}/api/v1/states`)).json()) as StatesReply;
  assert.equal(rows.length, 16);
  const states = ordered(named(reply.states, 'en'), 'name');
  const expected = states.map(({ name, households, drawn, meanW, annualKwh, annualEur }) => {
    if (meanW === null) return [name, 'no household', NOTHING, NOTHING, NOTHING, NOTHING, NOTHING];
    return [name, String(households), `${plain(meanW)} W`, `~${spaced(annualKwh)} kWh`, `~${money(annualEur)}`, '2 min', String(drawn)];
  });
  assert.deepEqual(rows, expected);
  assert.equal(rows.filter((row) => row[1] === 'no household').length, 2);
  const positive = states.map((row) => row.annualKwh ?? 0).filter((annualKwh) => annualKwh > 0);
  const lengths = await bars(page, '--bar', 13);
  const scale = Math.max(...lengths) / Math.max(...positive);
  for (const [i, annualKwh] of positive.entries()) assert(Math.abs((lengths[i] ?? 0) - annualKwh * scale) < 3, `bar ${i}: ${lengths[i]}`);
  const negative = await bars(page, '--bar-negative', 1);
  assert(Math.abs((negative[0] ?? 0) - 80 * 8.76 * scale) < 3);
  assert.match(
    (await page.locator('#chart').getAttribute('aria-label')) ?? '',
    /14 of 16 states.*Highest: Thuringia, ~5,265\skWh\. Lowest: Berlin/,
  );
  assert(urls.some((url) => url.endsWith('/api/v1/stream')));
});

test('tiles, ticker, extrapolation, edges and the data label', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  await shipAll(cloud);
  cloud.heartbeat('edge-1', { queued: 3, sent: 1_204, households: 14, parked: [{ household: 'h-DE-BB', reason: 'second source' }] });
  const { page } = await open(t, cloud.url);
  await shows(page, '#status-text', 'live');
  const total = INHABITED.reduce((sum, _, n) => sum + powerOf(n), 0);
  assert.equal(await textOf(page, '#power'), `${(total / 1_000).toFixed(2)} kW`);
  assert.equal(await textOf(page, '#power-note'), '14 of 14 households');
  assert.match(await textOf(page, '#typical'), /^~\d,\d{3} kWh$/);
  assert.equal(await textOf(page, '#newest'), '07:02:00 CET');
  assert.match(await textOf(page, '#newest-note'), /^24 Dec 2019, arrived/);
  assert.equal(await textOf(page, '#edges-online'), '1 of 1');
  assert.equal(await textOf(page, '#edges-online-note'), 'outbox depth 1,207 parts');
  assert.equal(await textOf(page, '#price'), '30 ct/kWh');
  assert.match(await textOf(page, '#tape'), /Bavaria~€413 a year/);
  assert.match(
    await textOf(page, '#extrapolation'),
    /× 8\.76 .* from 14 households with ~2 min of readings each .* 30 ct\/kWh.*first guess \(~\)/,
  );
  assert.match(
    await textOf(page, '#edges-table tbody'),
    /edge-1online\d s ago1,207 parts—no data14.*1 household parked, h-DE-BB: second source/,
  );
  const labels = page.locator('[data-label]:visible');
  assert((await labels.count()) >= 4);
  for (const label of await labels.allTextContents()) assert.equal(label, 'synthetic');
  assert.match(await page.title(), /\(synthetic\) · Fogline$/);
});

test('a new window shows by itself', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  await cloud.shipPower('h-DE-BB', 500, 2);
  const { page } = await open(t, cloud.url);
  await shows(page, '#power', '500 W');
  await cloud.shipPower('h-DE-BB', 2_345, 1, T0_MS + 2 * WINDOW_MS);
  await shows(page, '#power', '2.35 kW');
  await cloud.shipPower('h-DE-HB', 100, 1, T0_MS + 2 * WINDOW_MS);
  await shows(page, '#power-note', '2 of 2 households');
  await bars(page, '--bar', 2);
});

test('before the first window the page says what it waits for, and then shows it', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  const { page } = await open(t, cloud.url);
  await shows(page, '#waiting-title', 'Waiting for an edge');
  cloud.heartbeat('edge-1');
  await shows(page, '#waiting-title', 'Waiting for the first reading');
  cloud.heartbeat('edge-1', { newestMs: T0_MS + 500 });
  await shows(page, '#waiting-title', /^First window in [1-5]\ss$/);
  assert.equal(await page.locator('#chart').isVisible(), false);
  assert.equal(await textOf(page, '#power'), NOTHING);
  await cloud.shipPower('h-DE-BB', 100, 1);
  await shows(page, '#power', '100 W');
  assert.equal(await page.locator('#chart').isVisible(), true);
  assert.equal(await page.locator('#waiting').isVisible(), false);
});

test('without newer windows the figures turn grey and say for how long; a new one brings them back', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  await shipAll(cloud, 2);
  cloud.heartbeat('edge-1');
  const { page } = await open(t, cloud.url);
  await shows(page, '#status-text', 'live');
  await looks(page, 'none');
  await page.evaluate(`
    window.oldButNotGrey = 0;
    new MutationObserver(() => {
      const isOld = document.querySelector('.tile .age[data-age=stale]') !== null;
      if (isOld && document.body.dataset.stale !== 'true') window.oldButNotGrey++;
    }).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
  `);
  await page.clock.fastForward(35_000);
  await shows(page, '#status-text', 'stale');
  await page.locator('.tile .age[data-age=stale]').first().waitFor();
  assert.equal(await page.evaluate('window.oldButNotGrey'), 0, 'the word and the grey come in one frame');
  const seconds = Number(/^No new data for (\d+) s\./.exec(await textOf(page, '#notice'))?.[1]);
  assert(seconds >= 34 && seconds < 90, `${seconds} s`);
  await looks(page, 'grayscale(1)');
  await cloud.shipPower('h-DE-BB', 100, 1, T0_MS + 2 * WINDOW_MS);
  await shows(page, '#status-text', 'live');
  assert.equal(await page.locator('#notice').isVisible(), false);
  await looks(page, 'none');
});

test('a page opened long after the last window is stale at once', needsChromium, async (t) => {
  const clock = new ShiftedClock([]);
  const cloud = await cloudFor(t, { clock });
  await cloud.shipPower('h-DE-BB', 100, 1);
  assert.equal((await fetch(`${cloud.url}/api/v1/states`)).status, 200);
  await waitUntilSeen(cloud);
  clock.shift(3_600_000);
  const { page } = await open(t, cloud.url);
  await shows(page, '#notice', /^No new data for 1\sh 00\smin\./);
  assert.equal(await page.locator('body').getAttribute('data-stale'), 'true');
  assert.equal(await textOf(page, '#status-text'), 'stale');
});

test('when the stream is cut the page says so, turns grey, and comes back by itself', needsChromium, async (t) => {
  const first = await runCloud({ states: STATES, settings: { pageDir } });
  await first.shipPower('h-DE-BB', 100, 1);
  const { page, faults } = await open(t, first.url, { expectFaults: true });
  await shows(page, '#power', '100 W');
  await shows(page, '#status-text', 'live');
  await first.stop();
  await shows(page, '#status-text', 'reconnecting');
  assert.match(await textOf(page, '#notice'), /connection to the cloud is cut/);
  await page.clock.fastForward(35_000);
  await shows(page, '#status-text', 'offline');
  await shows(page, '#notice', /No new data for \d+\ss/);
  await looks(page, 'grayscale(1)');
  assert.equal(await page.evaluate(`getComputedStyle(document.getElementById('edges-table')).filter`), 'grayscale(1)');
  assert.deepEqual(await graveViolations(page), [], 'old figures can be read');
  const second = await cloudFor(t, { port: first.port });
  await second.shipPower('h-DE-BB', 200, 1, T0_MS + WINDOW_MS);
  await page.clock.fastForward(6_000);
  await shows(page, '#power', '200 W');
  await shows(page, '#status-text', 'live');
  const unexpected = faults.filter((fault) => !/ERR_(CONNECTION|INCOMPLETE|EMPTY|NETWORK)/.test(fault));
  assert.deepEqual(unexpected, []);
});

test('silence of an edge shows at its row', needsChromium, async (t) => {
  const cloud = await cloudFor(t, { silentAfterMs: 1_500 });
  cloud.heartbeat('edge-1');
  const { page } = await open(t, cloud.url);
  await shows(page, '#edges-table tbody', 'offline');
  await shows(page, '#edges-online', '0 of 1');
  cloud.heartbeat('edge-1');
  await shows(page, '#edges-online', '1 of 1');
});

test('a finished replay is called finished and never stale', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  await shipAll(cloud, 2);
  cloud.heartbeat('edge-1', { runs: [{ run: 'r', ended: true, done: true }] });
  const { page } = await open(t, cloud.url);
  await shows(page, '#status-text', 'replay finished');
  await page.clock.fastForward(35_000);
  await shows(page, '#notice', 'The replay is finished: all its readings are in.');
  assert.equal(await textOf(page, '#status-text'), 'replay finished');
  await looks(page, 'none');
});

test('dark follows the system, in the chart too', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  await shipAll(cloud, 2);
  const { page } = await open(t, cloud.url, { colorScheme: 'dark' });
  await shows(page, '#status-text', 'live');
  const ground = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
  assert.equal(await ground(), 'rgb(13, 19, 24)');
  await bars(page, '--bar', 13);
  await page.emulateMedia({ colorScheme: 'light' });
  assert.equal(await ground(), 'rgb(244, 246, 248)');
  await bars(page, '--bar', 13);
});

test('on a phone of 360 px nothing scrolls sideways and all bars are there', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  await shipAll(cloud);
  cloud.heartbeat('an-edge-with-a-rather-long-name-in-the-basement-of-the-house', { oldestUnackedMs: T0_MS, queued: 123_456 });
  const { page } = await open(t, cloud.url, { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true });
  await shows(page, '#status-text', 'live');
  assert.equal(await scrollsSideways(page), false);
  await bars(page, '--bar', 13);
  await page.locator('summary').click();
  assert.equal(await page.locator('#states-table tbody tr').first().isVisible(), true);
  assert.equal(await scrollsSideways(page), false);
  await page.setViewportSize({ width: 1024, height: 700 });
  assert.equal(await scrollsSideways(page), false);
  await bars(page, '--bar', 13);
});

test('alerts stand on the page with what to do, and a hostile text of an edge is text', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  await shipAll(cloud);
  const household = '<img src=x onerror="document.title=1">';
  const reason = '<script>document.title="owned"</script>\u202e"><svg/onload=alert(1)>';
  cloud.heartbeat('edge-1', { parked: [{ household, reason }], waitingFor: [household], households: 14 });
  const { page } = await open(t, cloud.url);
  await shows(page, '#status-text', 'live');
  await shows(page, '#alerts-table tbody tr th', 'edge edge-1 holds households back');
  const cells = await page.locator('#alerts-table tbody tr').first().locator('td').allTextContents();
  assert.match(cells[0] ?? '', /CET$/);
  assert.equal(cells[1], `1 parked, ${household}: ${reason}`);
  assert.match(cells[2] ?? '', /^fogline parked list/);
  assert((await textOf(page, '#edges-table')).includes(reason));
  assert.equal(await page.locator('main img, main script, main svg[onload]').count(), 0);
  assert.match(await page.title(), /Fogline$/);
  cloud.heartbeat('edge-1', { households: 14 });
  await page.locator('#alerts').waitFor({ state: 'hidden' });
});

test('alerts are told in the language of the page: what, how much, and what to do', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  await shipAll(cloud);
  cloud.heartbeat('edge-1', { parked: [{ household: 'h-9', reason: 'second source' }], households: 14 });
  const { page } = await open(t, cloud.url, { locale: 'de' });
  const rows = '#alerts-table tbody tr';
  await shows(page, `${rows} th`, 'Edge edge-1 hält Haushalte zurück');
  const cells = await page.locator(rows).first().locator('td').allTextContents();
  assert.deepEqual(cells.slice(1), [
    '1 zurückgestellt, h-9: second source',
    'fogline parked list auf dem Edge sagt den Grund; diesen beheben, dann fogline parked resume HAUSHALT',
  ]);
  assert.deepEqual(await page.locator('#alerts [lang="en"]').allTextContents(), ['second source'], 'a reason that is not known');
  cloud.heartbeat('edge-1', { parked: [{ household: '0123456789abcdef'.repeat(4), reason: 'second source' }], households: 14 });
  await shows(page, '#alerts-table', '0123456789abcdef');
  const isCutOff = 'document.querySelector("#alerts-table").scrollWidth > document.querySelector("#alerts-table").clientWidth';
  assert.equal(await page.evaluate(isCutOff), false, 'a long id hides no column');
  await page.goto(`${cloud.url}/fleet/edge-1`);
  await shows(page, `${rows} th`, 'Edge edge-1 hält Haushalte zurück');
  const told = (await (await fetch(`${cloud.url}/api/v1/alerts`)).json()) as { alerts: { title: string; figure: unknown }[] };
  assert.equal(told.alerts[0]?.title, 'holds households back');
  assert.deepEqual(told.alerts[0]?.figure, {
    code: 'parked',
    values: { n: 1, household: '0123456789abcdef'.repeat(4), reason: 'second source' },
  });
});

test('where a token is demanded the page asks for it, and again when it was revoked', needsChromium, async (t) => {
  const held = new Set(['t1']);
  const tokens = { idOf: (token: string) => (token === 'right' && held.has('t1') ? 't1' : undefined), holds: (id: string) => held.has(id) };
  const cloud = await cloudFor(t, { doors: { demandsToken: true, tokens } });
  await shipAll(cloud);
  const { page, faults } = await open(t, cloud.url, { expectFaults: true });
  assert.equal(page.url(), `${cloud.url}/login`);
  await page.locator('#token').fill('wrong');
  await page.keyboard.press('Enter');
  await page.locator('#wrong').waitFor();
  assert.equal(await page.locator('#left').isVisible(), false);
  await page.locator('#token').fill('right');
  await page.locator('button', { hasText: 'Open' }).click();
  await shows(page, '#status-text', 'live');
  assert.deepEqual(faults, []);
  assert.equal(await page.evaluate('document.cookie'), '');
  const [cookie] = await page.context().cookies();
  assert.deepEqual([cookie?.httpOnly, cookie?.sameSite], [true, 'Strict']);
  held.clear();
  for (let i = 0; i < 100 && !page.url().endsWith('/login'); i++) {
    await page.clock.runFor(1_000);
    await page.waitForTimeout(100);
  }
  assert.equal(page.url(), `${cloud.url}/login`);
});

test('by keyboard: skip link, order of the states, the table', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  await shipAll(cloud);
  const { page } = await open(t, cloud.url);
  await shows(page, '#status-text', 'live');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate('document.activeElement.className'), 'skip');
  await page.locator('#order input[value=name]').focus();
  await bars(page, '--bar', 13);
  await page.evaluate(`
    window.orders = [];
    const picture = () => document.querySelector('#chart').toDataURL();
    const before = picture();
    new MutationObserver(() => window.orders.push(picture() === before ? 'the table alone' : 'table and picture'))
      .observe(document.querySelector('#states-table tbody'), { subtree: true, childList: true, characterData: true });
  `);
  await page.keyboard.press('ArrowRight');
  await page.locator('#states-table tbody tr', { hasText: 'Thuringia' }).and(page.locator('tr:first-child')).waitFor({ state: 'attached' });
  assert.deepEqual(await page.evaluate('window.orders'), ['table and picture'], 'in one frame');
  const sorted = await tableRows(page);
  assert.equal(sorted[0]?.[0], 'Thuringia');
  assert.deepEqual(
    sorted.slice(-2).map((row) => row[1]),
    ['no household', 'no household'],
  );
  const lengths = await bars(page, '--bar', 13);
  assert.deepEqual(
    lengths,
    [...lengths].sort((a, b) => b - a),
  );
  await page.locator('summary').focus();
  await page.keyboard.press('Enter');
  assert.equal(await page.locator('#states-table').isVisible(), true);
  assert.match(await textOf(page, '#states-table caption'), /\(synthetic data\)/);
});

/** Waits until the change of looks is over. */
async function looks(page: Page, filter: string): Promise<void> {
  await page.clock.runFor(500);
  await page.waitForFunction(`getComputedStyle(document.querySelector('.tile.figures')).filter === '${filter}'`);
}

/** `latest` tells of a window by a timer, a moment after it was stored. */
async function waitUntilSeen(cloud: RunningCloud): Promise<void> {
  const seen = new Promise<void>((resolve) => {
    const end = cloud.latest.subscribe(0, () => {
      end();
      resolve();
    });
  });
  await cloud.shipPower('h-DE-BB', 100, 1, T0_MS + WINDOW_MS);
  await seen;
  await systemClock.sleep(1_100);
}

function plain(value: number): string {
  return String(Math.round(value)).replace('-', '−');
}

function spaced(value: number | null): string {
  const digits = String(Math.round(Math.abs(value ?? 0))).replace(/\B(?=(\d{3})+$)/g, ',');
  return (value ?? 0) < 0 ? `\u2009−${digits}` : digits;
}

function money(value: number | null): string {
  return (value ?? 0) < 0 ? `\u2009−€${spaced(Math.abs(value ?? 0))}` : `€${spaced(value)}`;
}

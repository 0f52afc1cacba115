/** The built page in a real Chromium before a real cloud. Every test also fails on a console error or a request to elsewhere. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { build } from 'vite';
import type { StatesReply } from '../../cloud/server/api/api-types.ts';
import { STATE_NAMES } from '../../cloud/server/postal-codes.ts';
import { systemClock } from '../../common/clock.ts';
import { type CloudOptions, type RunningCloud, runCloud, T0_MS, WINDOW_MS } from '../doubles/running-cloud.ts';
import { ShiftedClock } from '../doubles/shifted-clock.ts';

const CHROMIUM = process.env['FOGLINE_CHROMIUM'] || '/usr/bin/chromium';
const needsChromium = existsSync(CHROMIUM) ? {} : { skip: `no Chromium at ${CHROMIUM}: install it or set FOGLINE_CHROMIUM` };
const ROOT = join(import.meta.dirname, '../..');
const PAGE_GZIP_BYTES_MAX = 200_000;
/** Households: `h-DE-BB` and so on; nobody lives in two of the states. */
const EMPTY_STATES = ['DE-HB', 'DE-SL'];
const INHABITED = [...STATE_NAMES.keys()].filter((state) => !EMPTY_STATES.includes(state));
const STATES = Object.fromEntries([...STATE_NAMES.keys()].map((state) => [`h-${state}`, state]));

const folder = mkdtempSync(join(tmpdir(), 'fogline-page-'));
const pageDir = join(folder, 'web');
let browser: Browser | undefined;

before(async () => {
  const configFile = join(ROOT, 'cloud/web/vite.config.ts');
  await build({ configFile, build: { outDir: pageDir, emptyOutDir: true } });
  if (existsSync(CHROMIUM)) browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
});

after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A cloud for one test. */
async function cloudFor(t: TestContext, options: Pick<CloudOptions, 'port' | 'clock' | 'doors'> = {}): Promise<RunningCloud> {
  const cloud = await runCloud({ states: STATES, settings: { pageDir }, ...options });
  t.after(() => cloud.stop());
  return cloud;
}

/** Power of the household in the n-th inhabited state; the third one feeds in. */
function powerOf(n: number): number {
  return n === 2 ? -80 : 120 + 37 * n;
}

async function shipAll(cloud: RunningCloud, windows = 24): Promise<void> {
  for (const [n, state] of INHABITED.entries()) await cloud.shipPower(`h-${state}`, powerOf(n), windows);
}

interface Watched {
  page: Page;
  /** Console errors, page errors, violations of the policy, requests to elsewhere. */
  faults: string[];
  /** Requests made. */
  urls: string[];
}

async function open(t: TestContext, url: string, options: BrowserContextOptions & { expectFaults?: boolean } = {}): Promise<Watched> {
  assert(browser !== undefined);
  const { expectFaults = false, ...contextOptions } = options;
  const context = await browser.newContext({ reducedMotion: 'reduce', viewport: { width: 1280, height: 900 }, ...contextOptions });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const faults: string[] = [];
  const urls: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`page: ${error.message}`));
  page.on('request', (request) => {
    urls.push(request.url());
    if (!request.url().startsWith(`${url}/`)) faults.push(`request to ${request.url()}`);
  });
  t.after(async () => {
    await context.close();
    if (!expectFaults) assert.deepEqual(faults, []);
  });
  await page.clock.install();
  await page.goto(`${url}/`);
  return { page, faults, urls };
}

async function shows(page: Page, selector: string, text: string | RegExp): Promise<void> {
  await page.locator(selector).filter({ hasText: text }).waitFor();
}

async function textOf(page: Page, selector: string): Promise<string> {
  return (await page.locator(selector).textContent()) ?? '';
}

/** The table's rows, which are in the page also while they are folded away. */
function tableRows(page: Page): Promise<string[][]> {
  return page
    .locator('#states-table tbody tr')
    .evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent ?? '')));
}

/** The bars of a colour once there are `count` of them: the chart is drawn with the next frame, not with the text. */
async function bars(page: Page, colourName: '--bar' | '--bar-negative', count: number): Promise<number[]> {
  let lengths: number[] = [];
  for (let attempt = 0; attempt < 50; attempt++) {
    lengths = await barLengths(page, colourName);
    if (lengths.length === count) return lengths;
    await page.waitForTimeout(100);
  }
  return assert.fail(`${lengths.length} bars of ${colourName}, expected ${count}`);
}

/** Lengths in pixels of the bars as drawn, from top to bottom, found by their colour. */
function barLengths(page: Page, colourName: '--bar' | '--bar-negative'): Promise<number[]> {
  // As text: this runs in the page, whose types the tests do not know.
  return page.evaluate(`(() => {
    const canvas = document.getElementById('chart');
    const hex = getComputedStyle(document.documentElement).getPropertyValue('${colourName}').trim();
    const [red, green, blue] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    const copy = document.createElement('canvas');
    Object.assign(copy, { width: canvas.width, height: canvas.height });
    const context = copy.getContext('2d', { willReadFrequently: true });
    context.drawImage(canvas, 0, 0);
    const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
    const lengths = [];
    let longest = 0;
    for (let y = 0; y <= height; y++) {
      let length = 0;
      for (let x = 0; y < height && x < width; x++) {
        const at = 4 * (y * width + x);
        if (Math.abs(data[at] - red) + Math.abs(data[at + 1] - green) + Math.abs(data[at + 2] - blue) < 6 && data[at + 3] > 250) length++;
      }
      if (length < 3 && longest > 0) {
        lengths.push(longest / (canvas.width / canvas.clientWidth));
        longest = 0;
      } else if (length >= 3) longest = Math.max(longest, length);
    }
    return lengths;
  })()`) as Promise<number[]>;
}

async function scrollsSideways(page: Page): Promise<boolean> {
  return (await page.evaluate('document.documentElement.scrollWidth > window.innerWidth')) as boolean;
}

test('the page is small: all of it below 200 kB gzipped', () => {
  const files = readdirSync(pageDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  assert(files.length >= 3);
  const bytes = files.reduce((sum, file) => sum + gzipSync(readFileSync(join(file.parentPath, file.name))).length, 0);
  assert(bytes < PAGE_GZIP_BYTES_MAX, `${bytes} bytes`);
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
  const expected = reply.states.map(({ name, households, drawn, meanW, annualKwh, annualEur }) => {
    if (meanW === null) return [name, 'no household', '–', '–', '–', '–', '–'];
    return [name, String(households), `${plain(meanW)} W`, `~${spaced(annualKwh)} kWh`, `~${money(annualEur)}`, '2 min', String(drawn)];
  });
  assert.deepEqual(rows, expected);
  assert.equal(rows.filter((row) => row[1] === 'no household').length, 2);
  const positive = reply.states.map((row) => row.annualKwh ?? 0).filter((annualKwh) => annualKwh > 0);
  const lengths = await bars(page, '--bar', 13);
  const scale = Math.max(...lengths) / Math.max(...positive);
  for (const [i, annualKwh] of positive.entries()) assert(Math.abs((lengths[i] ?? 0) - annualKwh * scale) < 3, `bar ${i}: ${lengths[i]}`);
  const negative = await bars(page, '--bar-negative', 1);
  assert(Math.abs((negative[0] ?? 0) - 80 * 8.76 * scale) < 3);
  assert.match(
    (await page.locator('#chart').getAttribute('aria-label')) ?? '',
    /14 of 16 states.*Highest: Thüringen, ~5,265 kWh\. Lowest: Berlin/,
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
  assert.equal(await textOf(page, '#newest'), '06:02:00 UTC');
  assert.match(await textOf(page, '#newest-note'), /^24 Dec 2019 · arrived/);
  assert.equal(await textOf(page, '#edges-live'), '1 of 1 live');
  assert.equal(await textOf(page, '#edges-note'), 'outbox depth 1,207 parts');
  assert.equal(await textOf(page, '#price'), '0.30 EUR/kWh');
  assert.match(await textOf(page, '#tape'), /Bayern~€413 a year/);
  assert.match(
    await textOf(page, '#extrapolation'),
    /× 8\.76 .* from 14 households with ~2 min of readings each .* 0\.30 EUR\/kWh.*first guess \(~\)/,
  );
  assert.match(
    await textOf(page, '#edges-table tbody'),
    /edge-1live\d s ago1,207 parts–14.*1 household parked \(h-DE-BB…: second source\)/,
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
  await shows(page, '#waiting-title', /^First window in [1-5] s$/);
  assert.equal(await page.locator('#chart').isVisible(), false);
  assert.equal(await textOf(page, '#power'), '–');
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
  assert.equal(await filterOf(page), 'none');
  await page.clock.fastForward(20_000);
  await shows(page, '#status-text', 'stale');
  const seconds = Number(/^No new data for (\d+) s\./.exec(await textOf(page, '#notice'))?.[1]);
  assert(seconds >= 19 && seconds < 60, `${seconds} s`);
  assert.equal(await filterOf(page), 'grayscale(1)');
  await cloud.shipPower('h-DE-BB', 100, 1, T0_MS + 2 * WINDOW_MS);
  await shows(page, '#status-text', 'live');
  assert.equal(await page.locator('#notice').isVisible(), false);
  assert.equal(await filterOf(page), 'none');
});

test('a page opened long after the last window is stale at once', needsChromium, async (t) => {
  const clock = new ShiftedClock([]);
  const cloud = await cloudFor(t, { clock });
  await cloud.shipPower('h-DE-BB', 100, 1);
  assert.equal((await fetch(`${cloud.url}/api/v1/states`)).status, 200);
  await waitUntilSeen(cloud);
  clock.shift(3_600_000);
  const { page } = await open(t, cloud.url);
  await shows(page, '#notice', /^No new data for 1 h 00 min\./);
  assert.equal(await page.locator('body').getAttribute('data-stale'), 'true');
  assert.equal(await textOf(page, '#status-text'), 'stale');
});

test('when the stream is cut the page says so, turns grey, and comes back by itself', needsChromium, async (t) => {
  const first = await runCloud({ states: STATES, settings: { pageDir } });
  await first.shipPower('h-DE-BB', 100, 1);
  const { page, faults } = await open(t, first.url, { expectFaults: true });
  await shows(page, '#status-text', 'live');
  await first.stop();
  await shows(page, '#status-text', 'reconnecting');
  assert.match(await textOf(page, '#notice'), /connection to the cloud is cut/);
  await page.clock.fastForward(20_000);
  await shows(page, '#notice', /No new data for \d+ s/);
  assert.equal(await filterOf(page), 'grayscale(1)');
  assert.equal(await page.evaluate(`getComputedStyle(document.getElementById('edges-table')).filter`), 'grayscale(1)');
  const second = await cloudFor(t, { port: first.port });
  await second.shipPower('h-DE-BB', 200, 1, T0_MS + WINDOW_MS);
  await page.clock.fastForward(6_000);
  await shows(page, '#power', '200 W');
  await shows(page, '#status-text', 'live');
  const unexpected = faults.filter((fault) => !/ERR_(CONNECTION|INCOMPLETE|EMPTY|NETWORK)/.test(fault));
  assert.deepEqual(unexpected, []);
});

test('silence of an edge shows at its row', needsChromium, async (t) => {
  const cloud = await runCloud({ states: STATES, settings: { pageDir }, silentAfterMs: 1_500 });
  t.after(() => cloud.stop());
  cloud.heartbeat('edge-1');
  const { page } = await open(t, cloud.url);
  await shows(page, '#edges-table tbody', 'silent');
  await shows(page, '#edges-live', '0 of 1 live');
  cloud.heartbeat('edge-1');
  await shows(page, '#edges-live', '1 of 1 live');
});

test('a finished replay is called finished and never stale', needsChromium, async (t) => {
  const cloud = await cloudFor(t);
  await shipAll(cloud, 2);
  cloud.heartbeat('edge-1', { runs: [{ run: 'r', ended: true, done: true }] });
  const { page } = await open(t, cloud.url);
  await shows(page, '#status-text', 'replay finished');
  await page.clock.fastForward(20_000);
  await shows(page, '#notice', 'The replay is finished: all its readings are in.');
  assert.equal(await textOf(page, '#status-text'), 'replay finished');
  assert.equal(await filterOf(page), 'none');
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
  assert.match(cells[0] ?? '', /UTC$/);
  assert.equal(cells[1], `1 parked, ${household}: ${reason}`);
  assert.match(cells[2] ?? '', /^fogline parked list/);
  assert((await textOf(page, '#edges-table')).includes(reason));
  assert.equal(await page.locator('main img, main script, main svg').count(), 0);
  assert.match(await page.title(), /Fogline$/);
  cloud.heartbeat('edge-1', { households: 14 });
  await page.locator('#alerts').waitFor({ state: 'hidden' });
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
  await page.keyboard.press('ArrowRight');
  const sorted = await tableRows(page);
  assert.equal(sorted[0]?.[0], 'Thüringen');
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

async function filterOf(page: Page): Promise<string> {
  // The change of looks takes 0.3 s.
  await page.clock.runFor(500);
  await page.waitForTimeout(400);
  return (await page.evaluate(`getComputedStyle(document.querySelector('.tile.figures')).filter`)) as string;
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

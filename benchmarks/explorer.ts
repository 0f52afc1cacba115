/**
 * How long does a reader wait for the explorer with 50 households × a day, and how much is sent for it? In a real headless Chromium
 * before the cloud as its own process, over a store filled with made-up windows of a day. Timed from the beginning of the navigation to
 * the moment when the picture is drawn and the browser is free to answer a key.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { SqliteSeriesStore } from '../cloud/server/storage/sqlite-series-store.ts';
import { systemClock } from '../common/clock.ts';
import { type Reading, ROWS_PER_REQUEST_MAX } from '../common/messages.ts';
import { cutIntoParts } from '../common/protocol/window.ts';
import { seededRandom } from '../common/random.ts';
import { ensureBuilt, Fleet } from '../tests/crash/fleet.ts';
import { HOMES, SEED } from './fifty-homes.ts';
import { type Figure, median, type Question } from './question.ts';
import { sleep } from './started-run.ts';

const CHROMIUM = process.env['FOGLINE_CHROMIUM'] || '/usr/bin/chromium';
const WINDOW_MS = 5_000;
const DAY_MS = 86_400_000;
/** 2019-12-24T00:00+01:00 */
const FROM_MS = 1_577_142_000_000;
const TRIES = 9;
/** A new window of the browser has things of its own to load and to draw, which no page is to be charged with: it is open already. */
const WINDOW_RESTS_MS = 2_000;
const LOOK_MS = 100;
const DEADLINE_MS = 120_000;
const INTERACTIVE_MS_MAX = 500;
const REPLY_KB_MAX = 150;

export const explorer: Question = {
  name: 'explorer',
  asks: 'milliseconds until the explorer with 50 households × a day answers a key in a real headless Chromium, and bytes of the series',
  async answer(say): Promise<Figure[]> {
    if (!existsSync(CHROMIUM)) throw new Error(`no Chromium at ${CHROMIUM}: install it or set FOGLINE_CHROMIUM`);
    ensureBuilt();
    const folder = mkdtempSync(join(tmpdir(), 'fogline-bench-'));
    const stateDir = join(folder, 'state');
    try {
      await fill(stateDir, say);
      return await measure(stateDir, say);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

async function measure(stateDir: string, say: (line: string) => void): Promise<Figure[]> {
  const fleet = new Fleet({ dataDir: stateDir, stateFrom: stateDir });
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  try {
    const { httpPort } = await fleet.open();
    fleet.start('cloud');
    const url = `http://127.0.0.1:${httpPort}`;
    await untilReady(url);
    const opened: Opened[] = [];
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const one = await open(browser, url);
      say(`${Math.round(one.interactiveMs)} ms, ${Math.round(one.replyMs)} ms of them for ${one.sent.bytes} bytes of ${one.sent.encoding}`);
      opened.push(one);
    }
    return figuresOf(opened);
  } finally {
    await browser.close();
    await fleet.stop();
  }
}

function figuresOf(opened: readonly Opened[]): Figure[] {
  const kilobytes = Math.max(...opened.map(({ gzipBytes }) => gzipBytes)) / 1_000;
  return [
    {
      what: `opened to interactive, median of ${opened.length}`,
      value: median(opened.map(({ interactiveMs }) => interactiveMs)),
      unit: 'ms',
      promise: { is: '≤', limit: INTERACTIVE_MS_MAX },
    },
    { what: 'of it until the series are there', value: median(opened.map(({ replyMs }) => replyMs)), unit: 'ms' },
    { what: 'series, gzipped', value: kilobytes, unit: 'kB', promise: { is: '≤', limit: REPLY_KB_MAX } },
  ];
}

interface Opened {
  interactiveMs: number;
  /** From the question to the last byte of the series. */
  replyMs: number;
  /** As the browser liked it best. */
  sent: { encoding: string; bytes: number };
  gzipBytes: number;
}

/** A new context each time: nothing is in the browser's cache. */
async function open(browser: Browser, url: string): Promise<Opened> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  try {
    const page = await context.newPage();
    await page.addInitScript(WATCH);
    await sleep(WINDOW_RESTS_MS);
    const [response] = await Promise.all([
      page.waitForResponse((its) => its.url().includes('/api/v1/series?') && !its.url().includes('from=first')),
      page.goto(`${url}/explore?${query()}`),
    ]);
    const interactiveMs = (await page.evaluate('globalThis.interactive')) as number;
    await answersKey(page);
    const [sizes, timing] = [await response.request().sizes(), response.request().timing()];
    if (!response.ok()) throw new Error(`the series came with ${response.status()}`);
    const encoding = response.headers()['content-encoding'] ?? 'plain';
    return {
      interactiveMs,
      replyMs: timing.responseEnd - timing.requestStart,
      sent: { encoding, bytes: sizes.responseBodySize },
      gzipBytes: await bytesOf(response.url(), 'gzip'),
    };
  } finally {
    await context.close();
  }
}

/** Tells the time at which the picture stands and the main thread is idle again. As text: it runs in the page. */
const WATCH = `globalThis.interactive = new Promise((resolve) => {
  const look = () => {
    if (document.querySelector('.time-chart[aria-busy=false] canvas[role=img]')?.width > 300)
      requestAnimationFrame(() => setTimeout(() => resolve(performance.now())));
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})`;

/** What the answer takes on the wire in an encoding. */
function bytesOf(url: string, encoding: string): Promise<number> {
  return new Promise((resolve, reject) => {
    get(url, { headers: { 'Accept-Encoding': encoding } }, (response) => {
      if (response.headers['content-encoding'] !== encoding) reject(new Error(`not sent as ${encoding}`));
      let bytes = 0;
      response.on('data', (chunk: Buffer) => (bytes += chunk.length));
      response.on('end', () => resolve(bytes));
    }).on('error', reject);
  });
}

async function answersKey(page: Page): Promise<void> {
  await page.locator('.chart-box').focus();
  await page.keyboard.press('End');
  await page.locator('.read-out', { hasText: ':' }).waitFor();
  if ((await page.locator('.chips li').count()) < HOMES) throw new Error('not all households are shown');
}

function query(): string {
  const refs = Array.from({ length: HOMES }, (_, home) => `home-${home}.power`).join(',');
  return `series=${refs}&from=${FROM_MS}&to=${FROM_MS + DAY_MS}`;
}

async function untilReady(url: string): Promise<void> {
  const untilMs = performance.now() + DEADLINE_MS;
  while (
    !(await fetch(`${url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    if (performance.now() > untilMs) throw new Error('the cloud did not become ready');
    await sleep(LOOK_MS);
  }
}

/** A day of windows of every household, in milliwatts as meters tell them, as an edge would have shipped it. */
async function fill(stateDir: string, say: (line: string) => void): Promise<void> {
  const postalCodes = { assign: () => ({ postalCode: '10115', state: 'DE-BE', from: 'file' as const }) };
  const store = new SqliteSeriesStore({ stateDir, windowMs: WINDOW_MS, postalCodes, clock: systemClock });
  const owner = { edge: 'edge-1', epoch: 'epoch-1', claim: '1-bench', windowMs: WINDOW_MS };
  const startedMs = performance.now();
  await store.start();
  try {
    for (let home = 0; home < HOMES; home++) {
      const household = `home-${home}`;
      const [held] = await store.hello({ ...owner, households: [{ household, generation: 0 }] });
      const parts = cutIntoParts(dayOf(household, home), WINDOW_MS).map((part) => ({ kind: 'part' as const, part }));
      const generations = { [household]: held?.generation ?? 0 };
      for (let from = 0; from < parts.length; from += ROWS_PER_REQUEST_MAX) {
        const rows = parts.slice(from, from + ROWS_PER_REQUEST_MAX);
        const { verdicts } = await store.append({ ...owner, startId: 'start-1', generations, rows });
        if (verdicts.some(({ verdict }) => verdict !== 'stored')) throw new Error(`${household}: a part was not stored`);
      }
    }
  } finally {
    await store.stop();
  }
  say(`a day of ${HOMES} households stored in ${Math.round((performance.now() - startedMs) / 1_000)} s`);
}

function dayOf(household: string, home: number): Reading[] {
  const random = seededRandom(SEED + home);
  let powerW = 200;
  return Array.from({ length: DAY_MS / WINDOW_MS }, (_, index) => {
    powerW = Math.max(30, powerW + (random.next() - 0.5) * 120 + (250 - powerW) * 0.02);
    const timeMs = FROM_MS + index * WINDOW_MS;
    return { household, device: 'meter', src: 'src-1', seq: index + 1, timeMs, values: { power: Math.round(powerW * 1_000) / 1_000 } };
  });
}

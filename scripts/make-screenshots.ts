/**
 * Pictures of the pages for the README: `npm run screenshots`. Starts Fogline on synthetic households, which the pages say in their header,
 * lets it take in a day, and writes docs/screenshots/PAGE-light.png and PAGE-dark.png. Ends with an error when a picture would be heavier
 * than a README should be, when a page complains, or when it is still loading after a minute.
 *
 *     npm run screenshots -- --out DIR --until SECONDS --chromium PATH
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Browser, chromium } from 'playwright-core';

const TOP = fileURLToPath(new URL('..', import.meta.url));
const SIZE = { width: 1_200, height: 750 };
const PICTURE_BYTES_MAX = 190_000;
/** A minute to load, on a machine that is busy. */
const LOAD_MS_MAX = 60_000;
/** Until the readings are in. */
const DONE_MS_MAX = 1_200_000;
const NEWEST_EVERY_MS = 2_000;

const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: join(TOP, 'docs/screenshots') },
    until: { type: 'string', default: '86400' },
    chromium: { type: 'string', default: '/usr/bin/chromium' },
  },
});

const state = mkdtempSync(join(tmpdir(), 'fogline-screenshots-'));
const fogline = startFogline(state, options.until);
const browser = await chromium.launch({ executablePath: options.chromium, args: ['--no-sandbox'] });
try {
  const url = await addressOf(fogline);
  await untilComplete(url);
  mkdirSync(options.out, { recursive: true });
  for (const [name, path] of await pagesOf(url)) {
    for (const theme of ['light', 'dark'] as const) await picture(browser, url + path, join(options.out, `${name}-${theme}.png`), theme);
  }
} finally {
  await browser.close();
  if (fogline.exitCode === null) {
    fogline.kill('SIGINT');
    await once(fogline, 'exit');
  }
  rmSync(state, { recursive: true, force: true });
}

function startFogline(stateDir: string, untilSeconds: string): ChildProcess {
  const ports = ['cloud.http_port=0', 'link.heartbeat_port=0', 'link.data_port=0'].flatMap((set) => ['--set', set]);
  const args = ['run', '--json', '--state', stateDir, '--speed', 'max', '--until', untilSeconds, ...ports];
  return spawn(process.execPath, [join(TOP, 'dist/fogline.js'), ...args], { cwd: stateDir, stdio: ['ignore', 'pipe', 'inherit'] });
}

/** As the cloud server says it when it is ready. What comes after is read and not looked at, so that the pipe never fills. */
async function addressOf(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('stdout of Fogline is not a pipe');
  const lines = createInterface({ input: child.stdout });
  return new Promise((resolve, reject) => {
    lines.on('line', (line) => {
      const address = /"url":"(http:[^"]+)"/.exec(line)?.[1];
      if (address !== undefined) resolve(address.replace(/\/$/, ''));
    });
    child.once('exit', (code) => reject(new Error(`Fogline ended with ${code} before its page was there`)));
  });
}

interface Edges {
  edges: { replayFinished: boolean }[];
}

/** Every reading of the run is acknowledged. */
async function untilComplete(url: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < DONE_MS_MAX; waitedMs += NEWEST_EVERY_MS) {
    const { edges } = await json<Edges>(`${url}/api/v1/edges`);
    if (edges.length > 0 && edges.every(({ replayFinished }) => replayFinished)) return;
    await new Promise((resolve) => setTimeout(resolve, NEWEST_EVERY_MS));
  }
  throw new Error(`the readings are not in after ${DONE_MS_MAX / 60_000} minutes: try a shorter --until`);
}

async function json<T>(address: string): Promise<T> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  return (await response.json()) as T;
}

/** Name of the picture and address; of the households the first in the list. */
async function pagesOf(url: string): Promise<[name: string, path: string][]> {
  const { households } = await json<{ households: { household: string }[] }>(`${url}/api/v1/households`);
  const [first, second] = households.map(({ household }) => household);
  if (first === undefined || second === undefined) throw new Error('there are no households');
  const compared = encodeURIComponent(`${first}.power,${second}.power`);
  return [
    ['overview', '/'],
    ['states', '/states'],
    ['households', '/households'],
    ['household', `/households/${encodeURIComponent(first)}`],
    ['explorer', `/explore?series=${compared}`],
    ['fleet', '/fleet'],
  ];
}

async function picture(its: Browser, address: string, file: string, colorScheme: 'light' | 'dark'): Promise<void> {
  const context = await its.newContext({ viewport: SIZE, colorScheme, locale: 'en', reducedMotion: 'reduce' });
  const page = await context.newPage();
  page.setDefaultTimeout(LOAD_MS_MAX);
  const faults: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(error.message));
  await page.goto(address);
  await page.locator('main h1').first().waitFor();
  await page.locator('[aria-busy=true]').first().waitFor({ state: 'hidden' });
  await page.waitForTimeout(1_000);
  const { byteLength } = await page.screenshot({ path: file, animations: 'disabled' });
  await context.close();
  if (faults.length > 0) throw new Error(`${address}: ${faults.join('; ')}`);
  if (byteLength > PICTURE_BYTES_MAX) throw new Error(`${file}: ${byteLength} bytes, at most ${PICTURE_BYTES_MAX}`);
  process.stdout.write(`${file}: ${Math.round(byteLength / 1_000)} kB\n`);
}

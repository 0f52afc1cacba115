/** The built pages in a real Chromium, for the test files that look at them. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext } from 'node:test';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { build } from 'vite';
import { type CloudOptions, type RunningCloud, runCloud } from './running-cloud.ts';

export const CHROMIUM = process.env['FOGLINE_CHROMIUM'] || '/usr/bin/chromium';
export const needsChromium = existsSync(CHROMIUM) ? {} : { skip: `no Chromium at ${CHROMIUM}: install it or set FOGLINE_CHROMIUM` };
const ROOT = join(import.meta.dirname, '../..');
const WAIT_MS = 60_000;

export interface Watched {
  page: Page;
  /** Console errors, page errors, violations of the policy, requests to elsewhere. */
  faults: string[];
  /** Requests made. */
  urls: string[];
}

export interface OpenOptions extends BrowserContextOptions {
  /** The test looks at `faults` itself. */
  expectFaults?: boolean;
  /** Page and query. */
  path?: string;
}

export interface BuiltPages {
  pageDir: string;
  /** A cloud that serves them, until the end of the test: it stops after the pages were closed. */
  cloud: (t: TestContext, options: CloudOptions) => Promise<RunningCloud>;
  /** Opens a page of the cloud at `url`; the test fails at its end when the page had faults. The page's clock can be moved. */
  open: (t: TestContext, url: string, options?: OpenOptions) => Promise<Watched>;
}

/** Builds the pages before the tests of a file and takes everything away after them. */
export function builtPages(): BuiltPages {
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
  return {
    pageDir,
    async cloud(t, options) {
      const cloud = await runCloud({ ...options, settings: { pageDir, ...options.settings } });
      t.after(async () => {
        for (const close of closers.get(t) ?? []) await close();
        await cloud.stop();
      });
      return cloud;
    },
    open(t, url, options = {}) {
      assert(browser !== undefined);
      return openIn(browser, t, url, options);
    },
  };
}

/** What closes the pages of a test. A page whose cloud goes before it complains of the broken stream. */
const closers = new WeakMap<TestContext, (() => Promise<void>)[]>();

async function openIn(browser: Browser, t: TestContext, url: string, options: OpenOptions): Promise<Watched> {
  const { expectFaults = false, path = '/', ...contextOptions } = options;
  const context = await browser.newContext({ reducedMotion: 'reduce', viewport: { width: 1280, height: 900 }, ...contextOptions });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  const faults: string[] = [];
  const urls: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`page: ${error.message}`));
  page.on('request', (request) => {
    urls.push(request.url());
    if (!request.url().startsWith(`${url}/`) && !request.url().startsWith(`blob:${url}/`)) faults.push(`request to ${request.url()}`);
  });
  const close = async () => {
    await context.close();
  };
  closers.set(t, [...(closers.get(t) ?? []), close]);
  t.after(async () => {
    await close();
    if (!expectFaults) assert.deepEqual(faults, []);
  });
  await page.clock.install();
  await page.goto(`${url}${path}`);
  return { page, faults, urls };
}

/** Waits until an element has the text. A space that does not break is `\s` in a pattern. */
export async function shows(page: Page, selector: string, text: string | RegExp): Promise<void> {
  await page.locator(selector).filter({ hasText: text }).waitFor();
}

/** Spaces that do not break are read as spaces. */
export async function textOf(page: Page, selector: string): Promise<string> {
  return ((await page.locator(selector).textContent()) ?? '').replaceAll('\u00a0', ' ');
}

export async function scrollsSideways(page: Page): Promise<boolean> {
  return (await page.evaluate('document.documentElement.scrollWidth > window.innerWidth')) as boolean;
}

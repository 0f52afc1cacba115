/** /docs in a real Chromium: no script, nothing that the policy forbids, no other origin, readable on a phone and aloud. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { type Browser, chromium } from 'playwright-core';
import { LISTED } from '../../cloud/server/api/api-routes.ts';
import { graveViolations } from '../doubles/grave-violations.ts';
import { type RunningCloud, runCloud } from '../doubles/running-cloud.ts';

const CHROMIUM = process.env['FOGLINE_CHROMIUM'] || '/usr/bin/chromium';
const needsChromium = existsSync(CHROMIUM) ? {} : { skip: `no Chromium at ${CHROMIUM}: install it or set FOGLINE_CHROMIUM` };

let cloud: RunningCloud;
let browser: Browser | undefined;

before(async () => {
  cloud = await runCloud({ states: { a: 'DE-BB' } });
  await cloud.shipPower('a', 100, 12);
  if (existsSync(CHROMIUM)) browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
});

after(async () => {
  await browser?.close();
  await cloud.stop();
});

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [360, 1440]) {
    test(`/docs, ${colorScheme}, ${width} px`, needsChromium, async (t) => {
      assert(browser !== undefined);
      const context = await browser.newContext({ colorScheme, viewport: { width, height: 900 } });
      t.after(() => context.close());
      const page = await context.newPage();
      const faults: string[] = [];
      page.on('console', (message) => faults.push(`console: ${message.text()}`));
      page.on('pageerror', (error) => faults.push(`page: ${error.message}`));
      page.on('request', (request) => {
        if (!request.url().startsWith(`${cloud.url}/`)) faults.push(`request to ${request.url()}`);
      });
      const response = await page.goto(`${cloud.url}/docs`);
      assert.equal(response?.status(), 200);
      assert.match(response?.headers()['content-security-policy'] ?? '', /^default-src 'self'/);
      assert.doesNotMatch(response?.headers()['content-security-policy'] ?? '', /unsafe|data:/);
      assert.equal((await page.locator('main section h3').count()) > LISTED.length, true);
      for (const { operationId } of LISTED) assert.equal(await page.locator(`[id="${operationId}"]`).count(), 1, operationId);
      assert.notEqual(await page.evaluate('getComputedStyle(document.body).maxWidth'), 'none', 'the style is not there');
      assert((await page.evaluate<number>('document.documentElement.scrollWidth')) <= width, 'wider than the window');
      const dead = await page.evaluate<string[]>(
        `[...document.querySelectorAll('a[href^="#"]')].filter((a) => !document.getElementById(a.hash.slice(1))).map((a) => a.hash)`,
      );
      assert.deepEqual(dead, []);
      assert.deepEqual(faults, []);
      const violations = await graveViolations(page);
      assert.deepEqual(violations, []);
    });
  }
}

test('what can be tried can be tried: a link answers, and the look for faults finds one', needsChromium, async (t) => {
  assert(browser !== undefined);
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  await page.goto(`${cloud.url}/docs`);
  await page.locator('section[aria-labelledby="listStates"] a', { hasText: 'Try it' }).click();
  assert.match(await page.locator('body').innerText(), /DE-BB/);
  await page.setContent('<html><body><img src="x"><button></button></body></html>');
  assert((await graveViolations(page)).length > 0);
});

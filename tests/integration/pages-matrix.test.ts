/**
 * Every page in a real Chromium through a real cloud, light and dark, German and English, 360 and 1440 px wide: no error on the console,
 * nothing asked of elsewhere, no grave violation found by axe, nothing that scrolls sideways, one h1. A household has a hole of two hours,
 * an edge has a household parked. Under three minutes.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Page } from 'playwright-core';
import { builtPages, needsChromium, scrollsSideways } from '../doubles/built-pages.ts';
import { graveViolations } from '../doubles/grave-violations.ts';
import { type RunningCloud, T0_MS } from '../doubles/running-cloud.ts';

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1_440;
const HOLE = { fromMinute: 600, toMinute: 720 };
const STATES = { 'home-01': 'DE-BB', 'home-02': 'DE-BY', 'home-03': 'DE-NW' };
/** All pages that there are, each with what it shows of one thing. */
const PATHS = [
  '/',
  '/states',
  '/states/DE-BB',
  '/households',
  '/households/home-01',
  '/explore?series=home-01.power,state:DE-BY.power&from=latest-24h',
  '/fleet',
  '/fleet/edge-1',
  '/nothing-is-here',
];

const pages = builtPages();

async function cloudFor(t: TestContext): Promise<RunningCloud> {
  const cloud = await pages.cloud(t, { states: STATES });
  for (const [at, household] of Object.keys(STATES).entries()) {
    const minutes = Array.from({ length: DAY_MINUTES }, (_, minute) => minute).filter(
      (minute) => at > 0 || minute < HOLE.fromMinute || minute >= HOLE.toMinute,
    );
    await cloud.ship(
      household,
      minutes.map((minute) => ({
        timeMs: T0_MS + minute * MINUTE_MS,
        values: { power: 200 + at * 300 + (minute % 97), energy: 10 + minute / 300 },
      })),
    );
  }
  cloud.heartbeat('edge-1', { households: 3, parked: [{ household: 'home-09', reason: 'second source' }] });
  return cloud;
}

/** Until nothing is loading: a picture or table that comes later would be left out. */
async function settled(page: Page): Promise<void> {
  await page.locator('main h1').first().waitFor();
  await page.locator('[aria-busy=true]').first().waitFor({ state: 'hidden' });
}

async function faultsOf(page: Page, language: string): Promise<string[]> {
  const lang = await page.locator('html').getAttribute('lang');
  const h1 = await page.locator('h1').count();
  return [
    ...(lang === language ? [] : [`language ${lang}`]),
    ...(h1 === 1 ? [] : [`${h1} h1`]),
    ...((await scrollsSideways(page)) ? ['scrolls sideways'] : []),
  ];
}

/** Each address once; axe looks at it in one language here and in the other one in the next case. */
for (const [at, colorScheme] of (['light', 'dark'] as const).entries()) {
  for (const width of [1_440, 360]) {
    const isPhone = width < 500;
    test(`every page, ${colorScheme}, ${width} px wide, both languages: nothing wrong`, needsChromium, async (t) => {
      const cloud = await cloudFor(t);
      for (const language of ['en', 'de'] as const) {
        const size = { viewport: { width, height: isPhone ? 740 : 900 }, ...(isPhone ? { isMobile: true, hasTouch: true } : {}) };
        const watched = await pages.open(t, cloud.url, { locale: language, colorScheme, expectFaults: true, ...size });
        const { page, faults } = watched;
        for (const [index, path] of PATHS.entries()) {
          await page.goto(cloud.url + path);
          await settled(page);
          assert.deepEqual(await faultsOf(page, language), [], `${path} ${language}`);
          const isAxesTurn = (index + at + (isPhone ? 1 : 0)) % 2 === (language === 'en' ? 0 : 1);
          if (isAxesTurn) assert.deepEqual(await graveViolations(page), [], `${path} ${language}`);
        }
        // Of the one address that is no page and so is answered with 404 a browser tells; of nothing else.
        assert.equal(faults.length, 1, faults.join('\n'));
        assert.match(faults[0] as string, /status of 404/);
        await page.context().close();
      }
    });
  }
}

test(
  'planted faults are found: a button without a name, a second h1, something too wide, an error, a request to elsewhere',
  needsChromium,
  async (t) => {
    const cloud = await cloudFor(t);
    const { page, faults } = await pages.open(t, cloud.url, { locale: 'en', expectFaults: true });
    await settled(page);
    assert.deepEqual(await faultsOf(page, 'en'), []);
    assert.equal(faults.join('\n'), '');
    await page.evaluate(`{
    const main = document.querySelector('main');
    main.append(document.createElement('button'), document.createElement('h1'));
    const wide = document.createElement('div');
    wide.style.width = '3000px';
    wide.style.height = '1px';
    document.body.append(wide);
    console.error('planted');
    const image = document.createElement('img');
    image.src = 'http://127.0.0.1:1/elsewhere.png';
    main.append(image);
  }`);
    assert.deepEqual(await faultsOf(page, 'de'), ['language en', '2 h1', 'scrolls sideways']);
    assert.match((await graveViolations(page)).join('\n'), /^button-name: /m);
    assert(faults.includes('console: planted'));
    assert(faults.length >= 2, faults.join());
  },
);

/**
 * What pages say of what they can't know, in a real Chromium before a real cloud: gaps of forgotten windows, series of a saved link
 * that are gone. Half a minute.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builtPages, needsChromium, shows, textOf } from '../doubles/built-pages.ts';
import { T0_MS, WINDOW_MS } from '../doubles/running-cloud.ts';

const HOUR_MS = 3_600_000;
const built = builtPages();

test(
  'a gap whose windows were forgotten is told as "somewhere in between", with why; one that is exact is not',
  needsChromium,
  async (t) => {
    const cloud = await built.cloud(t, { states: { 'home-01': 'DE-BB' } });
    for (const [window, count] of [
      [0, 3],
      [5, 31],
      [60, 600],
    ] as const)
      await cloud.shipPower('home-01', 100, count, T0_MS + window * WINDOW_MS);
    await cloud.store.deleteBefore(T0_MS + 600 * WINDOW_MS);
    const range = `from=${T0_MS}&to=${T0_MS + HOUR_MS}`;
    for (const [locale, inexact, reason, note, exact] of [
      ['en', '~ 10 s, somewhere in between', 'not known any more', /~ .* too old to be kept/, '2 min'],
      ['de', '~ 10 s, irgendwo dazwischen', 'nicht mehr bekannt', /~ .* zu alt, um noch da zu sein/, '2 min'],
    ] as const) {
      const { page } = await built.open(t, cloud.url, { path: `/households/home-01?${range}`, locale });
      await page.locator('#gaps-table tbody tr').nth(1).waitFor();
      const lengths = await page
        .locator('#gaps-table tbody tr')
        .evaluateAll((rows) =>
          rows.map((row) => [...row.children].slice(2, 4).map((cell) => (cell.textContent ?? '').replaceAll('\u00a0', ' '))),
        );
      assert.deepEqual(lengths[0], [inexact, reason]);
      assert.equal(lengths[1]?.[0], exact);
      assert.doesNotMatch(lengths[1]?.[0] ?? '', /~/);
      assert.match(await textOf(page, 'section[aria-labelledby=gaps-title]'), note);
    }
  },
);

test('gaps that are exact need no explanation', needsChromium, async (t) => {
  const cloud = await built.cloud(t, { states: { 'home-01': 'DE-BB' } });
  await cloud.shipPower('home-01', 100, 10);
  await cloud.shipPower('home-01', 100, 10, T0_MS + 40 * WINDOW_MS);
  const { page } = await built.open(t, cloud.url, { path: `/households/home-01?from=${T0_MS}&to=${T0_MS + HOUR_MS}` });
  await shows(page, '#gaps-table tbody', 'no readings');
  assert.doesNotMatch(await textOf(page, 'section[aria-labelledby=gaps-title]'), /~/);
});

test('a saved link that names a household that is gone shows the others and names it', needsChromium, async (t) => {
  const cloud = await built.cloud(t, { states: { 'home-01': 'DE-BB' } });
  await cloud.shipPower('home-01', 300, 720);
  const link = (...series: string[]) => `/explore?series=${series.join(',')}&from=${T0_MS}&to=${T0_MS + HOUR_MS}&res=15m&view=table`;
  for (const [locale, both, alone] of [
    [
      'en',
      'Nothing is stored of home-09 · power: gone, mistyped, or not there yet. The others are shown.',
      'Nothing is stored of home-09 · power',
    ],
    [
      'de',
      'Nichts gespeichert ist von home-09 · power: fort, vertippt oder noch nicht da. Die anderen',
      'Nichts gespeichert ist von home-09 · power',
    ],
  ] as const) {
    const { page } = await built.open(t, cloud.url, { path: link('home-09.power', 'home-01.power'), locale });
    await shows(page, '.time-chart .refusal', both);
    const rows = await page
      .locator('#explore-figures tbody tr')
      .evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent ?? '')));
    assert.equal(rows.length, 4);
    for (const row of rows) {
      assert.match(row[1] ?? '', /^—/, 'the gone one is no zero');
      assert(row.includes('300'), row.join('|'));
    }
    assert.equal(await page.locator('.time-chart .empty, .time-chart [role=alert]').count(), 0);
    await page.locator('.strip path').first().waitFor({ state: 'attached' });
    const only = await built.open(t, cloud.url, { path: link('home-09.power'), locale });
    await shows(only.page, '.time-chart .empty', alone);
    const whole = await built.open(t, cloud.url, { path: link('home-01.power'), locale });
    await whole.page.locator('#explore-figures tbody tr').first().waitFor();
    assert.equal(await whole.page.locator('.time-chart .refusal').count(), 0);
  }
});

/** The pages of the fleet in a real Chromium: first before a cloud with a past that is written for it, then before real processes. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Page } from 'playwright-core';
import type { OutageReply, OutagesReply, SeriesReply } from '../../cloud/server/api/api-types.ts';
import type { Outage } from '../../cloud/server/storage/fleet-log.ts';
import { ensureBuilt, Fleet } from '../crash/fleet.ts';
import { builtPages, needsChromium, scrollsSideways, shows, textOf } from '../doubles/built-pages.ts';
import { graveViolations } from '../doubles/grave-violations.ts';
import { type RunningCloud, runCloud, T0_MS } from '../doubles/running-cloud.ts';
import { PARKED_REASONS } from '../../common/parked-reason.ts';
import { writeMeteredData } from '../truth/metered-data.ts';

/** Figures are stale 30 s after the last window; the long form is that of the acceptance. */
const AWAY_MS = process.env['FOGLINE_LONG'] === '1' ? 60_000 : 34_000;
const MINUTE_MS = 60_000;

const { pageDir, cloud: cloudOf, open } = builtPages();

/** Three edges: one that is well, one that went away, one that holds a household back; and a cloud that was away in between. */
async function cloudWithPast(t: TestContext): Promise<RunningCloud> {
  const nowMs = Date.now();
  const times = {
    firstSeenMs: nowMs - 1_400 * MINUTE_MS,
    lastConnectMs: nowMs - 300 * MINUTE_MS,
    lastDisconnectMs: nowMs - 305 * MINUTE_MS,
  };
  const counts = { connects: 3, storedParts: 123_456, duplicateParts: 12, version: '0.1.0' };
  const facts = (edge: string) => ({ edge, ...times, lastHeartbeatMs: nowMs - 40_000, lastAckMs: nowMs - 42_000, ...counts });
  const outage = (edge: string, cause: Outage['cause'], fromMinutes: number, minutes: number | null, detail = ''): Outage => {
    const fromMs = nowMs - fromMinutes * MINUTE_MS;
    return { edge, cause, fromMs, toMs: minutes === null ? null : fromMs + minutes * MINUTE_MS, detail };
  };
  const edges = ['edge-berlin', 'edge-gone', 'edge-parked'];
  const outages = [
    outage('', 'cloud down', 600, 25, 'ended without a word'),
    outage('edge-gone', 'silent', 900, 40),
    outage('edge-gone', 'late', 500, 90),
    outage('edge-gone', 'silent', 212, null),
    outage('edge-parked', 'parked', 200, null, 'h-17: two sources with the same numbers'),
  ];
  const samples = Array.from({ length: 400 }, (_, i) => ({
    edge: 'edge-parked',
    atMs: nowMs - (400 - i) * 3 * MINUTE_MS,
    parts: i > 200 && i < 260 ? (i - 200) * 40 : 4,
    ageSeconds: 5,
  })).filter((_, i) => i < 120 || i > 140);
  const nothing = { isEnd: false, outages: [], facts: [], samples: [] };
  const past = [
    { ...nothing, beatMs: nowMs - 1_440 * MINUTE_MS },
    { ...nothing, beatMs: nowMs, outages, facts: edges.map(facts), samples },
  ];
  const cloud = await cloudOf(t, { states: { a: 'DE-BB', b: 'DE-TH' }, silentAfterMs: 2_000, past });
  await cloud.shipPower('a', 400, 3);
  const stopped = new AbortController();
  t.after(() => stopped.abort());
  cloud.liveness.expect(edges);
  const beat = () => {
    if (stopped.signal.aborted) return;
    cloud.heartbeat('edge-berlin', { queued: 1, sent: 2, oldestUnackedMs: T0_MS, newestMs: T0_MS + 5_000, version: '0.1.0' });
    const parked = [{ household: 'h-17', reason: 'two sources with the same numbers' }];
    cloud.heartbeat('edge-parked', {
      queued: 40,
      sent: 2,
      households: 9,
      parked,
      waitingFor: ['h-18'],
      oldestUnackedMs: T0_MS,
      newestMs: T0_MS,
    });
    setTimeout(beat, 300);
  };
  beat();
  return cloud;
}

async function settled(page: Page): Promise<void> {
  await shows(page, '#fleet-edges tbody tr >> nth=0', 'edge-gone');
  await page.locator('.availability-row').nth(2).waitFor();
  await page.locator('#outages-table').waitFor();
}

test('edges, availability and outages, those away first, in two languages and lights, on a desk and a phone', needsChromium, async (t) => {
  const cloud = await cloudWithPast(t);
  for (const [language, colorScheme, width] of [
    ['en', 'light', 1440],
    ['de', 'dark', 360],
    ['de', 'light', 360],
    ['en', 'dark', 1440],
  ] as const) {
    const viewport = { width, height: 900 };
    const { page } = await open(t, cloud.url, { path: '/fleet', colorScheme, locale: language, viewport });
    await shows(page, '#fleet-edges tbody tr >> nth=0', 'offline');
    await settled(page);
    const [first, , last] = await page.locator('#fleet-edges tbody th').allTextContents();
    assert.equal(first, 'edge-gone');
    assert.notEqual(last, 'edge-gone');
    const outages = await textOf(page, '#outages-table tbody');
    assert.match(outages, language === 'en' ? /Cloudcloud down25 min/ : /CloudCloud fehlte25 min/);
    assert.match(outages, language === 'en' ? /edge-gonesilent: edge or link is away3 h 3\d min.*lasts/ : /edge-gonestumm.*dauert an/);
    assert.equal(await scrollsSideways(page), false, `${language} ${width}`);
    assert.deepEqual(await graveViolations(page), [], `${language} ${colorScheme} ${width}`);
    await page.goto(`${cloud.url}/`);
    await page.locator('#outages-table').waitFor();
    assert.equal(await page.locator('#outages-table tbody tr').count(), 5);
    assert.match(await textOf(page, '#outages-table tbody'), language === 'en' ? /edge-gone.*lasts/ : /edge-gone.*dauert an/);
    assert.equal(await scrollsSideways(page), false, `overview ${language} ${width}`);
    await page.goto(`${cloud.url}/fleet/edge-parked`);
    await page.locator('.course-picture').waitFor();
    await page.locator('#edge-households').waitFor();
    assert.match(await textOf(page, '#edge-households'), /h-17.*two sources with the same numbers/);
    assert.match(await textOf(page, '#facts'), /123,456|123\.456/);
    assert.equal(await scrollsSideways(page), false, `detail ${language} ${width}`);
    assert.deepEqual(await graveViolations(page), [], `detail ${language} ${colorScheme} ${width}`);
    await page.context().close();
  }
});

test('the bar is read out slot by slot with the arrow keys, and the span of wall clock stands in the address', needsChromium, async (t) => {
  const cloud = await cloudWithPast(t);
  const { page } = await open(t, cloud.url, { path: '/fleet', locale: 'en' });
  await settled(page);
  const bar = page.locator('.bar').nth(1);
  await bar.focus();
  const said = () => bar.getAttribute('aria-valuetext');
  const newest = await said();
  await page.keyboard.press('ArrowLeft');
  assert.notEqual(await said(), newest);
  await page.keyboard.press('Home');
  assert.match((await said()) ?? '', /nothing recorded$/);
  let steps = 0;
  for (; steps < 96 && !/cloud away 100/.test((await said()) ?? ''); steps++) await page.keyboard.press('ArrowRight');
  assert(steps < 96, 'the time without a cloud is said');
  await page.locator('#wall-span input[value="1h"]').check();
  await shows(page, '#outages-table tbody', /^(?!.*cloud down)/);
  assert.match(page.url(), /wall=1h/);
});

test('reasons and problems are told in German, and what has no German words is marked as English', needsChromium, async (t) => {
  const cloud = await cloudWithPast(t);
  const parked = [
    { household: 'h-20', reason: PARKED_REASONS.say('row-damaged', { row: 1_234, fault: 'digest' }) },
    { household: 'h-21', reason: 'of another version' },
  ];
  cloud.heartbeat('edge-gone', { parked, households: 2 });
  const { page, faults } = await open(t, cloud.url, { path: '/fleet/edge-gone', locale: 'de', expectFaults: true });
  const english = (selector: string) => page.locator(`${selector} [lang="en"]`).allTextContents();
  await shows(page, '#edge-households', 'Zeile 1.234 des Ausgangs ist beschädigt: digest');
  assert.deepEqual(await english('#edge-households'), ['digest', 'of another version']);
  await page.goto(`${cloud.url}/`);
  await shows(page, '#edges-table', '2 Haushalte zurückgestellt, h-20: Zeile 1.234 des Ausgangs ist beschädigt: digest');
  await shows(page, '#alerts-table', '2 zurückgestellt, h-20: Zeile 1.234 des Ausgangs ist beschädigt: digest');
  await page.goto(`${cloud.url}/fleet/nobody`);
  await shows(page, 'main', 'der Edge nobody ist nicht bekannt');
  assert.deepEqual(await english('main'), []);
  await page.goto(`${cloud.url}/explore?series=a.power&from=2024-01-01T00:00:00Z&to=2023-01-01T00:00:00Z`);
  await shows(page, 'main', 'from liegt nach to: beide vertauschen');
  assert.deepEqual(
    faults.filter((fault) => !/40[04]/.test(fault)),
    [],
  );
});

test('an edge that nobody knows says so and leads back', needsChromium, async (t) => {
  const cloud = await cloudWithPast(t);
  const { page, faults } = await open(t, cloud.url, { path: '/fleet/nobody', locale: 'en', expectFaults: true });
  await shows(page, 'main', 'no edge nobody is known');
  assert.equal(await page.locator('main a[href^="/fleet"]').count(), 1);
  assert.deepEqual(
    faults.filter((fault) => !/404/.test(fault)),
    [],
  );
});

test('what nobody answered while the cloud was away is asked again by itself when it is back', needsChromium, async (t) => {
  const first = await runCloud({ states: { a: 'DE-BB' }, settings: { pageDir } });
  await first.shipPower('a', 400, 3);
  const { page } = await open(t, first.url, { path: '/fleet', locale: 'en', expectFaults: true });
  await shows(page, '#status-text', 'live');
  await page.route(/\/api\/v1\/series/, (route) => route.abort());
  await page.locator('nav.pages a').first().click();
  await page.locator('.time-chart [role=alert]').waitFor();
  await first.stop();
  await shows(page, '#status-text', 'reconnecting');
  await page.unroute(/\/api\/v1\/series/);
  const second = await cloudOf(t, { states: { a: 'DE-BB' }, port: first.port });
  await second.shipPower('a', 500, 3);
  await page.clock.fastForward(6_000);
  await page.locator('.time-chart canvas').waitFor();
});

/** Waits until the page says it, however busy the machine is. */
async function says(page: Page, selector: string, text: string | RegExp): Promise<void> {
  await page.locator(selector).filter({ hasText: text }).first().waitFor({ timeout: 300_000 });
}

async function outagesOf(url: string): Promise<OutageReply[]> {
  return ((await (await fetch(`${url}/api/v1/outages`)).json()) as OutagesReply).outages;
}

test('cloud killed, edge frozen: told as what they are, filled without reload, nothing twice', needsChromium, async (t) => {
  ensureBuilt();
  const dataDir = mkdtempSync(join(tmpdir(), 'fogline-fleet-data-'));
  writeMeteredData(dataDir, { households: 3, seconds: 1_380, seed: 5 });
  const fleet = new Fleet({ dataDir, speed: AWAY_MS > 40_000 ? '6' : '10', sets: ['edge.id=edge-1'] });
  t.after(async () => {
    await fleet.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });
  const { httpPort } = await fleet.open();
  const url = `http://127.0.0.1:${httpPort}`;
  fleet.startAll();
  await fleet.until('the first rows are acknowledged', (status) => status.acked > 20);
  const overview = await open(t, url, { locale: 'en', expectFaults: true });
  const list = await open(t, url, { path: '/fleet', locale: 'en', expectFaults: true });
  for (const { page } of [overview, list]) await page.evaluate('window.isTheSame = true');
  await says(overview.page, '#status-text', 'live');
  await says(list.page, '#fleet-edges tbody', 'online');
  await overview.page.locator('.time-chart canvas').waitFor();

  const killedMs = Date.now();
  await fleet.kill('cloud');
  await says(overview.page, '#status-text', 'reconnecting');
  await says(list.page, '#fleet-edges tbody', 'online before the cut');
  await says(overview.page, '.tile .age', 'late');
  await says(overview.page, '.tile .age', 'stale');
  assert.equal(await overview.page.locator('body').getAttribute('data-stale'), 'true');
  assert.equal(await overview.page.evaluate(`getComputedStyle(document.querySelector('.tile.figures')).filter`), 'grayscale(1)');
  await overview.page.waitForTimeout(Math.max(0, AWAY_MS - (Date.now() - killedMs)));
  if (AWAY_MS > 40_000) await says(overview.page, '#status-text', 'offline');
  const held = await fleet.status();
  assert((held?.queued ?? 0) > 10, 'windows wait at the edge');

  fleet.start('cloud');
  const awaySeconds = (Date.now() - killedMs) / 1_000;
  // On a slow machine the replay may have ended meanwhile.
  await says(overview.page, '#status-text', /live|replay finished/);
  const backSeconds = (Date.now() - killedMs) / 1_000;
  await says(list.page, '#outages-table tbody', 'cloud down');
  await says(list.page, '#fleet-edges tbody', 'online');
  await fleet.until('the outbox is drained', ({ queued, sent }) => queued + sent < 10);
  const down = (await outagesOf(url)).filter(({ cause }) => cause === 'cloud down');
  assert.equal(down.length, 1);
  assert(down[0] !== undefined && down[0].edge === null && down[0].detail === 'ended without a word');
  const { seconds } = down[0];
  assert(seconds > awaySeconds - 3 && seconds < backSeconds + 3, `${seconds} s, killed for ${awaySeconds} to ${backSeconds} s`);
  assert.match(await textOf(list.page, '#outages-table tbody'), /Cloudcloud down\d+\s(?:s|min)/);
  assert.equal((await outagesOf(url)).filter(({ cause }) => cause === 'silent').length, 0, 'no outage of the edge');

  await freezeEdge(fleet, list.page, url);
  await fleet.untilDone();
  assert.deepEqual([...fleet.assertAudited()], [], 'every reading once');
  await assertFilled(overview.page, url);
  for (const { page, faults } of [overview, list]) {
    assert.equal(await page.evaluate('window.isTheSame'), true, 'no reload');
    // The stream and what was being asked while the server was away: nothing else.
    const others = faults.filter(
      (fault) => !/ERR_(CONNECTION_REFUSED|CONNECTION_RESET|INCOMPLETE_CHUNKED|EMPTY_RESPONSE|NETWORK)/.test(fault),
    );
    assert.deepEqual(others, []);
  }
});

/** Late, then offline with an outage that lasts, and closed when it goes on. */
async function freezeEdge(fleet: Fleet, page: Page, url: string): Promise<void> {
  fleet.signal('edge', 'SIGSTOP');
  await says(page, '#fleet-edges tbody', 'late');
  await says(page, '#fleet-edges tbody', 'offline');
  await says(page, '#outages-table tbody', /edge-1silent.*lasts/);
  assert.equal((await outagesOf(url)).find(({ cause }) => cause === 'silent')?.openNow, true);
  fleet.signal('edge', 'SIGCONT');
  await says(page, '#fleet-edges tbody', 'online');
  await says(page, '#outages-table tbody', /^(?!.*lasts)/);
  const silent = (await outagesOf(url)).filter(({ cause }) => cause === 'silent');
  assert.deepEqual(
    silent.map(({ edge, openNow }) => [edge, openNow]),
    [['edge-1', false]],
  );
}

/** The chart that was open all the time has no hole, as the store has none. */
async function assertFilled(page: Page, url: string): Promise<void> {
  const reply = (await (await fetch(`${url}/api/v1/series?series=all.power&from=first&to=latest&resolution=1m`)).json()) as SeriesReply;
  const means = reply.series[0]?.columns.mean ?? [];
  assert(means.length > 15);
  assert.deepEqual(
    means.filter((mean) => mean === null),
    [],
  );
  await page.locator('.time-chart .chart-tools button').first().click();
  const rows = page.locator('.time-chart tbody tr');
  await rows.first().waitFor();
  const texts = await rows.allTextContents();
  const known = texts.map((text) => !/—/.test(text));
  const begun = known.indexOf(true);
  const filled = known.slice(begun, known.lastIndexOf(true) + 1);
  assert(filled.length > 1, `${filled.length} buckets`);
  // The files have a hole of their own, of some windows: a row without data must be one of it.
  const raw = (await (await fetch(`${url}/api/v1/series?series=all.power&from=first&to=latest&resolution=raw`)).json()) as SeriesReply;
  const holes = (raw.series[0]?.columns.mean ?? []).filter((mean) => mean === null).length;
  const missing = filled.filter((isKnown) => !isKnown).length;
  assert(missing <= holes && holes < 10, `${missing} rows without data, ${holes} windows`);
}

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { DateTime } from 'luxon';
import { type CalendarUnit, LocalDays, nextUnit, SITE_TIME_ZONE, startOfUnit } from '../../../../../cloud/server/analytics/local-time.ts';

const HOUR_MS = 3_600_000;

it('finds the day of every quarter of an hour in three years, as the clocks show it', () => {
  const days = new LocalDays(SITE_TIME_ZONE);
  const shown = new Intl.DateTimeFormat('sv-SE', { timeZone: SITE_TIME_ZONE, dateStyle: 'short', timeStyle: 'medium' });
  const lengths = new Map<number, number>();
  let dayMs = Number.NaN;
  let date = '';
  for (let timeMs = Date.UTC(2019, 0, 1); timeMs < Date.UTC(2022, 0, 1); timeMs += HOUR_MS) {
    const startMs = days.startOf(timeMs);
    assert.equal(days.startOf(timeMs + 2_699_999), startMs);
    assert.equal(shown.format(timeMs).slice(0, 10), shown.format(startMs).slice(0, 10));
    if (startMs === dayMs) continue;
    dayMs = startMs;
    assert.ok(shown.format(startMs) > date, 'days follow each other');
    date = shown.format(startMs);
    assert.match(date, / 00:00:00$/);
    const hours = (days.endOf(startMs) - startMs) / HOUR_MS;
    lengths.set(hours, (lengths.get(hours) ?? 0) + 1);
  }
  assert.deepEqual(
    [...lengths].sort(([a], [b]) => a - b),
    [
      [23, 3],
      [24, 3 * 365 + 1 - 6 + 1],
      [25, 3],
    ],
  );
});

it('answers in any order, and before 1970', () => {
  const days = new LocalDays(SITE_TIME_ZONE);
  const startMs = Date.UTC(2019, 2, 30, 23);
  assert.equal(days.startAtOrAfter(startMs), startMs);
  assert.equal(days.startAtOrAfter(startMs + 1), startMs + 23 * HOUR_MS);
  assert.equal(days.startAtOrAfter(startMs - 1), startMs);
  assert.equal(days.startOf(-1), -HOUR_MS);
  assert.equal(days.startOf(startMs - 1), startMs - 24 * HOUR_MS);
});

it('finds the next day, week, month and year of any zone as a calendar does', () => {
  const spans: Record<CalendarUnit, number> = { day: 800, week: 300, month: 200, year: 150 };
  // Changes at midnight, of half an hour, over the line of the date, and none.
  for (const timeZone of [SITE_TIME_ZONE, 'UTC', 'America/Sao_Paulo', 'Australia/Lord_Howe', 'Pacific/Apia', 'Asia/Beirut']) {
    for (const [unit, count] of Object.entries(spans) as [CalendarUnit, number][]) {
      let startMs = startOfUnit(timeZone, unit, Date.UTC(unit === 'year' ? 1900 : 2010, 5, 1));
      for (let i = 0; i < count; i++) {
        const calendar = DateTime.fromMillis(startMs, { zone: timeZone });
        const next = calendar.plus({ [unit]: 1 }).startOf(unit);
        assert.equal(nextUnit(timeZone, unit, startMs), next.toMillis(), `${unit} after ${calendar.toISO()} in ${timeZone}`);
        startMs = next.toMillis();
      }
    }
  }
});

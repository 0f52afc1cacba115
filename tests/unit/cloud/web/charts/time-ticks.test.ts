import assert from 'node:assert/strict';
import { test } from 'node:test';
import { timeTicks } from '../../../../../cloud/web/charts/time-ticks.ts';
import { inputText } from '../../../../../cloud/web/zone-time.ts';

const BERLIN = 'Europe/Berlin';
const HOUR_MS = 3_600_000;

function local(from: string, hours: number, most: number, zone = BERLIN): string[] {
  const fromMs = Date.parse(from);
  return timeTicks({ fromMs, toMs: fromMs + hours * HOUR_MS }, zone, most).startsMs.map((ms) => inputText(ms, zone).slice(5));
}

test('ticks are round local times, whatever the range begins with', () => {
  const quarters = ['12-24T01:00', '12-24T01:15', '12-24T01:30', '12-24T01:45', '12-24T02:00'];
  assert.deepEqual(local('2019-12-23T23:52:00Z', 1.15, 6), quarters);
  assert.deepEqual(local('2019-12-23T23:52:00Z', 26, 10), [
    ...['12-24T03:00', '12-24T06:00', '12-24T09:00', '12-24T12:00', '12-24T15:00'],
    ...['12-24T18:00', '12-24T21:00', '12-25T00:00'],
  ]);
});

test('the doubled hour has two ticks, the one left out has none, and midnight is always one', () => {
  const autumn = local('2019-10-26T22:00:00Z', 25, 30);
  assert.equal(autumn.length, 26);
  assert.equal(autumn.filter((time) => time === '10-27T02:00').length, 2);
  const spring = local('2019-03-30T23:00:00Z', 23, 30);
  assert(!spring.includes('03-31T02:00') && spring.includes('03-31T03:00'));
  for (const times of [local('2019-10-26T22:00:00Z', 25, 6), local('2019-03-30T23:00:00Z', 23, 6)])
    assert.match([times[0], times.at(-1)].join(), /T00:00,.*T00:00$/);
});

test('days are local days, weeks begin on Mondays, months on their first', () => {
  assert.deepEqual(local('2019-10-25T22:00:00Z', 73, 4), ['10-26T00:00', '10-27T00:00', '10-28T00:00', '10-29T00:00']);
  assert.deepEqual(local('2019-12-01T00:00:00Z', 30 * 24, 6), ['12-02T00:00', '12-09T00:00', '12-16T00:00', '12-23T00:00', '12-30T00:00']);
  assert.deepEqual(local('2019-01-01T00:00:00Z', 365 * 24, 5), ['04-01T00:00', '07-01T00:00', '10-01T00:00', '01-01T00:00']);
  assert.equal(timeTicks({ fromMs: 0, toMs: 50 * 365 * 24 * HOUR_MS }, BERLIN, 6).kind, 'year');
});

test('a zone of half hours has its own round times; seconds are seconds', () => {
  assert.deepEqual(local('2019-12-24T00:00:00Z', 3, 4, 'Asia/Kolkata'), ['12-24T06:00', '12-24T07:00', '12-24T08:00']);
  const { startsMs, kind } = timeTicks({ fromMs: 500, toMs: 20_000 }, BERLIN, 5);
  assert.deepEqual([startsMs, kind], [[5_000, 10_000, 15_000, 20_000], 'second']);
});

test('there are never more than have room, and some for every length', () => {
  for (let hours = 0.01; hours < 24 * 365 * 4; hours *= 1.37) {
    const count = local('2018-03-04T05:06:07Z', hours, 12).length;
    assert(count >= 2 && count <= 14, `${hours} h: ${count}`);
  }
});

/** The weather of a seed: any instant in any order, the means that were asked for, no jumps. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLIMATE_DEFAULTS, cloudCover, outdoorTemperatureC, uniform } from '../../../../../../edge/simulator/models/assets/weather.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const YEAR_MS = Date.parse('2023-01-01T00:00:00Z');
const SEEDS = Array.from({ length: 20 }, (_, i) => i + 1);

function meanOf(value: (seed: number, timeMs: number) => number, fromDay: number, days: number): number {
  let sum = 0;
  for (const seed of SEEDS) for (let hour = 0; hour < days * 24; hour++) sum += value(seed, YEAR_MS + fromDay * DAY_MS + hour * HOUR_MS);
  return sum / SEEDS.length / days / 24;
}

test('clouds cover the share of the sky that was asked for, mostly much of it or little', () => {
  for (const mean_cloud_cover of [0.4, 0.5, 0.67]) {
    const mean = meanOf((seed, timeMs) => cloudCover({ ...CLIMATE_DEFAULTS, mean_cloud_cover }, seed, timeMs), 0, 365);
    assert.ok(Math.abs(mean - mean_cloud_cover) < 0.04, `${mean} for ${mean_cloud_cover}`);
  }
  const extreme = meanOf((seed, timeMs) => Number(Math.abs(cloudCover(CLIMATE_DEFAULTS, seed, timeMs) - 0.5) > 0.4), 0, 365);
  assert.ok(extreme > 0.4);
});

test('January is 1 °C, July 18 °C, the year 9.3 °C (DWD 1991–2020)', () => {
  const temperature = (seed: number, timeMs: number) => outdoorTemperatureC(CLIMATE_DEFAULTS, seed, timeMs);
  assert.ok(Math.abs(meanOf(temperature, 0, 31) - 0.9) < 1.5);
  assert.ok(Math.abs(meanOf(temperature, 181, 31) - 18.3) < 1.5);
  assert.ok(Math.abs(meanOf(temperature, 0, 365) - 9.3) < 0.5);
  assert.ok(temperature(1, YEAR_MS + 14 * HOUR_MS) > temperature(1, YEAR_MS + 2 * HOUR_MS), 'the afternoon is warmer');
});

test('goes on without jumps, also over days and years', () => {
  for (let second = -3_600; second < 3_600; second++) {
    const [a, b] = [YEAR_MS + second * 1_000, YEAR_MS + (second + 1) * 1_000];
    assert.ok(Math.abs(cloudCover(CLIMATE_DEFAULTS, 2, a) - cloudCover(CLIMATE_DEFAULTS, 2, b)) < 0.01);
    assert.ok(Math.abs(outdoorTemperatureC(CLIMATE_DEFAULTS, 2, a) - outdoorTemperatureC(CLIMATE_DEFAULTS, 2, b)) < 0.01);
  }
});

test('numbers of a seed are spread evenly, and those of neighbours have nothing in common', () => {
  const n = 20_000;
  let [sum, withNext, withNextSeed, withNextLane] = [0, 0, 0, 0];
  for (let i = 0; i < n; i++) {
    const centred = uniform(5, 1, i) - 0.5;
    sum += centred;
    withNext += centred * (uniform(5, 1, i + 1) - 0.5);
    withNextSeed += centred * (uniform(6, 1, i) - 0.5);
    withNextLane += centred * (uniform(5, 2, i) - 0.5);
  }
  assert.ok(Math.abs(sum / n) < 0.01);
  for (const product of [withNext, withNextSeed, withNextLane]) assert.ok(Math.abs((12 * product) / n) < 0.03);
});

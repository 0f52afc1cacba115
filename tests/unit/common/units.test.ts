import assert from 'node:assert/strict';
import { test } from 'node:test';
import { annualKwh, DEFAULT_WINDOW_MS, FIELD_UNITS, kwhFromRegister, wattsFromMilliwatts, windowStartMs } from '../../../common/units.ts';

test('the Gem House columns become W and kWh', () => {
  assert.equal(wattsFromMilliwatts(249_050), 249.05);
  assert.equal(wattsFromMilliwatts(-1), -0.001);
  assert.equal(kwhFromRegister(90_823_166_859_000), 9_082.3166859);
  const meter = { power: 'W', power1: 'W', power2: 'W', power3: 'W', energy: 'kWh' };
  const assets = { base_power: 'W', pv_power: 'W', battery_power: 'W', ev_power: 'W', heat_pump_power: 'W', battery_soc: '%' };
  assert.deepEqual(FIELD_UNITS, { ...meter, ...assets });
});

test('a year at 1 W is 8.76 kWh', () => {
  assert.equal(annualKwh(1), 8.76);
  assert.equal(annualKwh(-100), -876);
  assert.equal(annualKwh(0), 0);
});

test('a window begins at a multiple of its length, at or before the instant', () => {
  const table: [timeMs: number, windowMs: number, startMs: number][] = [
    [0, DEFAULT_WINDOW_MS, 0],
    [4_999, DEFAULT_WINDOW_MS, 0],
    [5_000, DEFAULT_WINDOW_MS, 5_000],
    [1_577_145_601_982, DEFAULT_WINDOW_MS, 1_577_145_600_000],
    [-1, DEFAULT_WINDOW_MS, -5_000],
    [7, 1, 7],
    [59_999, 60_000, 0],
  ];
  for (const [timeMs, windowMs, startMs] of table) assert.equal(windowStartMs(timeMs, windowMs), startMs);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkEnergy, type EnergyRow } from '../../../audit/energy-register.ts';
import { seededRandom } from '../../../common/random.ts';

const GAP_MS = 5_000;
const WS_PER_KWH = 3_600_000;

/** Rows every 2 s of a power that is known at every 100 ms, and of a register that counts it. */
function rowsOf(powerAt: (step: number) => number, seconds: number, countedAt = (power: number) => Math.max(0, power)): EnergyRow[] {
  const rows: EnergyRow[] = [];
  let registerWs = 1e9;
  for (let step = 0; step < seconds * 10; step++) {
    const powerW = powerAt(step);
    if (step % 20 === 0) rows.push({ timeMs: step * 100, powerW, registerKwh: (Math.floor(registerWs / 0.36) * 0.36) / WS_PER_KWH });
    registerWs += countedAt(powerW) * 0.1;
  }
  return rows;
}

/** Appliances that switch at any moment. */
function switching(seed: number, baseW: number): (step: number) => number {
  const random = seededRandom(seed);
  let powerW = baseW;
  return () => {
    if (random.below(600) === 0) powerW = baseW + random.below(2_500);
    return powerW;
  };
}

const checks = (rows: EnergyRow[]) => checkEnergy(rows, GAP_MS);

test('a register that counts the power agrees, whatever moment appliances switch at', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const check = checks(rowsOf(switching(seed, 100), 3_600));
    assert.ok(check.agrees, JSON.stringify(check));
    assert.ok(check.toleranceKwh < 0.05 * check.registerKwh);
  }
});

test('feed-in is in no register; what counts it, or turns back, does not agree', () => {
  const rows = rowsOf(switching(3, -1_500), 3_600);
  const check = checks(rows);
  assert.ok(check.agrees);
  assert.ok(check.fedInKwh > 0.3);
  assert.equal(checks(rowsOf(switching(3, -1_500), 3_600, Math.abs)).agrees, false);
  const net = checks(rowsOf(switching(3, -1_500), 3_600, (power) => power));
  assert.ok(!net.agrees && net.turnedBack > 0);
});

test('an oven between two negative samples is inside the tolerance', () => {
  const steady = switching(5, -300);
  const check = checks(rowsOf((step) => (step % 700 > 3 && step % 700 < 9 ? 2_000 : steady(step)), 1_200));
  assert.ok(check.agrees, JSON.stringify(check));
});

test('errors that must be found: one percent, one hour twice, mW for W, kWh for Wh', () => {
  const rows = rowsOf(switching(8, 400), 6 * 3_600);
  assert.ok(checks(rows).agrees);
  const wrong: [string, (row: EnergyRow, i: number) => EnergyRow][] = [
    ['two percent', (row) => ({ ...row, powerW: row.powerW * 1.02 })],
    ['no power for an hour', (row) => (row.timeMs < 3_600_000 ? { ...row, powerW: 0 } : row)],
    ['mW', (row) => ({ ...row, powerW: row.powerW / 1_000 })],
    ['Wh', (row) => ({ ...row, registerKwh: row.registerKwh * 1_000 })],
    ['sign', (row) => ({ ...row, powerW: -row.powerW })],
  ];
  for (const [name, change] of wrong) assert.equal(checks(rows.map(change)).agrees, false, name);
});

test('what is counted in a gap is left out on both sides, and told', () => {
  const rows = rowsOf(switching(2, 200), 7_200);
  const cut = rows.filter(({ timeMs }) => timeMs < 1_000_000 || timeMs > 5_000_000);
  const check = checks(cut);
  assert.ok(check.agrees);
  assert.deepEqual([check.gaps, check.turnedBack], [1, 0]);
  const counted = (rows.at(-1) as EnergyRow).registerKwh - (rows[0] as EnergyRow).registerKwh;
  assert.ok(Math.abs(check.registerKwh + check.registerInGapsKwh - counted) < 1e-9);
  assert.ok(check.registerInGapsKwh > 0.1);
});

test('nothing, one row and rows at one time agree with nothing', () => {
  const row = { timeMs: 0, powerW: 5, registerKwh: 1 };
  for (const rows of [[], [row], [row, row]]) {
    const check = checks(rows);
    assert.deepEqual([check.agrees, check.registerKwh, check.integralKwh], [true, 0, 0]);
  }
});

/** The synthetic households: same seed, same bytes, and what people are told of them holds. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { isId } from '../../../../../common/ids.ts';
import { openHouseholdFolder } from '../../../../../edge/simulator/models/household-folder.ts';
import { type SyntheticHousehold, syntheticFile, syntheticHouseholds } from '../../../../../edge/simulator/models/synthetic-household.ts';
import { writeSample } from '../../../../../edge/simulator/sample-main.ts';
import { DAY_MS } from './household-files.ts';

const SEED = 20191224;
/** SHA-256 of all 16 files of this seed, one after the other. */
const EXPECTED_HASH = 'e159b2ba401038ca079d221b6e8f9802a16ffac02ea15bca58767cf2f01ee556';
const HOUSEHOLDS = syntheticHouseholds(SEED);
const realCodes = createRequire(import.meta.url)('german-postal-codes') as unknown[];

const dir = mkdtempSync(join(tmpdir(), 'fogline-sample-'));
after(() => rmSync(dir, { recursive: true, force: true }));

function textOf(home: SyntheticHousehold, seed: number): string {
  return [...syntheticFile(home, seed)].join('');
}

interface Row {
  timeMs: number;
  energy: number;
  power: number;
  phases: number[];
}

function rowsOf(text: string): Row[] {
  const [title, header, ...lines] = text.trimEnd().split('\n');
  assert.equal(title, 'household');
  assert.equal(header, 'date,timestamp,energy,power,power1,power2,power3');
  return lines.map((line) => {
    const [date, ...numbers] = line.split(',');
    const [timeMs, energy, power, ...phases] = numbers.map(Number) as [number, number, number, ...number[]];
    assert.equal(date, new Date(timeMs).toISOString().slice(0, 19).replace('T', ' '));
    assert.ok(numbers.length === 6 && numbers.every((text) => /^-?\d+$/.test(text)), line);
    return { timeMs, energy, power, phases };
  });
}

function meanPower(rows: readonly Row[], fromHour: number, toHour: number): number {
  const within = rows.filter(({ timeMs }) => timeMs >= DAY_MS + fromHour * 3_600_000 && timeMs < DAY_MS + toHour * 3_600_000);
  assert.ok(within.length > 0);
  return within.reduce((sum, { power }) => sum + power, 0) / within.length;
}

describe('households', () => {
  test('are one per German state, with a real postal code each', () => {
    assert.equal(HOUSEHOLDS.length, 16);
    assert.equal(new Set(HOUSEHOLDS.map(({ state }) => state)).size, 16);
    const known = new Set(realCodes.map(String));
    assert.ok(known.size > 8_000);
    for (const { household, postalCode, state } of HOUSEHOLDS) {
      assert.match(household, /^[0-9a-f]{64}$/);
      assert.ok(isId(household));
      assert.ok(known.has(postalCode), `${state} ${postalCode}`);
    }
  });

  test('of another seed are others', () => {
    assert.notDeepEqual(syntheticHouseholds(1), HOUSEHOLDS);
    assert.notEqual(textOf(HOUSEHOLDS[0]!, 1), textOf(HOUSEHOLDS[0]!, SEED));
  });
});

describe('a file', () => {
  const files = new Map(HOUSEHOLDS.map((home) => [home, textOf(home, SEED)]));

  test('is the same, byte for byte, for the same seed', () => {
    const hash = createHash('sha256');
    for (const text of files.values()) hash.update(text);
    assert.equal(hash.digest('hex'), EXPECTED_HASH, 'when this change is meant, raise GENERATOR_VERSION and write the new hash here');
  });

  test('has rows that go forward, phases that sum to the power, a register that integrates consumption', () => {
    for (const [{ state }, text] of files) {
      const rows = rowsOf(text);
      let register = rows[0]!.energy;
      for (const [i, { timeMs, energy, power, phases }] of rows.entries()) {
        assert.equal(
          phases.reduce((sum, phase) => sum + phase, 0),
          power,
          `${state} row ${i}`,
        );
        const before = rows[i - 1];
        if (before === undefined) continue;
        assert.ok(timeMs > before.timeMs);
        register += (Math.max(0, power) * (timeMs - before.timeMs)) / 360;
        assert.ok(Math.abs(energy - register) <= i, `${state} row ${i}: register ${energy}, integral ${register}`);
      }
    }
  });

  test('is a day of 2 s steps with jitter and gaps', () => {
    let rowsInAll = 0;
    let jitter = 0;
    let gaps = 0;
    for (const text of files.values()) {
      const rows = rowsOf(text);
      rowsInAll += rows.length;
      assert.ok(rows[0]!.timeMs < DAY_MS + 2_000 && rows.at(-1)!.timeMs < DAY_MS + 86_400_000);
      const steps = rows.slice(1).map(({ timeMs }, i) => timeMs - rows[i]!.timeMs);
      jitter += steps.filter((ms) => ms === 1_000 || ms === 3_000 || ms === 4_000).length;
      gaps += steps.filter((ms) => ms >= 10_000).length;
      assert.ok(steps.filter((ms) => ms === 2_000).length > 0.95 * steps.length);
    }
    assert.ok(rowsInAll > 600_000, `${rowsInAll} rows`);
    assert.ok(jitter > 1_000 && gaps > 3, `${jitter} other steps, ${gaps} gaps`);
  });

  test('shows standby at night, peaks in the morning and the evening; one household feeds in at noon', () => {
    const feeding: string[] = [];
    let night = 0;
    let morning = 0;
    let evening = 0;
    for (const [{ state }, text] of files) {
      const rows = rowsOf(text);
      if (rows.some(({ power }) => power < 0)) feeding.push(state);
      else {
        night += meanPower(rows, 2, 5);
        morning += meanPower(rows, 7, 8.5);
        evening += meanPower(rows, 18, 20);
        assert.ok(
          rows.every(({ power }) => power > 20_000),
          `${state} always draws something`,
        );
      }
    }
    assert.deepEqual(feeding, ['DE-BY']);
    assert.ok(morning > 1.3 * night && evening > 1.5 * night, `night ${night}, morning ${morning}, evening ${evening}`);
  });
});

test('the folder is whole or not there, and says that it is synthetic', async () => {
  const place = join(dir, 'sample');
  writeSample(place, SEED);
  const folder = await openHouseholdFolder(place);
  assert.equal(folder.files.length, 16);
  assert.equal(folder.isSynthetic, true);
  const codes = JSON.parse(readFileSync(join(place, 'households.json'), 'utf8')) as Record<string, string>;
  assert.deepEqual(codes, Object.fromEntries(HOUSEHOLDS.map(({ household, postalCode }) => [household, postalCode])));
  assert.match(readFileSync(join(place, 'README.txt'), 'utf8'), /^Synthetic/);
  assert.deepEqual(readdirSync(dir), ['sample'], 'nothing of the making is left');
  // Of another seed it is replaced as a whole.
  writeFileSync(join(place, 'left-over.csv'), 'x');
  writeSample(place, SEED + 1);
  assert.ok(!existsSync(join(place, 'left-over.csv')));
});

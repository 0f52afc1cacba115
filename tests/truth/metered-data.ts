/**
 * Household files whose energy register is the integral of their power, as a meter's is: 2 s rows with jitter, appliances that switch,
 * one home that feeds in, a gap of seconds and one of minutes, late rows, two rows in a second, rows nobody can read. Seeded.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom } from '../../common/random.ts';

export const METERED_START_MS = Date.UTC(2019, 11, 24);

/** A register counts 1e-10 kWh: mW × ms / 3.6e12 kWh. */
const REGISTER_PER_MW_MS = 1e10 / 3.6e12;
/** Rows between two late ones; a late row stands in the file so many rows after its time. */
const LATE_EVERY = 170;
const LATE_BY = 4;

export interface MeteredDataOptions {
  households: number;
  seconds: number;
  seed: number;
}

interface Row {
  timeMs: number;
  text: string;
}

/** Writes `home-1.csv` … into the folder; home-2 feeds in. Same options, same bytes. */
export function writeMeteredData(folder: string, { households, seconds, seed }: MeteredDataOptions): void {
  mkdirSync(folder, { recursive: true });
  for (let home = 1; home <= households; home++) {
    const rows = rowsOf(home, seconds, seed);
    for (let at = LATE_EVERY; at + LATE_BY < rows.length; at += LATE_EVERY) rows.splice(at + LATE_BY, 0, ...rows.splice(at, 1));
    const lines = rows.map(({ text }) => text);
    lines.splice(50, 0, '2019-12-24 00:01:40,not-a-time,1,2,3,4,5');
    lines.splice(90, 0, '2019-12-24 00:03:00,1577145780000,1,NaN,3,4,5');
    const header = 'date,timestamp,energy,power,power1,power2,power3';
    writeFileSync(join(folder, `home-${home}.csv`), `household\n${header}\n${lines.join('\n')}\n`);
  }
}

function rowsOf(home: number, seconds: number, seed: number): Row[] {
  const random = seededRandom(seed * 1_000 + home);
  const rows: Row[] = [];
  const phases = [200_000, 100_000, home === 2 ? -900_000 : 50_000];
  let register = 90_000_000_000_000;
  let timeMs = METERED_START_MS + random.below(1_900);
  for (let n = 0; timeMs < METERED_START_MS + seconds * 1_000; n++) {
    const power = phases.reduce((sum, phase) => sum + phase, 0);
    const date = new Date(timeMs).toISOString().slice(0, 19).replace('T', ' ');
    rows.push({ timeMs, text: [date, timeMs, Math.round(register), power, ...phases].join(',') });
    const stepMs = n === 300 ? 17_000 : n === 700 ? 240_000 : n % 61 === 5 ? 400 : 1_900 + random.below(200);
    register += Math.max(0, power) * stepMs * REGISTER_PER_MW_MS;
    timeMs += stepMs;
    if (random.below(20) === 0) phases[0] = 10 * random.below(200_000);
    phases[1] = 100_000 + 10 * random.below(500);
  }
  return rows;
}

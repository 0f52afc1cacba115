/** Small household files for tests, seeded: 2 s steps with jitter, a late row, two rows in a second, a gap, a row nobody can read. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom } from '../../common/random.ts';

export const TINY_START_MS = Date.UTC(2019, 11, 24);

export interface TinyDataOptions {
  households: number;
  seconds: number;
  seed: number;
}

/** Writes `home-1.csv` … into the folder. Same options, same bytes. */
export function writeTinyData(folder: string, { households, seconds, seed }: TinyDataOptions): void {
  mkdirSync(folder, { recursive: true });
  for (let home = 1; home <= households; home++) {
    writeFileSync(
      join(folder, `home-${home}.csv`),
      `household\ndate,timestamp,energy,power,power1,power2,power3\n${rowsOf(home, seconds, seed)}`,
    );
  }
}

function rowsOf(home: number, seconds: number, seed: number): string {
  const random = seededRandom(seed * 1_000 + home);
  const rows: string[] = [];
  let energy = 90_000_000_000_000 + home * 1_000_000;
  let timeMs = TINY_START_MS + random.below(1_900);
  const endMs = TINY_START_MS + seconds * 1_000;
  for (let n = 0; timeMs < endMs; n++) {
    const phases = [random.below(900_000), random.below(500_000) - (home === 2 ? 700_000 : 0), random.below(90_000)];
    const power = phases.reduce((sum, phase) => sum + phase, 0);
    energy += Math.max(0, power) * 5;
    const late = n > 0 && n % 97 === 0 ? 7_300 : 0;
    rows.push(`${dateOf(timeMs - late)},${timeMs - late},${energy},${power},${phases.join(',')}`);
    if (n % 61 === 5)
      rows.push(`${dateOf(timeMs + 400)},${timeMs + 400},${energy + 1},${power + 1_000},${phases[0]! + 1_000},${phases[1]},${phases[2]}`);
    if (n === 40) rows.push('2019-12-24 00:01:20,not-a-time,1,2,3,4,5');
    timeMs += n === 150 ? 61_000 : 1_900 + random.below(200);
  }
  return `${rows.join('\n')}\n`;
}

function dateOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 19).replace('T', ' ');
}

/** The day of 50 households that the large questions are asked of. */
import { copyFileSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeSample } from '../edge/simulator/sample-main.ts';

export const HOMES = 50;
export const SEED = 20_191_224;
const REAL_DATA = join(import.meta.dirname, '../../shared/data/gem-house');

/** A folder of household files: the real ones when they are beside the repository, else synthetic ones made in `folder`. */
export function householdFolder(folder: string): string {
  if (existsSync(REAL_DATA)) return REAL_DATA;
  const sample = join(folder, 'sample');
  writeSample(sample, SEED);
  return sample;
}

export function householdFiles(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.csv'))
    .sort()
    .map((name) => join(folder, name));
}

/** The households of a folder repeated under 50 ids. @returns the new folder, in `folder` */
export function fiftyHomes(folder: string): string {
  const files = householdFiles(householdFolder(folder));
  const dataDir = join(folder, 'data');
  mkdirSync(dataDir);
  for (let home = 0; home < HOMES; home++) copyFileSync(files[home % files.length] as string, join(dataDir, `home-${home}.csv`));
  return dataDir;
}

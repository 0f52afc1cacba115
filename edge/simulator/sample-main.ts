/** Makes the synthetic households once per machine and seed, and says where they are. */
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SampleEvent } from '../../common/child-events.ts';
import type { CommandOptions } from '../../common/command.ts';
import { EXIT } from '../../common/errors.ts';
import { SYNTHETIC_MARKER } from './models/household-folder.ts';
import { GENERATOR_VERSION, syntheticFile, syntheticHouseholds } from './models/synthetic-household.ts';

export async function main({ config, stateDir, json }: CommandOptions): Promise<number> {
  const dir = sampleFolder(stateDir, config.simulation.seed);
  const event: SampleEvent = { event: 'sample', dir };
  process.stdout.write(json ? `${JSON.stringify(event)}\n` : `synthetic households: ${dir}\n`);
  return EXIT.ok;
}

/**
 * The folder of the synthetic households, made when it is missing or of another seed or generator: data/sample of the package, or
 * the state's folder where that can't be written.
 */
export function sampleFolder(stateDir: string, seed: number): string {
  const places = [join(packageFolder(), 'data/sample'), join(stateDir, 'sample')];
  const there = places.find((place) => isCurrent(place, seed));
  if (there !== undefined) return there;
  let failure: unknown;
  for (const place of places) {
    try {
      writeSample(place, seed);
      return place;
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/** Writes a whole sample beside `dir`, then gives it the name: nobody sees half of one. */
export function writeSample(dir: string, seed: number): void {
  mkdirSync(dirname(dir), { recursive: true });
  const making = mkdtempSync(`${dir}-`);
  try {
    const households = syntheticHouseholds(seed);
    for (const home of households) writePieces(join(making, `${home.household}.csv`), syntheticFile(home, seed));
    const codes = Object.fromEntries(households.map(({ household, postalCode }) => [household, postalCode]));
    writeFileSync(join(making, 'households.json'), `${JSON.stringify(codes, null, 1)}\n`);
    writeFileSync(join(making, 'README.txt'), `Synthetic households, generated with seed ${seed}. No person's data; not measured.\n`);
    writeFileSync(join(making, SYNTHETIC_MARKER), JSON.stringify({ generator: GENERATOR_VERSION, seed }));
    rmSync(dir, { recursive: true, force: true });
    renameSync(making, dir);
  } catch (error) {
    rmSync(making, { recursive: true, force: true });
    // Another process may have been first with the very same bytes.
    if (!isCurrent(dir, seed)) throw error;
  }
}

function writePieces(path: string, pieces: Iterable<string>): void {
  const file = openSync(path, 'wx');
  try {
    for (const piece of pieces) {
      const bytes = Buffer.from(piece, 'latin1');
      for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
    }
  } finally {
    closeSync(file);
  }
}

function isCurrent(dir: string, seed: number): boolean {
  try {
    const marker = JSON.parse(readFileSync(join(dir, SYNTHETIC_MARKER), 'utf8')) as { generator?: number; seed?: number };
    return marker.generator === GENERATOR_VERSION && marker.seed === seed;
  } catch {
    return false;
  }
}

/** The folder with package.json, above dist/ or above the sources. */
function packageFolder(): string {
  let dir = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(dir, 'package.json')) && dirname(dir) !== dir) dir = dirname(dir);
  return dir;
}

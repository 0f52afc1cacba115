/** A folder of household files: which households, what their readings span, and who their sources are. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { MS_PER_SECOND } from '../../../common/units.ts';
import { yieldToEventLoop } from '../../../common/clock.ts';
import { OperatingError } from '../../../common/errors.ts';
import { isId } from '../../../common/ids.ts';
import { GemHouseReader, inaccessible } from './gem-house-csv.ts';
import { type FileScan, scanFile } from './gem-house-scan.ts';

/** The one device of a Gem House household. */
export const METER = 'meter';
/** Put beside generated household files. */
export const SYNTHETIC_MARKER = 'synthetic.json';

export interface HouseholdFile {
  household: string;
  path: string;
  scan: FileScan;
}

export interface HouseholdFolder {
  dir: string;
  /** By household id. */
  files: readonly HouseholdFile[];
  /** Earliest and latest event time of all. */
  minMs: number;
  maxMs: number;
  isSynthetic: boolean;
}

const ENDING = '.csv';

/**
 * Scans every household file of the folder.
 * @throws OperatingError DATA_UNREADABLE: no folder, no file, a file that is none, no reading at all
 */
export async function openHouseholdFolder(dir: string): Promise<HouseholdFolder> {
  const files: HouseholdFile[] = [];
  for (const [household, path] of pathsIn(dir)) {
    files.push({ household, path, scan: scanFile(path) });
    await yieldToEventLoop();
  }
  if (files.length === 0) throw refused(`${dir} has no CSV file`, 'name a folder with one CSV file per household (data/README.md)');
  let minMs = Number.POSITIVE_INFINITY;
  let maxMs = Number.NEGATIVE_INFINITY;
  for (const { scan } of files) {
    minMs = Math.min(minMs, scan.readings?.minMs ?? minMs);
    maxMs = Math.max(maxMs, scan.readings?.maxMs ?? maxMs);
  }
  if (maxMs < minMs) throw refused(`no file in ${dir} has a reading${firstFaultIn(files)}`, 'compare a row with data/README.md');
  return { dir, files, minMs, maxMs, isSynthetic: existsSync(join(dir, SYNTHETIC_MARKER)) };
}

/** The earliest reading, rounded down to a second: simulated time 0. */
export function earliestSecondMs(folder: HouseholdFolder): number {
  return Math.floor(folder.minMs / MS_PER_SECOND) * MS_PER_SECOND;
}

/**
 * R1: the fingerprint of a file's readings. A file may grow, its first reading stays.
 * @param pass counts from 0; each pass of a looped file is a source of its own
 */
export function sourceOf(household: string, device: string, firstLine: string, pass: number): string {
  const hash = createHash('sha256').update(`${household}\n${device}\n${firstLine}`);
  if (pass > 0) hash.update(`\npass ${pass}`);
  return hash.digest('hex').slice(0, 8);
}

/** One file per household. What ends in .csv is meant as one: nothing of it is left out silently. */
function pathsIn(dir: string): Map<string, string> {
  const paths = new Map<string, string>();
  for (const name of namesIn(dir)) {
    const path = join(dir, name);
    const household = name.slice(0, -ENDING.length);
    const other = paths.get(household);
    if (other !== undefined) throw refused(`${other} and ${path} are two files for one household`, 'keep one of them, named HOUSEHOLD.csv');
    paths.set(household, path);
  }
  for (const [household, path] of paths) {
    if (!path.endsWith(ENDING)) throw refused(`${path} does not end in ${ENDING}`, `rename it: ${household}${ENDING}`);
    if (!isId(household)) throw refused(`${path} names no household`, 'rename it: letters, digits, _ and -, at most 128, then .csv');
    if (!isFile(path)) throw refused(`${path} is a folder, a pipe or a device, not a file`, 'take it out of the folder');
  }
  return paths;
}

function namesIn(dir: string): string[] {
  let names: string[];
  try {
    names = readdirSync(dir);
  } catch (cause) {
    throw refused(`${dir} can not be read`, 'name a folder that exists with --data DIR', cause);
  }
  return names.filter((name) => name.toLowerCase().endsWith(ENDING) && !name.startsWith('.')).sort();
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch (cause) {
    throw inaccessible(path, 'can not be opened', cause);
  }
}

/** Where to begin to look when every row was rejected. */
function firstFaultIn(files: readonly HouseholdFile[]): string {
  for (const { path } of files) {
    const item = new GemHouseReader(path).read();
    if (item?.kind === 'rejected') return `; ${path}, line ${item.line}: ${item.reason}`;
  }
  return '; no file has a row below its header';
}

function refused(message: string, hint: string, cause?: unknown): OperatingError {
  return new OperatingError('DATA_UNREADABLE', message, { retryable: false, hint, cause });
}

/**
 * Where the cloud says that a household is: a state must be that of its postal code, the code the one that the edge was told, and one that
 * is said to be drawn what the id draws. What is not here: whether a code is that of households.json. A household keeps its code for
 * good, also when the file says another.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import codes from 'german-postal-codes' with { type: 'json' };
import { seedOf } from '../common/random.ts';
import type { CloudHousehold } from './cloud-file.ts';
import { PUT_BACK, unreadable } from './damage.ts';
import type { Findings } from './findings.ts';

/** Beside the sources, and beside the compiled program. */
const RANGES_FILE = fileURLToPath(new URL('../data/plz-states.csv', import.meta.url));
const REMEDY = `${PUT_BACK}, or move cloud/series.db away, and start: the edge sends again what it still holds`;

type Ranges = readonly (readonly [from: string, to: string, state: string])[];

/** @param told postal codes by household, as the edge was told; undefined where no edge is here */
export function checkPlaces(
  households: readonly CloudHousehold[],
  told: ReadonlyMap<string, string> | undefined,
  findings: Findings,
): void {
  const ranges = households.length === 0 ? [] : readRanges();
  for (const { household, postalCode, state, isDrawn } of households) {
    const refuse = (what: string) => findings.refuse(household, 'cloud', undefined, what, REMEDY);
    const its = /^\d{5}$/.test(postalCode) ? stateOf(ranges, postalCode) : undefined;
    if (its === undefined) refuse(`its postal code ${postalCode} is in no state`);
    else if (its !== state) refuse(`its state is ${state}, the postal code ${postalCode} lies in ${its}`);
    const codeTold = told?.get(household);
    if (codeTold !== undefined && codeTold !== postalCode) refuse(`its postal code is ${postalCode}, the edge was told ${codeTold}`);
    const drawn = drawnCode(household);
    if (isDrawn && drawn !== postalCode) refuse(`its postal code ${postalCode} is said to be drawn, but its id draws ${drawn}`);
  }
}

/** All German codes, ascending; which one, by a hash of the id. A test holds the list to what earlier versions drew. */
function drawnCode(household: string): string | undefined {
  return codes[(seedOf(`postal-code/${household}`) >>> 0) % codes.length];
}

/** The first range that holds the code counts. */
function stateOf(ranges: Ranges, code: string): string | undefined {
  return ranges.find(([from, to]) => from <= code && code <= to)?.[2];
}

function readRanges(): Ranges {
  try {
    const [, ...lines] = readFileSync(RANGES_FILE, 'utf8').trimEnd().split(/\r?\n/);
    return lines.map((line) => line.split(',') as [string, string, string]);
  } catch (cause) {
    throw unreadable(`${RANGES_FILE} can not be read`, 'install Fogline again: the file belongs to it', cause);
  }
}

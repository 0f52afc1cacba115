/**
 * Where a household gets its postal code when it is first seen: from households.json, else drawn from all German codes by a
 * hash of its id. The store keeps what was given; a household never changes its code afterwards, also when the file does.
 */
import { readFileSync, statSync } from 'node:fs';
import { ConfigError } from '../../common/errors.ts';
import { isId } from '../../common/ids.ts';
import { seedOf } from '../../common/random.ts';
import { loadPostalCodeStates, POSTAL_CODES, type PostalCodeStates } from './postal-codes.ts';

/** Changing it would move every household that no file names and no store knows yet. */
const DRAW_SEED = 'postal-code';
/** Bytes of households.json: some 800,000 households. */
const HOUSEHOLDS_FILE_BYTES_MAX = 64 << 20;

export interface AssignedPostalCode {
  postalCode: string;
  /** ISO 3166-2. */
  state: string;
  from: 'file' | 'drawn';
}

export class Registry {
  private readonly householdsFile: string;
  private states: PostalCodeStates | undefined;
  private given: ReadonlyMap<string, string> = new Map();

  /** @param householdsFile path of a households.json {household: postal code}; empty = codes are drawn */
  constructor(householdsFile: string) {
    this.householdsFile = householdsFile;
  }

  /** @throws ConfigError naming file and household for anything that is not {household: postal code} */
  start(): void {
    this.states = loadPostalCodeStates();
    if (this.householdsFile !== '') this.given = readHouseholds(this.householdsFile, this.states);
  }

  /** The same household gets the same answer, as long as the file is the same. Remembers nothing. */
  assign(household: string): AssignedPostalCode {
    const given = this.given.get(household);
    if (given !== undefined) return { postalCode: given, state: this.stateOf(given), from: 'file' };
    const drawn = drawPostalCode(household);
    return { postalCode: drawn, state: this.stateOf(drawn), from: 'drawn' };
  }

  private stateOf(postalCode: string): string {
    const state = this.states?.stateOf(postalCode);
    if (state === undefined) throw new Error(`no state for postal code ${postalCode}: is the registry started?`);
    return state;
  }
}

export function drawPostalCode(household: string): string {
  return POSTAL_CODES[(seedOf(`${DRAW_SEED}/${household}`) >>> 0) % POSTAL_CODES.length] as string;
}

function readHouseholds(path: string, states: PostalCodeStates): Map<string, string> {
  const remedy = 'write {"household": "12345", …} or leave cloud.households_file empty';
  const content = parseFile(path, remedy);
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    throw new ConfigError(`${path} is not a JSON object`, remedy);
  const given = new Map<string, string>();
  for (const [household, code] of Object.entries(content)) {
    refuseOtherThanId(path, household);
    if (typeof code !== 'string')
      throw new ConfigError(`${path}: the postal code of ${household} is not a text`, 'write it in quotes: "07919"');
    if (states.stateOf(code) === undefined) {
      throw new ConfigError(
        `${path}: "${code}" of ${household} is not a postal code of a German state`,
        'write five digits, for example "12529"',
      );
    }
    given.set(household, code);
  }
  return given;
}

function refuseOtherThanId(path: string, household: string): void {
  // As unknown: what is no id is a text all the same.
  if (isId(household as unknown)) return;
  throw new ConfigError(`${path}: "${household}" is not a household id`, 'ids have 1 to 128 of the characters A-Z a-z 0-9 _ -');
}

function parseFile(path: string, remedy: string): unknown {
  try {
    const { size } = statSync(path);
    if (size > HOUSEHOLDS_FILE_BYTES_MAX) throw new Error(`${size} bytes, at most ${HOUSEHOLDS_FILE_BYTES_MAX}`);
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new ConfigError(`${path} can't be read: ${(cause as Error).message}`, remedy, { cause });
  }
}

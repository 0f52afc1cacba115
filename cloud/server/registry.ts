/**
 * What households.json says of a household: its postal code, and what usually lies between two readings where that is longer than a window.
 *
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

/** A meter that tells less than one reading a day is no load profile. */
const INTERVAL_SECONDS_MAX = 86_400;

interface GivenHousehold {
  postalCode?: string;
  intervalSeconds?: number;
}

export class Registry {
  private readonly householdsFile: string;
  private states: PostalCodeStates | undefined;
  private given: ReadonlyMap<string, GivenHousehold> = new Map();

  /**
   * @param householdsFile path of a households.json {household: postal code, or {postalCode, intervalSeconds} of which one may be missing};
   *   empty = codes are drawn
   */
  constructor(householdsFile: string) {
    this.householdsFile = householdsFile;
  }

  /** @throws ConfigError naming file and household for anything else */
  start(): void {
    this.states = loadPostalCodeStates();
    if (this.householdsFile !== '') this.given = readHouseholds(this.householdsFile, this.states);
  }

  /** The same household gets the same answer, as long as the file is the same. Remembers nothing. */
  assign(household: string): AssignedPostalCode {
    const given = this.given.get(household)?.postalCode;
    if (given !== undefined) return { postalCode: given, state: this.stateOf(given), from: 'file' };
    const drawn = drawPostalCode(household);
    return { postalCode: drawn, state: this.stateOf(drawn), from: 'drawn' };
  }

  /** What usually lies between two readings of the household; undefined where the file does not say it. */
  intervalMs(household: string): number | undefined {
    const seconds = this.given.get(household)?.intervalSeconds;
    return seconds === undefined ? undefined : seconds * 1_000;
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

function readHouseholds(path: string, states: PostalCodeStates): Map<string, GivenHousehold> {
  const remedy = 'write {"household": "12345", …} or leave cloud.households_file empty';
  const content = parseFile(path, remedy);
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    throw new ConfigError(`${path} is not a JSON object`, remedy);
  const given = new Map<string, GivenHousehold>();
  for (const [household, words] of Object.entries(content)) {
    refuseOtherThanId(path, household);
    given.set(household, givenHousehold(path, household, words, states));
  }
  return given;
}

/** @param words a postal code, or an object with it */
function givenHousehold(path: string, household: string, words: unknown, states: PostalCodeStates): GivenHousehold {
  const isObject = typeof words === 'object' && words !== null && !Array.isArray(words);
  const { postalCode, intervalSeconds, ...rest } = (isObject ? words : { postalCode: words }) as Record<string, unknown>;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined)
    throw new ConfigError(`${path}: ${JSON.stringify(unknown)} of ${household} is not known`, 'write postalCode, intervalSeconds or both');
  return {
    ...(isObject && postalCode === undefined ? {} : { postalCode: checkedCode(path, household, postalCode, states) }),
    ...(intervalSeconds === undefined ? {} : { intervalSeconds: checkedInterval(path, household, intervalSeconds) }),
  };
}

function checkedCode(path: string, household: string, code: unknown, states: PostalCodeStates): string {
  if (typeof code !== 'string')
    throw new ConfigError(`${path}: the postal code of ${household} is not a text`, 'write it in quotes: "07919"');
  if (states.stateOf(code) !== undefined) return code;
  throw new ConfigError(
    `${path}: "${code}" of ${household} is not a postal code of a German state`,
    'write five digits, for example "12529"',
  );
}

function checkedInterval(path: string, household: string, seconds: unknown): number {
  if (typeof seconds === 'number' && seconds > 0 && seconds <= INTERVAL_SECONDS_MAX) return seconds;
  throw new ConfigError(
    `${path}: intervalSeconds of ${household} is not a number of seconds`,
    `write more than 0 and at most ${INTERVAL_SECONDS_MAX}, for example 900`,
  );
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

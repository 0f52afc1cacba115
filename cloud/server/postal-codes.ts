/**
 * German postal codes and the states they lie in. The ranges are in data/plz-states.csv (`from,to,state`, most specific
 * first: the first range that holds a code counts). 15 codes lie in two states; they count for the one with more people.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import codes from 'german-postal-codes' with { type: 'json' };
import { ConfigError } from '../../common/errors.ts';

/** ISO 3166-2 to name: the 16 states. */
export const STATE_NAMES: ReadonlyMap<string, string> = new Map([
  ['DE-BW', 'Baden-Württemberg'],
  ['DE-BY', 'Bayern'],
  ['DE-BE', 'Berlin'],
  ['DE-BB', 'Brandenburg'],
  ['DE-HB', 'Bremen'],
  ['DE-HH', 'Hamburg'],
  ['DE-HE', 'Hessen'],
  ['DE-MV', 'Mecklenburg-Vorpommern'],
  ['DE-NI', 'Niedersachsen'],
  ['DE-NW', 'Nordrhein-Westfalen'],
  ['DE-RP', 'Rheinland-Pfalz'],
  ['DE-SL', 'Saarland'],
  ['DE-SN', 'Sachsen'],
  ['DE-ST', 'Sachsen-Anhalt'],
  ['DE-SH', 'Schleswig-Holstein'],
  ['DE-TH', 'Thüringen'],
]);

/** All codes in use, ascending. */
export const POSTAL_CODES: readonly string[] = codes;

/** Beside the sources, and beside the compiled program. */
const RANGES_FILE = fileURLToPath(new URL('../../data/plz-states.csv', import.meta.url));
const TITLE = 'from,to,state';

interface StateRange {
  from: string;
  to: string;
  state: string;
}

export class PostalCodeStates {
  private readonly ranges: readonly StateRange[];

  /** @param text the content of a file of ranges */
  constructor(text: string) {
    this.ranges = parseRanges(text);
  }

  /** Undefined when the text is no postal code of a German state. */
  stateOf(postalCode: string): string | undefined {
    if (!/^\d{5}$/.test(postalCode)) return undefined;
    return this.ranges.find(({ from, to }) => from <= postalCode && postalCode <= to)?.state;
  }
}

/** @throws ConfigError when the file is absent or damaged */
export function loadPostalCodeStates(): PostalCodeStates {
  try {
    return new PostalCodeStates(readFileSync(RANGES_FILE, 'utf8'));
  } catch (cause) {
    throw new ConfigError(`${RANGES_FILE} can't be used: ${(cause as Error).message}`, 'install Fogline again: the file belongs to it', {
      cause,
    });
  }
}

function parseRanges(text: string): StateRange[] {
  const [title, ...lines] = text.trimEnd().split(/\r?\n/);
  if (title !== TITLE) throw new Error(`the first line is not ${TITLE}`);
  return lines.map((line, i) => {
    const [, from = '', to = '', state = ''] = /^(\d{5}),(\d{5}),(DE-[A-Z]{2})$/.exec(line) ?? [];
    if (from === '' || from > to || !STATE_NAMES.has(state)) throw new Error(`line ${i + 2} is no range: ${line}`);
    return { from, to, state };
  });
}

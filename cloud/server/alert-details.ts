/**
 * Pure: the figure of an alert as a code with values, for who words it in another language, and as English text, for API, logs and the
 * event log. The log keeps the text alone; `detailOf` reads it back, so that an alert of before a restart has its code too.
 */

/** English text by code; names in braces are values: those of NUMBERS are numbers, the others text. */
export const ALERT_DETAILS = {
  'not-heard': 'not heard since this cloud started',
  'no-heartbeat': 'no heartbeat comes any more',
  'parts-of-households': '{n} parts of {households} households',
  'windows-behind': 'the oldest is {n} windows behind the newest reading',
  'parts-wait': '{n} parts wait',
  'rows-dropped': '{n} rows',
  parked: '{n} parked, {household}: {reason}',
  'parked-unnamed': '{n} parked',
  waiting: '{n}, the first is {household}',
  'waiting-unnamed': '{n} wait',
  'records-aside': '{n} records',
  'places-damaged': '{n} places of the outbox',
  'names-none': '{n} household names',
  'rows-lately': '{n} rows in {minutes} min',
  'refusals-lately': '{n} refusals in {minutes} min',
  'requests-lately': '{n} requests in {minutes} min',
  'readings-lately': '{n} readings in {minutes} min',
  'duplicates-lately': '{n} of {rows} rows in {minutes} min',
  'parts-damaged': '{n} parts whose checksum does not hold',
  'rows-mended': '{n} rows were damaged and are mended',
  'rows-damaged': "{n} rows are damaged and can't be mended",
  'redis-alone': 'the newest windows are in this process alone',
  'windows-owed': '{n} windows expected and not there',
  'windows-owed-slowly': '{n} windows expected and not there, one every {seconds} s',
  'nothing-expected': 'nothing is expected of it any more',
} as const;

export type DetailCode = keyof typeof ALERT_DETAILS;

type NamesIn<T> = T extends `${string}{${infer Name}}${infer Rest}` ? Name | NamesIn<Rest> : never;
type ValueOf<Name> = Name extends (typeof NUMBERS)[number] ? number : string;
export type DetailValues<C extends DetailCode> = { readonly [Name in NamesIn<(typeof ALERT_DETAILS)[C]>]: ValueOf<Name> };

export interface Detail {
  code: DetailCode;
  values: Readonly<Record<string, string | number>>;
}

const NUMBERS = ['n', 'households', 'rows', 'minutes', 'seconds'] as const;
const NUMBER = '-?\\d+(?:\\.\\d+)?(?:e[+-]?\\d+)?';
export const DETAIL_CODES = Object.keys(ALERT_DETAILS) as DetailCode[];

export function detail<C extends DetailCode>(
  code: C,
  ...[values]: [NamesIn<(typeof ALERT_DETAILS)[C]>] extends [never] ? [] : [DetailValues<C>]
): Detail {
  return { code, values: values ?? {} };
}

export function detailText({ code, values }: Detail): string {
  return ALERT_DETAILS[code].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name]));
}

const PATTERNS = new Map(DETAIL_CODES.map((code) => [code, patternOf(ALERT_DETAILS[code])]));

/** What was written with `detailText`; undefined for the words of another program. */
export function detailOf(text: string): Detail | undefined {
  for (const [code, pattern] of PATTERNS) {
    const match = pattern.exec(text);
    if (match === null) continue;
    const values = Object.entries(match.groups ?? {}).map(([name, value]) => [name, isNumber(name) ? Number(value) : value]);
    return { code, values: Object.fromEntries(values) as Detail['values'] };
  }
  return undefined;
}

function patternOf(text: string): RegExp {
  const pieces = text.split(/\{(\w+)\}/);
  const body = pieces.map((piece, i) =>
    i % 2 === 0 ? piece.replace(/[.*+?^${}()|[\]\\]/g, '\\$&') : `(?<${piece}>${isNumber(piece) ? NUMBER : '.*?'})`,
  );
  return new RegExp(`^${body.join('')}$`, 's');
}

function isNumber(name: string): boolean {
  return (NUMBERS as readonly string[]).includes(name);
}

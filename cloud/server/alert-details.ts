/**
 * Pure: the figure of an alert as a code with values, for who words it in another language, and as English text, for API, logs and the
 * event log. The log keeps the text alone; `detailOf` reads it back, so that an alert of before a restart has its code too.
 */
import { type Worded, WordedTexts } from '../../common/worded.ts';

/** English text by code; names in braces are values. */
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
  'topics-aside': '{n} damaged files are kept',
  'names-none': '{n} household names',
  'days-left': '{n} days until it expires',
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
export type Detail = Worded<DetailCode>;

const DETAILS = new WordedTexts(ALERT_DETAILS, ['n', 'households', 'rows', 'minutes', 'seconds']);
export const DETAIL_CODES = DETAILS.codes;

export const detail: typeof DETAILS.worded = (...said) => DETAILS.worded(...said);

export function detailText(said: Detail): string {
  return DETAILS.text(said);
}

/** What was written with `detailText`; undefined for the words of another program. */
export function detailOf(text: string): Detail | undefined {
  return DETAILS.of(text);
}

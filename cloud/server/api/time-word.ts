/** Pure: the times that a query may hold. `latest` is the end of the newest window stored, because a replay's data are of another year. */
import { MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND, MS_PER_WEEK } from '../../../common/units.ts';
import { parseTime } from '../../../common/iso-time.ts';
import { NOT_A_TIME, TIME_WITHOUT_ZONE } from './problem-details.ts';

export type TimeWord = { base: 'fixed'; timeMs: number } | { base: 'now' | 'latest' | 'first'; offsetMs: number };

/** What the words mean for one request. */
export interface TimeBases {
  nowMs: number;
  /** Start of the first window stored and end of the newest; null before the first. */
  firstMs: number | null;
  latestMs: number | null;
}

const UNIT_MS: Readonly<Record<string, number>> = { s: MS_PER_SECOND, m: MS_PER_MINUTE, h: MS_PER_HOUR, d: MS_PER_DAY, w: MS_PER_WEEK };
const WORD = /^(now|latest|first)(?:([+ -])(\d{1,6})([smhdw]))?$/;
const NAIVE = /^\d{4}-\d{2}(-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?)?$/;
/** A plus sign that was not encoded reaches us as a space. */
const LOST_PLUS = /^(.*\d) (\d{2}:\d{2})$/;

/** @returns the reason in words when the text is no time */
export function parseTimeWord(text: string): TimeWord | string {
  const fixed = parseTime(text.replace(LOST_PLUS, '$1+$2'));
  if (fixed !== undefined) return { base: 'fixed', timeMs: fixed };
  const word = WORD.exec(text);
  if (word !== null) {
    const [, base, sign, count = '0', unit = 's'] = word;
    const offsetMs = Number(count) * (UNIT_MS[unit] ?? 0) * (sign === '-' ? -1 : 1);
    return { base: base as 'now' | 'latest' | 'first', offsetMs };
  }
  return NAIVE.test(text) ? TIME_WITHOUT_ZONE : NOT_A_TIME;
}

/** While nothing is stored `latest` and `first` are the present: a range of them is empty and no error. */
export function resolveTime(word: TimeWord, { nowMs, firstMs, latestMs }: TimeBases): number {
  if (word.base === 'fixed') return word.timeMs;
  const baseMs = { now: nowMs, latest: latestMs ?? nowMs, first: firstMs ?? nowMs }[word.base];
  return baseMs + word.offsetMs;
}

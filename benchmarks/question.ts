/** A benchmark answers one question with a few figures; a figure that was promised says whether the promise is met. */

export interface Figure {
  what: string;
  value: number;
  unit: string;
  /** At most, less than, or at least so much of the same unit. */
  promise?: { is: '≤' | '<' | '≥'; limit: number };
}

export interface Question {
  /** For `npm run bench -- NAME`. */
  name: string;
  asks: string;
  /** @param say for what is worth knowing meanwhile */
  answer(say: (line: string) => void): Promise<Figure[]>;
}

export function isMissed({ value, promise }: Figure): boolean {
  if (promise === undefined) return false;
  if (promise.is === '≥') return !(value >= promise.limit);
  return promise.is === '<' ? !(value < promise.limit) : !(value <= promise.limit);
}

/** e.g. `2.31 s` */
export function valueText({ value, unit }: Figure): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  const [whole = '', fraction] = value.toFixed(digits).split('.');
  const grouped = whole.replace(/(?<=\d)(?=(\d{3})+$)/g, ',');
  return `${fraction === undefined ? grouped : `${grouped}.${fraction}`} ${unit}`;
}

/** e.g. `≤ 5 s: met`; empty when nothing was promised. */
export function promiseText(figure: Figure): string {
  const { promise, unit } = figure;
  return promise === undefined ? '' : `${promise.is} ${promise.limit} ${unit}: ${isMissed(figure) ? 'missed' : 'met'}`;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

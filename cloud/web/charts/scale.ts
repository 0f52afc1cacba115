/** Pure: where an axis begins and ends, and its round numbers. */

/** An axis from zero (or below, where there is feed-in) to the next half step at or beyond the extremes. */
export function range(values: readonly (number | null)[], steps: number): { min: number; max: number } {
  const present = values.filter((value) => value !== null);
  const greatest = Math.max(0, ...present);
  const least = Math.min(0, ...present);
  if (greatest === least) return { min: 0, max: 1_000 };
  const step = niceStep(greatest - least, steps);
  const half = step / 2;
  return { min: Math.floor(least / half) * half, max: Math.ceil(greatest / half) * half };
}

/** The multiples of `step` from min to max. */
export function multiples(min: number, max: number, step: number): number[] {
  const first = Math.ceil(min / step);
  const last = Math.floor(max / step);
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
}

/** 1, 2, 2.5 or 5 times a power of ten, so that `span` takes at most about `steps` of it. */
export function niceStep(span: number, steps: number): number {
  const raw = span / steps;
  const power = 10 ** Math.floor(Math.log10(raw));
  const factor = [1, 2, 2.5, 5, 10].find((candidate) => candidate * power >= raw) ?? 10;
  return factor * power;
}

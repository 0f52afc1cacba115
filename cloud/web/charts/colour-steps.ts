/** Pure: figures told apart by a few colours from little to much. */
import { niceStep } from './scale.ts';

/** Colours that a reader can tell apart and find again in a legend. */
export const STEPS_MAX = 7;

/** Figures that differ by less are one. */
const SAME_SHARE = 1e-9;
const NOTHING = 1e-9;

/** A colour of its own, beside those of the scale: power that is fed in is no little use of it. */
export const BELOW_ZERO = -1;

/**
 * Round numbers, ascending: one step lies between each two. What is below zero is in none of them. Empty where there is nothing else.
 */
export function stepEdges(values: readonly (number | null)[]): number[] {
  const known = values.filter((value) => value !== null && value >= 0) as number[];
  if (known.length === 0) return [];
  const [least, greatest] = [Math.min(...known), Math.max(...known)];
  const isOne = greatest - least <= Math.max(greatest * SAME_SHARE, NOTHING);
  const size = niceStep(isOne ? Math.max(greatest, 1) : greatest - least, STEPS_MAX - 1);
  const first = Math.floor(least / size);
  // What stands on the last edge is in the step below it.
  const last = isOne ? first + 1 : Math.max(first + 1, Math.ceil(greatest / size));
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * size);
}

/** Which step a figure is in, from 0. */
export function stepOf(edges: readonly number[], value: number): number {
  const index = edges.findLastIndex((edge) => value >= edge);
  return Math.min(Math.max(0, index), Math.max(0, edges.length - 2));
}

/** Which colour of the scale a figure has, or BELOW_ZERO; null where there is no figure. */
export function colourOfValue(edges: readonly number[], value: number | null): number | null {
  if (value === null) return null;
  return value < 0 ? BELOW_ZERO : colourOf(stepOf(edges, value), edges.length - 1);
}

/** Which of `colours` colours a step of so many has: the faintest for the first, the strongest for the last. */
export function colourOf(step: number, steps: number, colours = STEPS_MAX): number {
  if (steps < 2) return Math.floor(colours / 2);
  return Math.round((step * (colours - 1)) / (steps - 1));
}

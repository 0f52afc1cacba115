/** Where two values differ first, in the order of their members. Pure. */

export interface ValueDifference {
  /** Keys and list positions that lead there. */
  path: string[];
  /** Undefined when it is not there. */
  before: unknown;
  after: unknown;
}

/**
 * A member that is undefined counts as one that is not there; 0 and -0 are one, and so are all NaNs.
 * @param tolerance numbers may differ by so much, or by so much of the greater one
 */
export function firstDifference(before: unknown, after: unknown, tolerance = 0): ValueDifference | undefined {
  if (Object.is(before, after) || before === after) return undefined;
  if (typeof before === 'number' && typeof after === 'number' && isNear(before, after, tolerance)) return undefined;
  if (!areAlike(before, after)) return { path: [], before, after };
  const [left, right] = [before as Record<string, unknown>, after as Record<string, unknown>];
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
    const inside = firstDifference(memberOf(left, key), memberOf(right, key), tolerance);
    if (inside !== undefined) return { ...inside, path: [key, ...inside.path] };
  }
  return undefined;
}

function isNear(before: number, after: number, tolerance: number): boolean {
  const difference = Math.abs(before - after);
  if (!Number.isFinite(difference)) return false;
  return difference <= tolerance || difference <= tolerance * Math.max(Math.abs(before), Math.abs(after));
}

/** Both lists, or both objects. */
function areAlike(before: unknown, after: unknown): boolean {
  if (typeof before !== 'object' || typeof after !== 'object' || before === null || after === null) return false;
  return Array.isArray(before) === Array.isArray(after);
}

function memberOf(object: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

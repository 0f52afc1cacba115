/**
 * Values of a recorded run as JSON that loses nothing: what JSON can't carry gets a tag.
 *
 *   NaN, ±Infinity, -0, undefined   {"$":"NaN"} …
 *   123n                            {"$bigint":"123"}
 *   a function, a symbol            {"$opaque":"function"}: it can't be brought back
 *   a key that begins with $        gets one $ more
 *
 * Objects with toJSON are what that answers; other objects are their own members.
 */

/** Deeper values than this are opaque; so are those that hold themselves. */
const DEPTH_MAX = 500;
const TAG = '$';
const BIGINT_TAG = '$bigint';
const OPAQUE_TAG = '$opaque';

export function encodeValue(value: unknown): string {
  return JSON.stringify(isPlain(value, 0) ? value : tagged(value, 0));
}

/** For results with --json: as encodeValue, but a member that is undefined is left out, and keys are as they are. */
export function resultText(value: unknown): string {
  return JSON.stringify(value, (_key, its: unknown) => {
    if (typeof its === 'bigint') return { [BIGINT_TAG]: String(its) };
    return typeof its === 'number' && !Number.isFinite(its) ? { [TAG]: String(its) } : its;
  });
}

/** @throws SyntaxError for what is no JSON */
export function decodeValue(text: string): unknown {
  const value: unknown = JSON.parse(text);
  return text.includes('"$') ? untagged(value) : value;
}

/** What reading an encoded value gives: to compare values that came along different ways. */
export function asRecorded(value: unknown): unknown {
  return isPlain(value, 0) && typeof value !== 'object' ? value : decodeValue(encodeValue(value));
}

/** JSON carries it as it is. */
function isPlain(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0);
    case 'string':
    case 'boolean':
      return true;
    case 'object':
      return value === null || isPlainObject(value, depth);
    default:
      return false;
  }
}

function isPlainObject(value: object, depth: number): boolean {
  if (depth >= DEPTH_MAX || typeof (value as { toJSON?: unknown }).toJSON === 'function') return false;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (!isPlain(value[i], depth + 1)) return false;
    return true;
  }
  for (const key of Object.keys(value)) {
    if (key.startsWith(TAG) || key === '__proto__' || !isPlain((value as Record<string, unknown>)[key], depth + 1)) return false;
  }
  return true;
}

function tagged(value: unknown, depth: number): unknown {
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0) ? value : { [TAG]: numberText(value) };
  if (value === undefined) return { [TAG]: 'undefined' };
  if (typeof value === 'bigint') return { [BIGINT_TAG]: String(value) };
  if (typeof value === 'function' || typeof value === 'symbol') return { [OPAQUE_TAG]: typeof value };
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= DEPTH_MAX) return { [OPAQUE_TAG]: 'too deep' };
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === 'function') return tagged(toJSON.call(value, ''), depth + 1);
  if (Array.isArray(value)) return Array.from(value, (item) => tagged(item, depth + 1));
  return mapMembers(
    value,
    (key) => (key.startsWith(TAG) ? TAG + key : key),
    (item) => tagged(item, depth + 1),
  );
}

function untagged(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(untagged);
  const { [TAG]: word, [BIGINT_TAG]: digits } = value as Record<string, unknown>;
  if (typeof word === 'string') return word === 'undefined' ? undefined : Number(word);
  if (typeof digits === 'string') return BigInt(digits);
  if (OPAQUE_TAG in value) return value;
  return mapMembers(value, (key) => (key.startsWith(TAG + TAG) ? key.slice(1) : key), untagged);
}

/** Also members called __proto__. */
function mapMembers(value: object, keyOf: (key: string) => string, use: (item: unknown) => unknown): object {
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [keyOf(key), use(item)]));
}

function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

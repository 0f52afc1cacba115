/**
 * R7: a 64-bit hash per reading, summed mod 2^64 over a part, a window, a source. The sum does not depend on how the
 * readings were cut into parts or in which order they came, so every stage can be compared with every other.
 * Two 32-bit halves in numbers: BigInt would cost more than all the rest of the edge's work.
 *
 * Hash of a reading, every multiplication mod 2^32, on two lanes that differ in their constants:
 *   lane = mix(mix(mix(source lane, seq), timeLow), timeHigh), then for each field, in any order, the sum of
 *   mix(mix(field lane, low word of the float64), high word) is added and the lane is mixed once more.
 * The source lane is the hash of `household/device/src`, the field lane that of the field's name.
 */
export interface Digest {
  high: number;
  low: number;
}

/** Of a digest as text. */
const LENGTH = 16;
/** Codes of the digits. Looked up: a digest's digits are random, and a processor guesses wrong at every branch on them. */
const DIGITS = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));
const NO_DIGIT = -1;
/** By code: what a digit is worth. */
const VALUES = new Int8Array(128).fill(NO_DIGIT);
for (const [value, code] of DIGITS.entries()) VALUES[code] = value;

const textLanes = new Map<string, Digest>();
/** Names are few (fields) or known (sources); a flood of foreign names must not fill the memory. */
const TEXT_LANES_MAX = 100_000;

const float64 = new Float64Array(1);
const words = new Uint32Array(float64.buffer);

function mixHigh(lane: number, word: number): number {
  let mixed = Math.imul(lane ^ word, 0x9e3779b1);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca77);
  return mixed ^ (mixed >>> 13);
}

function mixLow(lane: number, word: number): number {
  let mixed = Math.imul((lane + word) | 0, 0xc2b2ae3d);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x27d4eb2f);
  return mixed ^ (mixed >>> 14);
}

/** Hash of a name, remembered. */
export function textDigest(text: string): Digest {
  const known = textLanes.get(text);
  if (known !== undefined) return known;
  let high = 0x243f6a88;
  let low = 0x13198a2e;
  for (let i = 0; i < text.length; i++) {
    high = mixHigh(high, text.charCodeAt(i));
    low = mixLow(low, text.charCodeAt(i));
  }
  if (textLanes.size >= TEXT_LANES_MAX) textLanes.clear();
  const digest = { high, low };
  textLanes.set(text, digest);
  return digest;
}

/**
 * Adds one reading's hash to `sum`.
 * @param source textDigest of the reading's `household/device/src`
 */
export function addReadingDigest(sum: Digest, source: Digest, seq: number, timeMs: number, values: Readonly<Record<string, number>>): void {
  const timeLow = timeMs >>> 0;
  const timeHigh = Math.floor(timeMs / 4294967296);
  let high = mixHigh(mixHigh(mixHigh(source.high, seq), timeLow), timeHigh);
  let low = mixLow(mixLow(mixLow(source.low, seq), timeLow), timeHigh);
  let fieldsHigh = 0;
  let fieldsLow = 0;
  for (const field in values) {
    const name = fieldDigest(field);
    // JSON writes -0 as 0: adding 0 makes them the same here too.
    float64[0] = (values[field] as number) + 0;
    fieldsHigh = (fieldsHigh + mixHigh(mixHigh(name.high, words[0] as number), words[1] as number)) | 0;
    fieldsLow = (fieldsLow + mixLow(mixLow(name.low, words[0] as number), words[1] as number)) | 0;
  }
  high = mixHigh(high, fieldsHigh);
  low = mixLow(low, fieldsLow);
  addDigest(sum, high, low);
}

let fieldBefore: string | undefined;
let fieldLanes: Digest = { high: 0, low: 0 };

/** Most readings have the field of the one before. */
function fieldDigest(field: string): Digest {
  if (field === fieldBefore) return fieldLanes;
  fieldBefore = field;
  return (fieldLanes = textDigest(field));
}

/** sum += (high, low) mod 2^64 */
export function addDigest(sum: Digest, high: number, low: number): void {
  const lowSum = (sum.low >>> 0) + (low >>> 0);
  sum.low = lowSum >>> 0;
  sum.high = ((sum.high >>> 0) + (high >>> 0) + (lowSum > 0xffffffff ? 1 : 0)) >>> 0;
}

/** 16 hex digits, high word first. */
export function digestToHex({ high, low }: Digest): string {
  return String.fromCharCode(
    digitAt(high, 28),
    digitAt(high, 24),
    digitAt(high, 20),
    digitAt(high, 16),
    digitAt(high, 12),
    digitAt(high, 8),
    digitAt(high, 4),
    digitAt(high, 0),
    digitAt(low, 28),
    digitAt(low, 24),
    digitAt(low, 20),
    digitAt(low, 16),
    digitAt(low, 12),
    digitAt(low, 8),
    digitAt(low, 4),
    digitAt(low, 0),
  );
}

/** True for what digestToHex makes. */
export function isDigest(text: string): boolean {
  if (text.length !== LENGTH) return false;
  for (let at = 0; at < LENGTH; at++) if (valueOf(text.charCodeAt(at)) === NO_DIGIT) return false;
  return true;
}

/** What digestToHex has made; of another text the words are NaN. */
export function digestFromHex(hex: string): Digest {
  return { high: readHex(hex, 0), low: readHex(hex, 8) };
}

function readHex(hex: string, at: number): number {
  let word = 0;
  let isHex = true;
  for (let digit = at; digit < at + 8; digit++) {
    const value = valueOf(hex.charCodeAt(digit));
    if (value === NO_DIGIT) isHex = false;
    word = (word << 4) | value;
  }
  return isHex ? word >>> 0 : Number.NaN;
}

/** Of a digit's code; NO_DIGIT for any other, and for the NaN behind a text's end. */
function valueOf(code: number): number {
  return code < VALUES.length ? (VALUES[code] as number) : NO_DIGIT;
}

/** Code of the digit at so many bits. */
function digitAt(word: number, bits: number): number {
  return DIGITS[(word >>> bits) & 15] as number;
}

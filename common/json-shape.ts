/**
 * What a JSON text would cost to parse, told before it is parsed. A megabyte of brackets takes the parser fifty times as long as a
 * megabyte of an honest message, and tens of megabytes of memory. Pure; reads each byte once and allocates nothing.
 */

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

export interface ShapeLimits {
  /** Lists and objects inside each other. */
  depthMax: number;
  /** Lists, objects and members of objects, together. */
  itemsMax: number;
}

/** What is too much in it, undefined when nothing is. Says nothing about whether it is JSON. */
export function shapeFault(json: Buffer, { depthMax, itemsMax }: ShapeLimits): string | undefined {
  const fours = foursOf(json);
  let depth = 0;
  let items = 0;
  for (let at = 0; at < json.length; at++) {
    // Most bytes are of numbers.
    if (at % BYTES_PER_FOUR === 0) at = afterPlainFours(fours, at);
    const byte = json[at];
    if (byte === QUOTE) at = endOfString(json, at);
    else if (byte === COLON) items++;
    else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) depth--;
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
      items++;
      if (++depth > depthMax) return `nested deeper than ${depthMax}`;
    }
    if (items > itemsMax) return `of more than ${itemsMax} lists, objects and members`;
  }
  return undefined;
}

const BYTES_PER_FOUR = 4;
/** A byte four times. */
const QUOTES = 0x22222222;
const COLONS = 0x3a3a3a3a;
/** All brackets have this bit, no digit, sign, point, comma or space. */
const BRACKET_BITS = 0x40404040;
const ONES = 0x01010101;
const TOP_BITS = 0x80808080;

/** The bytes, four at a time: of these most are passed over. None where they do not begin at a multiple of four. */
function foursOf({ buffer, byteOffset, length }: Buffer): Int32Array {
  return byteOffset % BYTES_PER_FOUR === 0 ? new Int32Array(buffer, byteOffset, Math.floor(length / BYTES_PER_FOUR)) : new Int32Array();
}

/** @returns the first byte from `at` on that may lie in four with a quote, colon or bracket among them */
function afterPlainFours(fours: Int32Array, at: number): number {
  let index = at / BYTES_PER_FOUR;
  for (; index < fours.length; index++) {
    const four = fours[index] as number;
    if ((four & BRACKET_BITS) !== 0 || hasZeroByte(four ^ QUOTES) || hasZeroByte(four ^ COLONS)) break;
  }
  return index * BYTES_PER_FOUR;
}

function hasZeroByte(four: number): boolean {
  return ((four - ONES) & ~four & TOP_BITS) !== 0;
}

/** Where the closing quote is, or the end. */
function endOfString(json: Buffer, opening: number): number {
  for (let at = opening + 1; at < json.length; at++) {
    if (json[at] === QUOTE) return at;
    if (json[at] === BACKSLASH) at++;
  }
  return json.length;
}

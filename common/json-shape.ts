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
  let depth = 0;
  let items = 0;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at] as number;
    // Most bytes are of numbers, and below.
    if (byte < COLON && byte !== QUOTE) continue;
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

/** Where the closing quote is, or the end. */
function endOfString(json: Buffer, opening: number): number {
  for (let at = opening + 1; at < json.length; at++) {
    if (json[at] === QUOTE) return at;
    if (json[at] === BACKSLASH) at++;
  }
  return json.length;
}

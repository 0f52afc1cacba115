/**
 * JSON as Python writes and reads it: also NaN, Infinity and -Infinity as bare words, and whole numbers of any size, which are a
 * bigint here as soon as a number would round them. Pure.
 *
 * The ordinary case is JSON.parse and JSON.stringify; the reader and the printer below are for texts and values that those two can't do.
 * What does not happen: a whole number is never rounded, and NaN never turns into null.
 */

/** Lists and objects inside each other; Python's own reader gives up at about this depth. */
export const JSON_DEPTH_MAX = 1_000;

export class JsonError extends Error {
  override readonly name = 'JsonError';
}

/** A number that Python must take for a float, also when it is whole: it is printed as 1.0. */
export class PythonFloat {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }

  /** JSON.stringify can't print it; see `print`. */
  toJSON(): never {
    throw new JsonError('a Python float');
  }
}

/**
 * A whole number that may be too long to be exact: below 16 digits every one is. Not in a fraction or an exponent. A text in quotes may
 * match too, which only costs time.
 */
const LONG_INTEGER = /(?:^|[[,:\s-])\d{16,}(?:$|[\],}\s])/;

/** @throws JsonError */
export function parsePythonJson(text: string): unknown {
  if (!LONG_INTEGER.test(text) && !mayBeDeep(text)) {
    try {
      return JSON.parse(text);
    } catch {
      // It may be one of Python's words; the reader below says what is wrong otherwise.
    }
  }
  return new Reader(text).whole();
}

/** @throws JsonError for what can't be JSON: a function, a loop, too much depth */
export function printPythonJson(value: unknown): string {
  try {
    const text = JSON.stringify(value);
    // NaN and Infinity have become null; without a null there was none of them.
    if (text !== undefined && !text.includes('null')) return text;
  } catch {
    // A bigint, a PythonFloat, or a loop.
  }
  return print(value, 0);
}

/** Whether brackets, those in texts included, are nested more deeply than is read. */
function mayBeDeep(text: string): boolean {
  if (text.length <= 2 * JSON_DEPTH_MAX) return false;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at) | 0x20; // [ and { differ in this bit, and so do ] and }
    if (unit === 0x7b) {
      if (++depth > JSON_DEPTH_MAX) return true;
    } else if (unit === 0x7d) depth--;
  }
  return false;
}

function print(value: unknown, depth: number): string {
  if (depth > JSON_DEPTH_MAX) throw new JsonError(`nested more deeply than ${JSON_DEPTH_MAX}, or a loop`);
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? JSON.stringify(value) : String(value);
    case 'bigint':
      return String(value);
    case 'string':
    case 'boolean':
      return JSON.stringify(value);
    case 'undefined':
      return 'null';
    case 'object':
      return printObject(value, depth);
    default:
      throw new JsonError(`a ${typeof value} is not JSON`);
  }
}

function printObject(value: object | null, depth: number): string {
  if (value === null) return 'null';
  if (value instanceof PythonFloat) return Number.isInteger(value.value) ? value.value.toFixed(1) : print(value.value, depth);
  if (Array.isArray(value)) return `[${value.map((item) => print(item, depth + 1)).join(',')}]`;
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === 'function') return print(toJSON.call(value), depth + 1);
  const members = Object.entries(value).filter(([, item]) => item !== undefined);
  return `{${members.map(([key, item]) => `${JSON.stringify(key)}:${print(item, depth + 1)}`).join(',')}}`;
}

const WORDS: readonly (readonly [string, unknown])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
];
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
/** Up to the closing quote; control characters are not allowed inside. */
// oxlint-disable-next-line no-control-regex
const STRING = /"(?:[^"\\\u0000-\u001f]|\\.)*"/y;
const SPACE = /[ \t\n\r]*/y;

class Reader {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  whole(): unknown {
    const value = this.value(0);
    this.space();
    if (this.at < this.text.length) throw this.wrong('the end was expected');
    return value;
  }

  private value(depth: number): unknown {
    if (depth > JSON_DEPTH_MAX) throw new JsonError(`nested more deeply than ${JSON_DEPTH_MAX}`);
    this.space();
    switch (this.text[this.at]) {
      case '{':
        return this.object(depth);
      case '[':
        return this.list(depth);
      case '"':
        return this.string();
      default:
        return this.scalar();
    }
  }

  private object(depth: number): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    this.at++;
    if (this.takes('}')) return object;
    do {
      this.space();
      const key = this.string();
      if (!this.takes(':')) throw this.wrong('":" was expected');
      const value = this.value(depth + 1);
      if (key === '__proto__') Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
      else object[key] = value;
    } while (this.takes(','));
    if (!this.takes('}')) throw this.wrong('"," or "}" was expected');
    return object;
  }

  private list(depth: number): unknown[] {
    const list: unknown[] = [];
    this.at++;
    if (this.takes(']')) return list;
    do list.push(this.value(depth + 1));
    while (this.takes(','));
    if (!this.takes(']')) throw this.wrong('"," or "]" was expected');
    return list;
  }

  private string(): string {
    const token = this.token(STRING);
    if (token === undefined) throw this.wrong('a text in quotes was expected');
    try {
      return JSON.parse(token[0]) as string;
    } catch {
      this.at -= token[0].length;
      throw this.wrong('this text has an escape that does not exist');
    }
  }

  private scalar(): unknown {
    for (const [word, value] of WORDS) {
      if (!this.text.startsWith(word, this.at)) continue;
      this.at += word.length;
      return value;
    }
    const token = this.token(NUMBER);
    if (token === undefined) throw this.wrong('a value was expected');
    const [digits, fraction, exponent] = token;
    const number = Number(digits);
    return fraction === undefined && exponent === undefined && !Number.isSafeInteger(number) ? BigInt(digits) : number;
  }

  private token(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.at;
    const token = pattern.exec(this.text);
    if (token === null) return undefined;
    this.at += token[0].length;
    return token;
  }

  private takes(sign: string): boolean {
    this.space();
    if (this.text[this.at] !== sign) return false;
    this.at++;
    return true;
  }

  private space(): void {
    this.token(SPACE);
  }

  private wrong(expected: string): JsonError {
    const rest = this.text.slice(this.at, this.at + 20);
    return new JsonError(`character ${this.at} of ${this.text.length}: ${expected}, found ${rest === '' ? 'the end' : rest}`);
  }
}

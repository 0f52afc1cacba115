/**
 * JSON as people write it: line and block comments, and a comma after the last item. Every value keeps the place where it stands, so that
 * whoever looks at it later can say in which line a mistake is.
 *
 * What does not happen: a key that stands twice is not overwritten silently, it is refused.
 */

export type Path = readonly (string | number)[];

export interface PlacedJson {
  value: unknown;
  /** Line of the value; of a member, that of its name. Of something that is not there, the line of what it should be in. */
  lineOf: (path: Path) => number;
}

/** Deeper nesting is a mistake, and would be one for the stack too. */
const DEPTH_MAX = 100;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
/** A string ends in its line. */
// oxlint-disable-next-line no-control-regex
const STRING = /"(?:[^"\\\u0000-\u001f]|\\.)*"/y;
const BLANK = /(?:[ \t\r\n\uFEFF]|\/\/[^\n]*|\/\*[^]*?\*\/)*/y;
const WORDS: Readonly<Record<string, unknown>> = { true: true, false: false, null: null };

export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError';
  readonly line: number;
  readonly column: number;

  constructor(message: string, line: number, column: number) {
    super(message);
    this.line = line;
    this.column = column;
  }
}

/** `connections[3].to` */
export function pathText(path: Path): string {
  let text = '';
  for (const step of path) text += typeof step === 'number' ? `[${step}]` : text === '' ? step : `.${step}`;
  return text;
}

/** @throws JsonSyntaxError for the first place that is not understood */
export function parsePlacedJson(text: string): PlacedJson {
  const reader = new Reader(text);
  const value = reader.whole();
  const lineOf = (path: Path): number => {
    for (let length = path.length; length > 0; length--) {
      const offset = reader.offsets.get(keyOf(path.slice(0, length)));
      if (offset !== undefined) return placeIn(text, offset).line;
    }
    return 1;
  };
  return { value, lineOf };
}

class Reader {
  /** Where each value begins, by path. */
  readonly offsets = new Map<string, number>();
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  whole(): unknown {
    this.skipBlank();
    const value = this.value([]);
    this.skipBlank();
    if (this.at < this.text.length) throw this.refused('the file goes on after its end');
    return value;
  }

  private value(path: Path): unknown {
    if (path.length > DEPTH_MAX) throw this.refused(`more than ${DEPTH_MAX} levels`);
    const next = this.text[this.at];
    if (next === '{') return this.object(path);
    if (next === '[') return this.list(path);
    if (next === '"') return this.string();
    const word = Object.keys(WORDS).find((its) => this.text.startsWith(its, this.at));
    if (word !== undefined) {
      this.at += word.length;
      return WORDS[word];
    }
    const number = this.match(NUMBER);
    if (number === undefined) throw this.refused(`a value is wanted, not ${this.shown()}`);
    return Number(number);
  }

  private object(path: Path): Record<string, unknown> {
    const members: Record<string, unknown> = {};
    this.items('}', () => {
      if (this.text[this.at] !== '"') throw this.refused(`a name in double quotes is wanted, not ${this.shown()}`);
      const begin = this.at;
      const name = this.string();
      const its = [...path, name];
      if (Object.hasOwn(members, name)) {
        const { line } = placeIn(this.text, this.offsets.get(keyOf(its)) as number);
        throw this.refused(`"${name}" stands twice, first in line ${line}`, begin);
      }
      this.offsets.set(keyOf(its), begin);
      this.skipBlank();
      if (this.text[this.at] !== ':') throw this.refused(`a colon is wanted after "${name}", not ${this.shown()}`);
      this.at++;
      this.skipBlank();
      // Also for a member called __proto__.
      Object.defineProperty(members, name, { value: this.value(its), enumerable: true, writable: true, configurable: true });
    });
    return members;
  }

  private list(path: Path): unknown[] {
    const items: unknown[] = [];
    this.items(']', () => {
      const its = [...path, items.length];
      this.offsets.set(keyOf(its), this.at);
      items.push(this.value(its));
    });
    return items;
  }

  /** What stands between two brackets, with commas between and perhaps after. */
  private items(end: '}' | ']', item: () => void): void {
    const begin = this.at++;
    for (;;) {
      this.skipBlank();
      if (this.text[this.at] === end) break;
      if (!this.isOver) item();
      this.skipBlank();
      if (this.isOver) throw this.refused(`this ${this.text[begin]} is not closed`, begin);
      if (this.text[this.at] === ',') this.at++;
      else if (this.text[this.at] !== end) throw this.refused(`a comma or ${end} is wanted, not ${this.shown()}`);
    }
    this.at++;
  }

  private string(): string {
    const begin = this.at;
    const found = this.match(STRING);
    if (found === undefined) throw this.refused('this text is not closed in its line', begin);
    try {
      return JSON.parse(found) as string;
    } catch {
      throw this.refused('this text has a \\ that stands for nothing', begin);
    }
  }

  private skipBlank(): void {
    this.match(BLANK);
    if (this.text.startsWith('/*', this.at)) throw this.refused('this comment is not closed');
  }

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  private get isOver(): boolean {
    return this.at >= this.text.length;
  }

  private shown(): string {
    return this.isOver ? 'the end of the file' : (/[\w.+-]+|[^]/.exec(this.text.slice(this.at, this.at + 20))?.[0] as string);
  }

  private refused(message: string, at = this.at): JsonSyntaxError {
    const { line, column } = placeIn(this.text, at);
    return new JsonSyntaxError(message, line, column);
  }
}

function keyOf(path: Path): string {
  return JSON.stringify(path);
}

function placeIn(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1) as string).length + 1 };
}

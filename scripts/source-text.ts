/**
 * Looks at TypeScript as text, for tidy: where comments and strings are, what a file imports, where its functions are.
 * It knows enough of the language for formatted code; it does not parse it.
 */

export interface Import {
  specifier: string;
  /** `import type`, or every name in the braces is marked `type`. */
  typeOnly: boolean;
  /** `export … from`. */
  reexport: boolean;
  line: number;
}

export interface Block {
  /** What stands before the brace, nested brackets left out. */
  header: string;
  /** The call whose argument the block is in, e.g. `describe`; empty for none. */
  call: string;
  firstLine: number;
  lastLine: number;
}

const REGEX_MAY_FOLLOW = /(?:^|[(,=:[!&|?{};+\-*%~^<>]|\b(?:return|typeof|case|in|of|do|else|void|await|yield))$/;

/** The text with every comment and the inside of every string, template and regular expression as spaces; positions stay. */
export function blankText(text: string): string {
  return new Blanker(text).blank();
}

class Blanker {
  private readonly text: string;
  private readonly out: string[];
  private at = 0;

  constructor(text: string) {
    this.text = text;
    this.out = text.split('');
  }

  blank(): string {
    this.code(false);
    return this.out.join('');
  }

  /** Goes over code up to the end, or to the brace that closes a template's `${`. */
  private code(inTemplate: boolean): void {
    let depth = 0;
    while (this.at < this.text.length) {
      const char = this.text[this.at]!;
      const next = this.text[this.at + 1];
      if (char === '/' && next === '/') this.hideTo(this.find('\n'), 0);
      else if (char === '/' && next === '*') this.hideTo(this.find('*/') + 2, 0);
      else if (char === "'" || char === '"') this.quoted(char);
      else if (char === '`') this.template();
      else if (char === '/' && this.regexMayFollow()) this.regex();
      else {
        if (char === '{') depth++;
        if (char === '}' && depth-- === 0 && inTemplate) return;
        this.at++;
      }
    }
  }

  private find(what: string): number {
    const found = this.text.indexOf(what, this.at);
    return found < 0 ? this.text.length : found;
  }

  /** Blanks from here up to `end`, keeping line ends and `border` characters at both sides. */
  private hideTo(end: number, border: number): void {
    for (let i = this.at + border; i < Math.min(end, this.text.length) - border; i++) if (this.text[i] !== '\n') this.out[i] = ' ';
    this.at = end;
  }

  private quoted(quote: string): void {
    let end = this.at + 1;
    while (end < this.text.length && this.text[end] !== quote && this.text[end] !== '\n') end += this.text[end] === '\\' ? 2 : 1;
    this.hideTo(end + 1, 1);
  }

  private regexMayFollow(): boolean {
    const before = this.out
      .slice(Math.max(0, this.at - 40), this.at)
      .join('')
      .trimEnd();
    return REGEX_MAY_FOLLOW.test(before);
  }

  private regex(): void {
    let end = this.at + 1;
    let inClass = false;
    while (end < this.text.length && this.text[end] !== '\n' && (inClass || this.text[end] !== '/')) {
      if (this.text[end] === '[') inClass = true;
      if (this.text[end] === ']') inClass = false;
      end += this.text[end] === '\\' ? 2 : 1;
    }
    this.hideTo(end + 1, 1);
  }

  private template(): void {
    this.at++;
    while (this.at < this.text.length && this.text[this.at] !== '`') {
      if (this.text.startsWith('${', this.at)) {
        this.at += 2;
        this.code(true);
        this.at++;
      } else {
        const width = this.text[this.at] === '\\' ? 2 : 1;
        this.hideTo(this.at + width, 0);
      }
    }
    this.at++;
  }
}

export function lineAt(text: string, position: number): number {
  let line = 1;
  for (let i = text.indexOf('\n'); i >= 0 && i < position; i = text.indexOf('\n', i + 1)) line++;
  return line;
}

const FROM = /\b(import|export)\s+(type\b)?([\w\s{},*$]*?)\bfrom\s*(?=['"])/g;
const BARE = /\bimport\s*(?=['"])/g;
const DYNAMIC = /\bimport\(\s*(?=['"])/g;

/** Static and dynamic imports and re-exports. */
export function importsOf(text: string, blanked = blankText(text)): Import[] {
  const imports: Import[] = [];
  const add = (position: number, typeOnly: boolean, reexport: boolean) => {
    const quote = text[position]!;
    imports.push({
      specifier: text.slice(position + 1, text.indexOf(quote, position + 1)),
      typeOnly,
      reexport,
      line: lineAt(text, position),
    });
  };
  for (const match of blanked.matchAll(FROM)) {
    const names = /\{([^}]*)\}/
      .exec(match[3]!)?.[1]
      ?.split(',')
      .filter((name) => name.trim() !== '');
    const onlyBraces = match[3]!.trim().startsWith('{');
    const allTypes = onlyBraces && names !== undefined && names.length > 0 && names.every((name) => name.trim().startsWith('type '));
    add(match.index + match[0].length, match[2] !== undefined || allTypes, match[1] === 'export');
  }
  for (const match of blanked.matchAll(BARE)) add(match.index + match[0].length, false, false);
  for (const match of blanked.matchAll(DYNAMIC)) {
    const typeOnly = /\btypeof\s*$/.test(blanked.slice(0, match.index));
    add(match.index + match[0].length, typeOnly, false);
  }
  return imports;
}

const FILE_ADDRESS = /\bnew URL\(\s*(?=['"])/g;

/** Files named by `new URL('…', import.meta.url)`: workers and programs that are started. */
export function fileAddressesOf(text: string, blanked = blankText(text)): string[] {
  return [...blanked.matchAll(FILE_ADDRESS)].map((match) => {
    const position = match.index + match[0].length;
    return text.slice(position + 1, text.indexOf(text[position]!, position + 1));
  });
}

/** Every brace block of more than `minLines` lines. */
export function blocksOf(blanked: string, minLines: number): Block[] {
  const blocks: Block[] = [];
  const open: number[] = [];
  for (let i = 0; i < blanked.length; i++) {
    if (blanked[i] === '{') open.push(i);
    if (blanked[i] !== '}') continue;
    const start = open.pop();
    if (start === undefined) continue;
    const firstLine = lineAt(blanked, start);
    const lastLine = lineAt(blanked, i);
    if (lastLine - firstLine + 1 > minLines) blocks.push({ ...headerBefore(blanked, start), firstLine, lastLine });
  }
  return blocks;
}

const OPENING: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' };

/** Reads backwards from a brace to the beginning of its statement. */
function headerBefore(blanked: string, brace: number): { header: string; call: string } {
  let header = '';
  for (let i = brace - 1; i >= 0; i--) {
    const char = blanked[i]!;
    if (char === ';' || char === '{') break;
    if (char === '(' || char === '[') {
      const call = char === '(' ? (/([\w$]+)\s*$/.exec(blanked.slice(Math.max(0, i - 60), i))?.[1] ?? '') : '';
      return { header: header.trim(), call };
    }
    // A `}` right before is the end of a type like `(): { a: number } {`; otherwise it ends the statement before.
    if (char === '}' && !/^\s*($|[[\]>|&])/.test(header)) break;
    const opening = OPENING[char];
    if (opening === undefined) header = char + header;
    else {
      const start = matchingOpen(blanked, i, opening, char);
      header = opening + char + header;
      i = start;
    }
  }
  return { header: header.trim(), call: '' };
}

function matchingOpen(blanked: string, close: number, opening: string, closing: string): number {
  let depth = 0;
  for (let i = close; i >= 0; i--) {
    if (blanked[i] === closing) depth++;
    if (blanked[i] === opening && --depth === 0) return i;
  }
  return 0;
}

/** True for the body of a function, method, getter or constructor; false for loops, branches, objects, classes, types. */
export function isFunction(block: Block): boolean {
  if (block.header.endsWith('=>')) return true;
  const words = block.header.replace(/^\s*(?:[\w$]+:\s+)?/, '');
  if (/^(if|for|while|switch|catch|else|do|try|class|interface|type|enum)\b/.test(words)) return false;
  return /\(\)\s*(:[^=]*)?$/.test(block.header);
}

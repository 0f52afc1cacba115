/**
 * Pure: what is said as a code with values, for who words it in another language, and as English text, for APIs, logs and files. Where
 * the text alone is kept or travels, `of` reads code and values back: whoever wrote it with the same table said nothing else.
 */

export interface Worded<Code extends string = string> {
  code: Code;
  values: Readonly<Record<string, string | number>>;
}

type NamesIn<T> = T extends `${string}{${infer Name}}${infer Rest}` ? Name | NamesIn<Rest> : never;
/** What stands in the text of one code. */
export type ValuesOf<Text, Numbers extends string> = { readonly [Name in NamesIn<Text>]: Name extends Numbers ? number : string };
type Given<Text, Numbers extends string> = [NamesIn<Text>] extends [never] ? [] : [ValuesOf<Text, Numbers>];

const NUMBER = '-?\\d+(?:\\.\\d+)?(?:e[+-]?\\d+)?';

export class WordedTexts<const Texts extends Readonly<Record<string, string>>, const Numbers extends string> {
  readonly codes: (keyof Texts & string)[];
  private readonly texts: Texts;
  private readonly numbers: ReadonlySet<string>;
  private readonly patterns: Map<keyof Texts & string, RegExp>;

  /**
   * @param texts by code, with the names of values in braces; of two that fit a text the first one is read
   * @param numbers names whose values are numbers; those of the others are text
   */
  constructor(texts: Texts, numbers: readonly Numbers[]) {
    this.texts = texts;
    this.numbers = new Set(numbers);
    this.codes = Object.keys(texts);
    this.patterns = new Map(this.codes.map((code) => [code, this.patternOf(texts[code] as string)]));
  }

  worded<Code extends keyof Texts & string>(code: Code, ...[values]: Given<Texts[Code], Numbers>): Worded<keyof Texts & string> {
    return { code, values: values ?? {} };
  }

  text({ code, values }: Worded<keyof Texts & string>): string {
    return (this.texts[code] as string).replace(/\{(\w+)\}/g, (_, name: string) => String(values[name]));
  }

  /** `text` of `worded`. */
  say<Code extends keyof Texts & string>(code: Code, ...values: Given<Texts[Code], Numbers>): string {
    return this.text(this.worded(code, ...values));
  }

  /** What was written with `text`; undefined for the words of another program. */
  of(text: string): Worded<keyof Texts & string> | undefined {
    for (const [code, pattern] of this.patterns) {
      const match = pattern.exec(text);
      if (match === null) continue;
      const values = Object.entries(match.groups ?? {}).map(([name, value]) => [name, this.numbers.has(name) ? Number(value) : value]);
      return { code, values: Object.fromEntries(values) as Worded['values'] };
    }
    return undefined;
  }

  private patternOf(text: string): RegExp {
    const seen = new Set<string>();
    const body = text.split(/\{(\w+)\}/).map((piece, i) => {
      if (i % 2 === 0) return piece.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
      if (seen.has(piece)) return `\\k<${piece}>`;
      seen.add(piece);
      return `(?<${piece}>${this.numbers.has(piece) ? NUMBER : '.*?'})`;
    });
    return new RegExp(`^${body.join('')}$`, 's');
  }
}

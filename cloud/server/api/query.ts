/** Parameters of the API: schemas, limits, and errors that say how to mend them. */
import type { Request, Response } from 'express';
import { z } from 'zod';
import { ID_PATTERN } from '../../../common/ids.ts';
import { likelyWord } from '../../../common/nearest-word.ts';
import { NOT_A_ZONE, NOT_AN_ID, PROBLEM_DETAILS, type ProblemDetail } from './problem-details.ts';
import { Problem, type ProblemError, shortened } from './problem.ts';
import { parseTimeWord } from './time-word.ts';

/** Rows of one answer. */
export const LIMIT_MAX = 10_000;
export const LIMIT_DEFAULT = 1_000;
/** Characters of a parameter's value that are looked at; a cursor is the longest. */
const VALUE_CHARACTERS_MAX = 1_000;

/** A time or a word for one; clock.ts of the request says what the words mean. */
export const time = z
  .string()
  .transform((text, context) => {
    const word = parseTimeWord(text);
    if (typeof word !== 'string') return word;
    context.addIssue({ code: 'custom', message: word });
    return z.NEVER;
  })
  .meta({
    description:
      'ISO-8601 with its zone (2019-12-24T06:00:00Z, +01:00), milliseconds since 1970, or `now`, `latest` (end of the newest window ' +
      'stored), `first`, each also with an offset in s, m, h, d or w as in `latest-24h`. A local time without zone is refused',
    example: 'latest-24h',
  });

export const id = z.string().regex(ID_PATTERN, NOT_AN_ID).meta({ description: 'An id: up to 128 of A-Z a-z 0-9 _ -' });

export const RESOLUTIONS = ['raw', '1m', '15m', '1h', '1d'] as const;
export const resolution = oneOf(RESOLUTIONS).meta({ description: '`raw` = windows, when left out; days are those of Europe/Berlin' });

export const numbers = oneOf(['full', 'rounded']).meta({
  description:
    '`full`, when left out: as many digits as give the same number back. `rounded`: as /api/v1/series rounds them, W and % to 2 ' +
    'decimals, kWh to 6',
});

export const limit = limitUpTo(LIMIT_MAX);

/** Rows of one answer, where they are larger than usual ones. */
export function limitUpTo(rowsMax: number) {
  return z
    .string()
    .regex(/^\d{1,9}$/, `must be a whole number, 1 to ${rowsMax}`)
    .transform(Number)
    .refine((rows) => rows >= 1 && rows <= rowsMax, `must be 1 to ${rowsMax}; take more with the cursor of each answer`)
    .meta({ description: `Rows of one answer, 1 to ${rowsMax}`, example: '100' });
}

export const timeZone = z.string().refine(isTimeZone, NOT_A_ZONE).meta({
  description: 'IANA name of the zone in which days, weeks and months begin; Europe/Berlin when left out',
  example: 'Europe/Berlin',
});

/** Names are short and plain; what else a runtime may take, such as an offset, has no summer time and is refused. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

export function oneOf<const Choices extends readonly [string, ...string[]]>(choices: Choices) {
  return z.enum(choices, { error: `must be one of ${choices.join(', ')}` });
}

/** Cursors are opaque to callers: base64url of JSON that `schema` accepts. */
export function cursorOf<T>(schema: z.ZodType<T>) {
  return z
    .string()
    .transform((text, context): T => {
      try {
        return schema.parse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')));
      } catch {
        context.addIssue({
          code: 'custom',
          message: 'is not a cursor of this list: give back nextCursor as it came, or leave it out to begin',
        });
        return z.NEVER;
      }
    })
    .meta({ description: '`nextCursor` of the answer before, as it came' });
}

export function encodeCursor(position: unknown): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

/**
 * The query of a request by a schema. A parameter nobody knows is an error, because a misspelt `form=` would otherwise
 * silently give another answer than the one asked for.
 * @throws Problem 400
 */
export function readQuery<Shape extends z.ZodRawShape>(
  request: Request,
  schema: z.ZodObject<Shape>,
  /** Characters of one parameter that are looked at. */
  charactersMax = VALUE_CHARACTERS_MAX,
): z.output<z.ZodObject<Shape>> {
  const query = request.query as Record<string, unknown>;
  const known = Object.keys(schema.shape);
  const errors: { parameter: string; detail: string }[] = [];
  for (const [parameter, value] of Object.entries(query)) {
    if (!known.includes(parameter)) errors.push({ parameter: shortened(parameter), detail: unknownDetail(parameter, known) });
    else if (typeof value !== 'string') errors.push({ parameter, detail: 'is given more than once: give it once' });
    else if (value.length > charactersMax) errors.push({ parameter, detail: `is longer than ${charactersMax} characters` });
  }
  if (errors.length > 0) throw badParameters(errors);
  const result = schema.safeParse(query);
  if (result.success) return result.data;
  throw badParameters(result.error.issues.map(errorOf));
}

function errorOf({ path: [parameter = 'query', ...inside], message: detail }: z.core.$ZodIssue): ProblemError & { parameter: string } {
  const name = String(parameter);
  return { parameter: name, ...(inside.length === 0 ? {} : { pointer: `/${[name, ...inside].join('/')}` }), detail };
}

export function badParameters(errors: readonly (ProblemError & { parameter: string })[]): Problem {
  const shown = errors.slice(0, 10);
  return new Problem(400, 'bad-parameter', shown.map((error) => `${error.parameter} ${error.detail}`).join('; '), { errors: shown });
}

/** One parameter, in words that begin with its name. */
export function badParameter(said: ProblemDetail): Problem {
  const parameter = String(said.values['parameter']);
  return badParameters([{ parameter, detail: PROBLEM_DETAILS.text(said).slice(parameter.length + 1) }]);
}

function unknownDetail(parameter: string, known: readonly string[]): string {
  if (known.length === 0) return 'is not known: this path takes no parameters';
  const meant = likelyWord(parameter.slice(0, 40), known);
  if (meant === undefined) return `is not known: this path takes ${known.join(', ')}`;
  return `is not known: did you mean ${meant}? (${known.join(', ')})`;
}

/** The path's parameter of this name, as it came. */
export function pathWord(request: Request, name = 'id'): string {
  const word = request.params[name];
  return typeof word === 'string' ? word : '';
}

/** For a list in pages: the address of the next one as `Link`, with the query as it was asked. */
export function linkNext(request: Request, response: Response, nextCursor: string | null): void {
  if (nextCursor === null) return;
  const query = new URLSearchParams(request.query as Record<string, string>);
  query.set('cursor', nextCursor);
  response.links({ next: `${request.baseUrl}${request.path}?${query}` });
}

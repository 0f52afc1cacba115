/** Parameters of the API: schemas, limits, and errors that say how to mend them. */
import type { Request } from 'express';
import { z } from 'zod';
import { ID_PATTERN } from '../../../common/ids.ts';
import { parseTime, TIME_REMEDY } from '../../../common/iso-time.ts';
import { likelyWord } from '../../../common/nearest-word.ts';
import type { RangeQuery, Resolution } from '../storage/series-store.ts';
import { Problem, shortened } from './problem.ts';

/** Rows of one answer. */
export const LIMIT_MAX = 10_000;
export const LIMIT_DEFAULT = 1_000;
/** Characters of a parameter's value that are looked at; a cursor is the longest. */
const VALUE_CHARACTERS_MAX = 1_000;

export const time = z.string().transform((text, context) => {
  const timeMs = parseTime(text);
  if (timeMs !== undefined) return timeMs;
  context.addIssue({ code: 'custom', message: `is not a time: ${TIME_REMEDY}` });
  return z.NEVER;
});

export const id = z.string().regex(ID_PATTERN, 'is not an id: up to 128 of A-Z a-z 0-9 _ -');

export const RESOLUTIONS = ['raw', '1m', '15m', '1h', '1d'] as const;
export const resolution = oneOf(RESOLUTIONS);

export const limit = z
  .string()
  .regex(/^\d{1,9}$/, `must be a whole number, 1 to ${LIMIT_MAX}`)
  .transform(Number)
  .refine((rows) => rows >= 1 && rows <= LIMIT_MAX, `must be 1 to ${LIMIT_MAX}; take more with the cursor of each answer`);

export function oneOf<const Choices extends readonly [string, ...string[]]>(choices: Choices) {
  return z.enum(choices, { error: `must be one of ${choices.join(', ')}` });
}

/** Cursors are opaque to callers: base64url of JSON that `schema` accepts. */
export function cursorOf<T>(schema: z.ZodType<T>) {
  return z.string().transform((text, context): T => {
    try {
      return schema.parse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')));
    } catch {
      context.addIssue({
        code: 'custom',
        message: 'is not a cursor of this list: give back nextCursor as it came, or leave it out to begin',
      });
      return z.NEVER;
    }
  });
}

export function encodeCursor(position: unknown): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

/**
 * The query of a request by a schema. A parameter nobody knows is an error, because a misspelt `form=` would otherwise
 * silently give another answer than the one asked for.
 * @throws Problem 400
 */
export function readQuery<Shape extends z.ZodRawShape>(request: Request, schema: z.ZodObject<Shape>): z.output<z.ZodObject<Shape>> {
  const query = request.query as Record<string, unknown>;
  const known = Object.keys(schema.shape);
  const errors: { parameter: string; detail: string }[] = [];
  for (const [parameter, value] of Object.entries(query)) {
    if (!known.includes(parameter)) errors.push({ parameter: shortened(parameter), detail: unknownDetail(parameter, known) });
    else if (typeof value !== 'string') errors.push({ parameter, detail: 'is given more than once: give it once' });
    else if (value.length > VALUE_CHARACTERS_MAX) errors.push({ parameter, detail: `is longer than ${VALUE_CHARACTERS_MAX} characters` });
  }
  if (errors.length > 0) throw badParameters(errors);
  const result = schema.safeParse(query);
  if (result.success) return result.data;
  throw badParameters(result.error.issues.map((issue) => ({ parameter: String(issue.path[0] ?? 'query'), detail: issue.message })));
}

/** from must not lie after to: an empty answer would hide the slip. */
export function checkRange(query: { from?: number | undefined; to?: number | undefined }): void {
  if (query.from === undefined || query.to === undefined || query.from <= query.to) return;
  throw badParameters([{ parameter: 'from', detail: 'lies after to: swap them' }]);
}

function badParameters(errors: { parameter: string; detail: string }[]): Problem {
  const shown = errors.slice(0, 10);
  return new Problem(400, 'bad-parameter', shown.map((error) => `${error.parameter} ${error.detail}`).join('; '), { errors: shown });
}

function unknownDetail(parameter: string, known: readonly string[]): string {
  if (known.length === 0) return 'is not known: this path takes no parameters';
  const meant = likelyWord(parameter.slice(0, 40), known);
  if (meant === undefined) return `is not known: this path takes ${known.join(', ')}`;
  return `is not known: did you mean ${meant}? (${known.join(', ')})`;
}

/** The store's query; parameters that were not given stay out. */
export function rangeQuery(query: {
  household?: string | undefined;
  field?: string | undefined;
  from?: number | undefined;
  to?: number | undefined;
  resolution?: Resolution | undefined;
}): RangeQuery {
  return {
    resolution: query.resolution ?? 'raw',
    ...(query.household === undefined ? {} : { household: query.household }),
    ...(query.field === undefined ? {} : { field: query.field }),
    ...(query.from === undefined ? {} : { fromMs: query.from }),
    ...(query.to === undefined ? {} : { toMs: query.to }),
  };
}

/** Pure: which series of a request are not stored. An answer without them would hide a slip, one that named the first only another. */
import { Problem, type ProblemError, shortened } from './problem.ts';
import type { SeriesRef } from './series-ref.ts';

/** Series that the sentence of a problem names; its list has all of them. */
const NAMED_MAX = 5;

interface Unknown {
  text: string;
  kind: 'no-such-field' | 'no-such-series';
  error: ProblemError;
}

/**
 * A state or a fleet without a household has no series, and is no slip.
 * @param found of each, of how many devices a series was found
 * @param fields all that are stored
 * @throws Problem 404 naming each with its place
 */
export function checkStored(
  asked: readonly { text: string; ref: SeriesRef }[],
  found: readonly { devices: number }[],
  fields: readonly string[],
): void {
  const unknown = asked.flatMap(({ text, ref }, i): Unknown[] => {
    const its = (kind: Unknown['kind'], detail: string) => [
      { text, kind, error: { parameter: 'series', pointer: `/series/${i}`, detail } },
    ];
    if (!fields.includes(ref.field)) {
      const known = fields.length === 0 ? 'nothing is stored yet' : `there are ${fields.join(', ')}`;
      return its('no-such-field', `${shortened(text)}: no field ${shortened(ref.field)} is stored; ${known}`);
    }
    if ((found[i]?.devices ?? 0) > 0 || ref.kind === 'state' || ref.kind === 'all') return [];
    return its('no-such-series', `${shortened(text)} is not stored; /api/v1/households/:id/devices lists a household's`);
  });
  const [first] = unknown;
  if (first === undefined) return;
  const kind = unknown.find((its) => its.kind === 'no-such-series')?.kind ?? first.kind;
  const detail = asked.length === 1 ? first.error.detail : sentenceOf(unknown, asked.length);
  throw new Problem(404, kind, detail, { errors: unknown.map(({ error }) => error) });
}

function sentenceOf(unknown: readonly Unknown[], asked: number): string {
  const names = unknown.slice(0, NAMED_MAX).map(({ text }) => shortened(text));
  const more = unknown.length > NAMED_MAX ? ` and ${unknown.length - NAMED_MAX} more` : '';
  const what = `${unknown.length} of ${asked} series are not stored: ${names.join(', ')}${more}`;
  return `${what}; leave them out, or have them answered with nulls: unknown=null`;
}

/** Pure: which series of a request are not stored. An answer without them would hide a slip, one that named the first only another. */
import { PROBLEM_DETAILS } from './problem-details.ts';
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
      const said = { series: shortened(text), field: shortened(ref.field) };
      if (fields.length === 0) return its('no-such-field', PROBLEM_DETAILS.say('series-field-unknown-yet', said));
      return its('no-such-field', PROBLEM_DETAILS.say('series-field-unknown', { ...said, fields: fields.join(', ') }));
    }
    if ((found[i]?.devices ?? 0) > 0 || ref.kind === 'state' || ref.kind === 'all') return [];
    return its('no-such-series', PROBLEM_DETAILS.say('series-unknown', { series: shortened(text) }));
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
  return PROBLEM_DETAILS.say('some-series-unknown', { n: unknown.length, asked, names: `${names.join(', ')}${more}` });
}

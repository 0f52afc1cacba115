/** Whether what a request names is stored. */
import type { ApiParts } from './api-parts.ts';
import { PROBLEM_DETAILS, type ProblemDetail } from './problem-details.ts';
import { Problem, shortened } from './problem.ts';

/** A household that is not in figures so young is unknown; asking again and again for it reads the store no oftener. */
const UNKNOWN_MAX_AGE_MS = 100;

/** @throws Problem 404 */
export async function checkKnown({ overview }: ApiParts, household: string): Promise<void> {
  if ((await overview.current()).households.has(household)) return;
  if ((await overview.recent(UNKNOWN_MAX_AGE_MS)).households.has(household)) return;
  throw new Problem(404, 'no-such-household', PROBLEM_DETAILS.say('household-unknown', { household: shortened(household) }));
}

/** A field that nobody has sent: an empty answer would hide the slip. @throws Problem 404 */
export async function checkField({ store }: ApiParts, field: string | undefined): Promise<void> {
  if (field === undefined) return;
  const fields = await store.fields();
  if (fields.includes(field)) return;
  throw new Problem(404, 'no-such-field', PROBLEM_DETAILS.text(unknownField(field, fields)));
}

function unknownField(field: string, fields: readonly string[]): ProblemDetail {
  if (fields.length === 0) return PROBLEM_DETAILS.worded('field-unknown-yet', { field: shortened(field) });
  return PROBLEM_DETAILS.worded('field-unknown', { field: shortened(field), fields: fields.join(', ') });
}

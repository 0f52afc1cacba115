/** Whether what a request names is stored. */
import type { ApiParts } from './api-parts.ts';
import { Problem, shortened } from './problem.ts';

/** A household that is not in figures so young is unknown; asking again and again for it reads the store no oftener. */
const UNKNOWN_MAX_AGE_MS = 100;

/** @throws Problem 404 */
export async function checkKnown({ overview }: ApiParts, household: string): Promise<void> {
  if ((await overview.current()).households.has(household)) return;
  if ((await overview.recent(UNKNOWN_MAX_AGE_MS)).households.has(household)) return;
  throw new Problem(404, 'no-such-household', `no household ${shortened(household)} is known; /api/v1/households lists those that are`);
}

/** A field that nobody has sent: an empty answer would hide the slip. @throws Problem 404 */
export async function checkField({ store }: ApiParts, field: string | undefined): Promise<void> {
  if (field === undefined) return;
  const fields = await store.fields();
  if (fields.includes(field)) return;
  const known = fields.length === 0 ? 'nothing is stored yet' : `there are ${fields.join(', ')}`;
  throw new Problem(404, 'no-such-field', `no field ${shortened(field)} is stored; ${known}`);
}

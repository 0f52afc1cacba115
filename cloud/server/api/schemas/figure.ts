/** What is said in words, as a code with values, for who words it in another language. */
import { z } from 'zod';
import { PARKED_REASONS } from '../../../../common/parked-reason.ts';

const values = z
  .record(z.string(), z.union([z.string(), z.number()]))
  .meta({ description: 'What stands in the words', example: { n: 12 } });

export function figureOf<const Code extends string>(codes: readonly Code[], example: Code) {
  return z.object({ code: z.enum(codes).meta({ description: 'Which words', example }), values });
}

/** Why a household is held back. */
export const parkedReasonFigure = figureOf(PARKED_REASONS.codes, 'conflict');

/** Words that may quote the reason of a household that is held back. */
export function quotingFigureOf<const Code extends string>(codes: readonly Code[], example: Code) {
  const reason = parkedReasonFigure
    .optional()
    .meta({ description: 'The value `reason` of these as code and values, where it is a known one' });
  return figureOf(codes, example).extend({ reason });
}

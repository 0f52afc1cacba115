/** Where windows are missing. */
import { z } from 'zod';
import { deviceName, householdId } from './households.ts';
import { dataLabel, isoTimeText, nextCursor } from './time.ts';

const GAP = {
  device: deviceName,
  from: isoTimeText.meta({ description: 'End of the window before the gap' }),
  to: isoTimeText.meta({ description: 'Start of the window after it' }),
  seconds: z.number().meta({ description: 'Of the windows that are missing' }),
  exact: z.boolean().meta({
    description:
      'False where windows were forgotten because of their age and only a longer bucket tells: `seconds` are missing somewhere between ' +
      '`from` and `to`, which then lie in one bucket of the shortest kind kept there (`kept` of /api/v1)',
  }),
  reason: z.string().meta({
    description:
      '`no readings`, or `declared: …` with the reason, when readings in it were declared missing; not known where windows were forgotten',
  }),
  declared: z.int().meta({ description: 'Readings declared missing in it' }),
};

export const gap = z.object(GAP).meta({
  id: 'Gap',
  description:
    'One or more whole windows missing between two stored windows of a device. What is before its first or after its last window is no ' +
    'gap, and neither is a window with fewer readings than usual. Nothing is filled in: there are no windows in a gap, never zeros',
});

/** GET /api/v1/households/:id/gaps?from&to&limit&cursor, in order of device, from; gaps that reach into from ≤ t < to. */
export const gapsReply = z.object({ gaps: z.array(gap), nextCursor, dataLabel }).meta({ id: 'GapsReply' });

/** GET /api/v1/gaps?from&to&limit&cursor: of all households, in order of household, device, from. */
export const allGapsReply = z
  .object({ gaps: z.array(z.object({ household: householdId, ...GAP }).meta({ id: 'HouseholdGap' })), nextCursor, dataLabel })
  .meta({ id: 'AllGapsReply' });

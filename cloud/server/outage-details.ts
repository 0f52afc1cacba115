/** Pure: what more is known of an outage. The fleet log keeps the text; the API gives it as code and values too. */
import { type Worded, WordedTexts } from '../../common/worded.ts';

export const OUTAGE_DETAILS = new WordedTexts(
  {
    'in-order': 'stopped in order',
    'no-word': 'ended without a word',
    'stood-still': 'stood still',
    parked: '{household}: {reason}',
  },
  [],
);

export type OutageDetailCode = (typeof OUTAGE_DETAILS.codes)[number];
export type OutageDetail = Worded<OutageDetailCode>;

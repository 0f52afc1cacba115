/**
 * Pure: why a household is parked. The edge keeps the reason as text in its outbox and says it so, whoever of cloud and edge found it;
 * `parkedReason` reads code and values back for who words it in another language.
 */
import { SECOND_SOURCE } from './protocol/receiver-rules.ts';
import { type Worded, WordedTexts } from './worded.ts';

export const PARKED_REASONS = new WordedTexts(
  {
    'taken-over': 'another edge has taken it over; restart this edge to claim it again',
    'not-allowed':
      'edge {edge} may not own it: the operator of the cloud allows it (fogline certs allow {edge}), then: fogline parked resume',
    'records-damaged':
      "the cloud's records of it are damaged ({fault}): fogline restore a backup of the cloud; then, at the edge: fogline parked resume",
    'device-damaged': "the cloud's records of it are damaged ({fault}): start the cloud server anew: it looks through them",
    'name-unusable': 'its name is not an id: bring edge and cloud to one version, then: fogline parked resume',
    'generation-unusable': "its generation is not a count: the edge's outbox is damaged: stop the edge, put its outbox aside, start it",
    'row-damaged': 'outbox row {row} is damaged: {fault}',
    conflict: 'conflict at seq {from}..{to}: the cloud has other readings under these numbers',
    'second-source': `rejected at seq {from}..{to}: ${SECOND_SOURCE}`,
    rejected: 'rejected at seq {from}..{to}: {fault}',
  },
  ['row', 'from', 'to'],
);

export type ParkedReasonCode = (typeof PARKED_REASONS.codes)[number];
export type ParkedReason = Worded<ParkedReasonCode>;

/** Longer ones are not looked at: an edge may say what it likes. */
const REASON_CHARACTERS_MAX = 1_000;

/** Of a row that was refused for what is wrong with its household, that; undefined for the words of another program. */
export function parkedReason(text: string): ParkedReason | undefined {
  if (text.length > REASON_CHARACTERS_MAX) return undefined;
  const reason = PARKED_REASONS.of(text);
  if (reason?.code !== 'rejected') return reason;
  return PARKED_REASONS.of(String(reason.values['fault'])) ?? reason;
}

/** Pure: figures whose words quote why a household is held back get that reason as code and values too. */
import { type ParkedReason, parkedReason } from '../../common/parked-reason.ts';
import type { Worded } from '../../common/worded.ts';

export function withReason<Code extends string>({ code, values }: Worded<Code>): Worded<Code> & { reason?: ParkedReason } {
  const { reason: text } = values;
  const reason = typeof text === 'string' ? parkedReason(text) : undefined;
  return { code, values, ...(reason !== undefined && { reason }) };
}

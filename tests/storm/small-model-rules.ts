/** Rules that can be switched off, so that the checker itself is tested: without any of them it must find a counterexample. */
export const RULES = [
  'seen is a set of intervals',
  'holes are searched in the log',
  'the start id tells another cloud process',
  'acks of another start are ignored',
  'a hello waits for the requests on their way',
  'nothing is sent before the answer to a hello',
  'a part of another generation is refused',
  'not_owner stops a household',
  'a gap is refused',
  'an overlap is refused',
  'covered is reloaded after a hello',
  'acked rows outside covered are queued again',
  'what overlaps covered is dropped',
  'a repeated claim keeps its generation',
  'each start has a claim of its own',
  'declared is not covered',
  'the end mark names the last seqs',
  'the log under the offset is checked',
  'the lowest seq goes first',
  'the earlier source goes first',
  'un-acked gap rows are searched anew',
  'committed is below what is not acknowledged',
  'nothing is committed while a hello is due',
] as const;
export type Rule = (typeof RULES)[number];

export type RulesOff = ReadonlySet<Rule>;
export const ALL_RULES: RulesOff = new Set();

/** What a process claims by. */
export function claimOf(off: RulesOff, life: string): string {
  return off.has('each start has a claim of its own') ? 'the only one' : life;
}

/** Whether a long run was a good one, and everything that says no. Pure. */
import { type Figure, isMissed } from './question.ts';

/** In fewer minutes not every kind of fault can come. */
export const MINUTES_FOR_ALL = 10;

/** How often a kind of fault was tried, and how often it was seen that it had taken effect. */
export interface FaultTally {
  tried: number;
  met: number;
}

/** Of what `fogline audit --json` says. */
export interface AuditReport {
  run: string;
  windows: number;
  declared: { household: string; stage: string; reason: string; readings: number }[];
  refusals: { household: string; stage: string; window: string | null; what: string }[];
}

export interface SoakRecord {
  minutes: number;
  /** By name, every kind that there is. */
  faults: Readonly<Record<string, FaultTally>>;
  /** Parts that ended by themselves when nothing allowed it. */
  ended: readonly string[];
  /** Promises that were seen broken while a fault was on. */
  broken: readonly string[];
  /** Households whose records were poison. */
  poisoned: readonly string[];
  /** Households that the edge held back at the end. */
  parked: readonly string[];
  /** At the end. */
  audit: AuditReport;
  /** What was watched: memory, open files, bytes. */
  watched: readonly Figure[];
}

/** @returns what is wrong, for people; empty when the run was a good one */
export function redsOf(record: SoakRecord): string[] {
  const { minutes, faults, ended, broken, poisoned, parked, audit, watched } = record;
  const reds: string[] = [];
  for (const [name, { tried, met }] of Object.entries(faults)) {
    if (tried > 0 && met === 0) reds.push(`${name}: tried ${tried} times, and never seen to take effect`);
    if (tried === 0 && minutes >= MINUTES_FOR_ALL) reds.push(`${name}: never tried`);
  }
  reds.push(...ended.map((what) => `ended by itself: ${what}`), ...broken);
  for (const household of parked) if (!poisoned.includes(household)) reds.push(`${household} is parked, and had no poison`);
  reds.push(...auditReds(audit, poisoned));
  for (const { what, value, unit } of watched.filter(isMissed)) reds.push(`${what}: ${value} ${unit}`);
  return reds;
}

/** Differences that no fault explains: the records of poison are of no file, and that alone the audit must say of them. */
export function differencesOf({ refusals }: AuditReport, poisoned: readonly string[]): string[] {
  return refusals
    .filter(({ household, what }) => !(poisoned.includes(household) && /there is no file of it/.test(what)))
    .map(({ household, stage, window, what }) => `audit: ${household}, ${stage}, ${window ?? 'no window'}: ${what}`);
}

function auditReds(audit: AuditReport, poisoned: readonly string[]): string[] {
  const reds = differencesOf(audit, poisoned);
  if (audit.run !== 'ended') reds.push(`audit: the run is ${audit.run}`);
  if (audit.windows === 0) reds.push('audit: nothing was compared');
  for (const household of poisoned)
    if (!audit.refusals.some((refusal) => refusal.household === household))
      reds.push(`audit: nothing is said of ${household}, which no file has`);
  // What the simulator sets aside is in the files; what is declared further on is lost.
  for (const { household, stage, reason, readings } of audit.declared)
    if (stage !== 'source' && !poisoned.includes(household))
      reds.push(`audit: ${readings} readings of ${household} declared lost: ${reason}`);
  return reds;
}

/** For the table; the kinds that a short run did not come to are left out. */
export function figuresOf(record: SoakRecord): Figure[] {
  const { faults, ended, broken, poisoned, audit, watched } = record;
  const kinds = Object.entries(faults).filter(([, { tried }]) => tried > 0);
  const none = { is: '≤', limit: 0 } as const;
  return [
    { what: 'faults', value: kinds.reduce((sum, [, { tried }]) => sum + tried, 0), unit: 'faults' },
    ...kinds.map(([name, { met }]): Figure => ({ what: `fault: ${name}`, value: met, unit: 'times', promise: { is: '≥', limit: 1 } })),
    { what: 'parts that ended by themselves', value: ended.length, unit: 'times', promise: none },
    { what: 'promises broken in a fault', value: broken.length, unit: 'times', promise: none },
    { what: 'differences that the audit found', value: auditReds(audit, poisoned).length, unit: 'differences', promise: none },
    ...watched,
  ];
}

export function replayCommand(minutes: number, seed: number): string {
  return `npm run soak -- --minutes ${minutes} --seed ${seed}`;
}

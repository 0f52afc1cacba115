/**
 * Pure: what the cloud keeps of an edge's own word about itself. The status comes from another machine: it is looked at field by
 * field and cut to size here, so that neither a faulty edge nor a long list of parked households can fill memory or break an answer.
 */
import type { EdgeStatus } from '../../common/messages.ts';
import { type ParkedReason, parkedReason } from '../../common/parked-reason.ts';

/** Parked and waiting households kept by name; the counts tell of the rest. */
export const HOUSEHOLDS_NAMED_MAX = 20;
/** Characters of a household or a reason; those of the known reasons are some 250 with the longest names that people give. */
const TEXT_CHARACTERS_MAX = 300;
const VERSION_CHARACTERS_MAX = 40;

export interface EdgeReport {
  /** Event time of the newest reading taken in. */
  newestMs: number | null;
  /** Parts not yet acknowledged. */
  outboxParts: number;
  /** Event time of the oldest window not yet acknowledged. */
  oldestUnackedMs: number | null;
  households: number;
  /** `figure`: the reason as a code with values, null where it is of no known kind. */
  parked: { household: string; reason: string; figure: ParkedReason | null }[];
  parkedCount: number;
  waitingFor: string[];
  waitingCount: number;
  outboxFull: boolean;
  /** Topic records set aside, acknowledged rows dropped early: totals of the edge's process. */
  unreadable: number;
  trimmedEarly: number;
  /** Places of its outbox found damaged, and households left out of its hellos, since its process started. */
  damaged: number;
  leftOut: number;
  /** Damaged files of its topic that lie set aside. */
  topicDamage: number;
  /** Every run the edge knows is done, and it knows one. */
  replayFinished: boolean;
  /** Of its program; null when it says none. */
  version: string | null;
}

/** Of an edge that has said nothing yet. */
export const NO_REPORT: EdgeReport = {
  newestMs: null,
  outboxParts: 0,
  oldestUnackedMs: null,
  households: 0,
  parked: [],
  parkedCount: 0,
  waitingFor: [],
  waitingCount: 0,
  outboxFull: false,
  unreadable: 0,
  trimmedEarly: 0,
  damaged: 0,
  leftOut: 0,
  topicDamage: 0,
  replayFinished: false,
  version: null,
};

export function edgeReport(status: EdgeStatus): EdgeReport {
  const parked = list(status.parked);
  const waitingFor = list(status.waitingFor);
  const runs = list(status.runs);
  return {
    newestMs: timeOrNull(status.newestMs),
    outboxParts: count(status.queued) + count(status.sent),
    oldestUnackedMs: timeOrNull(status.oldestUnackedMs),
    households: count(status.households),
    parked: parked.slice(0, HOUSEHOLDS_NAMED_MAX).map(parkedHousehold),
    parkedCount: parked.length,
    waitingFor: waitingFor.slice(0, HOUSEHOLDS_NAMED_MAX).map(text),
    waitingCount: waitingFor.length,
    outboxFull: status.outboxFull === true,
    unreadable: count(status.unreadable),
    trimmedEarly: count(status.trimmedEarly),
    damaged: count(status.damaged ?? 0),
    leftOut: count(status.leftOut ?? 0),
    topicDamage: count(status.topicDamage ?? 0),
    replayFinished: runs.length > 0 && runs.every((run) => run?.done === true),
    version: typeof status.version === 'string' ? status.version.slice(0, VERSION_CHARACTERS_MAX) : null,
  };
}

/** Event time between the newest reading and the oldest window not acknowledged; null when none waits. */
export function outboxAgeSeconds({ newestMs, oldestUnackedMs }: EdgeReport): number | null {
  return newestMs === null || oldestUnackedMs === null ? null : Math.max(0, newestMs - oldestUnackedMs) / 1_000;
}

function parkedHousehold(entry: EdgeStatus['parked'][number] | null): EdgeReport['parked'][number] {
  const reason = text(entry?.reason);
  return { household: text(entry?.household), reason, figure: parkedReason(reason) ?? null };
}

function list<T>(value: readonly T[]): readonly T[] {
  return Array.isArray(value) ? value : [];
}

function count(value: number): number {
  return Number.isSafeInteger(value) && value >= 0 ? value : 0;
}

function timeOrNull(value: number | null): number | null {
  return Number.isSafeInteger(value) ? value : null;
}

function text(value: string | undefined): string {
  return typeof value === 'string' ? value.slice(0, TEXT_CHARACTERS_MAX) : '?';
}

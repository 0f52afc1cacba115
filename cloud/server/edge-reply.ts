/** Pure: an edge as the API shows it: its own word, how it is heard, and what was counted of it. */
import { isoTime } from '../../common/iso-time.ts';
import type { EdgeReply } from './api/api-types.ts';
import type { EdgeFacts } from './edge-facts.ts';
import { type EdgeReport, outboxAgeSeconds } from './edge-report.ts';
import type { Health } from './outage-rules.ts';

interface Heard {
  edge: string;
  state: 'live' | 'silent';
  lastHeartbeatMs: number | null;
  report: EdgeReport;
}

export function edgeReply(
  { edge, state, lastHeartbeatMs, report }: Heard,
  health: Health,
  facts: ReturnType<EdgeFacts['read']>,
  windowsMissing: number | null,
): EdgeReply {
  return {
    edge,
    state,
    health,
    lastHeartbeatAt: timeOrNull(lastHeartbeatMs),
    queued: report.outboxParts,
    oldestUnackedAt: timeOrNull(report.oldestUnackedMs),
    outboxAgeSeconds: outboxAgeSeconds(report),
    households: report.households,
    windowsMissing,
    parked: report.parked,
    parkedCount: report.parkedCount,
    waitingFor: report.waitingFor,
    waitingCount: report.waitingCount,
    outboxFull: report.outboxFull,
    unreadable: report.unreadable,
    outboxDamage: report.damaged,
    namesLeftOut: report.leftOut,
    topicDamage: report.topicDamage,
    replayFinished: report.replayFinished,
    firstSeenAt: timeOrNull(facts.firstSeenMs),
    lastConnectAt: timeOrNull(facts.lastConnectMs),
    lastDisconnectAt: timeOrNull(facts.lastDisconnectMs),
    lastActivityAt: timeOrNull(facts.lastHeartbeatMs),
    lastAckAt: timeOrNull(facts.lastAckMs),
    connects: facts.connects,
    storedParts: facts.storedParts,
    duplicateParts: facts.duplicateParts,
    refusedRows: facts.refusedRows,
    declaredReadings: facts.declaredReadings,
    droppedEarly: report.trimmedEarly,
    storedPerMinute: facts.storedPerMinute,
    clockSkewSeconds: facts.skewMs === null ? null : facts.skewMs / 1_000,
    version: facts.version,
  };
}

export function timeOrNull(timeMs: number | null): string | null {
  return timeMs === null ? null : isoTime(timeMs);
}

/** Pure: outages, availability and outboxes as the API gives them. */
import { isoTime } from '../../../common/iso-time.ts';
import { type AvailabilityQuery, availabilityOf } from '../availability.ts';
import { OUTAGE_DETAILS } from '../outage-details.ts';
import { withReason } from '../quoted-reason.ts';
import type { KeptOutage, Outage, OutboxSample } from '../storage/fleet-log.ts';
import type { AvailabilityReply, OutageReply, OutboxReply } from './api-types.ts';

export function outageReply({ id, edge, cause, fromMs, toMs, detail }: KeptOutage, nowMs: number): OutageReply {
  const figure = OUTAGE_DETAILS.of(detail);
  return {
    id: String(id),
    edge: edge === '' ? null : edge,
    from: isoTime(fromMs),
    to: toMs === null ? null : isoTime(toMs),
    seconds: Math.max(0, (toMs ?? nowMs) - fromMs) / 1_000,
    cause,
    detail,
    figure: figure === undefined ? null : withReason(figure),
    openNow: toMs === null,
  };
}

/** @param outages of all edges and of the cloud */
export function availabilityReplyOf(
  edge: string,
  outages: readonly Outage[],
  query: AvailabilityQuery,
): AvailabilityReply['edges'][number] {
  const its = outages.filter((outage) => outage.edge === edge || outage.edge === '');
  const { slots, ...all } = availabilityOf(its, query);
  return { edge, ...all, slots: slots.map(({ startMs, ...shares }) => ({ start: isoTime(startMs), ...shares })) };
}

/** The most of each slot, because a short peak is what is looked for. @param samples in order of time */
export function outboxSlots(
  samples: readonly Omit<OutboxSample, 'edge'>[],
  { fromMs, toMs, slotMs }: { fromMs: number; toMs: number; slotMs: number },
): Pick<OutboxReply, 'starts' | 'maxParts' | 'maxAgeSeconds'> {
  const count = Math.max(0, Math.ceil((toMs - fromMs) / slotMs));
  const maxParts = new Array<number | null>(count).fill(null);
  const maxAgeSeconds = new Array<number | null>(count).fill(null);
  for (const { atMs, parts, ageSeconds } of samples) {
    const slot = Math.floor((atMs - fromMs) / slotMs);
    if (slot < 0 || slot >= count) continue;
    maxParts[slot] = Math.max(maxParts[slot] ?? 0, parts);
    if (ageSeconds !== null) maxAgeSeconds[slot] = Math.max(maxAgeSeconds[slot] ?? 0, ageSeconds);
  }
  return { starts: maxParts.map((_, slot) => isoTime(fromMs + slot * slotMs)), maxParts, maxAgeSeconds };
}

/** Pure: how much of a time an edge was heard. Time in which the cloud was away counts for nobody, and is told apart. */
import type { Outage } from './storage/fleet-log.ts';

export interface AvailabilityQuery {
  fromMs: number;
  toMs: number;
  slotMs: number;
  /** Before it nothing was recorded. */
  knownFromMs: number;
  nowMs: number;
}

export interface Share {
  /** Of the time that counts; null when none does. */
  upShare: number | null;
  /** Heard, but nothing was stored of what waited, or households were held back. */
  lateShare: number | null;
  /** Of the time that is known at all; null when none is. */
  cloudDownShare: number | null;
}

export interface Availability extends Share {
  slots: (Share & { startMs: number })[];
  silentSeconds: number;
  cloudDownSeconds: number;
  /** Silences that reach into the range. */
  outages: number;
  /** Time heard by silence; null without one. */
  mtbfSeconds: number | null;
}

interface Span {
  fromMs: number;
  toMs: number;
}

/** @param outages of this edge and of the cloud, in any order */
export function availabilityOf(outages: readonly Outage[], query: AvailabilityQuery): Availability {
  const { nowMs } = query;
  const spansOf = (...causes: string[]) =>
    joined(outages.filter(({ cause }) => causes.includes(cause)).map(({ fromMs, toMs }) => ({ fromMs, toMs: toMs ?? nowMs })));
  const down = spansOf('cloud down');
  const spans = {
    down,
    silent: without(spansOf('silent'), down),
    late: without(spansOf('late', 'parked'), joined([...down, ...spansOf('silent')])),
  };
  const known = { fromMs: Math.max(query.fromMs, query.knownFromMs), toMs: Math.min(query.toMs, nowMs) };
  const silentMs = lengthIn(spans.silent, known);
  const downMs = lengthIn(down, known);
  const count = outages.filter(
    ({ cause, fromMs, toMs }) => cause === 'silent' && fromMs < known.toMs && (toMs ?? nowMs) > known.fromMs,
  ).length;
  const heardMs = Math.max(0, known.toMs - known.fromMs - downMs - silentMs);
  const slots: Availability['slots'] = [];
  for (let startMs = query.fromMs; startMs < query.toMs; startMs += query.slotMs) {
    const slot = { fromMs: Math.max(startMs, known.fromMs), toMs: Math.min(startMs + query.slotMs, known.toMs) };
    slots.push({ startMs, ...shareOf(spans, slot) });
  }
  return {
    ...shareOf(spans, known),
    slots,
    silentSeconds: silentMs / 1_000,
    cloudDownSeconds: downMs / 1_000,
    outages: count,
    mtbfSeconds: count === 0 ? null : heardMs / count / 1_000,
  };
}

function shareOf(spans: { down: readonly Span[]; silent: readonly Span[]; late: readonly Span[] }, span: Span): Share {
  const knownMs = span.toMs - span.fromMs;
  if (knownMs <= 0) return { upShare: null, lateShare: null, cloudDownShare: null };
  const downMs = lengthIn(spans.down, span);
  const countedMs = knownMs - downMs;
  const cloudDownShare = Math.min(1, downMs / knownMs);
  if (countedMs <= 0) return { upShare: null, lateShare: null, cloudDownShare };
  const upShare = clamped(1 - lengthIn(spans.silent, span) / countedMs);
  return { upShare, lateShare: clamped(lengthIn(spans.late, span) / countedMs), cloudDownShare };
}

function clamped(share: number): number {
  return Math.min(1, Math.max(0, share));
}

/** In order, none touching another. */
function joined(spans: readonly Span[]): Span[] {
  const whole: Span[] = [];
  for (const span of [...spans].sort((a, b) => a.fromMs - b.fromMs)) {
    const last = whole.at(-1);
    if (last !== undefined && span.fromMs <= last.toMs) last.toMs = Math.max(last.toMs, span.toMs);
    else if (span.toMs > span.fromMs) whole.push({ ...span });
  }
  return whole;
}

/** What of `spans` lies in none of `others`; both are joined. */
function without(spans: readonly Span[], others: readonly Span[]): Span[] {
  return spans.flatMap((span) => {
    const left: Span[] = [];
    let fromMs = span.fromMs;
    for (const other of others) {
      if (other.toMs <= fromMs || other.fromMs >= span.toMs) continue;
      if (other.fromMs > fromMs) left.push({ fromMs, toMs: other.fromMs });
      fromMs = Math.max(fromMs, other.toMs);
    }
    if (fromMs < span.toMs) left.push({ fromMs, toMs: span.toMs });
    return left;
  });
}

function lengthIn(spans: readonly Span[], { fromMs, toMs }: Span): number {
  return spans.reduce((sum, span) => sum + Math.max(0, Math.min(toMs, span.toMs) - Math.max(fromMs, span.fromMs)), 0);
}

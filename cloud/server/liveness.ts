/**
 * Knows each edge by its heartbeats. An edge is silent when none came for longer than expected; silence and return
 * are each told once: one log line, one event, one count. Nothing here asks the edge or decides for it.
 */
import type { Clock, Timer } from '../../common/clock.ts';
import type { Logger } from '../../common/logger.ts';
import type { EdgeStatus } from '../../common/messages.ts';
import type { Counter, Metrics } from '../../common/metrics.ts';
import type { EdgeReply } from './api/api-types.ts';
import type { ReturningEdge } from './reconnect-spread.ts';
import { OUTAGE_DETAILS } from './outage-details.ts';
import { EdgeFacts } from './edge-facts.ts';
import { edgeReply, timeOrNull } from './edge-reply.ts';
import { type EdgeReport, edgeReport, NO_REPORT, outboxAgeSeconds } from './edge-report.ts';
import { type EdgeTimes, type HealthLimits, healthOf, type JudgedEdge } from './outage-rules.ts';

/** Edges held in memory; beyond it the one heard of longest ago is forgotten, so that invented names can't fill it. */
export const EDGES_MAX = 10_000;

/** One edge as it was last heard of. */
export interface KnownEdge {
  edge: string;
  state: 'live' | 'silent';
  /** Wall time of the last heartbeat, for people; null when none came since this process started. */
  lastHeartbeatMs: number | null;
  /** Monotonic time of the last heartbeat or of `expect`, for the rule: a clock that is set back silences nobody. */
  heardMs: number;
  /** Monotonic time at which it was heard first in this process, or again after silence; null when it was not heard. */
  backMs: number | null;
  report: EdgeReport;
}

export interface LivenessOptions {
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
  /** cloud.silent_after_seconds × 1000. */
  silentAfterMs: number;
  /** Of what waits at an edge something must be stored in this time. UNSTORED_AFTER_MS unless given. */
  unstoredAfterMs?: number;
}

/** UNSTORED_WINDOWS of the usual 5 s. */
const UNSTORED_AFTER_MS = 30_000;

export type EdgeListener = (edge: EdgeReply) => void;

/** The rule: which live edges are silent now, and when the next one can be (null when none is live). */
export function judge(
  edges: Iterable<KnownEdge>,
  nowMs: number,
  silentAfterMs: number,
): { silent: KnownEdge[]; nextCheckMs: number | null } {
  const silent: KnownEdge[] = [];
  let nextCheckMs: number | null = null;
  for (const edge of edges) {
    if (edge.state === 'silent') continue;
    const silentAtMs = edge.heardMs + silentAfterMs;
    if (nowMs >= silentAtMs) silent.push(edge);
    else nextCheckMs = Math.min(nextCheckMs ?? silentAtMs, silentAtMs);
  }
  return { silent, nextCheckMs };
}

export class Liveness {
  private readonly options: LivenessOptions;
  readonly facts: EdgeFacts;
  readonly limits: HealthLimits;
  /** By edge id, in order of last heartbeat. */
  private readonly known = new Map<string, KnownEdge>();
  private readonly listeners = new Set<EdgeListener>();
  private readonly changes: Counter;
  private timer: Timer | undefined;
  private running = false;
  private missingOf: (edge: string) => number | null = () => null;

  constructor(options: LivenessOptions) {
    this.options = options;
    this.facts = new EdgeFacts(options.clock, EDGES_MAX);
    this.limits = { silentAfterMs: options.silentAfterMs, unstoredAfterMs: options.unstoredAfterMs ?? UNSTORED_AFTER_MS };
    this.changes = options.metrics.counter('fogline_edge_changes_total', 'Edges that fell silent or came back.', ['to']);
    options.metrics.gauge('fogline_edge_live', '1 while heartbeats of the edge come, 0 when it is silent.', ['edge'], (gauge) => {
      gauge.reset();
      for (const edge of this.known.values()) gauge.set(edge.state === 'live' ? 1 : 0, { edge: edge.edge });
    });
    const gauge = (name: string, help: string, read: (report: EdgeReport) => number) =>
      options.metrics.gauge(name, help, ['edge'], (held) => {
        held.reset();
        for (const { edge, report } of this.known.values()) held.set(read(report), { edge });
      });
    gauge(
      'fogline_edge_outbox_age_seconds',
      'Event time between newest reading and oldest window not acknowledged.',
      (report) => outboxAgeSeconds(report) ?? 0,
    );
    gauge('fogline_edge_outbox_full', '1 while the quota stops the intake.', ({ outboxFull }) => (outboxFull ? 1 : 0));
    gauge('fogline_edge_parked_households', 'Households held back.', ({ parkedCount }) => parkedCount);
    gauge('fogline_edge_waiting_households', 'Households that wait to be assigned.', ({ waitingCount }) => waitingCount);
    gauge('fogline_edge_unreadable_records', 'Topic records set aside.', ({ unreadable }) => unreadable);
    gauge('fogline_edge_outbox_damage', 'Places of the outbox found damaged since the start.', ({ damaged }) => damaged);
    gauge('fogline_edge_topic_damage', 'Damaged files of the topic that lie set aside.', ({ topicDamage }) => topicDamage);
    gauge('fogline_edge_names_left_out', 'Households left out of hellos, their names are none.', ({ leftOut }) => leftOut);
    gauge('fogline_edge_trimmed_early_rows', 'Acked rows deleted early because of the quota.', ({ trimmedEarly }) => trimmedEarly);
    gauge('fogline_edge_households', 'Households of the edge, as it last said.', ({ households }) => households);
    gauge('fogline_edge_outbox_parts', 'Parts of the edge not yet acknowledged, as it last said.', ({ outboxParts }) => outboxParts);
  }

  start(): void {
    this.running = true;
    this.check();
  }

  stop(): void {
    this.running = false;
    this.timer?.cancel();
    this.timer = undefined;
    this.listeners.clear();
  }

  /**
   * A heartbeat came in. Cheap: the thread that answers heartbeats calls it.
   * @param atMs wall time of its arrival
   * @param sentMs wall time of the edge when it was sent
   */
  seen(edge: string, status: EdgeStatus, atMs: number, sentMs?: number): void {
    const before = this.known.get(edge);
    const heardMs = this.options.clock.monotonicMs();
    const now: KnownEdge = {
      edge,
      state: 'live',
      lastHeartbeatMs: atMs,
      heardMs,
      backMs: before?.state === 'live' ? (before.backMs ?? heardMs) : heardMs,
      report: edgeReport(status),
    };
    this.known.delete(edge);
    this.known.set(edge, now);
    const isConnect = before === undefined || before.state === 'silent' || before.lastHeartbeatMs === null;
    const { outboxParts, version } = now.report;
    this.facts.heard(edge, { atMs, sentMs, version, outboxParts, isConnect });
    if (before === undefined) this.forgetBeyondLimit();
    if (before?.state === 'silent') this.tellReturn(now, now.heardMs - before.heardMs);
    if (before === undefined) this.options.logger.info({ edge }, 'edge heard for the first time');
    else if (before.lastHeartbeatMs === null && before.state === 'live') this.options.logger.info({ edge }, 'edge heard after the start');
    if (this.timer === undefined) this.check();
  }

  /**
   * Edges that the store knows from earlier processes. One that never comes back is told as silent too.
   */
  expect(edges: readonly string[]): void {
    const heardMs = this.options.clock.monotonicMs();
    for (const edge of edges.slice(0, EDGES_MAX)) {
      if (!this.known.has(edge))
        this.known.set(edge, { edge, state: 'live', lastHeartbeatMs: null, heardMs, backMs: null, report: NO_REPORT });
    }
    this.check();
  }

  /** All edges known, by id. */
  edges(): EdgeReply[] {
    return [...this.known.values()].map((edge) => this.reply(edge)).sort((a, b) => (a.edge < b.edge ? -1 : 1));
  }

  /** Who knows what is expected of an edge's households and not there. Until it is told nobody does. */
  tellMissing(missingOf: (edge: string) => number | null): void {
    this.missingOf = missingOf;
  }

  /** For the spread of those that come back. */
  returning(): ReturningEdge[] {
    return [...this.known.values()].map(returningEdge);
  }

  returningOf(edge: string): ReturningEdge | undefined {
    const known = this.known.get(edge);
    return known === undefined ? undefined : returningEdge(known);
  }

  /** As edges(), with what the edges said of themselves. */
  reports(): readonly KnownEdge[] {
    return [...this.known.values()];
  }

  /** For the rules of outages. @param startedMs wall time at which this cloud began to listen */
  judged(startedMs: number): JudgedEdge[] {
    return [...this.known.values()].map((known) => {
      const { edge, lastHeartbeatMs, report } = known;
      const [parked] = report.parked;
      return {
        edge,
        ...this.times(known),
        lastHeardMs: lastHeartbeatMs ?? startedMs,
        connectedMs: this.facts.read(edge).lastConnectMs,
        parkedCount: report.parkedCount,
        parkedWords: parked === undefined ? '' : OUTAGE_DETAILS.say('parked', { household: parked.household, reason: parked.reason }),
      };
    });
  }

  private times({ edge, state, lastHeartbeatMs, heardMs }: KnownEdge): EdgeTimes {
    const { lastHeartbeatMs: everMs, unstoredMs } = this.facts.read(edge);
    const quietMs = this.options.clock.monotonicMs() - heardMs;
    return { state, isHeard: lastHeartbeatMs !== null, isKnown: everMs !== null, quietMs, unstoredMs };
  }

  private reply(known: KnownEdge): EdgeReply {
    return edgeReply(known, healthOf(this.times(known), this.limits), this.facts.read(known.edge), this.missingOf(known.edge));
  }

  /** Calls back on silence and return of an edge, never for an ordinary heartbeat. Returns the function that ends it. */
  onChange(listener: EdgeListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private check(): void {
    this.timer?.cancel();
    this.timer = undefined;
    if (!this.running) return;
    const nowMs = this.options.clock.monotonicMs();
    const { silent, nextCheckMs } = judge(this.known.values(), nowMs, this.options.silentAfterMs);
    for (const edge of silent) this.tellSilence(edge);
    if (nextCheckMs !== null) this.timer = this.options.clock.timer('edge silence', Math.ceil(nextCheckMs - nowMs), () => this.check());
  }

  private tellSilence(edge: KnownEdge): void {
    edge.state = 'silent';
    this.facts.lost(edge.edge, this.options.clock.nowMs());
    const { silentAfterMs } = this.options;
    this.options.logger.warn({ edge: edge.edge, lastHeartbeatAt: timeOrNull(edge.lastHeartbeatMs), silentAfterMs }, 'edge is silent');
    this.tell(edge);
  }

  private tellReturn(edge: KnownEdge, silentMs: number): void {
    this.options.logger.info({ edge: edge.edge, silentMs: Math.round(silentMs), outboxParts: edge.report.outboxParts }, 'edge is back');
    this.tell(edge);
  }

  private tell(edge: KnownEdge): void {
    this.changes.add(1, { to: edge.state });
    const reply = this.reply(edge);
    for (const listener of this.listeners) listener(reply);
  }

  private forgetBeyondLimit(): void {
    if (this.known.size <= EDGES_MAX) return;
    const oldest = this.known.keys().next();
    if (!oldest.done) this.known.delete(oldest.value);
  }
}

/** One that is silent or was not heard since the start has said nothing of its backlog. */
function returningEdge({ edge, state, lastHeartbeatMs, backMs, report }: KnownEdge): ReturningEdge {
  const isHeard = state === 'live' && lastHeartbeatMs !== null;
  return { edge, waitingRows: isHeard ? report.outboxParts : null, backMs: isHeard ? backMs : null };
}

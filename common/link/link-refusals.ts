/** Whoever is refused is counted by reason, and told of in the log at most once per reason and ten seconds. */
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { Counter, Metrics } from '../metrics.ts';

/** The closed list; each is a label of `fogline_link_refused_total` from the start, at 0. */
export const REFUSAL_REASONS = [
  /** Too many connections in too short a time from one address. */
  'address_rate',
  /** Too many connections of one address that are not proved yet. */
  'address_connections',
  /** Too many handshakes of all addresses together. */
  'accept_rate',
  /** More connections than the listener takes. */
  'connections',
  /** The TLS handshake was not finished in time. */
  'handshake_time',
  /** The TLS handshake failed: no TLS, an older TLS, or the peer does not trust our certificate. */
  'handshake',
  'no_certificate',
  /** Of another CA, or signed by itself. */
  'unknown_ca',
  'expired',
  /** Not yet valid, of another purpose, or without a usable edge id. */
  'unusable_certificate',
  'revoked',
  /** Our certificate, but edges.json does not name the edge. */
  'unknown_edge',
  'identity_rate',
  /** More connections of one identity than it needs: its oldest is ended. */
  'identity_connections',
  /** Broke layout, limits or times of the link. */
  'frame',
  /** The request names another edge than the certificate. */
  'other_edge',
  /** A household that the edge's group may not own. */
  'household',
  /** A household in a hello whose name or generation can't be used. */
  'unusable_household',
] as const;
export type RefusalReason = (typeof REFUSAL_REASONS)[number];

const LOG_MS = 10_000;

export class LinkRefusals {
  private readonly counts = new Map<RefusalReason, number>(REFUSAL_REASONS.map((reason) => [reason, 0]));
  private readonly toldMs = new Map<RefusalReason, number>();
  private counter: Counter | undefined;
  private readonly clock: Clock;
  private readonly logger: Logger;

  constructor(clock: Clock, logger: Logger) {
    this.clock = clock;
    this.logger = logger;
  }

  count(reason: RefusalReason): number {
    return this.counts.get(reason) ?? 0;
  }

  add(reason: RefusalReason, fields: Readonly<Record<string, unknown>> = {}): void {
    const refused = this.count(reason) + 1;
    this.counts.set(reason, refused);
    this.counter?.add(1, { reason });
    const nowMs = this.clock.monotonicMs();
    if (nowMs - (this.toldMs.get(reason) ?? Number.NEGATIVE_INFINITY) < LOG_MS) return;
    this.toldMs.set(reason, nowMs);
    this.logger.warn({ ...fields, reason, refused }, 'refused on the link');
  }

  register(metrics: Metrics): void {
    this.counter = metrics.counter('fogline_link_refused_total', 'Connections, requests and households refused on the link.', ['reason']);
    for (const reason of REFUSAL_REASONS) this.counter.add(this.count(reason), { reason });
  }
}

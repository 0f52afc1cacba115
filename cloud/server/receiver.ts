/**
 * Answers edges: hello, parts, heartbeats, and the plain-text peers of older systems. Parts are stored first, with an fsync,
 * then acknowledged, then shown (`latest`); nothing after the store can delay or undo an ack.
 */
import type { Clock } from '../../common/clock.ts';
import { reach } from '../../common/failpoints.ts';
import type { LinkHandler, LinkPeer } from '../../common/link/link.ts';
import type { Logger } from '../../common/logger.ts';
import type { EdgeStatus, LinkReply, PartsRequest } from '../../common/messages.ts';
import { decodeRequest, encodeReply, rowFault, WireError } from '../../common/wire.ts';
import type { Counter, Metrics } from '../../common/metrics.ts';
import type { Latest } from './storage/latest.ts';
import type { SeriesStore, StoredVerdict } from './storage/series-store.ts';

export interface ReceiverOptions {
  store: SeriesStore;
  latest: Latest;
  clock: Clock;
  logger: Logger;
  /** New per process start. */
  startId: string;
  /** link.site: requests with another one are refused. */
  site: string;
  spreadMs: number;
  /** Answer plain-text heartbeats and tuples. */
  legacy: boolean;
  /** An edge was heard. */
  onHeartbeat: (edge: string, status: EdgeStatus, atMs: number) => void;
  /** For a household that the store does not know yet. */
  postalCodeOf: (household: string) => string;
}

const LEGACY_HEARTBEAT = 'heartbeat';
const LEGACY_PREFIX = 'household_';
/** A tuple of an older peer is a few hundred bytes. */
const LEGACY_BYTES_MAX = 4_096;

export class Receiver {
  private readonly options: ReceiverOptions;
  readonly counters = { parts: 0, stored: 0, duplicates: 0, refused: 0, legacy: 0, unusable: 0 };

  private refusedRows: Counter | undefined;
  private declaredReadings: Counter | undefined;
  private readonly answering = new Set<Promise<LinkReply>>();

  constructor(options: ReceiverOptions) {
    this.options = options;
  }

  readonly handle: LinkHandler = async (payload: Buffer, peer: LinkPeer): Promise<Buffer> => {
    const legacy = this.options.legacy ? this.answerLegacy(payload) : undefined;
    if (legacy !== undefined) return legacy;
    const answering = this.answer(payload, peer);
    this.answering.add(answering);
    try {
      return encodeReply(await answering);
    } finally {
      this.answering.delete(answering);
    }
  };

  /** Resolves when no request is being worked on; the store may be closed then. */
  async idle(): Promise<void> {
    await Promise.allSettled([...this.answering]);
  }

  register(metrics: Metrics): void {
    const rows = metrics.gauge('fogline_cloud_rows', 'Rows received since the start, by outcome.', ['outcome'], (gauge) => {
      for (const [outcome, count] of Object.entries(this.counters)) gauge.set(count, { outcome });
    });
    rows.reset();
    this.refusedRows = metrics.counter('fogline_rows_refused_total', 'Rows not taken, by verdict.', ['verdict']);
    this.declaredReadings = metrics.counter('fogline_readings_declared_total', 'Readings declared missing by edges.');
  }

  private async answer(payload: Buffer, peer: LinkPeer): Promise<LinkReply> {
    const { startId, clock, spreadMs, onHeartbeat, store, logger } = this.options;
    try {
      const request = decodeRequest(payload, this.options.site);
      switch (request.kind) {
        case 'heartbeat':
          onHeartbeat(request.heartbeat.edge, request.heartbeat.status, clock.nowMs());
          return { kind: 'heartbeat', startId, spreadMs };
        case 'hello': {
          const households = await store.hello(request.hello);
          reach('cloud_after_hello_commit_before_reply');
          return { kind: 'hello', startId, claim: request.hello.claim, households };
        }
        case 'parts':
          if (request.parts.startId !== startId) return { kind: 'hello_first', startId };
          return await this.takeParts(request.parts);
      }
    } catch (error) {
      this.counters.unusable++;
      const reason = (error as Error).message;
      if (!(error instanceof WireError))
        logger.error({ remote: peer.remote, error: reason }, 'a request could not be served; nothing of it was stored');
      return { kind: 'refused', reason };
    }
  }

  private async takeParts(request: PartsRequest): Promise<LinkReply> {
    const faults = request.rows.map((row) => rowFault(row, request.windowMs));
    const sound = request.rows.filter((_, i) => faults[i] === undefined);
    reach('cloud_after_receive_before_commit');
    const result = await this.options.store.append({ ...request, rows: sound });
    reach('cloud_after_commit_before_ack');
    let next = 0;
    const verdicts = faults.map((fault): StoredVerdict => {
      if (fault !== undefined) return { verdict: 'rejected', reason: fault };
      return result.verdicts[next++] as StoredVerdict;
    });
    this.count(verdicts, request.rows);
    this.options.latest.put(result.newest);
    const { postalCodes, generations } = result;
    return { kind: 'parts', startId: this.options.startId, verdicts, postalCodes, generations };
  }

  private count(verdicts: readonly StoredVerdict[], rows: PartsRequest['rows']): void {
    for (const [i, { verdict }] of verdicts.entries()) {
      this.counters.parts++;
      const row = rows[i];
      if (verdict === 'stored') this.counters.stored++;
      if (verdict === 'stored' && row?.kind === 'gap') this.declaredReadings?.add(row.gap.toSeq - row.gap.fromSeq + 1);
      if (verdict === 'stored') continue;
      if (verdict === 'duplicate') this.counters.duplicates++;
      else {
        this.counters.refused++;
        this.refusedRows?.add(1, { verdict });
      }
    }
  }

  /**
   * Older peers: `heartbeat` is answered `ack`, a tuple {"id","node_id","average"} with the household's postal code. The tuple's value
   * is not stored, because it has no event time and no seq.
   */
  private answerLegacy(payload: Buffer): Promise<Buffer> | undefined {
    if (payload.length > LEGACY_BYTES_MAX || payload[0] === 0x1f) return undefined;
    const text = payload.toString('utf8');
    if (text === LEGACY_HEARTBEAT) {
      this.counters.legacy++;
      return Promise.resolve(Buffer.from('ack'));
    }
    if (!text.startsWith('{') || !text.includes('"node_id"')) return undefined;
    let tuple: { v?: unknown; id?: unknown; node_id?: unknown };
    try {
      tuple = JSON.parse(text);
    } catch {
      return undefined;
    }
    if (tuple.v !== undefined || typeof tuple.node_id !== 'string') return undefined;
    this.counters.legacy++;
    const id = typeof tuple.id === 'number' || typeof tuple.id === 'string' ? String(tuple.id).slice(0, 40) : 'Unknown';
    const household = tuple.node_id.startsWith(LEGACY_PREFIX) ? tuple.node_id.slice(LEGACY_PREFIX.length) : tuple.node_id;
    return this.postalCodeText(id, household);
  }

  private async postalCodeText(id: string, household: string): Promise<Buffer> {
    const postalCode = (await this.options.store.postalCodeOf(household)) ?? this.options.postalCodeOf(household);
    return Buffer.from(`PLZ for id: ${id} - PLZ: ${postalCode}`);
  }
}

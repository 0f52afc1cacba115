/**
 * Answers edges: hello, parts, heartbeats, and the plain-text peers of older systems. Parts are stored first, with an fsync,
 * then acknowledged, then shown (`latest`); nothing after the store can delay or undo an ack.
 */
import { reach } from '../../common/failpoints.ts';
import type { LinkHandler, LinkPeer } from '../../common/link/link.ts';
import {
  type EdgeStatus,
  type LinkReply,
  type LinkRequest,
  type NewestRequest,
  type PartsRequest,
  rangeOf,
} from '../../common/messages.ts';
import { decodeRequest, encodeReply, rowFault, WireError } from '../../common/wire.ts';
import type { Counter, Metrics } from '../../common/metrics.ts';
import { Senders, type SendersOptions } from './senders.ts';
import type { Latest } from './storage/latest.ts';
import { bucketsOfParts } from './storage/newest-buckets.ts';
import type { SeriesStore, StoredVerdict } from './storage/series-store.ts';
import { WORK_LIMITS, type WorkLimits, WorkQueue } from './work-queue.ts';

export interface ReceiverOptions extends SendersOptions {
  store: SeriesStore;
  latest: Latest;
  /** New per process start. */
  startId: string;
  /** link.site: requests with another one are refused. */
  site: string;
  /** R11: for the edge that asks. */
  spreadMs: (edge: string) => number;
  /** Answer plain-text heartbeats and tuples. */
  legacy: boolean;
  /** An edge was heard. */
  onHeartbeat: (edge: string, status: EdgeStatus, atMs: number) => void;
  /** For a household that the store does not know yet. */
  postalCodeOf: (household: string) => string;
  /** What may wait for the store. */
  workLimits?: WorkLimits;
}

/** Of the queue: from here on an edge may have two requests waiting … */
const CREDIT_TWO_FROM = 0.25;
/** … and from here on one. */
const CREDIT_ONE_FROM = 0.5;

const LEGACY_HEARTBEAT = 'heartbeat';
const LEGACY_PREFIX = 'household_';
/** A tuple of an older peer is a few hundred bytes. */
const LEGACY_BYTES_MAX = 4_096;

export class Receiver {
  private readonly options: ReceiverOptions;
  readonly counters = { parts: 0, stored: 0, duplicates: 0, refused: 0, legacy: 0, unusable: 0, busy: 0, shown: 0 };
  private readonly limits: WorkLimits;
  private readonly work: WorkQueue;

  private readonly senders: Senders;
  private refusedRows: Counter | undefined;
  private declaredReadings: Counter | undefined;
  private readonly answering = new Set<Promise<LinkReply>>();

  constructor(options: ReceiverOptions) {
    this.options = options;
    this.senders = new Senders(options);
    this.limits = options.workLimits ?? WORK_LIMITS;
    this.work = new WorkQueue(options.clock, this.limits);
  }

  /** Requests in the order in which they came, turned away as `busy` when too many wait. */
  readonly handle: LinkHandler = (payload, peer) => this.handleBy(payload, peer, () => this.inTurn(payload, peer));

  /** Heartbeats at once: their port. Whatever else comes there waits its turn. */
  readonly handleHeartbeat: LinkHandler = (payload, peer) =>
    this.handleBy(payload, peer, () => this.answer(payload, peer, (request) => this.queued(payload, () => this.serve(request, peer))));

  private async handleBy(payload: Buffer, peer: LinkPeer, answer: () => Promise<LinkReply>): Promise<Buffer> {
    if (peer.refusal !== undefined) return encodeReply({ kind: 'refused', reason: peer.refusal });
    // Bare text names no edge that a certificate could prove, and postal codes are not for everybody.
    const legacy = this.options.legacy && peer.id === null ? this.answerLegacy(payload) : undefined;
    if (legacy !== undefined) return legacy;
    const answering = answer();
    this.answering.add(answering);
    try {
      return encodeReply(await answering);
    } finally {
      this.answering.delete(answering);
    }
  }

  private inTurn(payload: Buffer, peer: LinkPeer): Promise<LinkReply> {
    return this.queued(payload, () => this.answer(payload, peer, (request) => this.serve(request, peer)));
  }

  private queued({ length }: Buffer, work: () => Promise<LinkReply>): Promise<LinkReply> {
    if (!this.work.isFull(length)) return this.work.run(length, work);
    this.counters.busy++;
    return Promise.resolve({ kind: 'busy', startId: this.options.startId, retryAfterMs: this.work.retryAfterMs() });
  }

  /** Resolves when no request is being worked on; the store may be closed then. */
  async idle(): Promise<void> {
    await Promise.allSettled([...this.answering]);
  }

  register(metrics: Metrics): void {
    const rows = metrics.gauge('fogline_cloud_rows', 'Rows received since the start, by outcome.', ['outcome'], (gauge) => {
      for (const [outcome, count] of Object.entries(this.counters)) gauge.set(count, { outcome });
    });
    rows.reset();
    this.senders.register(metrics);
    metrics.gauge('fogline_cloud_queue_requests', 'Requests waiting for the store.', [], (gauge) => gauge.set(this.work.requests));
    this.refusedRows = metrics.counter('fogline_rows_refused_total', 'Rows not taken, by verdict.', ['verdict']);
    this.declaredReadings = metrics.counter('fogline_readings_declared_total', 'Readings declared missing by edges.');
  }

  private async answer(payload: Buffer, peer: LinkPeer, serve: (request: LinkRequest) => Promise<LinkReply>): Promise<LinkReply> {
    const { startId, clock, spreadMs, onHeartbeat, logger } = this.options;
    try {
      const request = decodeRequest(payload, this.options.site);
      this.senders.check(edgeOf(request), peer);
      if (request.kind !== 'heartbeat') return await serve(request);
      const { edge, status } = request.heartbeat;
      onHeartbeat(edge, status, clock.nowMs());
      return { kind: 'heartbeat', startId, spreadMs: spreadMs(edge) };
    } catch (error) {
      this.counters.unusable++;
      const reason = (error as Error).message;
      if (!(error instanceof WireError))
        logger.error({ remote: peer.remote, error: reason }, 'a request could not be served; nothing of it was stored');
      return { kind: 'refused', reason };
    }
  }

  private async serve(request: LinkRequest, peer: LinkPeer): Promise<LinkReply> {
    const { startId, store } = this.options;
    switch (request.kind) {
      case 'hello': {
        const { allowed, refused } = this.senders.hello(request.hello, peer);
        const households = await store.hello(allowed);
        reach('cloud_after_hello_commit_before_reply');
        return { kind: 'hello', startId, claim: request.hello.claim, households, ...refused };
      }
      case 'parts':
        if (request.parts.startId !== startId) return { kind: 'hello_first', startId };
        this.senders.watch(request.parts, peer);
        return this.takeParts(request.parts, peer);
      case 'newest':
        if (request.newest.startId !== startId) return { kind: 'hello_first', startId };
        return this.showNewest(request.newest, peer);
      case 'heartbeat':
        throw new Error('a heartbeat waits for nothing');
    }
  }

  private async takeParts(request: PartsRequest, peer: LinkPeer): Promise<LinkReply> {
    const foreign = this.senders.foreign(request.rows.map(rangeOf), peer);
    const faults = request.rows.map((row) => rowFault(row, request.windowMs) ?? foreign.get(rangeOf(row).household));
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
    return { kind: 'parts', startId: this.options.startId, verdicts, postalCodes, generations, ...this.credit() };
  }

  /** The live lane: to `latest` and nowhere else. What is damaged or of a household that the claim does not own is left out. */
  private async showNewest(request: NewestRequest, peer: LinkPeer): Promise<LinkReply> {
    const { store, latest, startId } = this.options;
    const foreign = this.senders.foreign(request.rows.map(rangeOf), peer);
    const { generations: notOwned } = await store.append({ ...request, rows: [] });
    const parts = request.rows
      .filter((row) => rowFault(row, request.windowMs) === undefined && notOwned[row.part.household] === undefined)
      .filter(({ part }) => request.generations[part.household] !== undefined && !foreign.has(part.household))
      .map(({ part }) => part);
    latest.putNewer(bucketsOfParts(parts, request.windowMs));
    this.counters.shown += parts.length;
    return { kind: 'newest', startId, notOwned: Object.keys(notOwned).length };
  }

  /** How many requests an edge may have waiting, by how full the queue is; nothing said while there is room. */
  private credit(): { inFlightMax?: number } {
    const share = this.work.requests / this.limits.requestsMax;
    if (share >= CREDIT_ONE_FROM) return { inFlightMax: 1 };
    return share >= CREDIT_TWO_FROM ? { inFlightMax: 2 } : {};
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

function edgeOf(request: LinkRequest): string {
  switch (request.kind) {
    case 'hello':
      return request.hello.edge;
    case 'parts':
      return request.parts.edge;
    case 'newest':
      return request.newest.edge;
    case 'heartbeat':
      return request.heartbeat.edge;
  }
}

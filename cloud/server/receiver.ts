/**
 * Answers edges: hello, parts, heartbeats, and the plain-text peers of older systems. Parts are stored first, with an fsync,
 * then acknowledged, then shown (`latest`); nothing after the store can delay or undo an ack.
 */
import { reach } from '../../common/failpoints.ts';
import { addressGroup } from '../../common/link/link-gate.ts';
import type { LinkHandler, LinkPeer } from '../../common/link/link.ts';
import {
  type EdgeStatus,
  type LinkReply,
  type LinkRequest,
  type NewestRequest,
  type PartsRequest,
  rangeOf,
  type SeqRange,
  type ShippedRow,
  type Verdict,
} from '../../common/messages.ts';
import { type CloudWire, cloudWire, rowFaults, WireError } from '../../common/wire.ts';
import type { Counter, Metrics } from '../../common/metrics.ts';
import { AheadWindows } from './ahead-windows.ts';
import type { TakenRows } from './edge-facts.ts';
import { Senders, type SendersOptions } from './senders.ts';
import type { Latest } from './storage/latest.ts';
import type { SeriesStore, StoredVerdict } from './storage/series-store.ts';
import { type Owner, type WorkLimits, WorkQueue } from './work-queue.ts';

export interface ReceiverOptions extends SendersOptions {
  store: SeriesStore;
  latest: Latest;
  /** New per process start. */
  startId: string;
  /** link.site: requests with another one are refused. */
  site: string;
  /** Another layout of what travels; else that of production with `site`. */
  wire?: CloudWire;
  /** R11: for the edge that asks. */
  spreadMs: (edge: string) => number;
  /** Answer plain-text heartbeats and tuples. */
  legacy: boolean;
  /** An edge was heard. @param sentMs the edge's own time */
  onHeartbeat: (edge: string, status: EdgeStatus, atMs: number, sentMs: number) => void;
  /** Parts of an edge are stored, or were there. */
  onTaken?: (edge: string, taken: TakenRows) => void;
  /** For a household that the store does not know yet. */
  postalCodeOf: (household: string) => string;
  /** What may wait for the store. */
  workLimits?: Partial<WorkLimits>;
}

/** Of the queue: from here on an edge may have two requests waiting … */
const CREDIT_TWO_FROM = 0.25;
/** … and from here on one. */
const CREDIT_ONE_FROM = 0.5;

/** Verdicts that are counted as refusals. */
const REFUSALS: readonly Verdict[] = ['gap', 'overlap', 'conflict', 'not_owner', 'rejected'];
const LEGACY_HEARTBEAT = 'heartbeat';
const LEGACY_PREFIX = 'household_';
/** A tuple of an older peer is a few hundred bytes. */
const LEGACY_BYTES_MAX = 4_096;

export class Receiver {
  private readonly options: ReceiverOptions;
  readonly counters = { parts: 0, stored: 0, duplicates: 0, refused: 0, legacy: 0, unusable: 0, busy: 0, shown: 0 };
  private readonly work: WorkQueue;
  private readonly wire: CloudWire;
  private readonly senders: Senders;
  private readonly ahead: AheadWindows;
  private refusedRows: Counter | undefined;
  private declaredReadings: Counter | undefined;
  private readonly answering = new Set<Promise<LinkReply>>();

  constructor(options: ReceiverOptions) {
    this.options = options;
    this.wire = options.wire ?? cloudWire(options.site);
    this.senders = new Senders(options);
    this.ahead = new AheadWindows(options.latest, options.clock);
    this.work = new WorkQueue(options.clock, options.workLimits);
  }

  /** Requests of a peer in the order in which they came, peers in turn; turned away as `busy` when too many wait. */
  readonly handle: LinkHandler = (payload, peer) => this.handleBy(payload, peer, () => this.inTurn(payload, peer));

  /** Heartbeats at once: their port. Whatever else comes there waits its turn. */
  readonly handleHeartbeat: LinkHandler = (payload, peer) =>
    this.handleBy(payload, peer, () =>
      this.answer(payload, peer, (request) => this.queued(payload, peer, () => this.serve(request, peer))),
    );

  private async handleBy(payload: Buffer, peer: LinkPeer, answer: () => Promise<LinkReply>): Promise<Buffer> {
    if (peer.refusal !== undefined) return this.wire.encode({ kind: 'refused', reason: peer.refusal });
    // Bare text names no edge that a certificate could prove, and postal codes are not for everybody.
    const legacy = this.options.legacy && peer.id === null ? this.answerLegacy(payload) : undefined;
    if (legacy !== undefined) return legacy;
    const answering = answer();
    this.answering.add(answering);
    try {
      return this.wire.encode(await answering);
    } finally {
      this.answering.delete(answering);
    }
  }

  private inTurn(payload: Buffer, peer: LinkPeer): Promise<LinkReply> {
    return this.queued(payload, peer, () => this.answer(payload, peer, (request) => this.serve(request, peer)));
  }

  private queued({ length }: Buffer, peer: LinkPeer, work: () => Promise<LinkReply>): Promise<LinkReply> {
    const owner = ownerOf(peer);
    if (!this.work.isFull(owner, length)) return this.work.run(owner, length, work);
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
    this.ahead.register(metrics);
    metrics.gauge('fogline_cloud_queue_requests', 'Requests waiting for the store.', [], (gauge) => gauge.set(this.work.requests));
    this.refusedRows = metrics.counter('fogline_rows_refused_total', 'Rows not taken, by verdict.', ['verdict']);
    // At 0 from the start: what Prometheus first sees at 1 has not increased for it, and the first refused row would ring nowhere.
    for (const verdict of REFUSALS) this.refusedRows.add(0, { verdict });
    this.declaredReadings = metrics.counter('fogline_readings_declared_total', 'Readings declared missing by edges.');
  }

  private async answer(payload: Buffer, peer: LinkPeer, serve: (request: LinkRequest) => Promise<LinkReply>): Promise<LinkReply> {
    const { startId, clock, spreadMs, onHeartbeat, logger } = this.options;
    try {
      const request = this.wire.decode(payload);
      this.senders.check(edgeOf(request), peer);
      if (request.kind !== 'heartbeat') return await serve(request);
      const { edge, status, sentMs } = request.heartbeat;
      onHeartbeat(edge, status, clock.nowMs(), sentMs);
      this.ahead.heard(edge, status.newestMs);
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
        const { allowed, told } = this.senders.hello(request.hello, peer);
        const answers = await store.hello(allowed);
        reach('cloud_after_hello_commit_before_reply');
        const damaged = answers.flatMap(({ household, refusal: reason }) => (reason === undefined ? [] : [{ household, reason }]));
        if (damaged.length === 0) return { kind: 'hello', startId, claim: request.hello.claim, households: answers, ...told };
        const households = answers.filter(({ refusal }) => refusal === undefined);
        return { kind: 'hello', startId, claim: request.hello.claim, households, ...told, refused: [...(told.refused ?? []), ...damaged] };
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
    const foreign = this.senders.foreign(rangesOf(request.rows), peer);
    const faults = rowFaults(request.rows, request.windowMs);
    if (foreign.size > 0) for (const [i, row] of request.rows.entries()) faults[i] ??= foreign.get(rangeOf(row).household);
    const isSound = faults.every((fault) => fault === undefined);
    const sound = isSound ? request : { ...request, rows: request.rows.filter((_, i) => faults[i] === undefined) };
    reach('cloud_after_receive_before_commit');
    const result = await this.options.store.append(sound);
    reach('cloud_after_commit_before_ack');
    const verdicts = isSound ? result.verdicts : withRejected(faults, result.verdicts);
    this.count(request.edge, verdicts, request.rows);
    this.options.latest.put(result.newest);
    const { postalCodes, generations } = result;
    return { kind: 'parts', startId: this.options.startId, verdicts, postalCodes, generations, ...this.credit() };
  }

  /** The live lane: to `latest` and nowhere else. */
  private async showNewest(request: NewestRequest, peer: LinkPeer): Promise<LinkReply> {
    const { store, startId } = this.options;
    const foreign = this.senders.foreign(rangesOf(request.rows), peer);
    const { generations: notOwned } = await store.append({ ...request, rows: [] });
    const isNotOwned = (household: string) => notOwned[household] !== undefined || request.generations[household] === undefined;
    this.counters.shown += this.ahead.show(request, isNotOwned, (household) => foreign.has(household));
    return { kind: 'newest', startId, notOwned: Object.keys(notOwned).length };
  }

  /** How many requests an edge may have waiting, by how full the queue is; nothing said while there is room. */
  private credit(): { inFlightMax?: number } {
    const { share } = this.work;
    if (share >= CREDIT_ONE_FROM) return { inFlightMax: 1 };
    return share >= CREDIT_TWO_FROM ? { inFlightMax: 2 } : {};
  }

  private count(edge: string, verdicts: readonly StoredVerdict[], rows: PartsRequest['rows']): void {
    const taken = { stored: 0, duplicates: 0, refused: 0, declaredReadings: 0 };
    for (let i = 0; i < verdicts.length; i++) {
      const { verdict } = verdicts[i] as StoredVerdict;
      const row = rows[i];
      if (verdict === 'stored') {
        taken.stored++;
        if (row?.kind === 'gap') taken.declaredReadings += row.gap.toSeq - row.gap.fromSeq + 1;
      } else if (verdict === 'duplicate') taken.duplicates++;
      else {
        taken.refused++;
        this.refusedRows?.add(1, { verdict });
      }
    }
    this.counters.parts += verdicts.length;
    this.counters.stored += taken.stored;
    this.counters.duplicates += taken.duplicates;
    this.counters.refused += taken.refused;
    if (taken.declaredReadings > 0) this.declaredReadings?.add(taken.declaredReadings);
    this.options.onTaken?.(edge, taken);
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

/** One after the other, for who looks at them: most peers may own all that they send. */
function* rangesOf(rows: readonly ShippedRow[]): Generator<SeqRange> {
  for (const row of rows) yield rangeOf(row);
}

/** @param verdicts of the rows without a fault, in their order */
function withRejected(faults: readonly (string | undefined)[], verdicts: readonly StoredVerdict[]): StoredVerdict[] {
  let next = 0;
  return faults.map((fault) => (fault === undefined ? (verdicts[next++] as StoredVerdict) : { verdict: 'rejected', reason: fault }));
}

/** Who has to share: a certificate, or on plaintext an address. A connection more gains nothing. */
function ownerOf({ id, remote }: LinkPeer): Owner {
  if (id !== null) return { name: `edge ${id}`, isProved: true };
  return { name: `address ${addressGroup(remote.replace(/:\d+$/, ''))}`, isProved: false };
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

/**
 * The live stream: to each open page the whole picture at once, then what changed, at most once a second. A client that
 * does not read is cut off instead of buffered for; it comes back and gets the whole picture again.
 */
import { createEventBuffer, createSession, type Session } from 'better-sse';
import type { Request, Response } from 'express';
import { isoTime } from '../../../common/iso-time.ts';
import type { Counter } from '../../../common/metrics.ts';
import type { ApiParts } from './api-parts.ts';
import type { EdgeReply, EventReply, LiveMessage } from './api-types.ts';
import { isStillAdmitted } from './doors.ts';
import { firstWindowInSeconds } from './first-window.ts';
import { Problem } from './problem.ts';
import { addressOf } from './rate-limits.ts';

/** Open streams. Each costs a socket and 6 kB a second; browsers hold one per page. */
export const STREAM_CLIENTS_MAX = 200;
/** Of these, from one address: the people of one office, or one who opens a page in every window. */
export const STREAMS_PER_ADDRESS_MAX = 50;
/** Least time between two live messages to a client. */
export const LIVE_EVERY_MS = 1_000;
/** A client hears so often even when nothing changed, so that a page can tell a quiet cloud from a cut line. */
export const LIVE_IDLE_EVERY_MS = 10_000;
/** After so long without a word a comment goes out: proxies close quiet connections, and a dead one is noticed by writing. */
export const HEARTBEAT_EVERY_MS = 3_000;
/** What the browser is asked to wait before it comes back. */
const RETRY_MS = 1_000;
/** Bytes waiting for a client that does not read; above it the connection is cut. */
export const CLIENT_BUFFER_BYTES_MAX = 1 << 20;
/** Edges in one message: at worst, each with many parked households, half a megabyte. */
const EDGES_IN_LIVE_MAX = 100;
/** Alerts in one message: nobody reads more at once, and GET /api/v1/alerts has all. */
const ALERTS_IN_LIVE_MAX = 20;
/** Figures are stale after so many windows without a new one, at the speed of real time … */
const STALE_WINDOWS = 3;
/** … and never earlier than this: between window and page lie a batch, a link and this stream. */
const STALE_MIN_SECONDS = 15;

/** What one client was told. */
interface Client {
  session: Session;
  response: Response;
  /** Row as JSON by state. */
  states: Map<string, string>;
  /** The last message without rows, time and age. */
  last: string;
  liveAtMs: number;
  wordAtMs: number;
}

export class LiveStream {
  private readonly parts: ApiParts;
  private readonly clients = new Set<Client>();
  private readonly cutOff: Counter;
  private connecting = 0;
  /** Open and opening streams by address. */
  private readonly byAddress = new Map<string, number>();
  private unsubscribe: (() => void)[] = [];

  constructor(parts: ApiParts) {
    this.parts = parts;
    parts.metrics.gauge('fogline_stream_clients', 'Open live streams.', [], (gauge) => gauge.set(this.clients.size));
    this.cutOff = parts.metrics.counter('fogline_stream_cut_off_total', 'Live streams cut because the client did not read.');
  }

  start(): void {
    this.unsubscribe = [
      this.parts.liveness.onChange((edge) => this.tell(edge, 'edge')),
      this.parts.watch.onChange((event) => this.tell(event, 'alert')),
    ];
  }

  /** Ends every stream; the pages come back by themselves. */
  stop(): void {
    for (const end of this.unsubscribe) end();
    this.unsubscribe = [];
    for (const { response } of this.clients) response.end();
  }

  /** Serves one client until it goes or the server stops. */
  async serve(request: Request, response: Response): Promise<void> {
    if (this.clients.size + this.connecting >= STREAM_CLIENTS_MAX) {
      throw new Problem(503, 'busy', `all ${STREAM_CLIENTS_MAX} live streams are taken; ask again in a while or poll /api/v1/states`, {
        headers: { 'Retry-After': '10' },
      });
    }
    const address = addressOf(request);
    const others = this.byAddress.get(address) ?? 0;
    if (others >= STREAMS_PER_ADDRESS_MAX) {
      throw new Problem(429, 'too-many-requests', `${STREAMS_PER_ADDRESS_MAX} live streams are open from this address: close some pages`, {
        headers: { 'Retry-After': '10' },
      });
    }
    this.byAddress.set(address, others + 1);
    try {
      await this.serveAdmitted(request, response);
    } finally {
      const left = (this.byAddress.get(address) ?? 1) - 1;
      if (left === 0) this.byAddress.delete(address);
      else this.byAddress.set(address, left);
    }
  }

  private async serveAdmitted(request: Request, response: Response): Promise<void> {
    this.connecting++;
    let client: Client;
    try {
      client = await this.connect(request, response);
    } finally {
      this.connecting--;
    }
    this.clients.add(client);
    try {
      await this.feed(client);
    } finally {
      this.clients.delete(client);
      response.end();
    }
  }

  private async connect(request: Request, response: Response): Promise<Client> {
    const session = await createSession(request, response, {
      retry: RETRY_MS,
      // Its own timer would outlive a client that goes while the session opens.
      keepAlive: null,
      headers: { 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' },
    });
    return { session, response, states: new Map(), last: '', liveAtMs: -Infinity, wordAtMs: this.parts.clock.monotonicMs() };
  }

  private async feed(client: Client): Promise<void> {
    const { clock, signal } = this.parts;
    while (isOpen(client) && !signal.aborted && isStillAdmitted(client.response)) {
      const message = await this.messageFor(client);
      if (!isOpen(client) || signal.aborted) return;
      if (this.isSlow(client)) return;
      if (message !== undefined) this.send(client, message);
      else await this.keepAlive(client);
      await clock.sleep(LIVE_EVERY_MS, signal);
    }
  }

  /** What is new for this client; undefined when there is nothing to say, also while the store does not answer. */
  private async messageFor(client: Client): Promise<LiveMessage | undefined> {
    let message: LiveMessage;
    try {
      message = await this.picture();
    } catch (error) {
      this.parts.logger.error({ err: error }, 'live stream: the store did not answer');
      return undefined;
    }
    const changed = message.states.filter((row) => client.states.get(row.state) !== JSON.stringify(row));
    const words = JSON.stringify({ ...message, states: [], sentAt: '', newestAgeSeconds: 0 });
    const isDue = this.parts.clock.monotonicMs() - client.liveAtMs >= LIVE_IDLE_EVERY_MS;
    if (changed.length === 0 && words === client.last && !isDue) return undefined;
    for (const row of changed) client.states.set(row.state, JSON.stringify(row));
    client.last = words;
    return { ...message, states: changed };
  }

  private async picture(): Promise<LiveMessage> {
    const { overview, liveness, watch, settings, clock } = this.parts;
    const alerts = watch.open();
    const figures = await overview.current();
    const edges = liveness.edges();
    const silentFirst = [...edges.filter((edge) => edge.state === 'silent'), ...edges.filter((edge) => edge.state === 'live')];
    const { powerW, current, newestMs } = figures.total;
    return {
      totalPowerW: powerW,
      households: figures.households.size,
      current,
      newestAt: newestMs === null ? null : isoTime(newestMs),
      newestAgeSeconds: newestMs === null ? null : Math.round(overview.quietMs() / 1_000),
      edges: silentFirst.slice(0, EDGES_IN_LIVE_MAX),
      edgeCount: edges.length,
      alerts: alerts.slice(0, ALERTS_IN_LIVE_MAX),
      alertCount: alerts.length,
      dataLabel: settings.dataLabel,
      priceEurPerKwh: settings.priceEurPerKwh,
      sentAt: isoTime(clock.nowMs()),
      staleAfterSeconds: Math.max(STALE_MIN_SECONDS, (STALE_WINDOWS * settings.windowMs) / 1_000),
      firstWindowInSeconds: newestMs === null ? firstWindowInSeconds(liveness.reports(), settings.windowMs, clock.monotonicMs()) : null,
      states: [...figures.states],
    };
  }

  private send(client: Client, message: LiveMessage): void {
    client.session.push(message, 'live');
    client.liveAtMs = this.parts.clock.monotonicMs();
    client.wordAtMs = client.liveAtMs;
  }

  private async keepAlive(client: Client): Promise<void> {
    const nowMs = this.parts.clock.monotonicMs();
    if (nowMs - client.wordAtMs < HEARTBEAT_EVERY_MS) return;
    client.wordAtMs = nowMs;
    await client.session.batch(createEventBuffer().comment('heartbeat').dispatch());
  }

  private tell(data: EdgeReply | EventReply, event: 'edge' | 'alert'): void {
    for (const client of this.clients) {
      if (isOpen(client) && !this.isSlow(client)) client.session.push(data, event);
    }
  }

  private isSlow({ response }: Client): boolean {
    if (response.writableLength <= CLIENT_BUFFER_BYTES_MAX) return false;
    this.cutOff.add();
    response.destroy();
    return true;
  }
}

function isOpen({ session, response }: Client): boolean {
  return session.isConnected && !response.destroyed && !response.writableEnded;
}

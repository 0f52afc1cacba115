/**
 * Request and reply over SP/TCP on node's own sockets: the cloud's listener, and the edge's transport where the addon is
 * not used. Peers made with nanomsg or NNG can talk to both.
 */
import assert from 'node:assert/strict';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { Clock, Timer } from '../clock.ts';
import { ConfigError, OperatingError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { Random } from '../random.ts';
import { RetrySchedule } from '../retry-schedule.ts';
import { linkClosed, linkTimeout } from './link-errors.ts';
import type { Meter } from './link-gate.ts';
import type { LinkClient, LinkHandler, LinkPeer, LinkServer } from './link.ts';
import { REQUEST_ID_LIMIT, requestStack, SP_PROTOCOL, spFrame, spHello, SpReader, splitReply, STACK_BYTES_MAX } from './sp-codec.ts';
import { type ConnectionHost, SERVER_LIMITS, type ServerLimits, SpConnection } from './sp-connection.ts';

/** A dead peer's connection is noticed by the kernel's probes after this and a few seconds. */
const KEEP_ALIVE_MS = 10_000;
/** Hostile peers must not fill the log: refusals are counted always, told at most once in this time. */
const REFUSAL_LOG_MS = 10_000;

export interface SpServerOptions {
  host: string;
  /** 0 = any free one. */
  port: number;
  clock: Clock;
  logger: Logger;
  limits?: Partial<ServerLimits>;
  /** Makes the listening socket; the default is plaintext. A TLS server hands over connections whose certificate it verified. */
  listener?: (onConnection: (socket: Socket) => void) => Server;
  /** Who is behind a connection that the listener handed over; nobody by name on plaintext. */
  peerOf?: (socket: Socket) => LinkPeer;
  /** What the peer of a connection may take over time. */
  meterOf?: (socket: Socket) => Meter | undefined;
  /** Called for each offence, after it was counted. */
  onRefused?: (peer: LinkPeer, why: string) => void;
}

export interface SpServerCounters {
  /** Accepted since start. */
  connections: number;
  /** Offences against layout, limits or times; each cost its connection. */
  refusedFrames: number;
  /** Handed to the handler. */
  requests: number;
  /** The handler threw, or its reply was too large: no reply was sent. */
  handlerFailures: number;
  /** Closed at once because there were too many. */
  refusedConnections: number;
}

/** Listens with `net`; replies in the order in which the handler ends. */
export class SpLinkServer implements LinkServer {
  readonly counters: SpServerCounters = { connections: 0, refusedFrames: 0, requests: 0, handlerFailures: 0, refusedConnections: 0 };
  private readonly options: SpServerOptions;
  private readonly connections = new Set<SpConnection>();
  /** Every accepted socket, those in a TLS handshake too: stop() waits for no peer. */
  private readonly sockets = new Set<Socket>();
  private server: Server | undefined;
  private sweepTimer: Timer | undefined;
  private patienceMs = 0;
  private refusalToldMs = Number.NEGATIVE_INFINITY;

  constructor(options: SpServerOptions) {
    this.options = options;
  }

  async start(handler: LinkHandler): Promise<number> {
    assert(this.server === undefined, 'link server started twice');
    const { listener, logger } = this.options;
    const host = this.hostOf(handler);
    const onConnection = (socket: Socket) => this.accept(socket, host);
    const server = (listener ?? createServer)(onConnection);
    server.maxConnections = host.limits.connectionsMax;
    server.on('drop', () => this.counters.refusedConnections++);
    server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    });
    const port = await this.listen(server);
    server.on('error', (error) => logger.error({ error: error.message }, 'link listener'));
    this.server = server;
    return port;
  }

  /** Ends every connection. Handlers that still run go on; their replies are dropped. */
  async stop(): Promise<void> {
    const { server } = this;
    if (server === undefined) return;
    this.server = undefined;
    this.sweepTimer?.cancel();
    this.sweepTimer = undefined;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const connection of this.connections) connection.destroy();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  private listen(server: Server): Promise<number> {
    const { host, port } = this.options;
    return new Promise((resolve, reject) => {
      const refused = (cause: NodeJS.ErrnoException) => reject(listenError(host, port, cause));
      server.once('error', refused);
      server.listen(port, host, () => {
        server.off('error', refused);
        resolve((server.address() as AddressInfo).port);
      });
    });
  }

  private hostOf(handler: LinkHandler): ConnectionHost {
    return {
      patienceMs: () => this.patienceMs,
      limits: { ...SERVER_LIMITS, ...this.options.limits },
      handle: (body, peer) => this.handle(handler, body, peer),
      refused: (peer, reason) => this.refused(peer, reason),
      closed: (connection) => this.connections.delete(connection),
    };
  }

  private accept(socket: Socket, host: ConnectionHost): void {
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    const peer = this.options.peerOf?.(socket) ?? { id: null, remote: `${socket.remoteAddress}:${socket.remotePort}` };
    const connection = new SpConnection(socket, peer, host, this.options.meterOf?.(socket));
    this.counters.connections++;
    this.connections.add(connection);
    connection.start();
    if (this.sweepTimer === undefined) this.sweepLater(host);
  }

  private sweepLater(host: ConnectionHost): void {
    const { clock } = this.options;
    const { sweepMs } = host.limits;
    const fromMs = clock.monotonicMs();
    this.sweepTimer = clock.timer('link sweep', sweepMs, () => {
      this.sweepTimer = undefined;
      // A sweep that comes late means that this process stood still and read nothing meanwhile.
      this.patienceMs += Math.min(clock.monotonicMs() - fromMs, 2 * sweepMs);
      this.sweep(host.limits);
      if (this.connections.size > 0) this.sweepLater(host);
    });
  }

  private sweep(limits: ServerLimits): void {
    for (const connection of this.connections) connection.sweep();
    const unfinished = [...this.connections].filter((connection) => connection.unfinishedBytes > 0);
    let bytes = unfinished.reduce((sum, connection) => sum + connection.unfinishedBytes, 0);
    if (bytes <= limits.unfinishedBytesMax) return;
    unfinished.sort((a, b) => (a.waiting.frameSinceMs ?? 0) - (b.waiting.frameSinceMs ?? 0));
    for (const connection of unfinished) {
      if (bytes <= limits.unfinishedBytesMax) return;
      bytes -= connection.unfinishedBytes;
      connection.refuse('too many unfinished frames');
    }
  }

  private async handle(handler: LinkHandler, body: Buffer, peer: LinkPeer): Promise<Buffer | undefined> {
    this.counters.requests++;
    const bodyBytesMax = this.options.limits?.bodyBytesMax ?? SERVER_LIMITS.bodyBytesMax;
    try {
      const reply = await handler(body, peer);
      if (reply.length > bodyBytesMax) throw new Error(`reply of ${reply.length} bytes, at most ${bodyBytesMax}`);
      return reply;
    } catch (error) {
      this.counters.handlerFailures++;
      this.options.logger.error(
        { remote: peer.remote, id: peer.id, error: (error as Error).stack ?? String(error) },
        'link request failed',
      );
      return undefined;
    }
  }

  private refused(peer: LinkPeer, reason: string): void {
    this.counters.refusedFrames++;
    const { clock, logger, onRefused } = this.options;
    onRefused?.(peer, reason);
    const nowMs = clock.monotonicMs();
    if (nowMs - this.refusalToldMs < REFUSAL_LOG_MS) return;
    this.refusalToldMs = nowMs;
    logger.warn(
      { remote: peer.remote, id: peer.id, reason, refusedFrames: this.counters.refusedFrames },
      'link connection ended: peer broke the rules',
    );
  }
}

function listenError(host: string, port: number, cause: NodeJS.ErrnoException): Error {
  const where = `${host}:${port}`;
  if (cause.code === 'EADDRINUSE') {
    return new OperatingError('PORT_TAKEN', `${where} is taken`, {
      retryable: false,
      hint: 'stop what listens there, or set another port in [link]',
      cause,
    });
  }
  return new ConfigError(
    `can't listen on ${where}: ${cause.message}`,
    'set link.listen_host and the ports of [link] to what this machine has',
    { cause },
  );
}

export interface SpClientOptions {
  host: string;
  port: number;
  clock: Clock;
  random: Random;
  logger: Logger;
  /** Opens a connection; the default is plaintext. A TLS socket may be handed over before its handshake is done. */
  dial?: (host: string, port: number) => Socket;
  /** For status and logs. */
  transport?: string;
  limits?: Partial<ClientLimits>;
}

export const CLIENT_LIMITS = {
  /**
   * Requests waiting for a reply at once; further ones wait their turn. Hides the round trip of a far cloud: 16 full ones in 200 ms are
   * 40,000 rows a second, 4 are 10,000. Half of what the server takes of one connection.
   */
  inFlightMax: 16,
  /** From dialling to the cloud's hello: three round trips (TCP, TLS, hello) of a slow satellite. */
  helloMs: 3_000,
  /** Waits between dials: full jitter below these. */
  redialBaseMs: 100,
  redialCapMs: 2_000,
  /** Body of a request or reply. */
  bodyBytesMax: 1 << 20,
};
export type ClientLimits = typeof CLIENT_LIMITS;

interface Pending {
  id: number;
  payload: Buffer;
  resolve: (reply: Buffer) => void;
  reject: (error: Error) => void;
  deadline: Timer;
}

/**
 * Dials for ever. The connection counts as up when the peer's hello has come (with TLS 1.3 "connected" says nothing yet).
 * A request still waiting when the connection is lost is sent again on the next one, under its id.
 */
export class SpLinkClient implements LinkClient {
  readonly transport: string;
  readonly inFlightMax: number;
  readonly isOrdered = true;
  /** Replies nobody waited for any more. */
  ignoredReplies = 0;
  private readonly options: SpClientOptions;
  private readonly limits: ClientLimits;
  private readonly redial: RetrySchedule;
  private state: 'new' | 'running' | 'stopped' = 'new';
  private socket: Socket | undefined;
  private isUp = false;
  private redialTimer: Timer | undefined;
  private lastId: number;
  /** Written on the connection, or to be written again on the next. */
  private readonly inFlight = new Map<number, Pending>();
  private readonly queue: Pending[] = [];

  constructor(options: SpClientOptions) {
    this.options = options;
    this.limits = { ...CLIENT_LIMITS, ...options.limits };
    this.inFlightMax = this.limits.inFlightMax;
    this.transport = options.transport ?? 'sp';
    this.redial = new RetrySchedule(this.limits.redialBaseMs, this.limits.redialCapMs, options.random);
    this.lastId = options.random.below(REQUEST_ID_LIMIT);
  }

  async start(): Promise<void> {
    assert(this.state === 'new', 'link client started twice');
    this.state = 'running';
    this.dial();
  }

  async request(payload: Buffer, deadlineMs: number): Promise<Buffer> {
    const { bodyBytesMax } = this.limits;
    assert(payload.length > 0 && payload.length <= bodyBytesMax, `request of ${payload.length} bytes, 1 to ${bodyBytesMax}`);
    if (this.state !== 'running') throw linkClosed();
    return new Promise((resolve, reject) => {
      this.lastId = (this.lastId + 1) % REQUEST_ID_LIMIT;
      const deadline = this.options.clock.timer('link request', deadlineMs, () => this.expire(pending, deadlineMs));
      const pending: Pending = { id: this.lastId, payload, resolve, reject, deadline };
      this.queue.push(pending);
      this.sendQueued();
    });
  }

  async stop(): Promise<void> {
    if (this.state === 'stopped') return;
    this.state = 'stopped';
    this.redialTimer?.cancel();
    for (const pending of [...this.inFlight.values(), ...this.queue]) {
      pending.deadline.cancel();
      pending.reject(linkClosed());
    }
    this.inFlight.clear();
    this.queue.length = 0;
    const { socket } = this;
    if (socket === undefined) return;
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.destroy();
    await closed;
  }

  private dial(): void {
    const { host, port, clock, dial } = this.options;
    const socket = dial === undefined ? connect(port, host) : dial(host, port);
    const reader = new SpReader(SP_PROTOCOL.rep, this.limits.bodyBytesMax + STACK_BYTES_MAX);
    const helloLimit = clock.timer('link hello', this.limits.helloMs, () => this.drop('no hello in time'));
    let why = 'closed by the peer';
    this.socket = socket;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on('error', (error) => {
      why = error.message;
    });
    socket.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk);
        for (let frame = reader.next(); frame !== undefined; frame = reader.next()) this.take(frame);
        if (reader.isGreeted && !this.isUp) {
          helloLimit.cancel();
          this.up();
        }
      } catch (violation) {
        socket.destroy(violation as Error);
      }
    });
    socket.on('close', () => {
      helloLimit.cancel();
      this.lost(why);
    });
    socket.write(spHello(SP_PROTOCOL.req));
  }

  private up(): void {
    this.isUp = true;
    this.options.logger.info({ host: this.options.host, port: this.options.port }, 'link up');
    for (const pending of this.inFlight.values()) this.write(pending);
    this.sendQueued();
  }

  private lost(why: string): void {
    this.socket = undefined;
    if (this.state !== 'running') return;
    if (this.isUp) this.options.logger.warn({ host: this.options.host, port: this.options.port, why }, 'link lost');
    else this.options.logger.debug({ host: this.options.host, port: this.options.port, why }, 'link not up');
    this.isUp = false;
    this.redialTimer = this.options.clock.timer('link redial', this.redial.nextMs(), () => this.dial());
  }

  private drop(why: string): void {
    this.socket?.destroy(new Error(why));
  }

  private take(frame: Buffer): void {
    const { id, body } = splitReply(frame);
    const pending = this.inFlight.get(id);
    if (pending === undefined) {
      this.ignoredReplies++;
      return;
    }
    this.inFlight.delete(id);
    this.redial.reset();
    pending.deadline.cancel();
    pending.resolve(body);
    this.sendQueued();
  }

  /** A connection on which a request got no reply in time may be dead without a sign: the next one is another. */
  private expire(pending: Pending, deadlineMs: number): void {
    const queuedAt = this.queue.indexOf(pending);
    if (queuedAt >= 0) this.queue.splice(queuedAt, 1);
    this.inFlight.delete(pending.id);
    pending.reject(linkTimeout(deadlineMs));
    if (queuedAt < 0 && this.isUp) this.drop('no reply in time');
    this.sendQueued();
  }

  private sendQueued(): void {
    while (this.isUp && this.inFlight.size < this.inFlightMax) {
      const pending = this.queue.shift();
      if (pending === undefined) return;
      this.inFlight.set(pending.id, pending);
      this.write(pending);
    }
  }

  private write(pending: Pending): void {
    const { socket } = this;
    if (socket === undefined) return;
    socket.cork();
    for (const piece of spFrame(requestStack(pending.id), pending.payload)) socket.write(piece);
    socket.uncork();
  }
}

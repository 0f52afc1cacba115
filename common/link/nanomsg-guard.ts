/**
 * Stands between the nanomsg addon and the cloud, on a loopback port of its own. The addon's C code ends the whole process
 *   - when a frame's length is above its limit while a request is being sent;
 *   - when a reply came that it did not wait for (another id, or a second reply) and its socket is closed then: it frees the
 *     reply twice.
 * So it only ever sees whole frames, at most one reply per request, and that with the id of the request.
 *
 * A connection that breaks the layout is ended, the addon dials again and sends its request again. When the addon closes,
 * the way to the cloud is closed too: a closed socket never leaves a black-holed connection behind.
 */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Clock, Timer } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { Random } from '../random.ts';
import { RetrySchedule } from '../retry-schedule.ts';
import { replyId, SP_PROTOCOL, spFrame, spHello, type SpProtocol, SpReader } from './sp-codec.ts';

/** Our own addon socket, its successor, and room for those being closed. */
const CONNECTIONS_MAX = 8;
const KEEP_ALIVE_MS = 10_000;
/** Waits before the addon may dial again after the cloud refused: full jitter below these. The addon itself waits 100 ms. */
const REDIAL_BASE_MS = 50;
const REDIAL_CAP_MS = 900;
/** The addon dials for ever: refusals are counted always, told at most once in this time. */
const REFUSAL_LOG_MS = 10_000;
const LOOPBACK = '127.0.0.1';

export interface NanomsgGuardOptions {
  /** The cloud. */
  host: string;
  port: number;
  /** Of stack and body together; the addon's own limit must not be below. */
  frameBytesMax: number;
  clock: Clock;
  random: Random;
  logger: Logger;
}

export class NanomsgGuard {
  /** Connections ended because somebody broke the layout. */
  refusedFrames = 0;
  /** Replies the addon did not wait for; it never saw them. */
  strayReplies = 0;
  private readonly options: NanomsgGuardOptions;
  private readonly redial: RetrySchedule;
  private readonly sockets = new Set<Socket>();
  private readonly timers = new Set<Timer>();
  private server: Server | undefined;
  private refusalToldMs = Number.NEGATIVE_INFINITY;

  constructor(options: NanomsgGuardOptions) {
    this.options = options;
    this.redial = new RetrySchedule(REDIAL_BASE_MS, REDIAL_CAP_MS, options.random);
  }

  /** @returns the loopback port for the addon */
  async start(): Promise<number> {
    const server = createServer((local) => this.join(local));
    server.maxConnections = CONNECTIONS_MAX;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, LOOPBACK, resolve);
    });
    server.on('error', (error) => this.options.logger.error({ error: error.message }, 'nanomsg guard'));
    this.server = server;
    return (server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const { server } = this;
    if (server === undefined) return;
    this.server = undefined;
    for (const timer of this.timers) timer.cancel();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  /** One connection of the addon gets one connection to the cloud; they end together. */
  private join(local: Socket): void {
    const remote = connect(this.options.port, this.options.host);
    for (const socket of [local, remote]) {
      this.sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.once('close', () => this.sockets.delete(socket));
    }
    remote.setKeepAlive(true, KEEP_ALIVE_MS);
    // The one request of this connection that waits for a reply; the addon has no more.
    let awaited: number | undefined;
    const noteRequest = (frame: Buffer) => {
      awaited = replyId(frame);
      return true;
    };
    const isAwaited = (frame: Buffer) => {
      if (replyId(frame) !== awaited) {
        this.strayReplies++;
        return false;
      }
      awaited = undefined;
      this.redial.reset();
      return true;
    };
    this.passOn(local, remote, SP_PROTOCOL.req, noteRequest);
    this.passOn(remote, local, SP_PROTOCOL.rep, isAwaited);
    local.once('close', () => remote.destroy());
    remote.once('close', () => this.endLater(local));
  }

  /** Writes the whole frames that come from `from`, where `mayPass`, to `to`, no faster than `to` takes them. */
  private passOn(from: Socket, to: Socket, protocol: SpProtocol, mayPass: (frame: Buffer) => boolean): void {
    const reader = new SpReader(protocol, this.options.frameBytesMax);
    let isGreeted = false;
    to.on('drain', () => from.resume());
    from.on('data', (chunk: Buffer) => {
      const pieces: Buffer[] = [];
      try {
        reader.push(chunk);
        for (;;) {
          const frame = reader.next();
          if (reader.isGreeted && !isGreeted) pieces.push(spHello(protocol));
          isGreeted = reader.isGreeted;
          if (frame === undefined) break;
          if (mayPass(frame)) pieces.push(...spFrame(frame));
        }
      } catch (violation) {
        this.refused((violation as Error).message);
        from.destroy();
      }
      let isTaken = true;
      for (const piece of pieces) isTaken = to.write(piece);
      if (!isTaken && !to.destroyed) from.pause();
    });
  }

  private refused(reason: string): void {
    this.refusedFrames++;
    const { clock, logger } = this.options;
    if (clock.monotonicMs() - this.refusalToldMs < REFUSAL_LOG_MS) return;
    this.refusalToldMs = clock.monotonicMs();
    logger.warn({ reason, refusedFrames: this.refusedFrames }, 'link connection ended: peer broke the rules');
  }

  /** The addon dials again at once when its connection ends, so that is put off. What was passed to it is delivered whole. */
  private endLater(local: Socket): void {
    if (local.destroyed || this.server === undefined) return;
    const timer = this.options.clock.timer('nanomsg guard redial', this.redial.nextMs(), () => {
      this.timers.delete(timer);
      local.destroySoon();
    });
    this.timers.add(timer);
    local.once('close', () => {
      timer.cancel();
      this.timers.delete(timer);
    });
  }
}

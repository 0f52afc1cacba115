/**
 * The cloud's side of one SP connection: frames in, handler, replies out. Whatever a peer does costs its own connection
 * only, and a bounded amount of memory and time.
 */
import type { Socket } from 'node:net';
import type { Meter } from './link-gate.ts';
import type { LinkPeer } from './link.ts';
import { SP_PROTOCOL, spFrame, spHello, splitRequest, SpReader, STACK_BYTES_MAX } from './sp-codec.ts';

/** What a peer may take. Times are looked at every `sweepMs`. */
export const SERVER_LIMITS = {
  /** Open connections; more are closed at once. 2,000 edges with a slow neighbour each. */
  connectionsMax: 4_096,
  /** From connect to the peer's hello. */
  helloMs: 5_000,
  /** From a frame's first byte to its last, time in which we did not read left out: 256 kB over 70 kbit/s. */
  frameMs: 30_000,
  /** Without a frame and with nothing in flight. Longer than any pause of an honest edge; it dials again. */
  idleMs: 600_000,
  /** Requests of one connection in the handler at once. */
  inFlightMax: 32,
  /** Replies written and not taken by the peer: above this we don't read from it. */
  unreadBytesMax: 1 << 20,
  /** A peer that does not take its replies for so long is given up. */
  unreadMs: 60_000,
  /** Unfinished frames of all connections together; above this the oldest frames are given up. */
  unfinishedBytesMax: 128 << 20,
  /** Body of a request or reply. */
  bodyBytesMax: 1 << 20,
  sweepMs: 250,
};
export type ServerLimits = typeof SERVER_LIMITS;

/** What a connection waits for, and since when. */
export interface Waiting {
  /** Since it was accepted, until the hello has come. */
  helloSinceMs: number | undefined;
  /** Since the unfinished frame began. */
  frameSinceMs: number | undefined;
  /** Since the peer's replies pile up. */
  unreadSinceMs: number | undefined;
  /** Since nothing is in flight and nothing arrived. */
  idleSinceMs: number | undefined;
}

/** Pure: why a connection is ended now, or undefined. Idleness is no offence. */
export function overdue(waiting: Waiting, nowMs: number, limits: ServerLimits): { reason: string; isOffence: boolean } | undefined {
  const late = (sinceMs: number | undefined, limitMs: number) => sinceMs !== undefined && nowMs - sinceMs >= limitMs;
  if (late(waiting.helloSinceMs, limits.helloMs)) return { reason: 'no hello in time', isOffence: true };
  if (late(waiting.frameSinceMs, limits.frameMs)) return { reason: 'frame not finished in time', isOffence: true };
  if (late(waiting.unreadSinceMs, limits.unreadMs)) return { reason: 'does not read its replies', isOffence: true };
  if (late(waiting.idleSinceMs, limits.idleMs)) return { reason: 'idle', isOffence: false };
  return undefined;
}

/** What a connection needs of its server. */
export interface ConnectionHost {
  readonly limits: ServerLimits;
  /** For the limits only: stands still while this process does, so that nobody is blamed for our own pauses. */
  patienceMs(): number;
  /** Never rejects; undefined or empty = no reply. */
  handle(body: Buffer, peer: LinkPeer): Promise<Buffer | undefined>;
  /** The peer broke a rule; its connection is being ended. */
  refused(peer: LinkPeer, reason: string): void;
  closed(connection: SpConnection): void;
}

export class SpConnection {
  readonly waiting: Waiting;
  private readonly reader: SpReader;
  private inFlight = 0;
  private isEndedByUs = false;
  /** The peer's one request was taken (LinkPeer.refusal). */
  private isDone = false;
  private readonly socket: Socket;
  private readonly peer: LinkPeer;
  private readonly host: ConnectionHost;
  private readonly meter: Meter | undefined;

  /** @param meter what the peer may take over time; undefined = as much as it likes */
  constructor(socket: Socket, peer: LinkPeer, host: ConnectionHost, meter?: Meter) {
    this.socket = socket;
    this.peer = peer;
    this.host = host;
    this.meter = meter;
    this.reader = new SpReader(SP_PROTOCOL.req, host.limits.bodyBytesMax + STACK_BYTES_MAX);
    const helloSinceMs = host.patienceMs();
    this.waiting = { helloSinceMs, frameSinceMs: undefined, unreadSinceMs: undefined, idleSinceMs: undefined };
  }

  /** Says hello and listens. */
  start(): void {
    const { socket } = this;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.meter?.arrived(chunk.length);
      this.reader.push(chunk);
      this.pump();
    });
    socket.on('drain', () => this.pump());
    socket.on('error', () => {});
    socket.on('close', () => this.ended());
    socket.write(spHello(SP_PROTOCOL.rep));
  }

  get unfinishedBytes(): number {
    return this.reader.unfinishedBytes;
  }

  /** Ends the connection if something is overdue. */
  sweep(): void {
    // What the meter has stopped goes on by time alone.
    if (this.meter !== undefined && this.socket.isPaused()) this.pump();
    const end = overdue(this.waiting, this.host.patienceMs(), this.host.limits);
    if (end === undefined) return;
    if (end.isOffence) this.refuse(end.reason);
    else this.destroy();
  }

  refuse(reason: string): void {
    if (this.socket.destroyed) return;
    this.destroy();
    this.host.refused(this.peer, reason);
  }

  /** Ends the connection without a reproach. */
  destroy(): void {
    this.isEndedByUs = true;
    this.socket.destroy();
  }

  /** Hands whole frames to the handler while the peer may have more in flight; then says what is being waited for. */
  private pump(): void {
    if (this.socket.destroyed) return;
    let frames = 0;
    try {
      while (!this.isBlocked) {
        const frame = this.reader.next();
        if (frame === undefined) break;
        const { stack, body } = splitRequest(frame, this.host.limits.bodyBytesMax);
        frames++;
        this.inFlight++;
        this.meter?.request();
        this.isDone = this.peer.refusal !== undefined;
        void this.answer(stack, body);
      }
    } catch (violation) {
      this.refuse((violation as Error).message);
      return;
    }
    this.note(frames > 0);
    if (this.isBlocked) this.socket.pause();
    else if (this.socket.isPaused()) this.socket.resume();
  }

  private async answer(stack: Buffer, body: Buffer): Promise<void> {
    const reply = await this.host.handle(body, this.peer);
    this.inFlight--;
    if (reply !== undefined && reply.length > 0 && this.socket.writable) {
      this.socket.cork();
      for (const piece of spFrame(stack, reply)) this.socket.write(piece);
      this.socket.uncork();
    }
    if (this.isDone) this.socket.destroySoon();
    this.pump();
  }

  /** Too much in flight, or replies pile up: we don't read on. */
  private get isBlocked(): boolean {
    return this.isDone || this.inFlight >= this.host.limits.inFlightMax || this.isUnread || this.meter?.isOverdrawn() === true;
  }

  private get isUnread(): boolean {
    return this.socket.writableLength > this.host.limits.unreadBytesMax;
  }

  private note(isFrameTaken: boolean): void {
    const nowMs = this.host.patienceMs();
    const { waiting, reader } = this;
    // Whoever is not let in has this time for its one request, too.
    if (reader.isGreeted && (this.peer.refusal === undefined || this.isDone)) waiting.helloSinceMs = undefined;
    const isInFrame = reader.isGreeted && !this.isBlocked && reader.isUnfinished;
    waiting.frameSinceMs = isInFrame ? (isFrameTaken ? nowMs : (waiting.frameSinceMs ?? nowMs)) : undefined;
    waiting.unreadSinceMs = this.isUnread ? (waiting.unreadSinceMs ?? nowMs) : undefined;
    waiting.idleSinceMs = reader.isGreeted && this.inFlight === 0 && !isInFrame ? nowMs : undefined;
  }

  private ended(): void {
    if (!this.isEndedByUs && !this.isBlocked && this.reader.isUnfinished) this.host.refused(this.peer, 'closed inside a frame');
    this.host.closed(this);
  }
}

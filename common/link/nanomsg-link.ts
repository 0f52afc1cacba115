/**
 * The one door to the npm package `nanomsg`, an addon that needs a compiler and may be missing. What its traps make
 * necessary:
 *   - one request in flight per socket: of several, only the last is answered, silently. So requests wait their turn here;
 *   - no event when a peer is gone: the deadline is ours, and after it the socket is closed and a new one opened;
 *   - without tcpnodelay large messages stall for 40 ms;
 *   - a frame length above rcvmaxsize, and with rcvmaxsize -1 any huge one, aborts the process: nanomsg-guard.ts;
 *   - its REP goes deaf after one malformed frame: it never listens here;
 *   - it polls the main thread's event loop: in a worker it crashes, so there it counts as missing;
 *   - nn_term aborts at exit: it is never called. An open socket keeps the process alive: stop() closes it.
 */
import assert from 'node:assert/strict';
import { isMainThread } from 'node:worker_threads';
import type { Socket } from 'nanomsg';
import type { Clock, Timer } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { Random } from '../random.ts';
import { linkClosed, linkTimeout } from './link-errors.ts';
import type { LinkClient } from './link.ts';
import { NanomsgGuard } from './nanomsg-guard.ts';
import { STACK_BYTES_MAX } from './sp-codec.ts';

/** Body of a request or reply. */
const BODY_BYTES_MAX = 1 << 20;
const FRAME_BYTES_MAX = BODY_BYTES_MAX + STACK_BYTES_MAX;
/** Each with one request in flight: while the cloud works on one, the next is on its way. */
const SOCKETS_MAX = 2;
/** The addon dials again after this. */
const RECONNECT_MS = 100;

export type Nanomsg = typeof import('nanomsg');

export interface NanomsgLinkOptions {
  host: string;
  port: number;
  clock: Clock;
  random: Random;
  logger: Logger;
}

/** The package, or undefined where it is not installed, not compiled for this Node, or not usable (worker threads). */
export async function loadNanomsg(logger: Logger): Promise<Nanomsg | undefined> {
  if (!isMainThread) return undefined;
  try {
    const module = (await import('nanomsg')) as Nanomsg & { default?: Nanomsg };
    return module.default ?? module;
  } catch (error) {
    logger.debug({ error: (error as Error).message }, 'nanomsg is not available');
    return undefined;
  }
}

/** A client not yet started, or undefined where the addon can't be loaded. */
export async function openNanomsgLink(options: NanomsgLinkOptions): Promise<NanomsgLinkClient | undefined> {
  const nanomsg = await loadNanomsg(options.logger);
  return nanomsg === undefined ? undefined : new NanomsgLinkClient(nanomsg, options);
}

interface Pending {
  payload: Buffer;
  resolve: (reply: Buffer) => void;
  reject: (error: Error) => void;
  deadline: Timer;
}

/** One REQ socket of the addon with its one request. */
interface Lane {
  socket: Socket;
  current: Pending | undefined;
}

/**
 * REQ through the addon. The library re-sends by itself when its connection comes back. Every request has a socket to itself, so
 * they may overtake each other.
 */
export class NanomsgLinkClient implements LinkClient {
  readonly transport = 'nanomsg';
  readonly inFlightMax = SOCKETS_MAX;
  readonly isOrdered = false;
  private readonly nanomsg: Nanomsg;
  private readonly options: NanomsgLinkOptions;
  private readonly guard: NanomsgGuard;
  private state: 'new' | 'running' | 'stopped' = 'new';
  private guardPort = 0;
  private readonly lanes: Lane[] = [];
  private readonly queue: Pending[] = [];

  constructor(nanomsg: Nanomsg, options: NanomsgLinkOptions) {
    this.nanomsg = nanomsg;
    this.options = options;
    this.guard = new NanomsgGuard({ ...options, frameBytesMax: FRAME_BYTES_MAX });
  }

  async start(): Promise<void> {
    assert(this.state === 'new', 'link client started twice');
    this.state = 'running';
    this.guardPort = await this.guard.start();
    if (this.state !== 'running') return this.guard.stop();
    this.openLane();
    this.sendNext();
  }

  async request(payload: Buffer, deadlineMs: number): Promise<Buffer> {
    assert(payload.length > 0 && payload.length <= BODY_BYTES_MAX, `request of ${payload.length} bytes, 1 to ${BODY_BYTES_MAX}`);
    if (this.state !== 'running') throw linkClosed();
    return new Promise((resolve, reject) => {
      const deadline = this.options.clock.timer('link request', deadlineMs, () => this.expire(pending, deadlineMs));
      const pending: Pending = { payload, resolve, reject, deadline };
      this.queue.push(pending);
      this.sendNext();
    });
  }

  async stop(): Promise<void> {
    if (this.state === 'stopped') return;
    this.state = 'stopped';
    for (const pending of [...this.lanes.flatMap(({ current }) => current ?? []), ...this.queue]) {
      pending.deadline.cancel();
      pending.reject(linkClosed());
    }
    this.queue.length = 0;
    for (const { socket } of this.lanes.splice(0)) socket.close();
    await this.guard.stop();
  }

  private openLane(): Lane {
    const socket = this.nanomsg.socket('req', { tcpnodelay: true, rcvmaxsize: FRAME_BYTES_MAX, reconn: RECONNECT_MS });
    const lane: Lane = { socket, current: undefined };
    this.lanes.push(lane);
    socket.on('error', (error) => this.options.logger.warn({ error: String(error) }, 'nanomsg socket'));
    socket.on('data', (reply) => this.take(lane, reply));
    socket.connect(`tcp://127.0.0.1:${this.guardPort}`);
    return lane;
  }

  /** A further socket is opened when it is first needed. */
  private sendNext(): void {
    if (this.lanes.length === 0) return;
    while (this.queue.length > 0) {
      const lane =
        this.lanes.find(({ current }) => current === undefined) ?? (this.lanes.length < SOCKETS_MAX ? this.openLane() : undefined);
      if (lane === undefined) return;
      const pending = this.queue.shift() as Pending;
      lane.current = pending;
      lane.socket.send(pending.payload);
    }
  }

  /** The library lets through only the reply to the socket's last request; a closed socket's replies are dropped here. */
  private take(lane: Lane, reply: Buffer): void {
    const pending = lane.current;
    if (!this.lanes.includes(lane) || pending === undefined) return;
    lane.current = undefined;
    pending.deadline.cancel();
    pending.resolve(reply);
    this.sendNext();
  }

  private expire(pending: Pending, deadlineMs: number): void {
    const at = this.lanes.findIndex(({ current }) => current === pending);
    if (at >= 0) {
      const [lane] = this.lanes.splice(at, 1);
      lane?.socket.close();
      this.openLane();
    } else {
      this.queue.splice(this.queue.indexOf(pending), 1);
    }
    pending.reject(linkTimeout(deadlineMs));
    this.sendNext();
  }
}

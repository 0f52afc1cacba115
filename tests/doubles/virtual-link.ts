/**
 * A link without sockets, in virtual time: requests and replies are lost, late, repeated and overtake each other as the fates
 * say. What was sent arrives whatever became of the sender meanwhile, as bytes do that lie in a kernel's buffer.
 */
import assert from 'node:assert/strict';
import type { Clock, Timer } from '../../common/clock.ts';
import type { LinkClient, LinkHandler } from '../../common/link/link.ts';
import { linkClosed, linkTimeout } from '../../common/link/link-errors.ts';

/** What becomes of one message: after how many ms each of its copies arrives. None: it is lost. */
export type Fate = readonly number[];

export interface Fates {
  request(): Fate;
  reply(): Fate;
  /** What arrives of a message, by the transport's own reader; undefined when that ended the connection. Without it all arrives. */
  transport?(way: 'request' | 'reply', bytes: Buffer): Buffer | undefined;
}

const SOMEBODY = 'virtual';

export class VirtualNetwork {
  private readonly clock: Clock;
  /** Undefined while nobody listens: requests that arrive then are lost. */
  handler: LinkHandler | undefined;
  readonly counters = { requests: 0, lost: 0, repeated: 0, handled: 0, timeouts: 0 };
  /** What arrived while the listener was stopped; undefined while it runs. */
  private held: (() => void)[] | undefined;
  private ports = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Where a process of this host dials from: its port is its own, as long as the network lives. */
  addressOf(host: string): string {
    return `${host}:${++this.ports}`;
  }

  /**
   * @param clock of whoever dials: deadlines are its own
   * @param address where it dials from
   */
  dial(fates: Fates, inFlightMax: number, clock: Clock = this.clock, isOrdered = true, address = SOMEBODY): VirtualLink {
    return new VirtualLink(this, fates, inFlightMax, clock, isOrdered, address);
  }

  /** The listener is stopped (SIGSTOP): what arrives lies in its kernel's buffer. */
  hold(): void {
    this.held ??= [];
  }

  /** It goes on, and finds all of it at once. */
  release(): void {
    const { held = [] } = this;
    this.held = undefined;
    for (const arrive of held) arrive();
  }

  /** Carries the payload to whoever listens when it arrives, and each reply back to `onReply`. */
  carry(payload: Buffer, fates: Fates, onReply: (reply: Buffer) => void, address = SOMEBODY): void {
    this.counters.requests++;
    this.pass('request', payload, fates, (arrived) => {
      if (this.held !== undefined) this.held.push(() => this.handle(arrived, fates, onReply, address));
      else this.handle(arrived, fates, onReply, address);
    });
  }

  private handle(arrived: Buffer, fates: Fates, onReply: (reply: Buffer) => void, remote: string): void {
    const { handler } = this;
    if (handler === undefined) return;
    this.counters.handled++;
    void handler(arrived, { id: null, remote }).then((reply) => {
      // A cloud that was killed meanwhile sends nothing.
      if (this.handler === handler) this.pass('reply', reply, fates, onReply);
    });
  }

  private pass(way: 'request' | 'reply', bytes: Buffer, fates: Fates, onArrival: (bytes: Buffer) => void): void {
    const fate = fates[way]();
    if (fate.length === 0) this.counters.lost++;
    if (fate.length > 1) this.counters.repeated++;
    for (const delayMs of fate) {
      const arrived = fates.transport === undefined ? Buffer.from(bytes) : fates.transport(way, bytes);
      if (arrived === undefined) this.counters.lost++;
      else this.clock.timer('message', delayMs, () => onArrival(arrived));
    }
  }
}

interface Waiting {
  resolve: (reply: Buffer) => void;
  reject: (error: Error) => void;
  deadline: Timer;
}

export class VirtualLink implements LinkClient {
  readonly transport = 'virtual';
  readonly inFlightMax: number;
  /** What it promises, and does not always keep: the edge must bear it. */
  readonly isOrdered: boolean;
  private readonly network: VirtualNetwork;
  private readonly fates: Fates;
  private readonly clock: Clock;
  private readonly address: string;
  private readonly waiting = new Set<Waiting>();
  private state: 'new' | 'open' | 'stopped' | 'cut' = 'new';

  constructor(network: VirtualNetwork, fates: Fates, inFlightMax: number, clock: Clock, isOrdered: boolean, address: string) {
    this.network = network;
    this.address = address;
    this.isOrdered = isOrdered;
    this.fates = fates;
    this.inFlightMax = inFlightMax;
    this.clock = clock;
  }

  start(): Promise<void> {
    if (this.state === 'new') this.state = 'open';
    return Promise.resolve();
  }

  request(payload: Buffer, deadlineMs: number): Promise<Buffer> {
    if (this.state === 'cut') return new Promise(() => {});
    if (this.state !== 'open') return Promise.reject(linkClosed());
    assert(this.waiting.size < this.inFlightMax, `more than ${this.inFlightMax} requests at once`);
    return new Promise((resolve, reject) => {
      const deadline = this.clock.timer('deadline', deadlineMs, () => {
        this.network.counters.timeouts++;
        if (this.waiting.delete(waiting)) reject(linkTimeout(deadlineMs));
      });
      const waiting = { resolve, reject, deadline };
      this.waiting.add(waiting);
      const take = (reply: Buffer) => {
        if (!this.waiting.delete(waiting)) return;
        deadline.cancel();
        resolve(reply);
      };
      this.network.carry(payload, this.fates, take, this.address);
    });
  }

  stop(): Promise<void> {
    if (this.state !== 'cut') this.state = 'stopped';
    for (const { deadline, reject } of this.forget()) {
      deadline.cancel();
      reject(linkClosed());
    }
    return Promise.resolve();
  }

  /** The process at this end is dead: no promise of its requests is settled any more. */
  cut(): void {
    this.state = 'cut';
    for (const { deadline } of this.forget()) deadline.cancel();
  }

  private forget(): Waiting[] {
    const all = [...this.waiting];
    this.waiting.clear();
    return all;
  }
}

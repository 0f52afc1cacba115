/**
 * A TCP proxy on loopback whose faults have names. It knows nothing of what it carries. A fault holds from when it is set until the
 * next one is, for open and for new connections.
 */
import assert from 'node:assert/strict';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { systemClock } from '../../common/clock.ts';
import { seededRandom } from '../../common/random.ts';

/** Which bytes suffer; both unless said. */
export type Direction = 'to_target' | 'to_client';

export type ProxyFault =
  | { kind: 'pass' }
  /**
   * A black hole: connections stay open, bytes go nowhere, closing isn't told to the other side, and the target sees no new
   * connection. A connection that lost bytes stays dead when the fault is lifted.
   */
  | { kind: 'swallow'; direction?: Direction }
  /** Each byte arrives so much later, in order. */
  | { kind: 'delay'; ms: number; direction?: Direction }
  /** Each connection is reset after so many more bytes: in the middle of a frame. */
  | { kind: 'cut'; afterBytes: number; direction?: Direction }
  /** Open connections are reset, new ones too. */
  | { kind: 'refuse' }
  /** One random bit in about each `everyBytes` is wrong. */
  | { kind: 'flip'; everyBytes: number; direction?: Direction; seed?: number }
  /** Each n-th piece that arrives is passed on twice. */
  | { kind: 'double'; everyChunks: number; direction?: Direction };

export interface FaultyProxy {
  readonly port: number;
  setFault(fault: ProxyFault): void;
  /** What has happened so far, so that a test can show that its fault was met. */
  readonly counters: Readonly<ProxyCounters>;
  stop(): Promise<void>;
}

export interface ProxyCounters {
  connections: number;
  passedBytes: number;
  /** Of those, what a delay has held back. */
  delayedBytes: number;
  swallowedBytes: number;
  flippedBits: number;
  doubledChunks: number;
  cuts: number;
  refused: number;
}

export interface FaultyProxyOptions {
  targetPort: number;
  targetHost?: string;
  /** 0 = any free one. */
  port?: number;
}

export async function startFaultyProxy(options: FaultyProxyOptions): Promise<FaultyProxy> {
  const proxy = new Proxy(options);
  await proxy.start();
  return proxy;
}

class Proxy implements FaultyProxy {
  readonly counters: ProxyCounters = {
    connections: 0,
    passedBytes: 0,
    delayedBytes: 0,
    swallowedBytes: 0,
    flippedBits: 0,
    doubledChunks: 0,
    cuts: 0,
    refused: 0,
  };
  private readonly options: FaultyProxyOptions;
  private readonly passages = new Set<Passage>();
  private readonly server: Server;
  private fault: ProxyFault = { kind: 'pass' };

  constructor(options: FaultyProxyOptions) {
    this.options = options;
    this.server = createServer((client) => this.accept(client));
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(this.options.port ?? 0, '127.0.0.1', resolve);
    });
  }

  setFault(fault: ProxyFault): void {
    this.fault = fault;
    for (const passage of this.passages) passage.suffer(fault);
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const passage of this.passages) passage.destroy();
    await closed;
  }

  private accept(client: Socket): void {
    this.counters.connections++;
    const { targetPort, targetHost } = this.options;
    const isDead = this.fault.kind === 'swallow' && this.fault.direction === undefined;
    const target = isDead || this.fault.kind === 'refuse' ? undefined : connect(targetPort, targetHost ?? '127.0.0.1');
    const passage = new Passage(client, target, this.counters, () => this.passages.delete(passage));
    this.passages.add(passage);
    passage.suffer(this.fault);
  }
}

/** One connection through the proxy. */
class Passage {
  private readonly sockets: Socket[];
  private readonly lanes: Lane[];
  private open: number;

  constructor(client: Socket, target: Socket | undefined, counters: ProxyCounters, onClosed: () => void) {
    this.sockets = target === undefined ? [client] : [client, target];
    this.open = this.sockets.length;
    const reset = () => this.reset();
    this.lanes = [new Lane('to_target', client, target, counters, reset), new Lane('to_client', target, client, counters, reset)];
    for (const socket of this.sockets) {
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.once('close', () => {
        if (--this.open === 0) onClosed();
      });
    }
  }

  suffer(fault: ProxyFault): void {
    for (const lane of this.lanes) lane.suffer(fault);
  }

  destroy(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  private reset(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }
}

/** One direction of one connection. */
class Lane {
  private fault: ProxyFault = { kind: 'pass' };
  private hasLostBytes = false;
  private cutInBytes = 0;
  private chunks = 0;
  private random = seededRandom(1);
  /** What is still under way, in order; waits when delayed. */
  private underWay = 0;
  private tail: Promise<void> = Promise.resolve();
  private readonly direction: Direction;
  private readonly from: Socket | undefined;
  private readonly to: Socket | undefined;
  private readonly counters: ProxyCounters;
  private readonly reset: () => void;

  constructor(direction: Direction, from: Socket | undefined, to: Socket | undefined, counters: ProxyCounters, reset: () => void) {
    this.direction = direction;
    this.from = from;
    this.to = to;
    this.counters = counters;
    this.reset = reset;
    from?.on('data', (chunk: Buffer) => this.carry(chunk));
    from?.once('close', () => this.fromClosed());
    to?.on('drain', () => from?.resume());
  }

  suffer(fault: ProxyFault): void {
    const isMine = !('direction' in fault) || fault.direction === undefined || fault.direction === this.direction;
    this.fault = isMine ? fault : { kind: 'pass' };
    if (fault.kind === 'refuse' && this.direction === 'to_target') {
      this.counters.refused++;
      this.reset();
    }
    if (this.fault.kind === 'cut') this.cutInBytes = this.fault.afterBytes;
    if (this.fault.kind === 'flip') this.random = seededRandom(this.fault.seed ?? 1);
  }

  private carry(chunk: Buffer): void {
    const { fault } = this;
    if (fault.kind === 'swallow' || this.hasLostBytes || this.to === undefined) {
      this.hasLostBytes = true;
      this.counters.swallowedBytes += chunk.length;
      return;
    }
    if (fault.kind === 'cut') return this.cut(chunk);
    let arriving = fault.kind === 'flip' ? this.flip(chunk, fault.everyBytes) : chunk;
    if (fault.kind === 'double' && ++this.chunks % fault.everyChunks === 0) {
      arriving = Buffer.concat([chunk, chunk]);
      this.counters.doubledChunks++;
    }
    if (fault.kind === 'delay' || this.underWay > 0) this.passLater(arriving, fault.kind === 'delay' ? fault.ms : 0);
    else this.pass(arriving);
  }

  private pass(chunk: Buffer): void {
    if (this.to === undefined || this.to.destroyed) return;
    this.counters.passedBytes += chunk.length;
    if (!this.to.write(chunk)) this.from?.pause();
  }

  private passLater(chunk: Buffer, ms: number): void {
    const dueMs = systemClock.monotonicMs() + ms;
    this.underWay++;
    this.tail = this.tail.then(async () => {
      await systemClock.sleep(Math.max(0, dueMs - systemClock.monotonicMs()));
      this.underWay--;
      if (ms > 0) this.counters.delayedBytes += chunk.length;
      this.pass(chunk);
    });
  }

  private cut(chunk: Buffer): void {
    const passed = chunk.subarray(0, this.cutInBytes);
    this.cutInBytes -= passed.length;
    if (passed.length > 0) this.pass(passed);
    if (passed.length === chunk.length && this.cutInBytes > 0) return;
    assert.equal(this.cutInBytes, 0);
    this.counters.cuts++;
    // The bytes before the cut shall arrive: a reset would overtake them.
    this.to?.destroySoon();
    this.from?.destroy();
  }

  private flip(chunk: Buffer, everyBytes: number): Buffer {
    const copy = Buffer.from(chunk);
    for (let i = 0; i < copy.length; i++) {
      if (this.random.below(everyBytes) > 0) continue;
      copy[i] = copy[i]! ^ (1 << this.random.below(8));
      this.counters.flippedBits++;
    }
    return copy;
  }

  /** Tells the other side after all that is under way, unless a black hole swallows that too. */
  private fromClosed(): void {
    if (this.fault.kind === 'swallow' || this.hasLostBytes) return;
    void this.tail.then(() => this.to?.destroySoon());
  }
}

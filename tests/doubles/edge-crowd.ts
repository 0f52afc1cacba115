/**
 * Many edges of one home each in this process: the production edge server with its real outbox (in memory) and real sockets, each
 * from a loopback address of its own, so that a cloud that counts by address sees as many machines. Only the topic is a double.
 */
import { connect, type Socket } from 'node:net';
import { POWER_TOPIC } from '../../common/broker/broker.ts';
import { systemClock } from '../../common/clock.ts';
import { SpLinkClient } from '../../common/link/sp-link.ts';
import { type Logger, silentLogger } from '../../common/logger.ts';
import { type Random, seededRandom } from '../../common/random.ts';
import { encodeMark, encodeReading } from '../../common/topic-codec.ts';
import { EdgeServer } from '../../edge/server/edge-server.ts';
import { VirtualBroker, VirtualTopics } from './virtual-broker.ts';

const WINDOW_MS = 5_000;
/** 2019-12-24T00:00:00Z */
const BASE_MS = 1_577_145_600_000;
const LOOK_MS = 50;
const MS_PER_DAY = 86_400_000;
/** An hour's backlog needs a hundredth. */
const QUOTA_BYTES = 64 << 20;
/** Nobody listens there. */
const DEAF_PORT = 1;
/** Records in one append. */
const APPEND_RECORDS = 240;

export interface CrowdOptions {
  edges: number;
  heartbeatPort: number;
  dataPort: number;
  /** Times of the link. */
  heartbeatMs: number;
  heartbeatDeadlineMs: number;
  dataDeadlineMs: number;
  seed: number;
  logger?: Logger;
}

interface CrowdEdge {
  household: string;
  topics: VirtualTopics;
  server: EdgeServer;
  /** Windows put into its topic so far. */
  windows: number;
}

export class EdgeCrowd {
  /** Monotonic ms at which a connection to the cloud was made. */
  readonly connectedMs: number[] = [];
  /** What edges ended with by themselves; must stay empty. */
  readonly failures: unknown[] = [];
  private readonly options: CrowdOptions;
  private readonly edges: CrowdEdge[] = [];
  private readonly ending = new AbortController();
  private readonly running: Promise<void>[] = [];
  /** The newest of each edge. */
  private readonly dataSockets = new Map<number, Socket>();
  private readonly starved = new Set<number>();

  constructor(options: CrowdOptions) {
    this.options = options;
  }

  /** All edges work from here on, whether the cloud is there or not. */
  async start(): Promise<void> {
    const random = seededRandom(this.options.seed);
    for (let i = 0; i < this.options.edges; i++) this.edges.push(this.makeEdge(i, seededRandom(random.below(1 << 30))));
    for (const { server } of this.edges) {
      await server.start();
      this.running.push(server.run(this.ending.signal).catch((error: unknown) => void this.failures.push(error)));
    }
  }

  get households(): string[] {
    return this.edges.map(({ household }) => household);
  }

  /** Puts so many windows of one reading each into every edge's topic, and a mark behind them. */
  async produce(windows: number): Promise<void> {
    for (const edge of this.edges) {
      const last = edge.windows + windows;
      const records = [];
      for (let seq = edge.windows + 1; seq <= last; seq++) {
        const reading = { household: edge.household, device: 'meter', src: 'src1', seq, timeMs: BASE_MS + seq * WINDOW_MS };
        records.push({ key: edge.household, value: encodeReading({ ...reading, values: { power: seq, energy: seq / 1_000 } }) });
      }
      const timeMs = BASE_MS + (last + 1) * WINDOW_MS;
      records.push({ key: null, value: encodeMark({ timeMs, run: 'run-1', end: false, last: [] }) });
      for (let at = 0; at < records.length; at += APPEND_RECORDS)
        edge.topics.append(POWER_TOPIC, 0, records.slice(at, at + APPEND_RECORDS));
      edge.windows = last;
      await systemClock.sleep(0);
    }
  }

  /** Until every edge has all its windows in its outbox or acknowledged. */
  untilTakenIn(deadlineMs: number): Promise<void> {
    const isTakenIn = ({ server, windows }: CrowdEdge) => server.store.outbox.unackedCount + server.store.outbox.ackedCount === windows;
    return this.until('everything is in the outboxes', isTakenIn, deadlineMs).then(() => undefined);
  }

  /**
   * @param who the edges asked, by number
   * @returns per edge asked the monotonic ms at which everything was acknowledged, exact to LOOK_MS
   */
  untilDrained(deadlineMs: number, who: (i: number) => boolean = () => true): Promise<number[]> {
    const isDrained = ({ server, windows }: CrowdEdge) => server.store.outbox.ackedCount === windows;
    return this.until('everything is acknowledged', isDrained, deadlineMs, who);
  }

  /** From now on nothing that this edge asks on the data link is answered. */
  starve(i: number): void {
    this.starved.add(i);
    this.dataSockets.get(i)?.destroy();
  }

  feed(i: number): void {
    this.starved.delete(i);
  }

  get ackedCount(): number {
    return this.edges.reduce((sum, { server }) => sum + server.store.outbox.ackedCount, 0);
  }

  async stop(): Promise<void> {
    this.ending.abort();
    await Promise.all(this.running);
    for (const { server } of this.edges) await server.stop();
  }

  private async until(
    what: string,
    holds: (edge: CrowdEdge) => boolean,
    deadlineMs: number,
    who: (i: number) => boolean = () => true,
  ): Promise<number[]> {
    const untilMs = systemClock.monotonicMs() + deadlineMs;
    const asked = this.edges.filter((_, i) => who(i));
    const atMs: (number | undefined)[] = asked.map(() => undefined);
    for (;;) {
      const nowMs = systemClock.monotonicMs();
      let left = 0;
      asked.forEach((edge, i) => {
        if (atMs[i] !== undefined) return;
        if (holds(edge)) atMs[i] = nowMs;
        else left++;
      });
      if (this.failures.length > 0) throw this.failures[0];
      if (left === 0) return atMs as number[];
      if (nowMs > untilMs) throw new Error(`not reached by ${left} of ${asked.length} edges: ${what}`);
      await systemClock.sleep(LOOK_MS);
    }
  }

  private makeEdge(i: number, random: Random): CrowdEdge {
    const { heartbeatPort, dataPort, heartbeatMs, heartbeatDeadlineMs, dataDeadlineMs, logger = silentLogger } = this.options;
    const topics = new VirtualTopics();
    topics.ensure(POWER_TOPIC, 1);
    const link = (port: number) =>
      new SpLinkClient({
        host: '127.0.0.1',
        port,
        clock: systemClock,
        random,
        logger,
        dial: (host, dialled) => this.dial(i, host, dialled),
      });
    const server = new EdgeServer({
      edge: `edge-${i}`,
      site: '',
      broker: new VirtualBroker(topics, systemClock),
      topic: { partitions: 1, retentionMs: MS_PER_DAY },
      dataLink: link(dataPort),
      heartbeatLink: link(heartbeatPort),
      clock: systemClock,
      random,
      logger,
      folder: ':memory:',
      quotaBytes: QUOTA_BYTES,
      windowMs: WINDOW_MS,
      keepMs: MS_PER_DAY,
      idleCloseMs: MS_PER_DAY,
      publishAverages: false,
      heartbeatMs,
      heartbeatDeadlineMs,
      dataDeadlineMs,
    });
    return { household: `home-${i}`, topics, server, windows: 0 };
  }

  private dial(i: number, host: string, port: number): Socket {
    const isData = port === this.options.dataPort;
    const socket = connect({
      host,
      port: isData && this.starved.has(i) ? DEAF_PORT : port,
      localAddress: `127.1.${1 + (i >> 8)}.${i & 255}`,
    });
    socket.once('connect', () => this.connectedMs.push(systemClock.monotonicMs()));
    if (isData) this.dataSockets.set(i, socket);
    return socket;
  }
}

/** How much longer the slowest took than the median. */
export function unevenness(durationsMs: readonly number[]): number {
  const sorted = durationsMs.toSorted((a, b) => a - b);
  return (sorted.at(-1) ?? Number.NaN) / (sorted[sorted.length >> 1] ?? Number.NaN);
}

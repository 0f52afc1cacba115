/**
 * An edge of a storm: the production edge server on a database file, killed, started again on the same file, set back to an
 * earlier copy of it. What is left of a killed one can reach nothing any more.
 */
import { join } from 'node:path';
import type { TopicSettings } from '../../common/broker/broker.ts';
import type { Clock } from '../../common/clock.ts';
import { OperatingError } from '../../common/errors.ts';
import type { Failpoint } from '../../common/failpoints.ts';
import type { LinkClient } from '../../common/link/link.ts';
import type { Logger } from '../../common/logger.ts';
import type { EdgeStatus } from '../../common/messages.ts';
import type { Random } from '../../common/random.ts';
import { EdgeServer } from '../../edge/server/edge-server.ts';
import { type BrokerFates, VirtualBroker, type VirtualTopics } from '../doubles/virtual-broker.ts';
import type { Fates, VirtualLink, VirtualNetwork } from '../doubles/virtual-link.ts';
import { Life } from './life.ts';
import { copyFolder } from './storm-files.ts';

/** Two requests on their way at once, as over the pipelined transport. */
const IN_FLIGHT_MAX = 2;
export const HEARTBEAT_MS = 3_000;

export interface StormEdgeOptions {
  edge: string;
  folder: string;
  clock: Clock;
  random: Random;
  logger: Logger;
  topics: VirtualTopics;
  brokerFates: BrokerFates;
  topic: TopicSettings;
  network: VirtualNetwork;
  dataFates: Fates;
  heartbeatFates: Fates;
  quotaBytes: number;
  windowMs: number;
  keepMs: number;
  idleCloseMs: number;
  /** Requests on their way at once. */
  inFlightMax?: number;
  /** A planted fault puts something between edge and link. */
  wrapLink: (link: LinkClient, clock: Clock) => LinkClient;
  /** The process is dead, in whatever way. */
  onDeath: () => void;
  /** It ended by itself, with an error that a supervisor sees. */
  onError: (error: unknown) => void;
}

export class StormEdge {
  readonly options: StormEdgeOptions;
  private life: Life | undefined;
  private server: EdgeServer | undefined;
  private copies = 0;

  constructor(options: StormEdgeOptions) {
    this.options = options;
  }

  get isUp(): boolean {
    return this.life !== undefined;
  }

  get copyCount(): number {
    return this.copies;
  }

  /** Starts in the background. @param dies the failpoint of this life */
  start(dies?: { name: Failpoint; times: number }): void {
    const { options } = this;
    if (this.isUp) throw new Error(`${options.edge} is up already`);
    const { clock, topics, network, brokerFates, dataFates, heartbeatFates, wrapLink } = options;
    let cut = (): void => undefined;
    const life = new Life(clock, () => {
      this.life = undefined;
      this.server = undefined;
      cut();
      options.onDeath();
    });
    if (dies !== undefined) life.arm(dies.name, dies.times);
    const broker = new VirtualBroker(topics, life.clock, brokerFates);
    const data = network.dial(dataFates, options.inFlightMax ?? IN_FLIGHT_MAX);
    const live: VirtualLink[] = [];
    const heartbeats = network.dial(heartbeatFates, 1);
    const server = new EdgeServer({
      ...options,
      site: '',
      folder: this.stateFolder,
      broker,
      clock: life.clock,
      dataLink: wrapLink(data, life.clock),
      heartbeatLink: heartbeats,
      openLiveLink: () => {
        live.push(network.dial(dataFates, 1));
        return Promise.resolve(live.at(-1) as VirtualLink);
      },
      publishAverages: true,
      heartbeatMs: HEARTBEAT_MS,
      heartbeatDeadlineMs: 1_400,
      dataDeadlineMs: 10_000,
    });
    cut = () => {
      broker.cut();
      data.cut();
      heartbeats.cut();
      for (const link of live) link.cut();
      server.store.stop();
    };
    this.life = life;
    this.server = server;
    void life.run(() => this.live(server, life));
  }

  kill(): void {
    this.life?.end();
  }

  /** Keeps a copy of the database as it lies on the disk now. False when there is none. */
  copy(): boolean {
    return copyFolder(this.stateFolder, join(this.options.folder, `copy-${this.copies}`)) && ++this.copies > 0;
  }

  /** Puts a copy in the place of the database; the edge must be down. */
  setBack(copy: number): void {
    if (this.isUp) throw new Error('the edge is up');
    copyFolder(join(this.options.folder, `copy-${copy}`), this.stateFolder);
  }

  /** Folder of the outbox. */
  get stateFolder(): string {
    return join(this.options.folder, 'state');
  }

  /** Undefined while it is down. */
  get running(): EdgeServer | undefined {
    return this.server;
  }

  /** Undefined while it is down or starting. */
  status(): EdgeStatus | undefined {
    try {
      return this.server?.status();
    } catch (error) {
      if ((error as Error).message.includes('not started')) return undefined;
      throw error;
    }
  }

  private async live(server: EdgeServer, life: Life): Promise<void> {
    try {
      await server.start();
      await server.run(new AbortController().signal);
    } catch (error) {
      if (life.isOver) return;
      life.end();
      this.options.onError(error);
    }
  }
}

/** What a supervised edge may end with: the world refused. Everything else is a bug. */
export function isExpectedEnd(error: unknown): boolean {
  return error instanceof OperatingError && (error.code === 'BROKER_UNREACHABLE' || error.code === 'STORE_DAMAGED');
}

/**
 * An edge of a storm: the production edge server on a store, killed, started again on the same disk, set back to an earlier copy of
 * it. What is left of a killed one can reach nothing any more.
 */
import type { Broker, StoredRecord, TopicSettings } from '../../common/broker/broker.ts';
import type { Clock } from '../../common/clock.ts';
import { OperatingError } from '../../common/errors.ts';
import type { LinkClient } from '../../common/link/link.ts';
import type { Logger } from '../../common/logger.ts';
import type { EdgeStatus, TopicMessage } from '../../common/messages.ts';
import type { Random } from '../../common/random.ts';
import type { EdgeWire } from '../../common/wire.ts';
import { EdgeServer } from '../../edge/server/edge-server.ts';
import { EdgeStore, type EdgeStoreOptions } from '../../edge/server/edge-store.ts';
import { type BrokerFates, VirtualBroker, type VirtualTopics } from '../doubles/virtual-broker.ts';
import type { Fates, VirtualLink, VirtualNetwork } from '../doubles/virtual-link.ts';
import { type Death, Life, type LifeOptions } from './life.ts';
import type { FolderDisk, StormDisk } from './storm-disk.ts';
import type { EdgePlace, Opened } from './storm-stores.ts';

export const HEARTBEAT_MS = 3_000;

/** Something wrong between right parts of one life of an edge. */
export interface EdgePlants {
  wrapLink?: (link: LinkClient, clock: Clock) => LinkClient;
  wrapBroker?: (broker: Broker) => Broker;
  makeStore?: (options: EdgeStoreOptions, disk: StormDisk) => EdgeStore;
}

export interface StormEdgeOptions {
  edge: string;
  place: EdgePlace;
  clock: Clock;
  random: Random;
  logger: Logger;
  topics: VirtualTopics;
  brokerFates: BrokerFates;
  topic: TopicSettings;
  network: VirtualNetwork;
  dataFates: Fates;
  heartbeatFates: Fates;
  inFlightMax: number;
  isOrdered: boolean;
  publishAverages: boolean;
  quotaBytes: number;
  windowMs: number;
  keepMs: number;
  idleCloseMs: number;
  /** Rows that one transaction of a hello changes. */
  pieceRows?: number;
  wire?: EdgeWire;
  decode?: (record: StoredRecord) => TopicMessage;
  planted?: EdgePlants;
  /** The process is dead, in whatever way. */
  onDeath: () => void;
  /** It ended by itself, with an error that a supervisor sees. */
  onError: (error: unknown) => void;
  onTouch?: LifeOptions['onTouch'];
}

interface EdgeLinks {
  data: LinkClient;
  heartbeats: LinkClient;
  dialLive: () => LinkClient;
}

export class StormEdge {
  readonly options: StormEdgeOptions;
  private life: Life | undefined;
  private server: EdgeServer | undefined;
  private opened: Opened<EdgeStore> | undefined;
  private copies = 0;
  private isFull = false;

  constructor(options: StormEdgeOptions) {
    this.options = options;
  }

  get isUp(): boolean {
    return this.life !== undefined;
  }

  get copyCount(): number {
    return this.copies;
  }

  /** Starts in the background. */
  start(death?: Death): void {
    const { options } = this;
    if (this.isUp) throw new Error(`${options.edge} is up already`);
    const { clock, onDeath, onTouch } = options;
    let cut = (): void => undefined;
    const life: Life = new Life(clock, {
      onDeath: () => {
        this.life = undefined;
        this.server = undefined;
        this.opened = undefined;
        cut();
        onDeath();
      },
      ...(onTouch === undefined ? {} : { onTouch: (what, deadly) => onTouch(`edge ${what}`, deadly) }),
    });
    life.arm(death);
    const broker = new VirtualBroker(options.topics, life.clock, options.brokerFates);
    const address = options.network.addressOf(options.edge);
    const dial = (fates: Fates, inFlightMax: number, isOrdered?: boolean) =>
      options.network.dial(fates, inFlightMax, life.clock, isOrdered, address);
    const data = dial(options.dataFates, options.inFlightMax, options.isOrdered);
    const heartbeats = dial(options.heartbeatFates, 1);
    const live: VirtualLink[] = [];
    const opened = this.openStore(life);
    cut = () => {
      broker.cut();
      data.cut();
      heartbeats.cut();
      for (const link of live) link.cut();
      opened.store.stop();
    };
    const dialLive = () => {
      const link = dial(options.dataFates, 1);
      live.push(link);
      return link;
    };
    const server = this.makeServer(life, opened.store, broker, { data, heartbeats, dialLive });
    this.life = life;
    this.server = server;
    this.opened = opened;
    void life.run(() => this.live(server, life, opened));
  }

  kill(): void {
    this.life?.end();
  }

  cutPower(): void {
    this.options.place.disk.cutPower(() => this.kill());
  }

  setFull(isFull: boolean): void {
    this.isFull = isFull;
    this.opened?.setFull(isFull);
  }

  /** Keeps a copy of the database as it lies on the disk now. False when there is none. */
  copy(): boolean {
    return this.options.place.disk.copy(`copy-${this.copies}`) && ++this.copies > 0;
  }

  /** Puts a copy in the place of the database; the edge must be down. */
  setBack(copy: number): void {
    if (this.isUp) throw new Error('the edge is up');
    this.options.place.disk.restore(`copy-${copy}`);
  }

  /** Folder of the outbox, of an edge on files. */
  get stateFolder(): string {
    return (this.options.place.disk as FolderDisk).state;
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

  private openStore(life: Life): Opened<EdgeStore> {
    const { place, quotaBytes, windowMs, random, planted = {}, onTouch } = this.options;
    const { makeStore = (options: EdgeStoreOptions) => new EdgeStore(options) } = planted;
    const makeId = () =>
      [0, 1]
        .map(() =>
          random
            .below(2 ** 32)
            .toString(16)
            .padStart(8, '0'),
        )
        .join('');
    return place.open({ quotaBytes, windowMs, makeId }, (options) => {
      const store = makeStore(options, place.disk);
      return onTouch === undefined ? store : touchingStore(store, life);
    });
  }

  private makeServer(life: Life, store: EdgeStore, broker: Broker, links: EdgeLinks): EdgeServer {
    const { data, heartbeats, dialLive } = links;
    const { planted = {}, ...options } = this.options;
    const { wrapLink = (link) => link, wrapBroker = (its) => its } = planted;
    const brokerCalls = ['ensureTopic', 'partitionCount', 'logState', 'append', 'consume', 'read', 'commit'] as const;
    return new EdgeServer({
      ...options,
      store,
      site: '',
      folder: '',
      broker: life.touching('broker', wrapBroker(broker), brokerCalls),
      clock: life.clock,
      dataLink: life.touching('link', wrapLink(data, life.clock), ['request']),
      heartbeatLink: life.touching('heartbeats', wrapLink(heartbeats, life.clock), ['request']),
      openLiveLink: () => Promise.resolve(life.touching('live link', wrapLink(dialLive(), life.clock), ['request'])),
      heartbeatMs: HEARTBEAT_MS,
      heartbeatDeadlineMs: 1_400,
      dataDeadlineMs: 10_000,
    });
  }

  private async live(server: EdgeServer, life: Life, { store, setFull }: Opened<EdgeStore>): Promise<void> {
    try {
      // A disk in memory is full before it is opened, a file when it is open.
      setFull(this.isFull);
      store.start();
      setFull(this.isFull);
      await server.start();
      await server.run(new AbortController().signal);
    } catch (error) {
      if (life.isOver) return;
      life.end();
      this.options.onError(error);
    }
  }
}

/** Dies also before and after a lock is held, and before and after a commit. */
function touchingStore(store: EdgeStore, life: Life): EdgeStore {
  const exclusive = store.exclusive.bind(store);
  const commitRows = store.commitRows.bind(store);
  store.exclusive = (change) => life.ask('outbox.exclusive', () => exclusive(change));
  // What every commit comes to.
  store.commitRows = (grows, change) => {
    life.touchNow('outbox.commit, before');
    commitRows(grows, change);
    life.touchNow('outbox.commit, after');
  };
  return store;
}

/** What a supervised edge may end with: the world refused. Everything else is a bug. */
export function isExpectedEnd(error: unknown): boolean {
  return error instanceof OperatingError && ['BROKER_UNREACHABLE', 'STORE_DAMAGED', 'DISK_FULL'].includes(error.code);
}

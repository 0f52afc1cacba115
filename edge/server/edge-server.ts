/**
 * The edge server, put together: intake → outbox → shipper, with heartbeats and upkeep beside. Broker, links, clock and
 * randomness come in, so storms run this very class in virtual time.
 */
import { AVERAGES_TOPIC, type Broker, POWER_TOPIC, type StoredRecord, type TopicSettings } from '../../common/broker/broker.ts';
import type { Clock } from '../../common/clock.ts';
import type { LinkClient } from '../../common/link/link.ts';
import type { Logger } from '../../common/logger.ts';
import type { EdgeStatus, TopicMessage } from '../../common/messages.ts';
import type { Random } from '../../common/random.ts';
import { VERSION } from '../../common/version.ts';
import { type EdgeWire, edgeWire } from '../../common/wire.ts';
import { EdgeStore } from './edge-store.ts';
import { Greeter } from './greeter.ts';
import { Heartbeat } from './heartbeat.ts';
import { Intake } from './intake.ts';
import { LiveLane } from './live-lane.ts';
import { Shipper } from './shipper.ts';
import { Upkeep } from './upkeep.ts';

export interface EdgeServerOptions {
  edge: string;
  /** link.site */
  site: string;
  broker: Broker;
  topic: TopicSettings;
  dataLink: LinkClient;
  heartbeatLink: LinkClient;
  /** Opens one more to the data port, for current values while a backlog drains; without it they wait for the backlog. */
  openLiveLink?: () => Promise<LinkClient>;
  clock: Clock;
  random: Random;
  logger: Logger;
  /** Folder of the outbox, `:memory:` for none. */
  folder: string;
  quotaBytes: number;
  windowMs: number;
  keepMs: number;
  idleCloseMs: number;
  publishAverages: boolean;
  heartbeatMs: number;
  heartbeatDeadlineMs: number;
  dataDeadlineMs: number;
  /** Damaged files of the topic that lie set aside now. */
  topicDamage?: () => number;
  /** Told of what is not as it should be. */
  onWarning?: (message: string, hint: string) => void;
  /** Another layout of what travels; else that of production with `site`. */
  wire?: EdgeWire;
  /** How a record of the topic is read; else by the topic's codec. */
  decode?: (record: StoredRecord) => TopicMessage;
  /** Rows that one transaction of a hello changes; storms have few rows. */
  pieceRows?: number;
  /** Gives a store that is started already; for tests that keep one across a crash. */
  store?: EdgeStore;
}

export class EdgeServer {
  private readonly options: EdgeServerOptions;
  readonly store: EdgeStore;
  private readonly wire: EdgeWire;
  private readonly intake: Intake;
  private readonly greeter: Greeter;
  private readonly shipper: Shipper;
  private readonly heartbeat: Heartbeat;
  private readonly liveLane: LiveLane | undefined;
  private readonly upkeep: Upkeep;
  private partitions = 0;
  /** Places of the outbox found damaged since the start. */
  private damaged = 0;

  constructor(options: EdgeServerOptions) {
    this.options = options;
    const { edge, broker, clock, random, logger } = options;
    this.wire = options.wire ?? edgeWire(options.site);
    this.store = options.store ?? new EdgeStore(options);
    const store = this.store;
    this.intake = new Intake({
      broker,
      store,
      clock,
      logger,
      idleCloseMs: options.idleCloseMs,
      ...(options.decode === undefined ? {} : { decode: options.decode }),
      onRows: () => {
        this.shipper.wake();
        this.liveLane?.wake();
      },
      giveWay: () => this.shipper.giveWay(),
      onUnassigned: () => this.greeter.requestHello('a household without a generation'),
    });
    this.greeter = new Greeter({
      edge,
      store,
      broker,
      clock,
      logger,
      waitingFor: () => this.intake.waitingFor,
      onAssigned: () => {
        this.intake.wake();
        this.liveLane?.wake();
      },
      onDue: () => this.shipper.wake(),
      ...(options.pieceRows === undefined ? {} : { pieceRows: options.pieceRows }),
    });
    this.shipper = new Shipper({
      edge,
      wire: this.wire,
      store,
      link: options.dataLink,
      clock,
      random,
      logger,
      deadlineMs: options.dataDeadlineMs,
      isReached: () => this.heartbeat.isReached,
      isLinkUp: () => this.heartbeat.isUp,
      greeter: this.greeter,
    });
    this.heartbeat = this.makeHeartbeat();
    this.liveLane = this.makeLiveLane();
    this.upkeep = new Upkeep({
      broker,
      store,
      intake: this.intake,
      clock,
      logger,
      keepMs: options.keepMs,
      publishAverages: options.publishAverages,
      onResumed: () => this.greeter.requestHello('households were unparked'),
      onSetAside: (places) => {
        this.damaged += places;
        this.greeter.requestHello('rows of the outbox were damaged');
      },
      isRefilling: () => this.greeter.isRefilling,
    });
  }

  private makeHeartbeat(): Heartbeat {
    const { options } = this;
    const { edge, clock, random, logger } = options;
    return new Heartbeat({
      edge,
      wire: this.wire,
      epoch: () => this.store.epoch,
      link: options.heartbeatLink,
      clock,
      random,
      logger,
      intervalMs: options.heartbeatMs,
      deadlineMs: options.heartbeatDeadlineMs,
      status: () => this.status(),
      onAnswer: (startId) => void this.greeter.isCurrent(startId),
      onReached: () => this.shipper.linkReached(),
      onLink: (up) => this.shipper.linkChanged(up),
    });
  }

  private makeLiveLane(): LiveLane | undefined {
    const { edge, openLiveLink, clock, random, logger, dataDeadlineMs } = this.options;
    if (openLiveLink === undefined) return undefined;
    const { store, greeter, wire } = this;
    const isAnswered = () => this.heartbeat.isAnswered;
    const isLinkUp = () => this.heartbeat.isUp;
    const options = { edge, wire, store, greeter, open: openLiveLink, clock, random, logger, deadlineMs: dataDeadlineMs };
    return new LiveLane({ ...options, isAnswered, isLinkUp });
  }

  /** @throws ConfigError, OperatingError when broker or outbox can't be opened */
  async start(): Promise<void> {
    const { broker, topic, dataLink, heartbeatLink, store } = this.options;
    if (store === undefined) this.store.start();
    await this.tellSetAside();
    await broker.start();
    await broker.ensureTopic(POWER_TOPIC, topic);
    await broker.ensureTopic(AVERAGES_TOPIC, topic);
    this.partitions = await broker.partitionCount(POWER_TOPIC);
    await dataLink.start();
    await heartbeatLink.start();
  }

  /** Works until the signal aborts; rejects when a part can't go on, with the others stopped. */
  async run(signal: AbortSignal): Promise<void> {
    // Not AbortSignal.any: what listens to such a signal is kept for as long as the process lives when it is never aborted.
    const stop = new AbortController();
    const stopAll = () => stop.abort();
    signal.addEventListener('abort', stopAll, { once: true });
    if (signal.aborted) stopAll();
    const all = stop.signal;
    // Requests that wait for an answer wait no longer.
    all.addEventListener('abort', () => void this.stopLinks(), { once: true });
    const parts = [this.intake.run(all), this.shipper.run(all), this.heartbeat.run(all), this.upkeep.run(all), this.liveLane?.run(all)];
    try {
      await Promise.all(parts);
    } catch (error) {
      throw this.store.ended(error);
    } finally {
      signal.removeEventListener('abort', stopAll);
      stopAll();
      await this.stopLinks();
      await Promise.allSettled(parts);
    }
  }

  /** Nobody has to act for the data: the cloud and the topic are asked. Somebody should look at the disk. */
  private async tellSetAside(): Promise<void> {
    const { logger, onWarning } = this.options;
    const { setAside } = this.store;
    const found = await this.store.setAsideDamaged();
    if (setAside !== undefined)
      found.unshift(`the outbox: ${setAside.finding}${setAside.folder === '' ? '' : `; kept in ${setAside.folder}`}`);
    this.damaged += found.length;
    for (const what of found) logger.error({ what }, 'damage in the outbox: set aside, and asked for anew');
    if (found.length > 0)
      onWarning?.(`damage in the outbox was set aside, the cloud and the topic are asked: ${found[0]}`, 'look at the disk');
  }

  private async stopLinks(): Promise<void> {
    await Promise.allSettled([this.options.dataLink.stop(), this.options.heartbeatLink.stop()]);
  }

  async stop(): Promise<void> {
    await this.options.broker.stop();
    this.store.stop();
  }

  /** The cloud answers heartbeats, and it is this edge's turn. */
  get isLinkUp(): boolean {
    return this.heartbeat.isUp;
  }

  status(): EdgeStatus {
    const { outbox, ledgerStore } = this.store;
    const { ledger } = ledgerStore;
    const sent = this.shipper.sentCount;
    return {
      queued: Math.max(0, outbox.unackedCount - sent),
      sent,
      acked: outbox.ackedCount,
      newestMs: this.intake.newestMs,
      oldestUnackedMs: tellable(outbox.oldestUnackedMs()),
      households: ledger.generations.size,
      parked: [...ledger.parked].map(([household, reason]) => ({ household, reason })),
      waitingFor: [...this.intake.waitingFor],
      runs: this.runStates(),
      trimmedEarly: this.upkeep.trimmedEarly,
      unreadable: this.intake.unreadable,
      outboxFull: this.intake.outboxFull,
      damaged: this.damaged,
      leftOut: this.greeter.leftOutCount,
      topicDamage: this.options.topicDamage?.() ?? 0,
      version: VERSION,
    };
  }

  /** R10: done also needs that no row of a household that is not parked is left. */
  private runStates(): EdgeStatus['runs'] {
    const { outbox, ledgerStore } = this.store;
    const rowsLeft = outbox.unackedSources().some((id) => !ledgerStore.ledger.parked.has(outbox.householdOf(id)));
    return ledgerStore.runStates(this.partitions).map(({ run, ended, done }) => ({ run, ended, done: done && !rowsLeft }));
  }
}

/** A window may begin before all times that a heartbeat can tell: the cloud would refuse each of this edge. */
function tellable(windowMs: number | null): number | null {
  return windowMs === null ? null : Math.max(Number.MIN_SAFE_INTEGER, windowMs);
}

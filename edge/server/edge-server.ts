/**
 * The edge server, put together: intake → outbox → shipper, with heartbeats and upkeep beside. Broker, links, clock and
 * randomness come in, so storms run this very class in virtual time.
 */
import { AVERAGES_TOPIC, type Broker, POWER_TOPIC, type TopicSettings } from '../../common/broker/broker.ts';
import type { Clock } from '../../common/clock.ts';
import type { LinkClient } from '../../common/link/link.ts';
import type { Logger } from '../../common/logger.ts';
import type { EdgeStatus } from '../../common/messages.ts';
import type { Random } from '../../common/random.ts';
import { EdgeStore } from './edge-store.ts';
import { Greeter } from './greeter.ts';
import { Heartbeat } from './heartbeat.ts';
import { Intake } from './intake.ts';
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
  /** Gives a store that is started already; for tests that keep one across a crash. */
  store?: EdgeStore;
}

export class EdgeServer {
  private readonly options: EdgeServerOptions;
  readonly store: EdgeStore;
  private readonly intake: Intake;
  private readonly greeter: Greeter;
  private readonly shipper: Shipper;
  private readonly heartbeat: Heartbeat;
  private readonly upkeep: Upkeep;
  private partitions = 0;

  constructor(options: EdgeServerOptions) {
    this.options = options;
    const { edge, site, broker, clock, random, logger } = options;
    this.store = options.store ?? new EdgeStore(options);
    const store = this.store;
    this.intake = new Intake({
      broker,
      store,
      clock,
      logger,
      idleCloseMs: options.idleCloseMs,
      onRows: () => this.shipper.wake(),
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
      onAssigned: () => this.intake.wake(),
      onDue: () => this.shipper.wake(),
    });
    this.shipper = new Shipper({
      edge,
      site,
      store,
      link: options.dataLink,
      clock,
      random,
      logger,
      deadlineMs: options.dataDeadlineMs,
      isLinkUp: () => this.heartbeat.isUp,
      greeter: this.greeter,
    });
    this.heartbeat = new Heartbeat({
      edge,
      site,
      epoch: () => store.epoch,
      link: options.heartbeatLink,
      clock,
      random,
      logger,
      intervalMs: options.heartbeatMs,
      deadlineMs: options.heartbeatDeadlineMs,
      status: () => this.status(),
      onAnswer: (startId) => void this.greeter.isCurrent(startId),
      onLink: (up) => this.shipper.linkChanged(up),
    });
    this.upkeep = new Upkeep({
      broker,
      store,
      intake: this.intake,
      clock,
      logger,
      keepMs: options.keepMs,
      publishAverages: options.publishAverages,
      onResumed: () => this.greeter.requestHello('households were unparked'),
      isRefilling: () => this.greeter.isRefilling,
    });
  }

  /** @throws ConfigError, OperatingError when broker or outbox can't be opened */
  async start(): Promise<void> {
    const { broker, topic, dataLink, heartbeatLink, store } = this.options;
    if (store === undefined) this.store.start();
    await broker.start();
    await broker.ensureTopic(POWER_TOPIC, topic);
    await broker.ensureTopic(AVERAGES_TOPIC, topic);
    this.partitions = await broker.partitionCount(POWER_TOPIC);
    await dataLink.start();
    await heartbeatLink.start();
  }

  /** Works until the signal aborts; rejects when a part can't go on, with the others stopped. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const all = AbortSignal.any([signal, stop.signal]);
    // Requests that wait for an answer wait no longer.
    all.addEventListener('abort', () => void this.stopLinks(), { once: true });
    const parts = [this.intake.run(all), this.shipper.run(all), this.heartbeat.run(all), this.upkeep.run(all)];
    try {
      await Promise.all(parts);
    } finally {
      stop.abort();
      await this.stopLinks();
      await Promise.allSettled(parts);
    }
  }

  private async stopLinks(): Promise<void> {
    await Promise.allSettled([this.options.dataLink.stop(), this.options.heartbeatLink.stop()]);
  }

  async stop(): Promise<void> {
    await this.options.broker.stop();
    this.store.stop();
  }

  /** The cloud answers heartbeats. */
  get isLinkUp(): boolean {
    return this.heartbeat.isUp;
  }

  status(): EdgeStatus {
    const { outbox, ledgerStore } = this.store;
    const { ledger } = ledgerStore;
    const heads = outbox.heads().flatMap(({ windowStartMs }) => (windowStartMs === null ? [] : [windowStartMs]));
    const sent = this.shipper.sentCount;
    return {
      queued: Math.max(0, outbox.unackedCount - sent),
      sent,
      acked: outbox.ackedCount,
      newestMs: this.intake.newestMs,
      oldestUnackedMs: heads.length === 0 ? null : heads.reduce((oldest, windowMs) => Math.min(oldest, windowMs)),
      households: ledger.generations.size,
      parked: [...ledger.parked].map(([household, reason]) => ({ household, reason })),
      waitingFor: [...this.intake.waitingFor],
      runs: this.runStates(),
      trimmedEarly: this.upkeep.trimmedEarly,
      unreadable: this.intake.unreadable,
      outboxFull: this.intake.outboxFull,
    };
  }

  /** R10: done also needs that no row of a household that is not parked is left. */
  private runStates(): EdgeStatus['runs'] {
    const { outbox, ledgerStore } = this.store;
    const rowsLeft = outbox.unackedSources().some((id) => !ledgerStore.ledger.parked.has(outbox.householdOf(id)));
    return ledgerStore.runStates(this.partitions).map(({ run, ended, done }) => ({ run, ended, done: done && !rowsLeft }));
  }
}

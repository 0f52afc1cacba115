/**
 * One place of a storm: an edge with its households, the log they write into, and whoever takes its place - restarted, set back,
 * cloned, or another edge when this one is dead for good.
 */
import { POWER_TOPIC } from '../../common/broker/broker.ts';
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/logger.ts';
import type { EdgeStatus } from '../../common/messages.ts';
import type { Random } from '../../common/random.ts';
import type { EdgeWire } from '../../common/wire.ts';
import { FENCED } from '../../edge/server/edge-store.ts';
import { EDGE_GROUP } from '../../edge/server/intake.ts';
import { MessageLog, messageOf } from '../doubles/message-log.ts';
import { VirtualBroker, VirtualTopics } from '../doubles/virtual-broker.ts';
import type { VirtualNetwork } from '../doubles/virtual-link.ts';
import type { Death, LifeOptions } from './life.ts';
import { type EdgePlants, isExpectedEnd, StormEdge } from './storm-edge.ts';
import type { Weather } from './storm-weather.ts';
import { type StormPlan, streamOf } from './storm-plan.ts';
import type { StormStores } from './storm-stores.ts';
import { regularFleet } from './regular-fleet.ts';
import { type Fleet, householdNames, makeFleet } from './virtual-fleet.ts';
import { VirtualProducer } from './virtual-producer.ts';

const CLONE_MS_MAX = 60_000;
/** Of a fleet for figures, when nobody says how many. */
const REGULAR_HOMES = 4;

/** Rows of a storm are few. */
const PIECE_ROWS = 4;

export interface StormSiteOptions {
  /** 1, 2, … */
  number: number;
  plan: StormPlan;
  windowMs: number;
  clock: Clock;
  network: VirtualNetwork;
  stores: StormStores;
  weather: Weather;
  wire?: EdgeWire | undefined;
  planted?: EdgePlants;
  /** Of the next life; undefined for one that is not to die by itself. */
  drawDeath: () => Death | undefined;
  onDeath: () => void;
  onNote: (what: string) => void;
  onFinding: (finding: string) => void;
  onTouch?: LifeOptions['onTouch'];
  loggerOf: (part: string) => Logger;
}

export class StormSite {
  readonly options: StormSiteOptions;
  readonly fleet: Fleet;
  readonly topics: VirtualTopics;
  readonly producer: VirtualProducer;
  edge: StormEdge;
  isLogReplaced = false;
  quotaReached = false;
  private clone: StormEdge | undefined;
  private clones = 0;
  private successors = 0;

  constructor(options: StormSiteOptions) {
    this.options = options;
    const { plan, number, clock, weather } = options;
    this.fleet = fleetOf(plan, this.stream('fleet'), `home-${number}-`);
    this.topics = plan.noCodec ? new VirtualTopics((logId) => new MessageLog(logId)) : new VirtualTopics();
    this.topics.ensure(POWER_TOPIC, plan.partitions);
    const connect = () => new VirtualBroker(this.topics, clock, weather.broker);
    this.producer = new VirtualProducer(this.fleet, connect, clock, this.stream('producer'));
    this.edge = this.makeEdge(`edge-${number}`, `edge-${number}`, () => options.onDeath());
  }

  start(): void {
    this.edge.start(this.options.drawDeath());
    this.producer.begin();
  }

  /** The edge comes up again, if it is down. A clone that died stays dead. */
  restart(): void {
    if (this.edge.isUp) return;
    this.options.onNote(`${this.edge.options.edge} starts`);
    this.edge.start(this.options.drawDeath());
  }

  setEdgeBack(random: Random): boolean {
    if (this.edge.copyCount === 0) return false;
    this.edge.kill();
    this.edge.setBack(random.below(this.edge.copyCount));
    return true;
  }

  loseEdge(): void {
    this.edge.kill();
    this.edge.options.place.disk.wipe();
  }

  /** The edge never comes back; another one, with nothing but the log, has its households now. */
  takeOver(): void {
    const { number, onDeath } = this.options;
    const dead = this.edge;
    const name = `edge-${number}-${++this.successors}`;
    this.edge = this.makeEdge(name, name, onDeath);
    dead.kill();
    if (!dead.isUp) onDeath();
  }

  cloneEdge(random: Random): boolean {
    if (this.clone !== undefined) return false;
    const name = `clone-${this.options.number}-${++this.clones}`;
    const clone = this.makeEdge(this.edge.options.edge, name, () => undefined);
    if (!clone.options.place.disk.copyFrom(this.edge.options.place.disk)) return false;
    clone.start();
    this.clone = clone;
    this.options.clock.timer('clone ends', random.next() * CLONE_MS_MAX, () => {
      clone.kill();
      if (this.clone === clone) this.clone = undefined;
    });
    return true;
  }

  breakConnections(): void {
    for (const connection of this.topics.connections) connection.failConsumptions();
  }

  replaceLog(): void {
    this.isLogReplaced = true;
    this.topics.replace(POWER_TOPIC);
    this.producer.begin();
  }

  deleteCommitted(): void {
    this.topics.deleteCommitted(POWER_TOPIC, EDGE_GROUP);
  }

  /** What the edge has saved is older than the log keeps anything, committed or not. False while nobody can be asked what that is. */
  deleteSaved(): boolean {
    const { running } = this.edge;
    if (running === undefined || this.edge.status() === undefined) return false;
    for (const { partition, nextOffset, logId } of running.store.ledgerStore.positions.values()) {
      const log = this.topics.log(POWER_TOPIC, partition);
      if (log.logId === logId) log.deleteBelow(nextOffset);
    }
    return true;
  }

  /** The faults are over. */
  calm(): void {
    this.clone?.kill();
    this.clone = undefined;
    this.edge.setFull(false);
  }

  /** Households that another claim has: an operator has to restart this edge (R5). */
  get fenced(): string[] {
    return this.edge.status()?.parked.flatMap(({ household, reason }) => (reason === FENCED ? [household] : [])) ?? [];
  }

  get isDrained(): boolean {
    const status = this.edge.status();
    return this.producer.isDone && status !== undefined && isAtRest(status);
  }

  end(): void {
    this.edge.kill();
    this.clone?.kill();
  }

  private makeEdge(edge: string, name: string, onDeath: () => void): StormEdge {
    const { plan, clock, network, stores, weather, windowMs, wire, planted, onNote, onFinding, onTouch, loggerOf } = this.options;
    const { quotaBytes, keepMs, idleCloseMs, partitions, inFlightMax, isOrdered, publishAverages } = plan;
    return new StormEdge({
      edge,
      place: stores.edge(name),
      clock,
      random: this.stream(name),
      logger: loggerOf(name),
      topics: this.topics,
      brokerFates: weather.broker,
      topic: { partitions, retentionMs: 0 },
      network,
      dataFates: weather.data,
      heartbeatFates: weather.heartbeats,
      inFlightMax,
      isOrdered,
      publishAverages,
      quotaBytes,
      windowMs,
      keepMs,
      idleCloseMs,
      // A hello is worked in by many transactions, of which any may be the last of a life; figures are of an edge as it is.
      ...(plan.everyMs === undefined ? { pieceRows: PIECE_ROWS } : {}),
      ...(wire === undefined ? {} : { wire, decode: messageOf }),
      ...(planted === undefined ? {} : { planted }),
      onDeath,
      onError: (error) => {
        onNote(`${name} ended: ${(error as Error).message}`);
        if (!isExpectedEnd(error)) onFinding(`${name} ended by itself: ${(error as Error).stack}`);
      },
      ...(onTouch === undefined ? {} : { onTouch }),
    });
  }

  private stream(part: string): Random {
    return streamOf(this.options.plan.seed, `site ${this.options.number} ${part}`);
  }
}

function fleetOf(plan: StormPlan, random: Random, prefix: string): Fleet {
  const { everyMs, homes = REGULAR_HOMES } = plan;
  if (everyMs === undefined) return makeFleet(random, { ...plan, households: plan.homes, prefix });
  return regularFleet(random, { ...plan, everyMs }, householdNames(prefix, homes));
}

/** All that came in is stored or declared, and nothing waits. */
function isAtRest({ queued, sent, runs, waitingFor, outboxFull }: EdgeStatus): boolean {
  return queued + sent === 0 && waitingFor.length === 0 && !outboxFull && runs.length > 0 && runs.every(({ done }) => done);
}

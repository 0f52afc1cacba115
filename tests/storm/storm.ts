/**
 * One storm: a fleet's readings through the production edge server and cloud server in virtual time, while a seed's faults go on;
 * then the faults end, everything must drain, and the checker compares what the cloud holds with the truth.
 */
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Bucket, SeriesStore } from '../../cloud/server/storage/series-store.ts';
import { SqliteSeriesStore, type SqliteSeriesStoreOptions } from '../../cloud/server/storage/sqlite-series-store.ts';
import { POWER_TOPIC } from '../../common/broker/broker.ts';
import type { Clock } from '../../common/clock.ts';
import type { LinkClient } from '../../common/link/link.ts';
import type { Logger } from '../../common/logger.ts';
import type { EdgeStatus } from '../../common/messages.ts';
import type { Random } from '../../common/random.ts';
import { FENCED } from '../../edge/server/edge-store.ts';
import { EDGE_GROUP } from '../../edge/server/intake.ts';
import { VirtualBroker, VirtualTopics } from '../doubles/virtual-broker.ts';
import { VirtualClock } from '../doubles/virtual-clock.ts';
import { VirtualNetwork } from '../doubles/virtual-link.ts';
import { check, type Evidence } from './checker.ts';
import { readCloudFile } from './cloud-file.ts';
import { type Life, watchFailpoints } from './life.ts';
import { StormCloud } from './storm-cloud.ts';
import { isExpectedEnd, StormEdge } from './storm-edge.ts';
import { drawFailpoint, type StormActions, strike, Weather } from './storm-faults.ts';
import { copyFolder, makeStormFolder } from './storm-files.ts';
import { planOf, type StormPlan, streamOf } from './storm-plan.ts';
import { type Fleet, makeFleet } from './virtual-fleet.ts';
import { VirtualProducer } from './virtual-producer.ts';
import { Witness } from './witness.ts';

export const WINDOW_MS = 5_000;
/** After the faults everything must be drained within this virtual time: the longest refusal backoff is 5 min, and a few may follow. */
const DRAIN_MS_MAX = 40 * 60_000;
const DRAIN_LOOK_MS = 1_000;
/** Late messages of before still arrive, and an edge may hear only now that the cloud was set back. It must be drained after this too. */
const AFTERMATH_MS = 60_000;
const DOWN_MS_MAX = 8_000;
const CLONE_MS_MAX = 60_000;

/** A wrong program, made by putting something wrong between right parts. */
export interface PlantedFault {
  name: string;
  openStore?: (options: SqliteSeriesStoreOptions, life: Life, random: Random) => SeriesStore;
  wrapLink?: (link: LinkClient, clock: Clock) => LinkClient;
}

export interface StormOptions {
  planted?: PlantedFault;
  /** Told of everything that happens, with the virtual time. */
  onLine?: (line: string) => void;
}

export interface StormResult {
  plan: StormPlan;
  /** Empty when the storm was weathered. */
  findings: string[];
  /** Of everything that happened and of what the cloud holds in the end. */
  hash: string;
  readings: number;
  virtualMs: number;
  /** From the end of the faults until all was drained. */
  drainedMs: number | undefined;
  faults: Map<string, number>;
  /** Failpoints at which somebody died. */
  died: Map<string, number>;
  verdicts: ReadonlyMap<string, number>;
  /** The outbox was full once. */
  quotaReached: boolean;
  /** Fenced edges that were restarted in the calm, as an operator does. */
  unfenced: number;
}

export async function runStorm(seed: number, options: StormOptions = {}): Promise<StormResult> {
  const storm = new Storm(planOf(seed), options);
  try {
    return await storm.run();
  } finally {
    storm.end();
  }
}

class Storm {
  private readonly plan: StormPlan;
  private readonly options: StormOptions;
  private readonly folder = makeStormFolder();
  private readonly clock = new VirtualClock();
  private readonly trace = createHash('sha256');
  private readonly findings: string[] = [];
  private readonly faults = new Map<string, number>();
  private readonly died = new Map<string, number>();
  private readonly random: Random;
  private readonly lives: Random;
  private readonly weather: Weather;
  private readonly topics = new VirtualTopics();
  private readonly network: VirtualNetwork;
  private readonly witness = new Witness();
  private readonly fleet: Fleet;
  private readonly producer: VirtualProducer;
  private readonly cloud: StormCloud;
  private edge: StormEdge;
  private clone: StormEdge | undefined;
  private clones = 0;
  private unfenced = 0;
  private quotaReached = false;
  private readonly unwatch: () => void;

  constructor(plan: StormPlan, options: StormOptions) {
    this.plan = plan;
    this.options = options;
    const { seed } = plan;
    this.random = streamOf(seed, 'faults');
    this.lives = streamOf(seed, 'lives');
    this.weather = new Weather(plan, streamOf(seed, 'link'), streamOf(seed, 'broker'));
    this.network = new VirtualNetwork(this.clock);
    this.fleet = makeFleet(streamOf(seed, 'fleet'), plan);
    this.topics.ensure(POWER_TOPIC, plan.partitions);
    const connect = () => new VirtualBroker(this.topics, this.clock, this.weather.broker);
    this.producer = new VirtualProducer(this.fleet, connect, this.clock, streamOf(seed, 'producer'));
    const plantedRandom = streamOf(seed, 'planted');
    const openStore = options.planted?.openStore ?? ((storeOptions) => new SqliteSeriesStore(storeOptions));
    this.cloud = new StormCloud({
      folder: join(this.folder, 'cloud'),
      windowMs: WINDOW_MS,
      clock: this.clock,
      logger: this.loggerOf('cloud'),
      network: this.network,
      witness: this.witness,
      openStore: (storeOptions, life) => openStore(storeOptions, life, plantedRandom),
      onDeath: () => this.upAgain(),
      delayMs: () => this.weather.cloudDelayMs(),
    });
    this.edge = this.makeEdge('edge', streamOf(seed, 'edge'), () => this.upAgain());
    this.unwatch = watchFailpoints((name, deadly) => {
      if (!deadly) return;
      this.count(this.died, name);
      this.note(`died at ${name}`);
    });
  }

  async run(): Promise<StormResult> {
    await this.startCloud();
    this.edge.start();
    this.producer.begin();
    await this.blow();
    const drainedMs = await this.calm();
    await this.judge();
    return {
      plan: this.plan,
      findings: this.findings,
      hash: this.trace.digest('hex').slice(0, 16),
      readings: this.fleet.readings.length,
      virtualMs: this.clock.monotonicMs(),
      drainedMs,
      faults: this.faults,
      died: this.died,
      verdicts: this.witness.verdicts,
      quotaReached: this.quotaReached,
      unfenced: this.unfenced,
    };
  }

  end(): void {
    this.unwatch();
    this.edge.kill();
    this.clone?.kill();
    this.cloud.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async judge(): Promise<void> {
    this.findings.push(...this.witness.findings);
    const status = this.edge.status();
    if (status === undefined || !this.cloud.isUp) this.findings.push('edge or cloud are down in the end');
    else this.findings.push(...check(await this.evidence(status)));
  }

  /** The stretch with faults. */
  private async blow(): Promise<void> {
    while (this.clock.monotonicMs() < this.plan.faultsMs) {
      await this.clock.advance(-Math.log(1 - this.random.next()) * this.plan.betweenMs);
      this.quotaReached ||= this.edge.status()?.outboxFull === true;
      const done = strike(this.plan, this.random, this.weather, this.actions);
      if (done === undefined) continue;
      this.count(this.faults, done);
      this.note(done);
    }
  }

  /** @returns after how long all was drained */
  private async calm(): Promise<number | undefined> {
    const beganMs = this.clock.monotonicMs();
    this.note('the faults end');
    this.weather.isOn = false;
    this.clone?.kill();
    this.clone = undefined;
    while (this.clock.monotonicMs() - beganMs < DRAIN_MS_MAX) {
      await this.clock.advance(DRAIN_LOOK_MS);
      // A planted fault that was seen is seen; what it breaks besides may never drain.
      if (this.options.planted !== undefined && this.witness.findings.length > 0) return undefined;
      const status = this.edge.status();
      if (status === undefined) continue;
      if (status.parked.some(({ reason }) => reason === FENCED)) {
        this.unfenced++;
        this.note(`an operator restarts the fenced edge: ${status.parked.map(({ household }) => household).join(' ')}`);
        this.edge.kill();
        await this.startAll();
      } else if (this.isDrained(status)) {
        const drainedMs = this.clock.monotonicMs() - beganMs;
        await this.clock.advance(AFTERMATH_MS);
        const after = this.edge.status();
        if (after === undefined || !this.isDrained(after)) continue;
        this.note('drained');
        return drainedMs;
      }
    }
    const state = { status: this.edge.status(), produced: this.producer.isDone, timers: this.clock.pending().slice(0, 8) };
    this.findings.push(`not drained ${DRAIN_MS_MAX / 60_000} min after the faults ended: ${JSON.stringify(state)}`);
    return undefined;
  }

  private isDrained({ queued, sent, runs, waitingFor, outboxFull }: EdgeStatus): boolean {
    if (!this.producer.isDone || !this.cloud.isUp || queued + sent > 0 || waitingFor.length > 0 || outboxFull) return false;
    return runs.length > 0 && runs.every(({ done }) => done);
  }

  private async evidence(edge: EdgeStatus): Promise<Evidence> {
    const { readings, notInRun, damaged, last } = this.fleet;
    const store = this.cloud.reading;
    const all = async (resolution: 'raw' | '1m' | '15m' | '1h') => {
      const buckets: Bucket[] = [];
      for await (const bucket of store.range({ resolution })) buckets.push(bucket);
      return buckets;
    };
    const buckets = [
      { lengthMs: WINDOW_MS, buckets: await all('raw') },
      { lengthMs: 60_000, buckets: await all('1m') },
      { lengthMs: 900_000, buckets: await all('15m') },
      { lengthMs: 3_600_000, buckets: await all('1h') },
    ];
    const sources = readCloudFile(this.cloud.stateDir);
    const households = await store.households();
    this.trace.update(JSON.stringify([buckets, [...sources], households, edge]));
    const isLogReplaced = this.faults.has('log replaced');
    return { windowMs: WINDOW_MS, readings, notInRun, damaged, last, sources, buckets, households, edge, isLogReplaced };
  }

  private makeEdge(name: string, random: Random, onDeath: () => void): StormEdge {
    const { quotaBytes, keepMs, idleCloseMs, partitions } = this.plan;
    return new StormEdge({
      edge: 'edge-1',
      folder: join(this.folder, name),
      clock: this.clock,
      random,
      logger: this.loggerOf(name),
      topics: this.topics,
      brokerFates: this.weather.broker,
      topic: { partitions, retentionMs: 0 },
      network: this.network,
      dataFates: this.weather.data,
      heartbeatFates: this.weather.heartbeats,
      quotaBytes,
      windowMs: WINDOW_MS,
      keepMs,
      idleCloseMs,
      wrapLink: this.options.planted?.wrapLink ?? ((link) => link),
      onDeath,
      onError: (error) => this.ended(name, error),
    });
  }

  private ended(name: string, error: unknown): void {
    this.note(`${name} ended: ${(error as Error).message}`);
    if (!isExpectedEnd(error)) this.findings.push(`${name} ended by itself: ${(error as Error).stack}`);
  }

  /** A supervisor starts again what died. */
  private upAgain(): void {
    this.clock.timer('restart', this.lives.next() * DOWN_MS_MAX, () => void this.startAll());
  }

  /** Whoever is down comes up. A clone that died stays dead. */
  private async startAll(): Promise<void> {
    if (!this.cloud.isUp) await this.startCloud();
    if (!this.edge.isUp) {
      this.note('edge starts');
      this.edge.start(this.weather.isOn ? drawFailpoint(this.plan, this.lives, 'edge') : undefined);
    }
  }

  private async startCloud(): Promise<void> {
    this.note('cloud starts');
    await this.cloud.start(this.weather.isOn ? drawFailpoint(this.plan, this.lives, 'cloud') : undefined);
  }

  private readonly actions: StormActions = {
    killEdge: () => this.edge.kill(),
    copyEdge: () => this.edge.copy(),
    setEdgeBack: (random) => {
      if (this.edge.copyCount === 0) return false;
      this.edge.kill();
      this.edge.setBack(random.below(this.edge.copyCount));
      return true;
    },
    cloneEdge: () => this.cloneEdge(),
    loseEdge: () => {
      this.edge.kill();
      rmSync(join(this.edge.options.folder, 'state'), { recursive: true, force: true });
    },
    killCloud: () => this.cloud.kill(),
    backUpCloud: () => this.cloud.backUp(),
    restoreCloud: (random) => {
      if (this.cloud.backupCount === 0) return false;
      this.cloud.kill();
      this.cloud.restore(random.below(this.cloud.backupCount));
      return true;
    },
    breakConnections: () => {
      for (const connection of this.topics.connections) connection.failConsumptions();
    },
    replaceLog: () => {
      this.topics.replace(POWER_TOPIC);
      this.producer.begin();
    },
    deleteCommitted: () => this.topics.deleteCommitted(POWER_TOPIC, EDGE_GROUP),
    setClock: (ms) => this.clock.jumpWallTime(ms),
    later: (ms, end) => void this.clock.timer('a fault ends', ms, end),
  };

  private cloneEdge(): boolean {
    if (this.clone !== undefined) return false;
    const name = `clone-${++this.clones}`;
    const clone = this.makeEdge(name, streamOf(this.plan.seed, name), () => undefined);
    if (!copyFolder(join(this.edge.options.folder, 'state'), join(clone.options.folder, 'state'))) return false;
    clone.start();
    this.clone = clone;
    this.clock.timer('clone ends', this.random.next() * CLONE_MS_MAX, () => {
      clone.kill();
      if (this.clone === clone) this.clone = undefined;
    });
    return true;
  }

  private note(what: string): void {
    const line = `${Math.round(this.clock.monotonicMs())} ms: ${what}`;
    this.trace.update(line);
    this.options.onLine?.(line);
  }

  private count(map: Map<string, number>, name: string): void {
    map.set(name, (map.get(name) ?? 0) + 1);
  }

  private loggerOf(part: string): Logger {
    const write = (level: string) => (fields: object, message: string) => {
      this.options.onLine?.(`${Math.round(this.clock.monotonicMs())} ms: [${part} ${level}] ${message} ${JSON.stringify(fields)}`);
    };
    return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
  }
}

/**
 * One storm: the readings of a fleet through production edge servers and the production cloud server in virtual time, while a
 * seed's faults go on; then the faults end, everything must drain, and the checkers compare what the cloud holds with the truth.
 */
import { createHash } from 'node:crypto';
import type { Bucket } from '../../cloud/server/storage/series-store.ts';
import type { SeriesStore } from '../../cloud/server/storage/series-store.ts';
import type { Logger } from '../../common/logger.ts';
import type { Random } from '../../common/random.ts';
import { MemoryRange } from '../doubles/memory-series-reads.ts';
import { MessageWire } from '../doubles/message-wire.ts';
import { VirtualClock } from '../doubles/virtual-clock.ts';
import { VirtualNetwork } from '../doubles/virtual-link.ts';
import { checkAllBut, type SiteEvidence, truthOf } from './checker.ts';
import type { HeldSource } from './cloud-file.ts';
import { BucketHash } from './end-hash.ts';
import { type Death, watchFailpoints } from './life.ts';
import { RefusalWitness } from './refusal-witness.ts';
import { SilenceWitness } from './silence-witness.ts';
import { type CloudLife, SILENT_AFTER_MS, StormCloud } from './storm-cloud.ts';
import type { EdgePlants } from './storm-edge.ts';
import { drawDeath, strike, type Struck } from './storm-faults.ts';
import { planOf, type StormPlan, type StormSize, streamOf } from './storm-plan.ts';
import { StormSite } from './storm-site.ts';
import { openStores, type StormStores } from './storm-stores.ts';
import { Weather } from './storm-weather.ts';
import type { BucketCheck, Truth } from './truth.ts';
import { Witness } from './witness.ts';

export const WINDOW_MS = 5_000;
/** After the faults everything must be drained within this virtual time: the longest refusal backoff is 5 min, and a few may follow. */
const DRAIN_MS_MAX = 40 * 60_000;
const DRAIN_LOOK_MS = 1_000;
/** Late messages of before still arrive, and an edge may hear only now that the cloud was set back. It must be drained after this too. */
const AFTERMATH_MS = 60_000;
const DOWN_MS_MAX = 8_000;
const RESOLUTIONS = [
  ['raw', WINDOW_MS],
  ['1m', 60_000],
  ['15m', 900_000],
  ['1h', 3_600_000],
] as const;
type Resolution = (typeof RESOLUTIONS)[number][0];

/** A wrong program, made by putting something wrong between right parts. */
export interface PlantedFault extends EdgePlants {
  name: string;
  /** A seed that was red when this was written, to begin with: the others are tried behind it. */
  from?: number;
  wrapStore?: (store: SeriesStore, life: CloudLife, random: Random) => SeriesStore;
  /** For the cloud's liveness. */
  silentAfterMs?: number;
  /** Turned bits of a payload come through, as on a link that has no checksum. */
  isChecksumLeftOut?: boolean;
  /** What the plan must be for it to show at all. The right program must weather it. */
  plan?: (plan: StormPlan) => StormPlan;
  /** What a finding must say; else any will do. */
  shows?: RegExp;
}

export interface StormOptions extends StormSize {
  planted?: PlantedFault;
  /** Looks at each message on its way, without a codec. */
  onMessage?: <T>(message: T) => T;
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
  households: number;
  virtualMs: number;
  /** From the end of the faults until all was drained. */
  drainedMs: number | undefined;
  faults: Map<string, number>;
  /** Failpoints and touches at which somebody died. */
  died: Map<string, number>;
  /** All touches that were reached. */
  touched: Map<string, number>;
  verdicts: ReadonlyMap<string, number>;
  /** An outbox was full once. */
  quotaReached: boolean;
  /** Fenced edges that were restarted in the calm, as an operator does. */
  unfenced: number;
  /** Messages with turned bits. */
  damaged: number;
  /** Times that an edge was rightly told silent. */
  silences: number;
  /** Rows sent for each 1,000 that were stored. */
  sentPer1000: number;
  /** The most requests of one edge that were refused one after the other within a minute. */
  refusedPerMinuteMax: number;
}

export async function runStorm(seed: number, options: StormOptions = {}): Promise<StormResult> {
  const { planted } = options;
  const drawn = planOf(seed, options);
  const plan = planted?.plan?.(drawn) ?? drawn;
  const storm = new Storm(planted?.isChecksumLeftOut === true ? { ...plan, isChecksumOn: false } : plan, options);
  try {
    return await storm.run();
  } finally {
    storm.end();
  }
}

class Storm {
  private readonly plan: StormPlan;
  private readonly options: StormOptions;
  private readonly clock = new VirtualClock();
  private readonly trace = createHash('sha256');
  private readonly findings: string[] = [];
  private readonly faults = new Map<string, number>();
  private readonly died = new Map<string, number>();
  private readonly touched = new Map<string, number>();
  private readonly random: Random;
  private readonly lives: Random;
  private readonly weathers: readonly Weather[];
  private readonly network = new VirtualNetwork(this.clock);
  private readonly witness = new Witness();
  private readonly silence = new SilenceWitness(this.clock, SILENT_AFTER_MS);
  /** Instead of the codec. */
  private readonly wire: MessageWire | undefined;
  private readonly refusals: RefusalWitness;
  private readonly stores: StormStores;
  private readonly sites: readonly StormSite[];
  private readonly cloud: StormCloud;
  private readonly unwatch: () => void;
  private cloudStops = 0;
  private unfenced = 0;

  constructor(plan: StormPlan, options: StormOptions) {
    this.plan = plan;
    this.options = options;
    const { seed } = plan;
    if (plan.noCodec) this.wire = new MessageWire(options.onMessage);
    this.refusals = new RefusalWitness(this.clock, this.wire);
    this.random = streamOf(seed, 'faults');
    this.lives = streamOf(seed, 'lives');
    const numbers = Array.from({ length: plan.edges }, (_, i) => i + 1);
    this.weathers = numbers.map((n) => new Weather(plan, streamOf(seed, `link ${n}`), streamOf(seed, `broker ${n}`)));
    this.stores = openStores(plan.store);
    this.cloud = this.makeCloud();
    this.sites = numbers.map((number) => this.makeSite(number));
    // Watching costs: nobody looks where nobody is to die.
    const noteFailpoint = (name: string, deadly: boolean) => {
      if (deadly) this.noteDeath(name);
    };
    this.unwatch = this.isDeadly ? watchFailpoints(noteFailpoint) : () => undefined;
  }

  async run(): Promise<StormResult> {
    await this.startCloud();
    for (const site of this.sites) site.start();
    await this.blow();
    const drainedMs = await this.calm();
    await this.judge();
    const { plan, findings, faults, died, touched, unfenced, witness, refusals } = this;
    return {
      plan,
      findings,
      hash: this.trace.digest('hex').slice(0, 16),
      readings: this.sites.reduce((sum, { fleet }) => sum + fleet.readings.length, 0),
      households: this.sites.reduce((sum, { fleet }) => sum + fleet.households.length, 0),
      virtualMs: this.clock.monotonicMs(),
      drainedMs,
      faults,
      died,
      touched,
      verdicts: witness.verdicts,
      quotaReached: this.sites.some(({ quotaReached }) => quotaReached),
      unfenced,
      damaged: this.weathers.reduce((sum, { damaged }) => sum + damaged, 0),
      silences: this.silence.silences,
      sentPer1000: witness.sentPer1000,
      refusedPerMinuteMax: refusals.mostPerMinute,
    };
  }

  end(): void {
    this.unwatch();
    for (const site of this.sites) site.end();
    this.cloud.kill();
    this.stores.remove();
  }

  private async judge(): Promise<void> {
    this.findings.push(...this.witness.findings, ...this.silence.findings, ...this.refusals.findings);
    if (!this.cloud.isUp) {
      this.findings.push('the cloud is down in the end');
      return;
    }
    const truths = this.sites.map((site) => truthOf(site.fleet, WINDOW_MS));
    for (const [resolution, lengthMs] of RESOLUTIONS) this.findings.push(...(await this.checkBuckets(truths, resolution, lengthMs)));
    const all = { sources: this.cloud.place.held(), households: await this.cloud.reading.households() };
    this.trace.update(JSON.stringify([[...all.sources], all.households]));
    for (const [i, site] of this.sites.entries()) this.findings.push(...this.checkSite(site, truths[i] as Truth, all));
    const known = new Set(this.sites.flatMap(({ fleet }) => fleet.households));
    for (const key of all.sources.keys())
      if (!known.has(key.split('/')[0] as string)) this.findings.push(`${key}: nobody made such a source`);
  }

  /** The stretch with faults. */
  private async blow(): Promise<void> {
    const struck: Struck = {
      plan: this.plan,
      cloud: this.cloud,
      sites: this.sites,
      weathers: this.weathers,
      stopCloud: () => this.stopCloud(),
      goOnCloud: () => this.goOnCloud(),
      setClock: (ms) => this.clock.jumpWallTime(ms),
      later: (ms, end) => void this.clock.timer('a fault ends', ms, end),
    };
    while (this.clock.monotonicMs() < this.plan.faultsMs) {
      await this.clock.advance(-Math.log(1 - this.random.next()) * this.plan.betweenMs);
      for (const site of this.sites) site.quotaReached ||= site.edge.status()?.outboxFull === true;
      if (this.cloud.isUp) this.silence.look();
      const done = strike(struck, this.random);
      if (done === undefined) continue;
      this.count(this.faults, done);
      this.note(done);
    }
  }

  /** @returns after how long all was drained */
  private async calm(): Promise<number | undefined> {
    const beganMs = this.clock.monotonicMs();
    this.note('the faults end');
    for (const weather of this.weathers) weather.isOn = false;
    this.cloudStops = 0;
    this.network.release();
    this.cloud.setFull(false);
    for (const site of this.sites) site.calm();
    while (this.clock.monotonicMs() - beganMs < DRAIN_MS_MAX) {
      await this.clock.advance(DRAIN_LOOK_MS);
      // A planted fault that was seen is seen; what it breaks besides may never drain.
      if (this.options.planted !== undefined && this.witness.findings.length > 0) return undefined;
      if (this.cloud.isUp) this.silence.look();
      if (await this.unfence()) continue;
      if (!this.isDrained) continue;
      const drainedMs = this.clock.monotonicMs() - beganMs;
      await this.clock.advance(AFTERMATH_MS);
      if (!this.isDrained) continue;
      this.note('drained');
      return drainedMs;
    }
    const state = {
      cloud: this.cloud.isUp,
      sites: this.sites.map(({ edge, producer }) => ({ status: edge.status(), produced: producer.isDone })),
      timers: this.clock.pending().slice(0, 8),
    };
    this.findings.push(`not drained ${DRAIN_MS_MAX / 60_000} min after the faults ended: ${JSON.stringify(state)}`);
    return undefined;
  }

  /** An operator restarts edges that another claim has fenced. */
  private async unfence(): Promise<boolean> {
    const fenced = this.sites.filter((site) => site.fenced.length > 0);
    for (const site of fenced) {
      this.unfenced++;
      this.note(`an operator restarts the fenced ${site.edge.options.edge}: ${site.fenced.join(' ')}`);
      site.edge.kill();
    }
    if (fenced.length > 0) await this.startAll();
    return fenced.length > 0;
  }

  private get isDrained(): boolean {
    return this.cloud.isUp && this.sites.every((site) => site.isDrained);
  }

  /** Each bucket is looked at and let go; one of a household that nobody made has a source that nobody made. */
  private async checkBuckets(truths: readonly Truth[], resolution: Resolution, lengthMs: number): Promise<string[]> {
    const checks = truths.map((truth) => truth.bucketCheck(lengthMs));
    const byHousehold = new Map(this.sites.flatMap(({ fleet }, i) => fleet.households.map((its) => [its, checks[i] as BucketCheck])));
    const hash = new BucketHash(this.trace, lengthMs);
    await eachOf(this.cloud.reading.range({ resolution }), (bucket) => {
      hash.add(bucket);
      byHousehold.get(bucket.household)?.look(bucket);
    });
    hash.end();
    return checks.flatMap((its) => its.findings());
  }

  private checkSite(site: StormSite, truth: Truth, all: CloudEvidence): string[] {
    const status = site.edge.status();
    if (status === undefined) return [`${site.edge.options.edge} is down in the end`];
    this.trace.update(JSON.stringify(status));
    return checkAllBut({ ...this.evidenceOf(site, all), edge: status }, truth);
  }

  private evidenceOf({ fleet, isLogReplaced }: StormSite, all: CloudEvidence) {
    const { readings, notInRun, damaged, last, households } = fleet;
    const own = new Set(households);
    return {
      windowMs: WINDOW_MS,
      readings,
      notInRun,
      damaged,
      last,
      sources: new Map([...all.sources].filter(([key]) => own.has(key.split('/')[0] as string))),
      households: all.households.filter(({ household }) => own.has(household)),
      isLogReplaced,
    };
  }

  private makeCloud(): StormCloud {
    const { planted } = this.options;
    const random = streamOf(this.plan.seed, 'planted');
    const cloudRandom = streamOf(this.plan.seed, 'cloud');
    return new StormCloud({
      place: this.stores.cloud(),
      windowMs: WINDOW_MS,
      clock: this.clock,
      logger: this.loggerOf('cloud'),
      network: this.network,
      witness: this.witness,
      silence: this.silence,
      refusals: this.refusals,
      wrapStore: (store, life) => planted?.wrapStore?.(store, life, random) ?? store,
      wire: this.wire?.cloud,
      ...(planted?.silentAfterMs === undefined ? {} : { silentAfterMs: planted.silentAfterMs }),
      onDeath: () => this.upAgain(),
      ...this.touchNotes,
      delayMs: () => (this.weathers[0]?.isOn && cloudRandom.next() < this.plan.cloudDelayOdds ? 1 + cloudRandom.below(200) : 0),
    });
  }

  private makeSite(number: number): StormSite {
    const { planted } = this.options;
    return new StormSite({
      number,
      plan: this.plan,
      windowMs: WINDOW_MS,
      clock: this.clock,
      network: this.network,
      stores: this.stores,
      weather: this.weathers[number - 1] as Weather,
      wire: this.wire?.edge,
      ...(planted === undefined ? {} : { planted }),
      drawDeath: () => this.drawDeath('edge'),
      onDeath: () => this.upAgain(),
      onNote: (what) => this.note(what),
      onFinding: (finding) => this.findings.push(finding),
      ...this.touchNotes,
      loggerOf: (part) => this.loggerOf(part),
    });
  }

  private get isDeadly(): boolean {
    return this.plan.only !== 'outages';
  }

  private get touchNotes() {
    return this.isDeadly ? { onTouch: (what: string, deadly: boolean) => this.noteTouch(what, deadly) } : {};
  }

  private drawDeath(part: 'edge' | 'cloud'): Death | undefined {
    return this.weathers[0]?.isOn === true ? drawDeath(this.plan, this.lives, part) : undefined;
  }

  private stopCloud(): void {
    this.cloudStops++;
    this.network.hold();
  }

  private goOnCloud(): void {
    this.cloudStops = Math.max(0, this.cloudStops - 1);
    if (this.cloudStops === 0) this.network.release();
  }

  /** A supervisor starts again what died. */
  private upAgain(): void {
    this.clock.timer('restart', this.lives.next() * DOWN_MS_MAX, () => void this.startAll());
  }

  private async startAll(): Promise<void> {
    if (!this.cloud.isUp) await this.startCloud();
    for (const site of this.sites) site.restart();
  }

  private async startCloud(): Promise<void> {
    this.note('cloud starts');
    await this.cloud.start(this.drawDeath('cloud'));
  }

  private noteTouch(what: string, deadly: boolean): void {
    this.count(this.touched, what);
    if (deadly) this.noteDeath(what);
  }

  private noteDeath(name: string): void {
    this.count(this.died, name);
    this.note(`died at ${name}`);
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

/** What the cloud holds of all, but for the buckets. */
interface CloudEvidence {
  sources: ReadonlyMap<string, HeldSource>;
  households: SiteEvidence['households'];
}

/** A store in memory has them all at once. */
async function eachOf(buckets: AsyncIterable<Bucket>, look: (bucket: Bucket) => void): Promise<void> {
  if (buckets instanceof MemoryRange) buckets.each(look);
  else for await (const bucket of buckets) look(bucket);
}

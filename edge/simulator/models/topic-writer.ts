/**
 * The simulator `topic`: puts exactly the new readings into `power_topic`, keyed by household. Event-based: it steps when readings
 * arrive, and by itself to put a mark into every partition, for whole multiples of `markTicks` in event time, where windows end: right
 * after the readings of the second before it, so that nobody waits a second for a window that is whole. Where no reading came since
 * the last mark there is none: a silent night, or an `until` far beyond the data, costs nothing.
 *
 * What does not happen: a step never waits for the broker unless the buffer is full; a reading is never appended unless its seq
 * is above its source's last acknowledged one; a mark never overtakes a reading before it.
 */
import { type Broker, POWER_TOPIC, partitionOf, type TopicSettings } from '../../../common/broker/broker.ts';
import type { Clock } from '../../../common/clock.ts';
import type { Logger } from '../../../common/logger.ts';
import type { Mark, Reading, SeqRange } from '../../../common/messages.ts';
import type { Random } from '../../../common/random.ts';
import { RetrySchedule } from '../../../common/retry-schedule.ts';
import { encodeMark, encodeReading, encodeSkip } from '../../../common/topic-codec.ts';
import type { CreatedEntity, Inputs, MaybePromise, Outputs, Simulator, SimulatorMeta } from '../cosim/simulator.ts';
import { PartitionProducer } from './partition-producer.ts';
import { type AckedSource, ResumePoint } from './resume-point.ts';

/** A broker that refuses is asked again after a random time below this, doubling up to the cap. */
const RETRY_BASE_MS = 100;
const RETRY_CAP_MS = 5_000;
const MS_PER_TICK = 1_000;
const EID = POWER_TOPIC;
export const TOPIC_META: SimulatorMeta = { type: 'event-based', models: { Topic: { params: [], attrs: ['readings', 'skipped'] } } };

export interface TopicWriterOptions {
  broker: Broker;
  topic: TopicSettings;
  /** Folder of the resume points. */
  stateFolder: string;
  run: string;
  t0Ms: number;
  /** Ticks between marks. */
  markTicks: number;
  /** Length of a pass of a looped data set; undefined without a loop. Each pass has sources of its own. */
  passTicks: number | undefined;
  /** Records that may wait for the broker; beyond it a step waits. */
  bufferRecordsMax: number;
  clock: Clock;
  random: Random;
  logger: Logger;
  signal: AbortSignal;
}

interface Partition {
  producer: PartitionProducer;
  resume: ResumePoint;
}

export class TopicWriter implements Simulator {
  private readonly options: TopicWriterOptions;
  private partitions: Partition[] = [];
  /** The last second before the next mark, which is put when its readings are; null while there is no reading since the last mark. */
  private lastTickBeforeMark: number | null = null;
  private roomWanted: (() => void) | undefined;
  /** Passes before this one are forgotten. */
  private firstKeptPass = 0;

  constructor(options: TopicWriterOptions) {
    this.options = options;
  }

  /** Opens the topic and reads the resume points. Before the world starts. */
  async open(): Promise<void> {
    const { broker, topic, stateFolder, clock, logger, random } = this.options;
    await broker.start();
    await broker.ensureTopic(POWER_TOPIC, topic);
    const count = await broker.partitionCount(POWER_TOPIC);
    for (let partition = 0; partition < count; partition++) {
      const resume = new ResumePoint(stateFolder, partition);
      if (!resume.load(await broker.logState(POWER_TOPIC, partition))) logger.debug({ partition }, 'no resume point for this log');
      const retry = new RetrySchedule(RETRY_BASE_MS, RETRY_CAP_MS, random);
      const onRoom = () => {
        this.forgetPasses();
        this.roomWanted?.();
      };
      this.partitions.push({ resume, producer: new PartitionProducer({ broker, partition, resume, clock, logger, retry, onRoom }) });
    }
  }

  /** Earliest simulated second with a reading that is not acknowledged. */
  get resumeTick(): number {
    return Math.min(...this.partitions.map(({ resume }) => resume.resumeTick));
  }

  /** Up to it a restarted run need not keep pace: it was there before, be it in a log that was replaced since. */
  get pacedFromTick(): number {
    return Math.min(...this.partitions.map(({ resume }) => resume.pacedFromTick));
  }

  /** Readings acknowledged since the state began. */
  get published(): number {
    return this.partitions.reduce((sum, { resume }) => sum + resume.published, 0);
  }

  /** Last acknowledged seq of a source, 0 for none. */
  publishedSeq(household: string, src: string): number {
    return this.partitions[partitionOf(household, this.partitions.length)]?.resume.ackedSeq(household, src) ?? 0;
  }

  /** True when this run's end mark is acknowledged in every partition. */
  get hasEnded(): boolean {
    return this.partitions.every(({ resume }) => resume.hasEnded(this.options.run));
  }

  init(): SimulatorMeta {
    return TOPIC_META;
  }

  create(num: number, model: string): CreatedEntity[] {
    return num === 1 ? [{ eid: EID, type: model }] : [];
  }

  step(time: number, inputs: Inputs): MaybePromise<number | null> {
    const { readings = {}, skipped = {} } = inputs[EID] ?? {};
    for (const source in skipped) this.skip(skipped[source] as SeqRange, time);
    for (const source in readings) for (const reading of readings[source] as Reading[]) this.write(reading, time);
    if (this.lastTickBeforeMark === time) this.putMarks(time + 1);
    return this.isFull ? this.untilRoom().then(() => this.lastTickBeforeMark) : this.lastTickBeforeMark;
  }

  getData(): Outputs {
    return { data: {} };
  }

  /**
   * Waits until everything is acknowledged, then puts the end mark into every partition.
   * @param without households that are parked: no end is told of them
   */
  async end(endMs: number, without: ReadonlySet<string>): Promise<void> {
    await this.drain();
    const { run } = this.options;
    const tick = Math.ceil((endMs - this.options.t0Ms) / MS_PER_TICK);
    this.partitions.forEach(({ resume }, partition) => {
      if (resume.hasEnded(run)) return;
      const last = [...resume.sources].filter(({ household, seq }) => seq > 0 && !without.has(household)).sort(bySource);
      this.addMark(partition, { timeMs: endMs, run, end: true, last }, tick);
    });
    await this.drain();
  }

  /** Lets open produces come to their end, so that what they appended is also saved. */
  async finalize(): Promise<void> {
    await this.drain();
  }

  async stop(): Promise<void> {
    await this.options.broker.stop();
  }

  private async drain(): Promise<void> {
    for (const { producer } of this.partitions) await producer.drained();
  }

  private write(reading: Reading, tick: number): void {
    const { household, device, src, seq } = reading;
    // Also for readings that are acknowledged: a restarted run puts its marks where they were.
    this.lastTickBeforeMark ??= this.nextMarkTick(tick) - 1;
    const partition = partitionOf(household, this.partitions.length);
    const { resume } = this.partitions[partition] as Partition;
    if (seq <= resume.ackedSeq(household, src)) return;
    this.add(partition, household, encodeReading(reading), tick, { kind: 'reading', source: { household, device, src, seq } });
  }

  private skip(range: SeqRange, tick: number): void {
    const { household, device, src, toSeq } = range;
    const partition = partitionOf(household, this.partitions.length);
    const { resume } = this.partitions[partition] as Partition;
    if (toSeq <= resume.ackedSeq(household, src)) return;
    this.add(partition, household, encodeSkip(range), tick, { kind: 'skip', source: { household, device, src, seq: toSeq } });
  }

  private nextMarkTick(tick: number): number {
    const { t0Ms, markTicks } = this.options;
    const markMs = markTicks * MS_PER_TICK;
    return (Math.ceil((t0Ms + (tick + 1) * MS_PER_TICK) / markMs) * markMs - t0Ms) / MS_PER_TICK;
  }

  /** Everything before the tick is added. */
  private putMarks(tick: number): void {
    this.lastTickBeforeMark = null;
    const timeMs = this.options.t0Ms + tick * MS_PER_TICK;
    this.partitions.forEach(({ resume }, partition) => {
      if (timeMs > resume.markMs) this.addMark(partition, { timeMs, run: this.options.run, end: false, last: [] }, tick);
    });
  }

  private addMark(partition: number, mark: Mark, tick: number): void {
    this.add(partition, null, encodeMark(mark), tick, mark.end ? { kind: 'end', run: mark.run } : { kind: 'mark', timeMs: mark.timeMs });
  }

  private add(
    partition: number,
    key: string | null,
    value: Buffer,
    tick: number,
    meaning: Parameters<PartitionProducer['add']>[0]['meaning'],
  ): void {
    const { producer } = this.partitions[partition] as Partition;
    producer.throwFailure();
    producer.add({ record: { key, value }, tick, meaning }, this.options.signal);
  }

  /**
   * A restarted run begins with the pass of the resume tick. The one before it is kept too: an end mark names it for a household that
   * has no reading in the newest one yet.
   */
  private forgetPasses(): void {
    const { passTicks } = this.options;
    if (passTicks === undefined) return;
    const firstKept = Math.floor(this.resumeTick / passTicks) - 1;
    if (firstKept <= this.firstKeptPass) return;
    this.firstKeptPass = firstKept;
    for (const { resume } of this.partitions) resume.forgetBefore(firstKept * passTicks);
  }

  private get isFull(): boolean {
    return this.partitions.reduce((sum, { producer }) => sum + producer.length, 0) >= this.options.bufferRecordsMax;
  }

  private async untilRoom(): Promise<void> {
    const { signal } = this.options;
    while (this.isFull && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const go = () => {
          signal.removeEventListener('abort', go);
          resolve();
        };
        this.roomWanted = go;
        signal.addEventListener('abort', go, { once: true });
      });
      for (const { producer } of this.partitions) producer.throwFailure();
    }
    this.roomWanted = undefined;
  }
}

function bySource(a: AckedSource, b: AckedSource): number {
  return a.household < b.household ? -1 : Number(a.household > b.household);
}

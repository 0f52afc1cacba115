/**
 * One edge and one cloud in virtual time, in fair weather: the parts of a storm without the storm, for tests of one
 * thing at a time.
 */
import { type NewRecord, POWER_TOPIC, partitionOf } from '../../common/broker/broker.ts';
import { type Logger, silentLogger } from '../../common/logger.ts';
import type { Mark, Reading } from '../../common/messages.ts';
import { seededRandom } from '../../common/random.ts';
import { encodeMark, encodeReading } from '../../common/topic-codec.ts';
import { type HeldSource, readCloudFile, seqsOf } from '../storm/cloud-file.ts';
import { StormCloud, type StormCloudOptions } from '../storm/storm-cloud.ts';
import { StormEdge, type StormEdgeOptions } from '../storm/storm-edge.ts';
import { openStores, type StormStores } from '../storm/storm-stores.ts';
import { Witness } from '../storm/witness.ts';
import { KIND_FATES, VirtualTopics } from './virtual-broker.ts';
import { VirtualClock } from './virtual-clock.ts';
import { type Fates, VirtualNetwork } from './virtual-link.ts';

const WINDOW_MS = 5_000;
export const BASE_MS = 1_577_145_600_000;
const FAIR: Fates = { request: () => [1], reply: () => [1] };

export class VirtualSite {
  readonly clock = new VirtualClock();
  readonly topics = new VirtualTopics();
  readonly network = new VirtualNetwork(this.clock);
  readonly witness = new Witness();
  readonly cloud: StormCloud;
  readonly edge: StormEdge;
  /** What the edge ended with by itself. */
  readonly errors: unknown[] = [];
  readonly lines: string[] = [];
  private readonly stores: StormStores = openStores('sqlite');
  private readonly partitions: number;

  constructor(options: Partial<StormEdgeOptions> = {}, cloudOptions: Partial<StormCloudOptions> = {}) {
    this.partitions = options.topic?.partitions ?? 1;
    this.topics.ensure(POWER_TOPIC, this.partitions);
    const { clock, network, witness } = this;
    this.cloud = new StormCloud({
      place: this.stores.cloud(),
      windowMs: WINDOW_MS,
      clock,
      logger: silentLogger,
      network,
      witness,
      delayMs: () => 0,
      onDeath: () => undefined,
      ...cloudOptions,
    });
    this.edge = new StormEdge({
      edge: 'edge-1',
      place: this.stores.edge('edge'),
      clock,
      random: seededRandom(1),
      logger: this.logger,
      topics: this.topics,
      brokerFates: KIND_FATES,
      topic: { partitions: this.partitions, retentionMs: 0 },
      network,
      dataFates: FAIR,
      heartbeatFates: FAIR,
      quotaBytes: 64 << 20,
      windowMs: WINDOW_MS,
      keepMs: 86_400_000,
      idleCloseMs: 60_000,
      inFlightMax: 2,
      isOrdered: true,
      publishAverages: true,
      onDeath: () => undefined,
      onError: (error) => this.errors.push(error),
      ...options,
    });
  }

  async start(): Promise<void> {
    await this.cloud.start();
    this.edge.start();
  }

  end(): void {
    this.edge.kill();
    this.cloud.kill();
    this.stores.remove();
  }

  /** Lets time pass until it is so, at most `limitMs`. */
  async until(isSo: () => boolean, limitMs: number, stepMs = 1_000): Promise<void> {
    for (let ms = 0; ms < limitMs && !isSo(); ms += stepMs) await this.clock.advance(stepMs);
  }

  append(records: readonly NewRecord[], partition = 0): void {
    for (let at = 0; at < records.length; at += 500) this.topics.append(POWER_TOPIC, partition, records.slice(at, at + 500));
  }

  /** Readings from..to of a household's meter, one in each window. */
  produce(household: string, from: number, to: number, src = 'src1'): void {
    const records = seqsOf([from, to]).map((seq) => ({ key: household, value: encodeReading(readingOf(household, seq, src)) }));
    this.append(records, partitionOf(household, this.partitions));
  }

  endRun(last: readonly Mark['last'][number][]): void {
    const timeMs = BASE_MS + 1_000_000_000;
    for (let partition = 0; partition < this.partitions; partition++) {
      const own = last.filter(({ household }) => partitionOf(household, this.partitions) === partition);
      this.append([{ key: null, value: encodeMark({ timeMs, run: 'r', end: true, last: own }) }], partition);
    }
  }

  /** What the cloud holds of a household's meter. */
  held(household: string, src = 'src1'): HeldSource {
    return readCloudFile(this.cloud.stateDir).get(`${household}/meter/${src}`) ?? { covered: [], declared: [], readings: 0 };
  }

  private readonly logger: Logger = {
    debug: (_fields, message) => void this.lines.push(message),
    info: (_fields, message) => void this.lines.push(message),
    warn: (_fields, message) => void this.lines.push(message),
    error: (_fields, message) => void this.lines.push(message),
  };
}

export function readingOf(household: string, seq: number, src = 'src1'): Reading {
  return { household, device: 'meter', src, seq, timeMs: BASE_MS + seq * WINDOW_MS, values: { power: seq } };
}

/**
 * The simulator `household`: one entity per household file. It steps in each simulated second in which a household has readings, from
 * simulated time 0, the earliest reading of all (tick = second).
 *
 * Outputs: `readings`, an event, every reading of that second; `skipped`, an event, seqs that are not in the run, before a source's first
 * reading; and the last values as plain fields.
 */
import type { Reading, SeqRange } from '../../../common/messages.ts';
import { Scheduler } from '../cosim/scheduler.ts';
import type { CreatedEntity, OutputRequest, Outputs, Params, Simulator, SimulatorMeta } from '../cosim/simulator.ts';
import { atTick } from '../cosim/tiered-time.ts';
import { CHUNK_BYTES_MAX, type OpenEnd, type RejectedRow } from './gem-house-csv.ts';
import { HouseholdStream, type RunRange } from './household-stream.ts';

export interface HouseholdSimulatorOptions {
  range: RunRange;
  /** Files that will be opened, to share the memory for chunks. */
  households: number;
  firstPass: number;
  onRejected: (path: string, row: RejectedRow) => void;
  /** The last row of a file has no line end: it may be cut. */
  onOpenEnd: (household: string, end: OpenEnd) => void;
  /** A household whose file can't be read on is left out from here; the others go on. */
  onParked: (household: string, reason: string) => void;
  /** Last seq of a source that is published, 0 for none. */
  publishedSeq?: (household: string, src: string) => number;
}

const FIELDS = ['power', 'power1', 'power2', 'power3', 'energy'] as const;
const EVENTS = ['readings', 'skipped'] as const;
export const HOUSEHOLD_META: SimulatorMeta = {
  type: 'hybrid',
  models: { Household: { params: ['file', 'household', 'firstLine'], attrs: [...EVENTS, ...FIELDS], nonPersistent: EVENTS } },
};
/** Bytes of all chunks together; rows take about ten times as much. */
const CHUNK_BYTES_TOTAL = 8 << 20;
const CHUNK_BYTES_MIN = 8 * 1024;

interface HouseholdEntity {
  stream: HouseholdStream;
  last: Reading['values'] | undefined;
  /** What this step gave. */
  readings: Reading[];
  skipped: SeqRange | undefined;
}

export class HouseholdSimulator implements Simulator {
  private readonly options: HouseholdSimulatorOptions;
  private readonly entities: HouseholdEntity[] = [];
  private queue = new Scheduler([]);
  /** Entities with readings in this step. */
  private due: HouseholdEntity[] = [];
  private readonly byHousehold = new Map<string, HouseholdEntity>();
  private fields: { of: OutputRequest; pairs: readonly [string, string][] } = { of: {}, pairs: [] };

  constructor(options: HouseholdSimulatorOptions) {
    this.options = options;
  }

  init(): SimulatorMeta {
    return HOUSEHOLD_META;
  }

  /** @param params file: path; household: id; firstLine: first accepted line, undefined when there is none */
  create(num: number, model: string, params: Params): CreatedEntity[] {
    if (num !== 1) return [];
    const { range, households, firstPass, onRejected, onOpenEnd, publishedSeq } = this.options;
    const chunkBytes = Math.min(CHUNK_BYTES_MAX, Math.max(CHUNK_BYTES_MIN, Math.floor(CHUNK_BYTES_TOTAL / households)));
    const household = params['household'] as string;
    const options = {
      household,
      path: params['file'] as string,
      firstLine: params['firstLine'] as string | undefined,
      range,
      chunkBytes,
      firstPass,
      onRejected,
      onOpenEnd,
      publishedSeq,
    };
    const entity = { stream: new HouseholdStream(options), last: undefined, readings: [], skipped: undefined };
    this.entities.push(entity);
    this.byHousehold.set(household, entity);
    return [{ eid: household, type: model }];
  }

  setupDone(): void {
    this.queue = new Scheduler(this.entities.map((_, index) => [index]));
    for (const [index, { stream }] of this.entities.entries()) {
      stream.start();
      this.queueNext(index);
    }
  }

  step(time: number): number | null {
    this.due = [];
    for (let index = this.queue.peek(); index >= 0 && this.queue.timeOf(index)?.tick === time; index = this.queue.peek()) {
      this.queue.dropFirst(index);
      const entity = this.entities[index] as HouseholdEntity;
      entity.skipped = entity.stream.takeSkipped();
      entity.readings = entity.stream.takeSecond(time);
      entity.last = entity.readings.at(-1)?.values;
      this.due.push(entity);
      this.queueNext(index);
    }
    const next = this.queue.peek();
    return next < 0 ? null : (this.queue.timeOf(next)?.tick ?? null);
  }

  getData(wanted: OutputRequest): Outputs {
    const data: Record<string, Record<string, unknown>> = {};
    for (const { stream, readings, skipped } of this.due) {
      const attrs = wanted[stream.household];
      if (attrs === undefined) continue;
      const values: Record<string, unknown> = (data[stream.household] = {});
      if (skipped !== undefined && attrs.includes('skipped')) values['skipped'] = skipped;
      if (attrs.includes('readings')) values['readings'] = readings;
    }
    for (const [household, field] of this.fieldsOf(wanted))
      (data[household] ??= {})[field] = this.byHousehold.get(household)?.last?.[field] ?? null;
    return { data };
  }

  /** The plain fields among what is wanted. The engine asks for the same in every step, so they are looked up once. */
  private fieldsOf(wanted: OutputRequest): readonly [string, string][] {
    if (wanted !== this.fields.of) {
      const pairs = Object.entries(wanted).flatMap(([household, attrs]) => attrs.map((attr): [string, string] => [household, attr]));
      this.fields = { of: wanted, pairs: pairs.filter(([, attr]) => attr !== 'readings' && attr !== 'skipped') };
    }
    return this.fields.pairs;
  }

  private queueNext(index: number): void {
    const { stream } = this.entities[index] as HouseholdEntity;
    if (stream.parked !== undefined) this.options.onParked(stream.household, stream.parked);
    else if (stream.nextTick < Number.POSITIVE_INFINITY) this.queue.add(index, atTick(stream.nextTick));
  }
}

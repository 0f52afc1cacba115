/**
 * The contract of a simulator. Every call may answer at once or with a promise; answers at once are taken without a
 * turn of the event loop, which is what makes small in-process simulators fast.
 *
 * The engine calls init, create (any number of times), setupDone, then step and getData in turn, and finalize once: also
 * after a failure of any simulator. No call is made while another of the same simulator is open.
 */
export type MaybePromise<T> = T | Promise<T>;

/**
 * time-based: steps when it said so, inputs never trigger it, outputs stay until replaced.
 * event-based: steps when an input arrives (or when it said so), outputs are delivered once.
 * hybrid: both, by attribute.
 */
export type SimulatorType = 'time-based' | 'event-based' | 'hybrid';

/** What one model of a simulator takes and gives. The last four are for hybrid simulators (attributes.ts). */
export interface ModelMeta {
  /** Whether a scenario may create it; true unless said. */
  public?: boolean;
  params: readonly string[];
  attrs: readonly string[];
  /** Takes inputs of any name. */
  anyInputs?: boolean;
  trigger?: readonly string[];
  nonTrigger?: readonly string[];
  persistent?: readonly string[];
  nonPersistent?: readonly string[];
}

export interface SimulatorMeta {
  type: SimulatorType;
  models: Readonly<Record<string, ModelMeta>>;
  /** Calls that a scenario may make besides these. */
  extraMethods?: readonly string[];
}

export interface CreatedEntity {
  /** Unique in the simulator. */
  eid: string;
  type: string;
  /** Related entities of the same simulator. */
  rel?: readonly string[];
  children?: readonly CreatedEntity[];
  extraInfo?: unknown;
}

/** By entity, attribute and full id (`sid.eid`) of the source. */
export type Inputs = Record<string, Record<string, Record<string, unknown>>>;

/** Attributes by entity. */
export type OutputRequest = Readonly<Record<string, readonly string[]>>;

export interface Outputs {
  /** When the values are valid; the time of the step unless said, never earlier. */
  time?: number;
  /** By entity and attribute. An event that did not happen is left out. */
  data: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** Outputs of many entities: per attribute the values in the order of the entities that are wanted; undefined leaves one out. */
export interface Columns {
  /** As in Outputs. */
  time?: number;
  columns: Readonly<Record<string, readonly unknown[]>>;
}

export type Params = Readonly<Record<string, unknown>>;

/** By full id. */
export interface RelatedEntities {
  nodes: Record<string, { sid: string; type: string }>;
  edges: [string, string, Record<string, never>][];
}

/**
 * What a simulator may ask of the world. getData and setData only while it steps, and only of simulators that are connected to it with
 * `asyncRequests`. @throws CosimError ENTITY_UNKNOWN, ASYNC_NOT_CONNECTED, ASYNC_NOT_ENABLED; REQUEST_REFUSED at the wrong time
 */
export interface Requests {
  /** Percent of the whole simulation. */
  progress(): MaybePromise<number>;
  /** The whole graph of entities: those connected, those related at creation. */
  relatedGraph(): MaybePromise<RelatedEntities>;
  /** Neighbours of each entity in that graph. */
  relatedTo(fullIds: readonly string[]): MaybePromise<Record<string, RelatedEntities['nodes']>>;
  /** Attributes by full id. What the world has stored, else what the simulator answers. */
  getData(wanted: OutputRequest): MaybePromise<Record<string, Record<string, unknown>>>;
  /** By full id of who is told as the source, then full id of the destination: arrives with the destination's next step. */
  setData(values: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>>): void;
  /** Makes this simulator step at the tick; only in real time. At or after `until` it is ignored. */
  setEvent(tick: number): void;
}

/** Answer of a step with the outputs that follow it. */
export interface StepAnswer {
  next: number | null;
  outputs: Outputs;
}

export interface Simulator {
  /** True for one that lives outside of this process and may set events at any time: a real-time run does not end before `until`. */
  readonly isOutside?: boolean;
  /**
   * @param sid name of this simulator in the scenario
   * @param timeResolution seconds per tick
   * @param requests for as long as the world lives
   */
  init(sid: string, timeResolution: number, params: Params, requests: Requests): MaybePromise<SimulatorMeta>;
  /** Answers exactly `num` entities of the model. */
  create(num: number, model: string, params: Params): MaybePromise<readonly CreatedEntity[]>;
  /** All entities exist and are connected. */
  setupDone?(): MaybePromise<void>;
  /**
   * @param maxAdvance no input of others arrives at or before this tick, unless this simulator causes it
   * @returns the tick of the next step, later than `time`; null for none (not allowed for time-based)
   */
  step(time: number, inputs: Inputs, maxAdvance: number): MaybePromise<number | null>;
  /** The connected attributes after a step. */
  getData(wanted: OutputRequest): MaybePromise<Outputs>;
  /** Instead of getData after a step, for simulators of many entities: several times as fast as nested objects. */
  getColumns?(wanted: OutputRequest): MaybePromise<Columns>;
  /** Instead of step and then getData, for simulators that answer both in one exchange. */
  stepThenGetData?(time: number, inputs: Inputs, maxAdvance: number, wanted: OutputRequest): MaybePromise<StepAnswer>;
  /** One of the meta's extra methods. */
  call?(method: string, args: readonly unknown[], named: Params): MaybePromise<unknown>;
  finalize?(): MaybePromise<void>;
}

export function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

/** Columns as getData would have told them. */
export function outputsOf(answered: Outputs | Columns, wanted: OutputRequest): Outputs {
  if (!('columns' in answered)) return answered;
  const { time, columns } = answered;
  const data: Record<string, Record<string, unknown>> = {};
  for (const [index, [eid, attrs]] of Object.entries(wanted).entries()) {
    for (const attr of attrs) {
      const value = columns[attr]?.[index];
      if (value !== undefined) (data[eid] ??= {})[attr] = value;
    }
  }
  return time === undefined ? { data } : { time, data };
}

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

export type Params = Readonly<Record<string, unknown>>;

export interface Simulator {
  /**
   * @param sid name of this simulator in the scenario
   * @param timeResolution seconds per tick
   */
  init(sid: string, timeResolution: number, params: Params): MaybePromise<SimulatorMeta>;
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
  finalize?(): MaybePromise<void>;
}

export function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

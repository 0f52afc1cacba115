/**
 * What the simulators of household assets share: simulated time from a start and a length of step, entities with settings, values by
 * attribute. What an asset does in a step is a pure function in a file of its own; the simulators only hand its state from step to step.
 *
 * Parameters of each simulator: `start` (ISO-8601 with Z, the instant of tick 0), `step_seconds`, `seed`. Simulators with the same seed
 * have the same weather. Values told at a tick are means over the step that begins there.
 */
import { parseTime, TIME_REMEDY } from '../../../../common/iso-time.ts';
import { CosimError } from '../../cosim/errors.ts';
import type {
  CreatedEntity,
  Inputs,
  OutputRequest,
  Outputs,
  Params,
  Simulator,
  SimulatorMeta,
  SimulatorType,
} from '../../cosim/simulator.ts';

/** Every setting is a number. */
export type Numbers<Settings> = { [Name in keyof Settings]: number };

export interface AssetModel<Settings> {
  type: SimulatorType;
  /** Name of the model; its entities are `<eid>-0`, `<eid>-1`, … */
  name: string;
  eid: string;
  defaults: Settings;
  /** Greatest and least value of settings that have one. Not negative unless said. */
  limits?: Partial<Record<keyof Settings, readonly [min: number, max: number]>>;
  /** What is wrong with settings that are right each by itself. */
  fault?: (settings: Settings) => string | undefined;
  attrs: readonly string[];
  trigger?: readonly string[];
  nonPersistent?: readonly string[];
}

export interface StepTime {
  tick: number;
  /** Begin, and the instant in the middle that stands for the step. */
  timeMs: number;
  middleMs: number;
  seconds: number;
}

export interface Asset<Settings, State> {
  readonly eid: string;
  readonly settings: Settings;
  /** For what is drawn for this entity alone. */
  readonly seed: number;
  state: State;
}

/** By attribute. An event that does not happen is undefined. */
export type AssetValues = Readonly<Record<string, number | undefined>>;

const START_DEFAULT = '2019-12-24T00:00:00Z';
/** One in each window of the edge: with longer steps the cloud shows gaps between the readings. */
const STEP_SECONDS_DEFAULT = 5;
/** Sun, cars and appliances change within longer steps. */
const STEP_SECONDS_MAX = 3_600;
const SEED_DEFAULT = 1;
const SEED_MIX = 0x9e3779b1;

export abstract class AssetSimulator<Settings extends Numbers<Settings>, State> implements Simulator {
  protected sid = '';
  protected seed = SEED_DEFAULT;
  private startMs = 0;
  private stepTicks = 1;
  private secondsPerTick = 1;
  private readonly model: AssetModel<Settings>;
  private readonly assets = new Map<string, Asset<Settings, State>>();
  private values: Record<string, AssetValues> = {};

  constructor(model: AssetModel<Settings>) {
    this.model = model;
  }

  init(sid: string, timeResolution: number, params: Params): SimulatorMeta {
    this.sid = sid;
    this.secondsPerTick = timeResolution;
    const { start, step_seconds, seed = SEED_DEFAULT, ...others } = params;
    const unknown = Object.keys(others)[0];
    if (unknown !== undefined) throw refused(sid, 'init', `no parameter ${unknown}; it has start, step_seconds, seed`);
    if (!Number.isSafeInteger(seed)) throw refused(sid, 'init', `seed is ${String(seed)}, a whole number is wanted`);
    const { startMs, stepTicks } = stepping(sid, timeResolution, start, step_seconds);
    this.startMs = startMs;
    this.stepTicks = stepTicks;
    this.seed = seed as number;
    const { type, name, defaults, attrs, trigger, nonPersistent } = this.model;
    const meta = { params: Object.keys(defaults), attrs, ...(trigger && { trigger }), ...(nonPersistent && { nonPersistent }) };
    return { type, models: { [name]: meta } };
  }

  create(num: number, model: string, params: Params): CreatedEntity[] {
    const settings = this.settingsOf(params);
    const first = this.assets.size;
    return Array.from({ length: num }, (_, i) => {
      const eid = `${this.model.eid}-${first + i}`;
      const seed = (Math.imul(first + i + 1, SEED_MIX) ^ this.seed) | 0;
      this.assets.set(eid, { eid, settings, seed, state: this.begin(settings, seed) });
      return { eid, type: model };
    });
  }

  step(tick: number, inputs: Inputs): number | null {
    const timeMs = this.startMs + tick * this.secondsPerTick * 1_000;
    const seconds = this.stepTicks * this.secondsPerTick;
    const time = { tick, timeMs, middleMs: timeMs + seconds * 500, seconds };
    const values: Record<string, AssetValues> = {};
    for (const asset of this.assets.values()) values[asset.eid] = this.stepAsset(asset, time, inputs[asset.eid] ?? {});
    this.values = values;
    return this.nextTick(tick);
  }

  getData(wanted: OutputRequest): Outputs {
    const data: Record<string, Record<string, number>> = {};
    for (const eid in wanted) {
      const values = this.values[eid];
      const told: Record<string, number> = (data[eid] = {});
      for (const attr of wanted[eid] as readonly string[]) {
        const value = values?.[attr];
        if (value !== undefined) told[attr] = value;
      }
    }
    return { data };
  }

  protected abstract begin(settings: Settings, seed: number): State;

  /** One step of one entity: takes and leaves its state. May come again in the same tick, in a same-time loop. */
  protected abstract stepAsset(asset: Asset<Settings, State>, time: StepTime, inputs: Inputs[string]): AssetValues;

  /** When to step next without being triggered. Steps begin at multiples of their length, whatever has triggered this one. */
  protected nextTick(tick: number): number | null {
    return (Math.floor(tick / this.stepTicks) + 1) * this.stepTicks;
  }

  protected secondsBetween(from: number, to: number): number {
    return (to - from) * this.secondsPerTick;
  }

  private settingsOf(params: Params): Settings {
    const { name, defaults, limits, fault } = this.model;
    const settings = { ...defaults };
    for (const [key, value] of Object.entries(params)) {
      if (!Object.hasOwn(defaults, key)) throw refused(this.sid, 'create', `${name} has no parameter ${key}`);
      const [min, max] = limits?.[key as keyof Settings] ?? [0, Number.MAX_VALUE];
      if (typeof value !== 'number' || !(value >= min && value <= max))
        throw refused(this.sid, 'create', `${key} of ${name} is ${String(value)}, a number from ${min} to ${max} is wanted`);
      settings[key as keyof Settings] = value as Settings[keyof Settings];
    }
    const wrong = fault?.(settings);
    if (wrong !== undefined) throw refused(this.sid, 'create', `${name}: ${wrong}`);
    return settings;
  }
}

/**
 * Reads the parameters `start` and `step_seconds`.
 * @throws CosimError CREATE_REFUSED
 */
export function stepping(sid: string, timeResolution: number, start: unknown = START_DEFAULT, step: unknown = STEP_SECONDS_DEFAULT) {
  const startMs = parseTime(String(start));
  if (startMs === undefined) throw refused(sid, 'init', `start is ${String(start)}: ${TIME_REMEDY}`);
  const stepTicks = typeof step === 'number' ? step / timeResolution : Number.NaN;
  if (!Number.isSafeInteger(stepTicks) || stepTicks < 1 || (step as number) > STEP_SECONDS_MAX) {
    const wanted = `a multiple of ${timeResolution} s up to ${STEP_SECONDS_MAX} s is wanted`;
    throw refused(sid, 'init', `step_seconds is ${String(step)}, ${wanted}`);
  }
  return { startMs, stepTicks };
}

/** A parameter that a scenario's author must correct. */
export function refused(sid: string, call: string, reason: string): CosimError {
  return new CosimError('CREATE_REFUSED', `${sid}, ${call}, before tick 0: ${reason}`, 'correct the parameters in the scenario');
}

/** The sum of what all sources of an input tell; those that have told nothing yet count as 0. */
export function sumOf(inputs: Inputs[string], attr: string): number {
  let sum = 0;
  for (const value of Object.values(inputs[attr] ?? {})) if (typeof value === 'number') sum += value;
  return sum;
}

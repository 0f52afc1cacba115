/** A simulator told by a table what to do, that writes down every call. */
import type {
  CreatedEntity,
  Inputs,
  ModelMeta,
  OutputRequest,
  Outputs,
  Simulator,
  SimulatorMeta,
  SimulatorType,
} from '../../../../../edge/simulator/cosim/simulator.ts';

export interface Script {
  type?: SimulatorType;
  model?: Partial<ModelMeta>;
  /** Next step after a step at `time`; time + 1 unless said. */
  next?: (time: number, step: number) => number | null;
  /** Values by attribute, the same for each entity; undefined leaves one out. */
  out?: Readonly<Record<string, (time: number, inputs: Inputs[string], eid: string) => unknown>>;
  /** When outputs are valid. */
  outTime?: (time: number) => number;
  /** Answers with promises. */
  async?: boolean;
  failAt?: number;
}

export interface LoggedStep {
  time: number;
  inputs: Inputs;
  maxAdvance: number;
}

export class ScriptedSimulator implements Simulator {
  readonly steps: LoggedStep[] = [];
  readonly calls: string[] = [];
  private readonly script: Script;
  private created = 0;
  private now: LoggedStep = { time: -1, inputs: {}, maxAdvance: -1 };

  constructor(script: Script) {
    this.script = script;
  }

  init(sid: string): SimulatorMeta {
    this.calls.push(`init ${sid}`);
    return { type: this.script.type ?? 'time-based', models: { M: { params: [], attrs: ['x', 'y'], ...this.script.model } } };
  }

  create(num: number, model: string): CreatedEntity[] {
    return Array.from({ length: num }, () => ({ eid: `${model}${this.created++}`, type: model }));
  }

  setupDone(): void {
    this.calls.push('setupDone');
  }

  step(time: number, inputs: Inputs, maxAdvance: number): number | null | Promise<number | null> {
    this.now = { time, inputs, maxAdvance };
    this.steps.push(this.now);
    if (time === this.script.failAt) throw new Error('scripted failure');
    const next = this.script.next === undefined ? time + 1 : this.script.next(time, this.steps.length);
    return this.script.async === true ? Promise.resolve(next) : next;
  }

  getData(wanted: OutputRequest): Outputs | Promise<Outputs> {
    const { time, inputs } = this.now;
    const data: Record<string, Record<string, unknown>> = {};
    for (const [eid, attrs] of Object.entries(wanted)) {
      for (const attr of attrs) {
        const value = this.script.out?.[attr]?.(time, inputs[eid] ?? {}, eid);
        if (value !== undefined) (data[eid] ??= {})[attr] = value;
      }
    }
    const outputs = this.script.outTime === undefined ? { data } : { data, time: this.script.outTime(time) };
    return this.script.async === true ? Promise.resolve(outputs) : outputs;
  }

  finalize(): void {
    this.calls.push('finalize');
  }

  /** Times of the steps made. */
  get times(): number[] {
    return this.steps.map(({ time }) => time);
  }

  /** What the attribute of entity M0 got in each step, from `source`. */
  got(attr: string, source = 'A.M0'): unknown[] {
    return this.steps.map(({ inputs }) => inputs['M0']?.[attr]?.[source]);
  }

  get maxAdvances(): number[] {
    return this.steps.map(({ maxAdvance }) => maxAdvance);
  }
}

/** Sum of an attribute's inputs over all sources; null counts as 0. */
export function sum(inputs: Inputs[string], attr: string): number {
  return Object.values(inputs[attr] ?? {}).reduce<number>((total, value) => total + Number(value ?? 0), 0);
}

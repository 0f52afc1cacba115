/**
 * Runs one simulator alone against what it was given in a recorded run, and compares what it answers. Requests to the world are answered
 * from the recording too. Ends at the first difference: what follows one has no meaning.
 */
import { CosimError } from '../cosim/errors.ts';
import type { CreatedEntity, ModelMeta, Outputs, RelatedEntities, Requests, Simulator, SimulatorMeta } from '../cosim/simulator.ts';
import {
  type AskedRequest,
  isStep,
  type RecordedBetween,
  type RecordedSimulator,
  type RecordedStep,
  type SetupCall,
  stepTimeText,
} from './trace-format.ts';
import type { Trace } from './trace-reader.ts';
import { asRecorded, resultText } from './trace-values.ts';
import { firstDifference, type ValueDifference } from './value-difference.ts';

export interface ReplayResult {
  sid: string;
  /** Steps compared. */
  steps: number;
  /** Every answer is as recorded, and there was one to compare unless the whole run is known to have none. */
  equal: boolean;
  /** Undefined when every answer is as recorded. */
  difference: ReplayDifference | undefined;
}

export interface ReplayDifference {
  /** The call whose answer differs. */
  what: 'init' | 'create' | 'call' | 'next' | 'outputs' | 'failure' | 'request';
  /** Of this simulator, from 1; 0 before the first. */
  step: number;
  /** Simulated time, undefined before the first step. */
  time: number | undefined;
  round: number;
  entity?: string;
  attribute?: string;
  /** Further inside, for values that are lists or objects. */
  path: string[];
  /** Undefined when there was, or is, nothing. */
  recorded: unknown;
  now: unknown;
}

export interface ReplayOptions {
  trace: Trace;
  sid: string;
  simulator: Simulator;
  /** See firstDifference. */
  tolerance?: number;
  signal?: AbortSignal;
}

/** It could not answer: nothing to compare. */
const LOST_CODES: ReadonlySet<string> = new Set(['SIMULATOR_GONE', 'SIMULATOR_SILENT', 'PROTOCOL_BROKEN']);

/** @throws CosimError when the recording has no such simulator, or it can't be started or goes away; it is finalized in any case */
export async function replayAlone(options: ReplayOptions): Promise<ReplayResult> {
  const { trace, sid, simulator } = options;
  const recorded = recordedOf(trace, sid);
  const replay = new Replay(options, recorded);
  try {
    const difference = await replay.run();
    const { steps } = replay;
    return { sid, steps, equal: difference === undefined && (steps > 0 || trace.tornText === undefined), difference };
  } finally {
    await simulator.finalize?.();
    await trace.close();
  }
}

/** @throws CosimError when the recording has no such simulator */
export function recordedOf({ header, path }: Trace, sid: string): RecordedSimulator {
  const recorded = header.simulators.find((its) => its.sid === sid);
  if (recorded !== undefined) return recorded;
  const known = header.simulators.map((its) => its.sid).join(', ');
  throw new CosimError('WORLD_MISUSED', `${path} has no simulator ${sid}`, `name one of ${known}`);
}

class Replay {
  private readonly options: ReplayOptions;
  private readonly recorded: RecordedSimulator;
  private readonly requests: ReplayedRequests;
  private step: RecordedStep | undefined;
  steps = 0;

  constructor(options: ReplayOptions, recorded: RecordedSimulator) {
    this.options = options;
    this.recorded = recorded;
    this.requests = new ReplayedRequests(options.sid);
  }

  async run(): Promise<ReplayDifference | undefined> {
    const { trace, sid, signal } = this.options;
    const before = await this.setUp();
    if (before !== undefined) return before;
    for await (const line of trace.lines()) {
      if (signal?.aborted === true) return undefined;
      if (line.sid !== sid) continue;
      const difference = isStep(line) ? await this.makeStep(line) : await this.askBetween(line);
      if (difference !== undefined) return difference;
    }
    return undefined;
  }

  private async setUp(): Promise<ReplayDifference | undefined> {
    const { simulator, sid } = this.options;
    const { timeResolution, params, meta, calls, asked } = this.recorded;
    this.requests.expect(asked);
    const metaNow = await simulator.init(sid, timeResolution, params, this.requests.forSimulator);
    const difference = this.compare('init', withDefaults(meta), withDefaults(metaNow));
    if (difference !== undefined) return difference;
    for (const call of calls) {
      const its = await this.repeat(call);
      if (its !== undefined) return its;
    }
    await simulator.setupDone?.();
    return this.requestDifference();
  }

  private async repeat(call: SetupCall): Promise<ReplayDifference | undefined> {
    const { simulator } = this.options;
    switch (call.call) {
      case 'create':
        return this.compare(
          'create',
          call.answer.map(spelledOut),
          (await simulator.create(call.num, call.model, call.params)).map(spelledOut),
        );
      case 'extra':
        return this.compare('call', call.answer, await simulator.call?.(call.method, call.args, call.named));
      case 'getData':
        return this.compareOutputs(call.answer, await simulator.getData(call.wanted));
    }
  }

  private async makeStep(step: RecordedStep): Promise<ReplayDifference | undefined> {
    this.step = step;
    this.steps++;
    this.requests.expect(step.asked ?? []);
    let answer: { next: number | null; outputs: Outputs | undefined };
    try {
      answer = await this.answerOf(step);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (step.failed !== message && error instanceof CosimError && LOST_CODES.has(error.code)) throw error;
      return this.requestDifference() ?? this.compare('failure', step.failed, message);
    }
    const asked = this.requestDifference();
    if (asked !== undefined) return asked;
    if (step.failed !== undefined) return this.compare('failure', step.failed, undefined);
    const { next, outputs } = answer;
    return this.compare('next', step.next, next) ?? (step.wanted === undefined ? undefined : this.compareOutputs(step.outputs, outputs));
  }

  private async answerOf({
    time,
    inputs,
    maxAdvance,
    wanted,
  }: RecordedStep): Promise<{ next: number | null; outputs: Outputs | undefined }> {
    const { simulator } = this.options;
    if (wanted !== undefined && simulator.stepThenGetData !== undefined) {
      return simulator.stepThenGetData(time, inputs, maxAdvance, wanted);
    }
    const next = await simulator.step(time, inputs, maxAdvance);
    return { next, outputs: wanted === undefined ? undefined : await simulator.getData(wanted) };
  }

  private async askBetween(line: RecordedBetween): Promise<ReplayDifference | undefined> {
    // What a simulator did outside of its steps, it does by itself.
    if (line.between !== 'getData') return undefined;
    return this.compareOutputs(line.answer, await this.options.simulator.getData(line.wanted));
  }

  private compareOutputs(recorded: Outputs | undefined, now: Outputs | undefined): ReplayDifference | undefined {
    const difference = this.compare('outputs', recorded, now);
    if (difference === undefined || difference.path[0] !== 'data') return difference;
    const [, entity, attribute, ...path] = difference.path;
    return { ...difference, ...(entity === undefined ? {} : { entity }), ...(attribute === undefined ? {} : { attribute }), path };
  }

  private requestDifference(): ReplayDifference | undefined {
    const { difference } = this.requests;
    return difference === undefined ? undefined : this.at('request', difference);
  }

  private compare(what: ReplayDifference['what'], recorded: unknown, now: unknown): ReplayDifference | undefined {
    const difference = firstDifference(recorded, asRecorded(now), this.options.tolerance);
    return difference === undefined ? undefined : this.at(what, difference);
  }

  private at(what: ReplayDifference['what'], { path, before, after }: ValueDifference): ReplayDifference {
    return { what, step: this.steps, time: this.step?.time, round: this.step?.round ?? 0, path, recorded: before, now: after };
  }
}

/** What is left out of a meta, one that came over a wire spells out. */
function withDefaults(meta: SimulatorMeta | undefined): SimulatorMeta | undefined {
  if (meta === undefined) return undefined;
  const models = Object.entries(meta.models).map(([name, model]): [string, ModelMeta] => [
    name,
    { public: true, anyInputs: false, ...model },
  ]);
  return { extraMethods: [], ...meta, models: Object.fromEntries(models) };
}

function spelledOut({ children = [], ...entity }: CreatedEntity): CreatedEntity {
  return { rel: [], ...entity, children: children.map(spelledOut) };
}

/** Answers requests as they were answered in the recorded run. */
class ReplayedRequests {
  private readonly sid: string;
  private expected: AskedRequest[] = [];
  private found: ValueDifference | undefined;

  constructor(sid: string) {
    this.sid = sid;
  }

  expect(asked: readonly AskedRequest[]): void {
    this.expected = [...asked];
    this.found = undefined;
  }

  /** Of all that was to be asked since `expect`. */
  get difference(): ValueDifference | undefined {
    const [missing] = this.expected.filter(({ request }) => request !== 'setEvent');
    return this.found ?? (missing === undefined ? undefined : { path: [missing.request], before: missing.args, after: undefined });
  }

  readonly forSimulator: Requests = {
    progress: () => this.answer('progress', []) as number,
    relatedGraph: () => this.answer('relatedGraph', []) as RelatedEntities,
    relatedTo: (ids) => this.answer('relatedTo', [ids]) as Record<string, RelatedEntities['nodes']>,
    getData: (wanted) => this.answer('getData', [wanted]) as Record<string, Record<string, unknown>>,
    setData: (values) => void this.answer('setData', [values]),
    // Real time is not what it was: when it was set can't be compared.
    setEvent: () => undefined,
  };

  private answer(request: AskedRequest['request'], args: readonly unknown[]): unknown {
    const given = asRecorded(args);
    const same = this.expected.findIndex((its) => its.request === request && firstDifference(its.args, given) === undefined);
    const index = same >= 0 ? same : this.expected.findIndex((its) => its.request === request);
    const [expected] = index < 0 ? [] : this.expected.splice(index, 1);
    if (expected === undefined) {
      this.found ??= { path: [request], before: undefined, after: args };
      throw new Error(`${this.sid} asks for ${request}, which it did not in the recorded run`);
    }
    const difference = firstDifference(expected.args, given);
    if (difference !== undefined) this.found ??= { ...difference, path: [request, ...difference.path] };
    if (expected.refused !== undefined)
      throw new CosimError(expected.code ?? 'REQUEST_REFUSED', expected.refused, 'as in the recorded run');
    return expected.answer;
  }
}

/** For people. */
export function replayText({ sid, steps, equal, difference }: ReplayResult): string {
  if (difference === undefined && !equal) return `no step of ${sid} is in the recording: nothing was compared\n`;
  if (difference === undefined) return `${sid} answers as recorded in all of ${steps} steps\n`;
  const { what, step, time, round, entity, attribute, path, recorded, now } = difference;
  const where = time === undefined ? 'before its first step' : `in step ${step}, at ${stepTimeText({ sid, time, round } as RecordedStep)}`;
  const inside = [entity, attribute, ...path].filter((part) => part !== undefined).join(' › ');
  const found = `${sid} differs first ${where}: ${what}${inside === '' ? '' : ` of ${inside}`}\n`;
  return `${found}  recorded: ${valueText(recorded)}\n  now:      ${valueText(now)}\n`;
}

const VALUE_CHARACTERS_MAX = 400;

/** Undefined is told as "nothing". */
export function valueText(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = typeof value === 'number' || typeof value === 'bigint' ? String(value) : resultText(asRecorded(value));
  return text.length > VALUE_CHARACTERS_MAX ? `${text.slice(0, VALUE_CHARACTERS_MAX)}…` : text;
}

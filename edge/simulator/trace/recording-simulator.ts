/**
 * A simulator around another one that records every exchange with it. The run is the same with it and without.
 *
 * It answers step and getData in one exchange even where the other does not, because so it is told whether anybody wants outputs: a step is
 * one line, written as soon as it is over. What it was given and what it answers is written down at that moment: both may reuse objects.
 */
import { CosimError } from '../cosim/errors.ts';
import {
  type CreatedEntity,
  type Inputs,
  isPromise,
  type MaybePromise,
  type OutputRequest,
  type Outputs,
  type Params,
  type Requests,
  type Simulator,
  type SimulatorMeta,
  type StepAnswer,
} from '../cosim/simulator.ts';
import type { RecordedSimulator } from './trace-format.ts';
import type { AskedRequest, SetupCall } from './trace-format.ts';
import { asRecorded, encodeValue } from './trace-values.ts';

/** Where lines go. */
export interface RecordedLines {
  /** Undefined when there is room, else resolves when there is some. */
  room(): Promise<void> | undefined;
  /** Keeps it for the header; it is filled until the first step of any simulator. */
  addSimulator(simulator: SimulatorBeforeRun): void;
  /** True from the first step of any simulator on. */
  readonly isRunning: boolean;
  addStep(line: string): void;
  addBetween(line: string): void;
}

export type SimulatorBeforeRun = { -readonly [K in keyof RecordedSimulator]: RecordedSimulator[K] } & {
  calls: SetupCall[];
  asked: AskedRequest[];
};

interface OpenStep {
  /** Beginning of the line. */
  text: string;
  asked: AskedRequest[];
}

export class RecordingSimulator implements Simulator {
  readonly isOutside: boolean;
  readonly call?: NonNullable<Simulator['call']>;
  private readonly inner: Simulator;
  private readonly lines: RecordedLines;
  private header: SimulatorBeforeRun | undefined;
  private sid = '';
  private lastTime = -1;
  private round = 0;
  private lastWanted: OutputRequest | undefined;
  private lastWantedText = '';
  private open: OpenStep | undefined;

  constructor(inner: Simulator, lines: RecordedLines) {
    this.inner = inner;
    this.lines = lines;
    this.isOutside = inner.isOutside === true;
    if (inner.call !== undefined) this.call = (method, args, named) => this.recordCall(method, args, named);
  }

  init(sid: string, timeResolution: number, params: Params, requests: Requests): MaybePromise<SimulatorMeta> {
    this.sid = sid;
    const header: SimulatorBeforeRun = { sid, timeResolution, params: asRecorded(params) as Params, calls: [], asked: [] };
    this.header = header;
    this.lines.addSimulator(header);
    return andThen(this.inner.init(sid, timeResolution, params, this.recorded(requests)), (meta) => {
      header.meta = asRecorded(meta) as SimulatorMeta;
      return meta;
    });
  }

  create(num: number, model: string, params: Params): MaybePromise<readonly CreatedEntity[]> {
    const given = asRecorded(params) as Params;
    return andThen(this.inner.create(num, model, params), (answer) => {
      this.header?.calls.push({ call: 'create', num, model, params: given, answer: asRecorded(answer) as CreatedEntity[] });
      return answer;
    });
  }

  setupDone(): MaybePromise<void> {
    return this.inner.setupDone?.();
  }

  step(time: number, inputs: Inputs, maxAdvance: number): MaybePromise<number | null> {
    return this.whenRoom(() => {
      const open = this.begin(time, inputs, maxAdvance);
      return this.closing(
        open,
        () => this.inner.step(time, inputs, maxAdvance),
        (next) => `,"next":${encodeValue(next)}`,
      );
    });
  }

  stepThenGetData(time: number, inputs: Inputs, maxAdvance: number, wanted: OutputRequest): MaybePromise<StepAnswer> {
    return this.whenRoom(() => {
      const open = this.begin(time, inputs, maxAdvance);
      open.text += this.wantedText(wanted);
      return this.closing(
        open,
        () => this.stepBoth(time, inputs, maxAdvance, wanted),
        ({ next, outputs }) => `,"next":${encodeValue(next)},"outputs":${encodeValue(outputs)}`,
      );
    });
  }

  getData(wanted: OutputRequest): MaybePromise<Outputs> {
    return andThen(this.inner.getData(wanted), (answer) => {
      if (this.lines.isRunning) this.between('"getData"', `,"wanted":${encodeValue(wanted)},"answer":${encodeValue(answer)}`);
      else
        this.header?.calls.push({
          call: 'getData',
          wanted: asRecorded(wanted) as OutputRequest,
          answer: asRecorded(answer) as Outputs,
        });
      return answer;
    });
  }

  finalize(): MaybePromise<void> {
    return this.inner.finalize?.();
  }

  private recordCall(method: string, args: readonly unknown[], named: Params): MaybePromise<unknown> {
    const given = asRecorded({ args, named }) as { args: unknown[]; named: Params };
    return andThen(this.inner.call?.(method, args, named), (answer) => {
      this.header?.calls.push({ call: 'extra', method, ...given, answer: asRecorded(answer) });
      return answer;
    });
  }

  private stepBoth(time: number, inputs: Inputs, maxAdvance: number, wanted: OutputRequest): MaybePromise<StepAnswer> {
    const { inner } = this;
    if (inner.stepThenGetData !== undefined) return inner.stepThenGetData(time, inputs, maxAdvance, wanted);
    return andThen(inner.step(time, inputs, maxAdvance), (next) =>
      andThen(inner.getData(wanted), (outputs): StepAnswer => ({ next, outputs })),
    );
  }

  private whenRoom<T>(act: () => MaybePromise<T>): MaybePromise<T> {
    const room = this.lines.room();
    return room === undefined ? act() : room.then(act);
  }

  private begin(time: number, inputs: Inputs, maxAdvance: number): OpenStep {
    this.round = time === this.lastTime ? this.round + 1 : 0;
    this.lastTime = time;
    const round = this.round === 0 ? '' : `,"round":${this.round}`;
    const given = `"inputs":${encodeValue(inputs)},"maxAdvance":${encodeValue(maxAdvance)}`;
    this.open = { text: `{"sid":${JSON.stringify(this.sid)},"time":${encodeValue(time)}${round},${given}`, asked: [] };
    return this.open;
  }

  /** Makes the call and writes the line of its step, also when it fails. */
  private closing<T>(open: OpenStep, call: () => MaybePromise<T>, rest: (answer: T) => string): MaybePromise<T> {
    const failed = (error: unknown): never => {
      this.close(open, `,"failed":${JSON.stringify(error instanceof Error ? error.message : String(error))}`);
      throw error;
    };
    const over = (its: T) => {
      this.close(open, rest(its));
      return its;
    };
    return answered(call, over, failed);
  }

  private close({ text, asked }: OpenStep, rest: string): void {
    this.open = undefined;
    this.lines.addStep(`${text}${rest}${asked.length === 0 ? '' : `,"asked":${encodeValue(asked)}`}}`);
  }

  private between(what: string, rest: string): void {
    this.lines.addBetween(`{"sid":${JSON.stringify(this.sid)},"between":${what}${rest}}`);
  }

  private wantedText(wanted: OutputRequest): string {
    if (wanted === this.lastWanted) return '';
    this.lastWanted = wanted;
    const text = encodeValue(wanted);
    if (text === this.lastWantedText) return '';
    this.lastWantedText = text;
    return `,"wanted":${text}`;
  }

  private recorded(requests: Requests): Requests {
    const ask = <T>(request: AskedRequest['request'], args: readonly unknown[], call: () => MaybePromise<T>): MaybePromise<T> => {
      // Whom it belongs to is known now; the answer may come later.
      const keep = this.keeper(request, asRecorded(args) as unknown[]);
      const refused = (error: unknown): never => {
        keep({
          refused: error instanceof Error ? error.message : String(error),
          ...(error instanceof CosimError ? { code: error.code } : {}),
        });
        throw error;
      };
      const told = (its: T) => {
        keep(its === undefined ? {} : { answer: asRecorded(its) });
        return its;
      };
      return answered(call, told, refused);
    };
    return {
      progress: () => ask('progress', [], () => requests.progress()),
      relatedGraph: () => ask('relatedGraph', [], () => requests.relatedGraph()),
      relatedTo: (ids) => ask('relatedTo', [ids], () => requests.relatedTo(ids)),
      getData: (wanted) => ask('getData', [wanted], () => requests.getData(wanted)),
      setData: (values) => void ask('setData', [values], () => requests.setData(values)),
      setEvent: (tick) => void ask('setEvent', [tick], () => requests.setEvent(tick)),
    };
  }

  private keeper(request: AskedRequest['request'], args: unknown[]): (result: Omit<AskedRequest, 'request' | 'args'>) => void {
    const { open, header } = this;
    if (open === undefined && this.lines.isRunning)
      return (result) => this.between(encodeValue({ request, args, ...result } satisfies AskedRequest), '');
    const list = open?.asked ?? header?.asked ?? [];
    return (result) => list.push({ request, args, ...result });
  }
}

function andThen<T, U>(value: MaybePromise<T>, use: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return isPromise(value) ? value.then(use) : use(value);
}

/** Makes the call, and hands on what it answers or throws, at once or later. */
function answered<T>(call: () => MaybePromise<T>, over: (answer: T) => T, failed: (error: unknown) => never): MaybePromise<T> {
  let answer: MaybePromise<T>;
  try {
    answer = call();
  } catch (error) {
    return failed(error);
  }
  return isPromise(answer) ? answer.then(over, failed) : over(answer);
}

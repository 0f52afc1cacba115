/**
 * What is in the file of a recorded run: lines of JSON (values as in trace-values.ts), packed by gzip, so that `zcat` shows it.
 *
 * First the header, then one line per step in the order in which the steps were over, between them what was asked outside of steps, and
 * an end line. A file without one is of a run that is not over, or of a process that was killed: it holds the run up to there.
 */
import type { CosimErrorCode } from '../cosim/errors.ts';
import type { CreatedEntity, Inputs, OutputRequest, Outputs, Params, SimulatorMeta } from '../cosim/simulator.ts';
import type { RunRange } from '../models/household-stream.ts';

export const TRACE_FORMAT = 'fogline-trace';
export const TRACE_VERSION = 1;

export interface TraceHeader {
  format: typeof TRACE_FORMAT;
  version: number;
  /** What was run, for people. */
  scenario: string;
  /** Undefined when whoever recorded did not say. */
  until?: number;
  /** What this program needs to make its own simulators again. */
  origins?: TraceOrigins;
  /** In the order of starting. */
  simulators: readonly RecordedSimulator[];
}

export interface TraceOrigins {
  /** Names of this program's models by sid; simulators of others are not in it. */
  models?: Readonly<Record<string, string>>;
  /** Of the replay of household files. */
  replay?: { range: RunRange; households: number; firstPass: number };
}

/** A simulator up to its first step. */
export interface RecordedSimulator {
  sid: string;
  /** Seconds per tick. */
  timeResolution: number;
  params: Params;
  /** Undefined when init failed. */
  meta?: SimulatorMeta;
  /** In their order. */
  calls: readonly SetupCall[];
  asked: readonly AskedRequest[];
}

export type SetupCall =
  | { call: 'create'; num: number; model: string; params: Params; answer: readonly CreatedEntity[] }
  | { call: 'extra'; method: string; args: readonly unknown[]; named: Params; answer: unknown }
  | { call: 'getData'; wanted: OutputRequest; answer: Outputs };

/** What a simulator asked the world for. */
export interface AskedRequest {
  request: 'progress' | 'relatedGraph' | 'relatedTo' | 'getData' | 'setData' | 'setEvent';
  args: readonly unknown[];
  answer?: unknown;
  /** Message of the refusal. */
  refused?: string;
  /** Its code, where it has one. */
  code?: CosimErrorCode;
}

export interface RecordedStep {
  sid: string;
  time: number;
  /** Steps of this simulator at the same tick before this one; of same-time loops. Absent for 0. */
  round?: number;
  inputs: Inputs;
  maxAdvance: number;
  /** Absent when it failed. */
  next?: number | null;
  /** Attributes asked for; in the file only where they are not those of the step before. Absent when nobody reads the simulator. */
  wanted?: OutputRequest;
  outputs?: Outputs;
  /** What it asked for in this step. */
  asked?: readonly AskedRequest[];
  /** Message of the error that ended the step. */
  failed?: string;
}

/** Outside of steps: getData on behalf of another simulator, or what this one has asked for. */
export type RecordedBetween =
  | { sid: string; between: 'getData'; wanted: OutputRequest; answer: Outputs }
  | { sid: string; between: AskedRequest };

export interface RecordedEnd {
  end: { steps: number; completed?: boolean; traceHash?: string; failed?: string };
}

export type TraceLine = RecordedStep | RecordedBetween | RecordedEnd;

export function isStep(line: TraceLine): line is RecordedStep {
  return 'time' in line;
}

export function isEnd(line: TraceLine): line is RecordedEnd {
  return 'end' in line;
}

/** `12`, or `12 (round 1)`: for people. */
export function stepTimeText({ time, round = 0 }: RecordedStep): string {
  return round === 0 ? String(time) : `${time} (round ${round})`;
}

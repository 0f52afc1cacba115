/** What a run is told, and what it tells. */
import type { Clock } from '../../../common/clock.ts';
import type { SimulatorProfile } from './profile.ts';
import type { Progress } from './progress.ts';
import type { Inputs, Outputs, Simulator } from './simulator.ts';
import type { TieredTime } from './tiered-time.ts';

export interface RunOptions {
  /** First tick that is not stepped any more. */
  until: number;
  /** Real seconds per simulated second: speed N is 1/N. 0, the default, is as fast as possible. */
  rtFactor?: number;
  /** Ends the run with an error when a step begins later than the tolerance. */
  rtStrict?: boolean;
  /** A step that begins later than this is counted as lagging. */
  rtToleranceMs?: number;
  /** Ticks before this one are stepped as fast as possible. */
  pacedFromTick?: number;
  /** False lets simulators get ahead of those that read them, at the price of memory. */
  lazyStepping?: boolean;
  /** Ends the run after the current steps. */
  signal?: AbortSignal;
  /** Called about every second. */
  progress?: (progress: Progress) => void;
  /** Told when simulated time has stood still for 10 s, with who is waited for. */
  onStandstill?: (message: string) => void;
  /** False leaves the hash out, for runs that want the last bit of speed. */
  traceHash?: boolean;
  /** Told of every step, after its outputs are delivered. */
  onStep?: (record: StepRecord) => void;
}

/** One step as its simulator saw it. */
export interface StepRecord {
  sid: string;
  time: TieredTime;
  inputs: Inputs;
  maxAdvance: number;
  next: number | null;
  /** Undefined when nobody reads the simulator. */
  outputs: Outputs | undefined;
}

export interface RunSummary {
  /** False when the signal ended it. */
  completed: boolean;
  steps: number;
  /** Steps that began late, and the worst delay. */
  laggingSteps: number;
  lagMsMax: number;
  /** Undefined when it was not wanted. */
  traceHash: string | undefined;
  profile: SimulatorProfile[];
}

/** A run as it is now. */
export interface LiveRun {
  /** Simulated time that everybody has reached. */
  tick: number;
  until: number;
  steps: number;
  /** Waiting that is not over is not in it. */
  profile: SimulatorProfile[];
  /** Steps that have begun and are not over, earliest first. */
  waitingFor: { sid: string; time: string }[];
}

export interface RunSettings extends RunOptions {
  clock: Clock;
  /** Seconds per tick. */
  timeResolution: number;
  cache: boolean;
  maxLoopIterations: number;
  warn: (message: string) => void;
}

export interface RunMember {
  readonly sid: string;
  readonly simulator: Simulator;
  readonly type: string;
  /** Nested groups around it, outermost first. */
  readonly groups: readonly number[];
  /** Simulators that may ask it while they step. */
  readonly askers: ReadonlySet<number>;
}

/** One run of a world: takes the earliest step, gathers its inputs, steps, delivers its outputs, until nothing is left. */
import { type Clock, type Timer, yieldToEventLoop } from '../../../common/clock.ts';
import { type Connection, ranksOf, triggerDistances } from './connections.ts';
import { Dataflow } from './dataflow.ts';
import { CosimError } from './errors.ts';
import { Pace } from './pace.ts';
import { type Progress, ProgressMeter } from './progress.ts';
import { Scheduler } from './scheduler.ts';
import { isPromise, type MaybePromise, type OutputRequest, type Outputs, type Simulator } from './simulator.ts';
import { atTick, type TieredTime } from './tiered-time.ts';

export interface RunOptions {
  /** First tick that is not stepped any more. */
  until: number;
  /** Real seconds per simulated second: speed N is 1/N. 0, the default, is as fast as possible. */
  rtFactor?: number;
  /** Ticks before this one are stepped as fast as possible. */
  pacedFromTick?: number;
  /** Ends the run after the current step. */
  signal?: AbortSignal;
  /** Called about every second. */
  progress?: (progress: Progress) => void;
}

export interface RunSummary {
  /** False when the signal ended it. */
  completed: boolean;
  steps: number;
  /** Ticks that began late, and the worst delay. */
  laggingTicks: number;
  lagMsMax: number;
}

interface RunSettings extends RunOptions {
  clock: Clock;
  /** Seconds per tick. */
  timeResolution: number;
  warn: (message: string) => void;
}

interface RunMember {
  readonly sid: string;
  readonly simulator: Simulator;
  readonly type: string;
}

const PROGRESS_EVERY_MS = 1_000;
/** Steps between two looks at the clock. */
const STEPS_PER_LOOK = 16;
/** Timers of the platform fire at once when they are set too far ahead. */
const SLEEP_MS_MAX = 3_600_000;
/** Time without a turn of the event loop, so that timers, sockets and signals are served. */
const BUSY_MS_MAX = 10;

export class Run {
  private readonly members: readonly RunMember[];
  private readonly settings: RunSettings;
  private readonly scheduler: Scheduler;
  private readonly dataflow: Dataflow;
  private readonly wanted: (OutputRequest | undefined)[];
  /** Simulators whose steps can trigger the simulator, with the least delay. */
  private readonly distances: readonly ReadonlyMap<number, number>[];
  private readonly pace: Pace;
  private readonly meter: ProgressMeter;
  private tick = 0;
  private steps = 0;

  /** @throws CosimError for a cycle without delay, or an `until` that is no tick */
  constructor(
    members: readonly RunMember[],
    connections: readonly Connection[],
    initialEvents: ReadonlyMap<number, number>,
    settings: RunSettings,
  ) {
    const { until, rtFactor = 0, pacedFromTick = 0, clock, timeResolution, warn } = settings;
    if (!Number.isSafeInteger(until) || until < 0) throw new CosimError('WORLD_MISUSED', `until is ${until}, a tick is wanted`);
    if (!(rtFactor >= 0)) throw new CosimError('WORLD_MISUSED', `rtFactor is ${rtFactor}, at least 0 is wanted`);
    const sids = members.map(({ sid }) => sid);
    this.members = members;
    this.settings = settings;
    this.scheduler = new Scheduler(ranksOf(connections, sids));
    this.dataflow = new Dataflow(connections, sids, warn);
    this.wanted = members.map((_, index) => this.dataflow.wantedOf(index));
    this.distances = triggerDistances(connections, members.length);
    this.pace = new Pace(clock, rtFactor * timeResolution, pacedFromTick);
    this.meter = new ProgressMeter(clock, until);
    for (const [index, { type }] of members.entries()) {
      const first = initialEvents.get(index) ?? (type === 'event-based' ? undefined : 0);
      if (first !== undefined) this.schedule(index, atTick(first));
    }
  }

  async run(): Promise<RunSummary> {
    const { signal } = this.settings;
    const stopReports = this.reportProgress();
    try {
      await this.stepAll(signal);
    } finally {
      stopReports();
    }
    const { laggingTicks, lagMsMax } = this.pace;
    return { completed: this.scheduler.peek() < 0, steps: this.steps, laggingTicks, lagMsMax };
  }

  /** The main loop. Awaits only what really takes time: a simulator's promise, the pace, and now and then the event loop. */
  private async stepAll(signal: AbortSignal | undefined): Promise<void> {
    const { clock } = this.settings;
    let reached = -1;
    let turnMs = clock.monotonicMs();
    for (let next = this.scheduler.peek(); next >= 0; next = this.scheduler.peek()) {
      if (signal?.aborted === true) return;
      const time = this.scheduler.timeOf(next) as TieredTime;
      if (time.tick !== reached) {
        const waitMs = this.pace.waitMs(time.tick);
        if (waitMs > 0) {
          await clock.sleep(Math.min(waitMs, SLEEP_MS_MAX), signal);
          turnMs = clock.monotonicMs();
          continue;
        }
        reached = time.tick;
        this.tick = time.tick;
      }
      this.scheduler.dropFirst(next);
      const open = this.step(next, time);
      if (open !== undefined) await open;
      if (++this.steps % STEPS_PER_LOOK === 0 && clock.monotonicMs() - turnMs > BUSY_MS_MAX) {
        await yieldToEventLoop();
        turnMs = clock.monotonicMs();
      }
    }
  }

  /** @returns a promise only when the simulator answered with one */
  private step(index: number, time: TieredTime): Promise<void> | undefined {
    const { simulator } = this.members[index] as RunMember;
    const inputs = this.dataflow.gather(index, time.tick);
    const answer = simulator.step(time.tick, inputs, this.maxAdvance(index));
    if (isPromise(answer)) return answer.then((next) => this.afterStep(index, time, next));
    return this.afterStep(index, time, answer);
  }

  private afterStep(index: number, time: TieredTime, next: number | null): Promise<void> | undefined {
    this.checkNext(index, time.tick, next);
    if (next !== null) this.schedule(index, atTick(next));
    const wanted = this.wanted[index];
    if (wanted === undefined) return undefined;
    const outputs: MaybePromise<Outputs> = (this.members[index] as RunMember).simulator.getData(wanted);
    if (isPromise(outputs)) return outputs.then((given) => this.deliver(index, time, given));
    this.deliver(index, time, outputs);
    return undefined;
  }

  private deliver(index: number, time: TieredTime, outputs: Outputs): void {
    const { tick } = time;
    const outputTick = outputs.time ?? tick;
    if (!Number.isSafeInteger(outputTick) || outputTick < tick) {
      throw new CosimError('OUTPUT_TIME_INVALID', `${this.members[index]?.sid} gave outputs for ${outputTick} in its step at ${tick}`);
    }
    const validFrom = outputTick === tick ? time : atTick(outputTick);
    this.dataflow.deliver(index, validFrom, outputs.data, tick, this.schedule);
  }

  private readonly schedule = (index: number, time: TieredTime): void => {
    if (time.tick < this.settings.until) this.scheduler.add(index, time);
  };

  private checkNext(index: number, tick: number, next: number | null): void {
    const { sid, type } = this.members[index] as RunMember;
    if (next === null) {
      if (type === 'time-based')
        throw new CosimError('NEXT_STEP_INVALID', `${sid} is time-based, but its step at ${tick} gave no next step`);
      return;
    }
    if (!Number.isSafeInteger(next))
      throw new CosimError('NEXT_STEP_INVALID', `${sid} gave ${String(next)} as next step, a whole tick is wanted`);
    if (next <= tick)
      throw new CosimError('NEXT_STEP_INVALID', `${sid} gave ${next} as next step in its step at ${tick}: it must be later`);
  }

  /**
   * The last tick before which nothing of others arrives. Every ancestor has done its steps up to now, so its next one
   * tells; of ancestors and waiting simulators the fewer are looked at.
   */
  private maxAdvance(index: number): number {
    const distances = this.distances[index] as ReadonlyMap<number, number>;
    let earliest = this.settings.until + 1;
    earliest = Math.min(earliest, this.scheduler.timeOf(index)?.tick ?? earliest);
    if (distances.size <= this.scheduler.waiting.length) {
      for (const [ancestor, ticks] of distances) {
        const next = this.scheduler.timeOf(ancestor);
        if (next !== undefined) earliest = Math.min(earliest, next.tick + ticks);
      }
    } else {
      for (const ancestor of this.scheduler.waiting) {
        const ticks = distances.get(ancestor);
        if (ticks !== undefined) earliest = Math.min(earliest, (this.scheduler.timeOf(ancestor) as TieredTime).tick + ticks);
      }
    }
    return earliest - 1;
  }

  /** @returns stops it */
  private reportProgress(): () => void {
    const { progress, clock } = this.settings;
    this.meter.start(0);
    if (progress === undefined) return () => {};
    let timer: Timer;
    const again = () => {
      timer = clock.timer('progress of the simulation', PROGRESS_EVERY_MS, () => {
        progress(this.meter.report(this.tick, this.steps));
        again();
      });
    };
    again();
    return () => timer.cancel();
  }
}

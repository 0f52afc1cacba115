/** One run of a world: begins every step that may begin, takes what comes back, until nothing is left. */
import { yieldToEventLoop } from '../../../common/clock.ts';
import type { Connection } from './connections.ts';
import { type Answered, Dataflow } from './dataflow.ts';
import { CosimError } from './errors.ts';
import { Flights, type Step } from './flights.ts';
import { Pace } from './pace.ts';
import { Profile } from './profile.ts';
import { ProgressMeter } from './progress.ts';
import { type Distances, Reach } from './reach.ts';
import type { LiveRun, RunMember, RunSettings, RunSummary } from './run-options.ts';
import { reportRun } from './run-reports.ts';
import { Scheduler } from './scheduler.ts';
import { type Inputs, isPromise, type MaybePromise, type OutputRequest, outputsOf, type StepAnswer } from './simulator.ts';
import { compareSteps, type StepOrder, stepOrder } from './step-order.ts';
import { atTick, type TieredTime, timeText } from './tiered-time.ts';
import { TraceHash } from './trace-hash.ts';

/** A step that has begun. */
interface Begun extends Step {
  readonly inputs: Inputs;
  readonly maxAdvance: number;
  readonly beganMs: number;
}

/** Steps between two looks at the clock. */
const STEPS_PER_LOOK = 16;
/** Time without a turn of the event loop, so that timers, sockets and signals are served. */
const BUSY_MS_MAX = 10;
/** Waiting steps that are looked past for one that may begin: each costs a comparison with all that are open. */
const HELD_MAX = 64;
/** Timers of the platform fire at once when they are set too far ahead. */
const SLEEP_MS_MAX = 3_600_000;
/** After a failure, steps that are still open in this process may end. */
const FAILED_GRACE_MS = 5_000;

export class Run {
  private readonly members: readonly RunMember[];
  private readonly settings: RunSettings;
  private readonly order: StepOrder;
  private readonly scheduler: Scheduler;
  private readonly dataflow: Dataflow;
  private readonly reach: Reach;
  private readonly flights: Flights;
  private readonly wanted: (OutputRequest | undefined)[];
  private readonly pace: Pace;
  private readonly meter: ProgressMeter;
  private readonly profile: Profile;
  private readonly hash: TraceHash | undefined;
  /** Time of the last step that has begun, by simulator. */
  private readonly lastTimes: (TieredTime | undefined)[];
  /** Simulators that would step at `until` because of others: they are not stepped, but `maxAdvance` ends before it. */
  private readonly triggeredAtEnd = new Set<number>();
  /** Latest tick that a step has begun at. */
  private tick = 0;
  private steps = 0;
  private failure: { error: unknown } | undefined;
  /** Steps of the running pass that have to wait, in order. */
  private readonly held: Step[] = [];
  private isComplete = false;
  private wake: () => void = () => {};

  /**
   * @param asking what gives an order but carries nothing
   * @throws CosimError for a cycle that takes no time, or an `until` that is no tick
   */
  constructor(
    members: readonly RunMember[],
    connections: readonly Connection[],
    asking: readonly Connection[],
    initialEvents: ReadonlyMap<number, number>,
    settings: RunSettings,
  ) {
    const { until, rtFactor = 0, rtToleranceMs, rtStrict = false, pacedFromTick = 0, clock, timeResolution, cache, warn } = settings;
    const misused = (message: string) => new CosimError('WORLD_MISUSED', message, 'correct the call of run()');
    if (!Number.isSafeInteger(until) || until < 0) throw misused(`until is ${until}, a tick is wanted`);
    if (!(rtFactor >= 0)) throw misused(`rtFactor is ${rtFactor}, at least 0 is wanted`);
    const sids = members.map(({ sid }) => sid);
    this.members = members;
    this.settings = settings;
    const ordering = [...connections, ...asking];
    this.order = stepOrder({ connections: ordering, sids, groups: members.map(({ groups }) => groups) });
    this.scheduler = new Scheduler(this.order);
    this.hash = settings.traceHash === false ? undefined : new TraceHash(members.length);
    this.dataflow = new Dataflow({ connections, order: this.order, sids, cache, hash: this.hash, warn });
    this.reach = new Reach(ordering, members.length);
    this.flights = new Flights({
      order: this.order,
      reach: this.reach,
      lazy: settings.lazyStepping !== false,
      askers: members.map(({ askers }) => askers),
    });
    this.wanted = members.map((_, index) => this.dataflow.wantedOf(index));
    this.pace = new Pace({
      clock,
      secondsPerTick: rtFactor * timeResolution,
      fromTick: pacedFromTick,
      toleranceMs: rtToleranceMs,
      rtStrict,
    });
    this.meter = new ProgressMeter(clock, until);
    this.profile = new Profile(clock, sids);
    this.lastTimes = members.map(() => undefined);
    for (const [index, { type }] of members.entries()) {
      const first = initialEvents.get(index) ?? (type === 'event-based' ? undefined : 0);
      if (first !== undefined) this.schedule(index, atTick(first));
    }
  }

  async run(): Promise<RunSummary> {
    this.meter.start(0);
    const stopReports = reportRun(this.settings, {
      progress: () => this.meter.report(this.reachedTick(this.tick), this.steps),
      isOpen: () => this.flights.inFlight.length > 0,
      reachedTick: () => this.reachedTick(this.tick),
      standstill: () => this.standstillText(),
    });
    try {
      await this.stepAll();
    } finally {
      stopReports();
      await this.letOpenStepsEnd();
    }
    const { laggingSteps, lagMsMax } = this.pace;
    return {
      completed: this.isComplete,
      steps: this.steps,
      laggingSteps,
      lagMsMax,
      traceHash: this.hash?.digest(this.members.map(({ sid }) => sid)),
      profile: this.profile.report(),
    };
  }

  /** The main loop. */
  private async stepAll(): Promise<void> {
    const { signal } = this.settings;
    while (signal?.aborted !== true) {
      const something = this.nextHappening();
      const pause = this.beginWhatMay();
      if (this.failure !== undefined) throw this.failure.error;
      if (pause === 'turn') await yieldToEventLoop();
      else if (this.isOver()) {
        this.isComplete = true;
        return;
      } else await this.until(something);
    }
  }

  /** Begins steps in their order; those of this process are over when it returns. @returns turn when the event loop wants one */
  private beginWhatMay(): 'turn' | 'wait' {
    const { clock, signal } = this.settings;
    const held = this.held;
    const turnMs = clock.monotonicMs();
    let pause: 'turn' | 'wait' = 'wait';
    this.flights.settle(this.earliest());
    for (let next = this.scheduler.peek(); next >= 0 && held.length < HELD_MAX; next = this.scheduler.peek()) {
      const step: Step = { simulator: next, time: this.scheduler.timeOf(next) as TieredTime };
      if (this.pace.waitMs(step.time.tick) > 0) break;
      const blocker = this.flights.blockerOf(step, held);
      this.scheduler.dropFirst(next);
      if (blocker === undefined) this.begin(step);
      else {
        this.profile.waits(next, blocker.simulator);
        held.push(step);
      }
      if (this.failure !== undefined || signal?.aborted === true) break;
      if (this.steps % STEPS_PER_LOOK === 0 && clock.monotonicMs() - turnMs > BUSY_MS_MAX) {
        pause = 'turn';
        break;
      }
    }
    for (const { simulator, time } of held) this.scheduler.add(simulator, time);
    held.length = 0;
    return pause;
  }

  /** Nothing before it is to be done any more. @param tick that somebody has reached */
  private reachedTick(tick: number): number {
    const waiting = this.held[0]?.time.tick ?? tick;
    const ahead = this.earliest()?.time.tick ?? tick;
    return this.flights.reachedTick(Math.min(tick, waiting, ahead));
  }

  private earliest(): Step | undefined {
    const simulator = this.scheduler.peek();
    return simulator < 0 ? undefined : { simulator, time: this.scheduler.timeOf(simulator) as TieredTime };
  }

  private begin(step: Step): void {
    const { simulator: index, time } = step;
    this.pace.begins((this.members[index] as RunMember).sid, time.tick);
    this.tick = Math.max(this.tick, time.tick);
    this.steps++;
    this.lastTimes[index] = time;
    this.hash?.addNumber(index, time.tick);
    try {
      const inputs = this.dataflow.gather(index, time);
      const maxAdvance = this.maxAdvance(step);
      this.hash?.addNumber(index, maxAdvance);
      const begun: Begun = { simulator: index, time, inputs, maxAdvance, beganMs: this.profile.began(index) };
      const over = this.step(begun);
      this.flights.began(step, this.held, over !== undefined);
      if (over === undefined) this.profile.ended(index, begun.beganMs);
      else this.follow(over, step, begun);
    } catch (error) {
      this.fail(step, error);
    }
  }

  private follow(over: Promise<void>, step: Step, begun: Begun): void {
    over.then(
      () => this.landed(step, begun),
      (error: unknown) => this.failed(step, begun, error),
    );
  }

  /** @returns a promise only when the simulator answered with one */
  private step(begun: Begun): Promise<void> | undefined {
    const { simulator: index, time, inputs, maxAdvance } = begun;
    const { simulator } = this.members[index] as RunMember;
    const wanted = this.wanted[index];
    if (wanted !== undefined && simulator.stepThenGetData !== undefined) {
      const answer = simulator.stepThenGetData(time.tick, inputs, maxAdvance, wanted);
      if (isPromise(answer)) return answer.then((both) => this.takeBoth(begun, both));
      this.takeBoth(begun, answer);
      return undefined;
    }
    const answer = simulator.step(time.tick, inputs, maxAdvance);
    if (isPromise(answer)) return answer.then((next) => this.afterStep(begun, next));
    return this.afterStep(begun, answer);
  }

  private afterStep(begun: Begun, next: number | null): Promise<void> | undefined {
    this.takeNext(begun, next);
    const wanted = this.wanted[begun.simulator];
    if (wanted === undefined) {
      this.record(begun, next, undefined);
      return undefined;
    }
    const { simulator } = this.members[begun.simulator] as RunMember;
    const outputs: MaybePromise<Answered> = simulator.getColumns === undefined ? simulator.getData(wanted) : simulator.getColumns(wanted);
    if (isPromise(outputs)) return outputs.then((given) => this.takeOutputs(begun, next, given));
    this.takeOutputs(begun, next, outputs);
    return undefined;
  }

  private takeBoth(begun: Begun, { next, outputs }: StepAnswer): void {
    this.takeNext(begun, next);
    this.takeOutputs(begun, next, outputs);
  }

  private takeNext({ simulator, time }: Begun, next: number | null): void {
    this.checkNext(simulator, time.tick, next);
    this.hash?.addNumber(simulator, next ?? -1);
    if (next !== null) this.schedule(simulator, atTick(next));
  }

  private takeOutputs(begun: Begun, next: number | null, outputs: Answered): void {
    const { simulator, time } = begun;
    const outputTick = outputs.time ?? time.tick;
    if (!Number.isSafeInteger(outputTick) || outputTick < time.tick) {
      throw new CosimError(
        'OUTPUT_TIME_INVALID',
        `${this.members[simulator]?.sid} gave outputs for ${outputTick} in its step at ${time.tick}`,
        'getData may answer a time at or after that of the step, a whole tick',
        { sid: this.members[simulator]?.sid, call: 'get_data', time: time.tick },
      );
    }
    const validFrom = outputTick === time.tick ? time : atTick(outputTick);
    this.dataflow.deliver(simulator, time, validFrom, outputs, this.reachedTick(time.tick), this.trigger);
    this.record(begun, next, outputs);
  }

  private record({ simulator, time, inputs, maxAdvance }: Begun, next: number | null, answered: Answered | undefined): void {
    const { onStep } = this.settings;
    if (onStep === undefined) return;
    const outputs = answered === undefined ? undefined : outputsOf(answered, this.wanted[simulator] as OutputRequest);
    onStep({ sid: (this.members[simulator] as RunMember).sid, time, inputs, maxAdvance, next, outputs });
  }

  private landed(step: Step, { beganMs }: Begun): void {
    this.profile.ended(step.simulator, beganMs);
    this.flights.ended(step);
    this.wake();
  }

  private failed(step: Step, begun: Begun, error: unknown): void {
    this.flights.ended(step);
    this.fail(begun, error);
    this.wake();
  }

  private fail({ simulator, time }: Step, error: unknown): void {
    const { sid } = this.members[simulator] as RunMember;
    const told =
      error instanceof CosimError
        ? error
        : new CosimError(
            'SIMULATOR_FAILED',
            `${sid} failed in its step at ${timeText(time)}: ${error instanceof Error ? error.message : String(error)}`,
            `correct ${sid}, or what it was given; its own error is the cause of this one`,
            { cause: error, sid, time: time.tick },
          );
    this.failure ??= { error: told };
  }

  private readonly trigger = (index: number, time: TieredTime): void => {
    if (time.tick === this.settings.until) this.triggeredAtEnd.add(index);
    this.schedule(index, time);
  };

  private readonly schedule = (index: number, time: TieredTime): void => {
    const { until, maxLoopIterations } = this.settings;
    if (time.tick >= until) return;
    for (const round of time.tiers) {
      if (round < maxLoopIterations) continue;
      throw new CosimError(
        'LOOP_ENDLESS',
        `${this.members[index]?.sid} would step in round ${round} of a same-time loop at ${time.tick}`,
        'let the loop come to rest by leaving an output out, or raise maxLoopIterations',
      );
    }
    this.scheduler.add(index, time);
  };

  /** An event from outside. One for a time that is over comes as soon as it can. */
  setEvent(index: number, tick: number): void {
    const { until, warn } = this.settings;
    const { sid } = this.members[index] as RunMember;
    if (tick >= until) {
      warn(`${sid} set an event at ${tick}, at or after the end of the run: it is ignored`);
      return;
    }
    const last = this.lastTimes[index];
    const earliest = Math.max(this.reachedTick(this.tick), last === undefined ? 0 : last.tick + 1);
    this.schedule(index, atTick(Math.max(tick, earliest)));
    this.wake();
  }

  setData(dest: number, sourceId: string, eid: string, attr: string, value: unknown): void {
    this.dataflow.set(dest, sourceId, eid, attr, value);
  }

  /** Undefined when the world has stored nothing. @param asker index of who asks in its step */
  storedValue(source: number, eid: string, attr: string, asker: number): unknown {
    return this.dataflow.storedValue(source, eid, attr, this.lastTimes[asker]?.tick ?? 0);
  }

  /** Percent of simulated time that is done. */
  get percent(): number {
    const { until } = this.settings;
    return until === 0 ? 100 : (100 * this.reachedTick(this.tick)) / until;
  }

  private checkNext(index: number, tick: number, next: number | null): void {
    const { sid, type } = this.members[index] as RunMember;
    if (next === null) {
      if (type === 'time-based') throw nextStepInvalid(sid, tick, `${sid} is time-based, but its step at ${tick} gave no next step`);
      return;
    }
    if (!Number.isSafeInteger(next))
      throw nextStepInvalid(sid, tick, `${sid} gave ${String(next)} as next step in its step at ${tick}: a whole tick is wanted`);
    if (next <= tick) throw nextStepInvalid(sid, tick, `${sid} gave ${next} as next step in its step at ${tick}: it must be later`);
  }

  /**
   * The last tick before which nothing of others arrives. Every ancestor's steps before this one are over, so its next one tells;
   * of ancestors and simulators with a step ahead the fewer are looked at.
   */
  private maxAdvance(step: Step): number {
    const { scheduler } = this;
    const { until } = this.settings;
    let earliest = Math.min(until + 1, tickOf(scheduler.timeOf(step.simulator)));
    if (this.triggeredAtEnd.size > 0 && this.triggeredAtEnd.has(step.simulator)) earliest = Math.min(earliest, until);
    if (!this.reach.hasAncestors(step.simulator)) return earliest - 1;
    const distances = this.reach.ancestorsOf(step.simulator);
    if (distances.size <= scheduler.waiting.length)
      for (const [ancestor, ticks] of distances) earliest = Math.min(earliest, tickOf(scheduler.timeOf(ancestor)) + ticks);
    else
      for (const ancestor of scheduler.waiting)
        earliest = Math.min(earliest, tickOf(scheduler.timeOf(ancestor)) + ticksOf(distances, ancestor));
    for (const { simulator, time } of this.flights.aheadOf(step)) earliest = Math.min(earliest, time.tick + ticksOf(distances, simulator));
    for (const ancestor of this.triggeredAtEnd) earliest = Math.min(earliest, until + ticksOf(distances, ancestor));
    return earliest - 1;
  }

  private isOver(): boolean {
    if (this.flights.inFlight.length > 0) return false;
    if (this.scheduler.peek() >= 0) return false;
    return !this.mayBeWoken || this.pace.waitMs(this.settings.until) <= 0;
  }

  /** In real time, simulators outside may set events until the end. */
  private get mayBeWoken(): boolean {
    return this.pace.isPaced && this.members.some(({ simulator }) => simulator.isOutside === true);
  }

  /** Resolves when a step has landed or an event was set from now on. */
  private nextHappening(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  /** Until something happens, the next tick's time has come, or the run is to end. */
  private async until(something: Promise<void>): Promise<void> {
    const { clock, signal, until } = this.settings;
    if (signal?.aborted === true) return;
    const next = this.scheduler.peek();
    const tick = next >= 0 ? (this.scheduler.timeOf(next) as TieredTime).tick : until;
    const waitMs = this.pace.waitMs(tick);
    // Its time has come since the steps were looked at.
    if (waitMs <= 0 && this.flights.inFlight.length === 0) return;
    const isTimed = waitMs > 0 && (next >= 0 || this.mayBeWoken);
    // Between two steps outside there are microseconds: no timer and no AbortController where nothing is timed.
    const { wake } = this;
    signal?.addEventListener('abort', wake, { once: true });
    const done = isTimed ? new AbortController() : undefined;
    const timer = done === undefined ? something : clock.sleep(Math.min(waitMs, SLEEP_MS_MAX), done.signal);
    await Promise.race([something, timer]);
    done?.abort();
    signal?.removeEventListener('abort', wake);
  }

  private async letOpenStepsEnd(): Promise<void> {
    const { clock } = this.settings;
    const endMs = clock.monotonicMs() + FAILED_GRACE_MS;
    const isHere = () => this.flights.inFlight.some(({ simulator }) => this.members[simulator]?.simulator.isOutside !== true);
    while (isHere() && clock.monotonicMs() < endMs) {
      const something = this.nextHappening();
      const done = new AbortController();
      await Promise.race([something, clock.sleep(endMs - clock.monotonicMs(), done.signal)]);
      done.abort();
    }
  }

  live(): LiveRun {
    const { until } = this.settings;
    return { tick: this.reachedTick(this.tick), until, steps: this.steps, profile: this.profile.report(), waitingFor: this.openSteps() };
  }

  /** Steps that have begun and are not over, in their order. */
  private openSteps(): { sid: string; time: string }[] {
    const earliest = [...this.flights.inFlight].sort((a, b) => compareSteps(this.order, a.simulator, a.time, b.simulator, b.time));
    return earliest.map(({ simulator, time }) => ({ sid: (this.members[simulator] as RunMember).sid, time: timeText(time) }));
  }

  private standstillText(): string {
    const names = this.openSteps().map(({ sid, time }) => `${sid} (step at ${time})`);
    return `simulated time stands at ${this.reachedTick(this.tick)}: waiting for ${names.join(', ')}`;
  }
}

function nextStepInvalid(sid: string, time: number, message: string): CosimError {
  return new CosimError('NEXT_STEP_INVALID', message, 'correct what the simulator answers to step', { sid, call: 'step', time });
}

/** Never, for a simulator without a step ahead. */
function tickOf(time: TieredTime | undefined): number {
  return time === undefined ? Number.POSITIVE_INFINITY : time.tick;
}

/** Endless, for a simulator that is no ancestor. */
function ticksOf(distances: Distances, simulator: number): number {
  return distances.get(simulator) ?? Number.POSITIVE_INFINITY;
}

/** Regular reports of a run: how far it is, and when simulated time stands still. */
import type { Clock } from '../../../common/clock.ts';
import type { Progress } from './progress.ts';
import type { RunSettings } from './run-options.ts';

const PROGRESS_EVERY_MS = 1_000;
/** Longer than a step of a simulator usually takes, shorter than anybody's patience. */
const STANDSTILL_MS = 10_000;
const LOOK_EVERY_MS = 1_000;

export interface ReportedRun {
  progress: () => Progress;
  /** True while a step is not over. */
  isOpen: () => boolean;
  /** Simulated time that everybody has reached. */
  reachedTick: () => number;
  standstill: () => string;
}

/** @returns stops them */
export function reportRun({ clock, progress, onStandstill }: RunSettings, run: ReportedRun): () => void {
  const stops: (() => void)[] = [];
  if (progress !== undefined) stops.push(every(clock, PROGRESS_EVERY_MS, () => progress(run.progress())));
  if (onStandstill !== undefined) {
    let reached = { tick: -1, atMs: clock.monotonicMs() };
    const look = () => {
      const tick = run.reachedTick();
      const nowMs = clock.monotonicMs();
      if (tick !== reached.tick || !run.isOpen()) reached = { tick, atMs: nowMs };
      else if (nowMs - reached.atMs >= STANDSTILL_MS) {
        onStandstill(run.standstill());
        reached = { tick, atMs: nowMs };
      }
    };
    stops.push(every(clock, LOOK_EVERY_MS, look));
  }
  return () => stops.forEach((stop) => stop());
}

function every(clock: Clock, everyMs: number, act: () => void): () => void {
  const set = () =>
    clock.timer('report of a simulation', everyMs, () => {
      act();
      timer = set();
    });
  let timer = set();
  return () => timer.cancel();
}

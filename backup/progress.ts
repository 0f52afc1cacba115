/** Tells how far a backup or a restore is: a line for each step, and one now and then while bytes go by. */
import { MS_PER_SECOND } from '../common/units.ts';
import type { Clock } from '../common/clock.ts';
import { megabytes, Stopped } from './refusals.ts';

/** Between two lines of a step. */
const LINE_EVERY_MS = 2_000;

export class Progress {
  private readonly clock: Clock;
  private readonly signal: AbortSignal;
  private readonly print: (line: string) => void;
  private step = '';
  private bytesTotal = 0;
  private bytes = 0;
  private startedMs = 0;
  private toldMs = 0;

  constructor(clock: Clock, signal: AbortSignal, print: (line: string) => void) {
    this.clock = clock;
    this.signal = signal;
    this.print = print;
  }

  /** @param step what is done now, e.g. `copying` */
  begin(step: string, bytesTotal: number): void {
    this.step = step;
    this.bytesTotal = bytesTotal;
    this.bytes = 0;
    this.startedMs = this.toldMs = this.clock.monotonicMs();
    this.print(`${step} ${megabytes(bytesTotal)} MB`);
    this.went(0);
  }

  /** @throws Stopped when somebody has stopped the command */
  readonly went = (bytes: number): void => {
    if (this.signal.aborted) throw new Stopped();
    this.bytes += bytes;
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.toldMs < LINE_EVERY_MS) return;
    this.toldMs = nowMs;
    const seconds = (nowMs - this.startedMs) / MS_PER_SECOND;
    if (this.bytes === 0) return this.print(`${this.step}: ${Math.floor(seconds)} s so far`);
    const share = Math.min(1, this.bytes / this.bytesTotal);
    const rest = `, ${Math.ceil(seconds * (1 / share - 1))} s to go`;
    this.print(`${this.step}: ${megabytes(this.bytes)} of ${megabytes(this.bytesTotal)} MB (${Math.floor(share * 100)} %)${rest}`);
  };
}

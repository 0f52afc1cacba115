/** Where the time of a run goes: always on, a few additions per step. */
import type { Clock } from '../../../common/clock.ts';

export interface SimulatorProfile {
  sid: string;
  steps: number;
  /** Real time in step and getData. For a simulator behind a wire that includes the way there and back. */
  busyMs: number;
  /** Real time in which it had a step ahead that had to wait for others. */
  waitingMs: number;
  /** Whom it waited for, longest first. */
  waitedFor: readonly { sid: string; ms: number }[];
}

interface Account {
  /** Since when, and for whom. */
  waiting: { sinceMs: number; on: number } | undefined;
  readonly waitedMs: Map<number, number>;
}

export class Profile {
  private readonly clock: Clock;
  private readonly sids: readonly string[];
  /** By simulator. Counted in every step, so they lie side by side in memory. */
  private readonly steps: Float64Array;
  private readonly busyMs: Float64Array;
  private readonly accounts: Account[];

  constructor(clock: Clock, sids: readonly string[]) {
    this.clock = clock;
    this.sids = sids;
    this.steps = new Float64Array(sids.length);
    this.busyMs = new Float64Array(sids.length);
    this.accounts = sids.map(() => ({ waiting: undefined, waitedMs: new Map() }));
  }

  /** @returns when, for `ended` */
  began(simulator: number): number {
    const nowMs = this.clock.monotonicMs();
    this.steps[simulator] = (this.steps[simulator] as number) + 1;
    const account = this.accounts[simulator] as Account;
    if (account.waiting !== undefined) closeWait(account, nowMs);
    return nowMs;
  }

  ended(simulator: number, beganMs: number): void {
    this.busyMs[simulator] = (this.busyMs[simulator] as number) + this.clock.monotonicMs() - beganMs;
  }

  waits(simulator: number, on: number): void {
    const account = this.accounts[simulator] as Account;
    if (account.waiting?.on === on) return;
    const nowMs = this.clock.monotonicMs();
    if (account.waiting !== undefined) closeWait(account, nowMs);
    account.waiting = { sinceMs: nowMs, on };
  }

  /** In the order of starting. */
  report(): SimulatorProfile[] {
    return this.accounts.map(({ waitedMs }, index) => {
      const waitedFor = [...waitedMs].map(([on, ms]) => ({ sid: this.sids[on] as string, ms })).sort((a, b) => b.ms - a.ms);
      return {
        sid: this.sids[index] as string,
        steps: this.steps[index] as number,
        busyMs: this.busyMs[index] as number,
        waitingMs: waitedFor.reduce((sum, { ms }) => sum + ms, 0),
        waitedFor,
      };
    });
  }
}

function closeWait(account: Account, nowMs: number): void {
  const { sinceMs, on } = account.waiting as { sinceMs: number; on: number };
  account.waitedMs.set(on, (account.waitedMs.get(on) ?? 0) + nowMs - sinceMs);
  account.waiting = undefined;
}

/** What happens when a part ends: pure rules for child.ts. */
import { EXIT } from '../common/errors.ts';

export type PartName = 'cloud' | 'edge' | 'simulate';

export interface ChildExit {
  /** Null when a signal ended it. */
  code: number | null;
  signal: string | null;
  /** Milliseconds it lived after it had said that it is ready; null when it never said so. */
  readyForMs: number | null;
  /** True when it had said that its work is done. */
  saidFinished: boolean;
}

export const RESTART_FIRST_MS = 200;
export const RESTART_MAX_MS = 5_000;
/** A part that was ready for so long ended by an accident of its own: the waits begin anew. */
export const HEALTHY_AFTER_MS = 2_000;
/** Starts in a row that never got ready, about 25 s: then something is missing that restarts don't bring. */
export const FAILED_STARTS_MAX = 8;

export type Verdict = { kind: 'restart'; waitMs: number; failures: number } | { kind: 'finished' } | { kind: 'gave_up'; exitCode: number };

/**
 * @param failures ends in a row without a healthy life, before this one
 * @param mayFinish exit 0 means that its work is done, not that it stopped by mistake; so does exit 1 after it has said so: then
 *   something was left out, which it has named
 */
export function judgeExit(exit: ChildExit, failures: number, mayFinish: boolean): Verdict {
  if (mayFinish && (exit.code === EXIT.ok || (exit.code === EXIT.failed && exit.saidFinished))) return { kind: 'finished' };
  if (exit.code === EXIT.usage || exit.code === EXIT.data) return { kind: 'gave_up', exitCode: exit.code };
  const healthy = exit.readyForMs !== null && exit.readyForMs >= HEALTHY_AFTER_MS;
  const inARow = healthy ? 1 : failures + 1;
  if (exit.readyForMs === null && inARow >= FAILED_STARTS_MAX) return { kind: 'gave_up', exitCode: EXIT.unreachable };
  return { kind: 'restart', waitMs: Math.min(RESTART_MAX_MS, RESTART_FIRST_MS * 2 ** (inARow - 1)), failures: inARow };
}

/** `exit code 1`, `signal SIGKILL` */
export function describeExit({ code, signal }: ChildExit): string {
  return signal === null ? `exit code ${code}` : `signal ${signal}`;
}

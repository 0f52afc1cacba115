/** What happens when a part ends: pure rules for child.ts. */
import { EXIT } from '../common/errors.ts';

/** The code of that error. */
export const PORT_TAKEN = 'PORT_TAKEN';

export type PartName = 'cloud' | 'edge' | 'simulate';

export interface ChildExit {
  /** Null when a signal ended it. */
  code: number | null;
  signal: string | null;
  /** Milliseconds it lived after it had said that it is ready; null when it never said so. */
  readyForMs: number | null;
  /** True when it had said that its work is done. */
  saidFinished: boolean;
  /** True when it, or an earlier process of the same part, had said that it is ready. */
  everReady: boolean;
  /** Code of the error that it named; null when it named none. */
  errorCode: string | null;
}

export const RESTART_FIRST_MS = 200;
export const RESTART_MAX_MS = 5_000;
/** A part that was ready for so long ended by an accident of its own: the waits begin anew. */
export const HEALTHY_AFTER_MS = 2_000;
/** Starts in a row that never got ready: then something is missing that restarts don't bring. The waits between them are 16 s. */
export const FAILED_STARTS_MAX = 8;
/** The same for a service that no start has reached: each of them has tried for seconds itself. */
export const UNREACHED_STARTS_MAX = 3;
/** The same where somebody else took a port after it was found free: it may have been another run that only looked whether it is free. */
export const PORT_TAKEN_STARTS_MAX = 2;
/** Errors that no restart mends, and that none may be tried on: somebody must look at the file first. */
const FINAL_ERRORS: readonly string[] = ['STORE_DAMAGED'];

/** Errors that somebody mends without telling us: a part that has worked here waits for it however long it takes. */
const WAITED_FOR: readonly string[] = ['DISK_FULL', 'BROKER_FULL'];

export type Verdict = { kind: 'restart'; waitMs: number; failures: number } | { kind: 'finished' } | { kind: 'gave_up'; exitCode: number };

/**
 * @param failures ends in a row without a healthy life, before this one
 * @param mayFinish its work has an end: exit 0 after it has said that it is done; exit 1 too, then something was left out, which
 *   it has named. Without having said so it was stopped before its end.
 */
export function judgeExit(exit: ChildExit, failures: number, mayFinish: boolean): Verdict {
  if (mayFinish && exit.saidFinished && (exit.code === EXIT.ok || exit.code === EXIT.failed)) return { kind: 'finished' };
  if (exit.code === EXIT.usage || exit.code === EXIT.data) return { kind: 'gave_up', exitCode: exit.code };
  if (exit.errorCode !== null && FINAL_ERRORS.includes(exit.errorCode)) return { kind: 'gave_up', exitCode: exit.code ?? EXIT.failed };
  const healthy = exit.readyForMs !== null && exit.readyForMs >= HEALTHY_AFTER_MS;
  const inARow = healthy ? 1 : failures + 1;
  const startsMax = exit.everReady ? FAILED_STARTS_MAX : firstStartsMax(exit);
  const isWaitedFor = exit.everReady && exit.errorCode !== null && WAITED_FOR.includes(exit.errorCode);
  if (exit.readyForMs === null && inARow >= startsMax && !isWaitedFor) return { kind: 'gave_up', exitCode: EXIT.unreachable };
  return { kind: 'restart', waitMs: Math.min(RESTART_MAX_MS, RESTART_FIRST_MS * 2 ** (inARow - 1)), failures: inARow };
}

/** Of a part that has never worked here. */
function firstStartsMax({ code, errorCode }: ChildExit): number {
  if (errorCode === PORT_TAKEN) return PORT_TAKEN_STARTS_MAX;
  return code === EXIT.unreachable ? UNREACHED_STARTS_MAX : FAILED_STARTS_MAX;
}

/** `exit code 1`, `signal SIGKILL` */
export function describeExit({ code, signal }: ChildExit): string {
  return signal === null ? `exit code ${code}` : `signal ${signal}`;
}

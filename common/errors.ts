/**
 * Errors sorted by who must act. Bugs are asserts (node:assert) and end the process.
 *
 * ConfigError: the operator must change a setting, a file or a command; `remedy` says what to write.
 * OperatingError: the world refused (disk, broker, peer); `retryable` says whether trying again can help.
 * SortedError: a room sorts its own, with who must act and the exit code.
 */
import type { ErrorEvent } from './child-events.ts';

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly remedy: string;
  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.remedy = remedy;
  }
}

/** The closed list of operating error codes. */
export type OperatingErrorCode =
  | 'BROKER_DAMAGED'
  | 'BROKER_UNREACHABLE'
  | 'BROKER_FULL'
  | 'CLOUD_UNREACHABLE'
  | 'DATA_UNREADABLE'
  | 'DISK_FULL'
  | 'FORGOTTEN'
  | 'LINK_CLOSED'
  | 'LINK_TIMEOUT'
  | 'OUTBOX_DAMAGED'
  | 'PART_DAMAGED'
  | 'PEER_MISBEHAVED'
  | 'PORT_TAKEN'
  | 'READING_FAILED'
  | 'SERIES_DAMAGED'
  | 'STORE_BUSY'
  | 'STORE_DAMAGED';

export class OperatingError extends Error {
  override readonly name = 'OperatingError';
  readonly code: OperatingErrorCode;
  readonly retryable: boolean;
  readonly hint: string;
  constructor(code: OperatingErrorCode, message: string, options: { retryable: boolean; hint: string; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable;
    this.hint = options.hint;
  }
}

export abstract class SortedError extends Error {
  abstract readonly code: string;
  /** What to do, and who must do it. */
  abstract readonly hint: string;
  abstract readonly whoActs: string;
  abstract readonly exitCode: number;
  /** Where in a simulation it happened, as far as that is known. */
  abstract readonly place: Readonly<Pick<ErrorEvent, 'sid' | 'call' | 'time'>>;
}

/** Exit codes of every command. */
export const EXIT = { ok: 0, failed: 1, usage: 2, unreachable: 3, data: 4, interrupted: 130 } as const;

/** The exit code that belongs to an error which ends a command. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof ConfigError) return EXIT.usage;
  if (error instanceof SortedError) return error.exitCode;
  if (error instanceof OperatingError) {
    if (error.code === 'DATA_UNREADABLE') return EXIT.data;
    if (error.code === 'BROKER_UNREACHABLE' || error.code === 'CLOUD_UNREACHABLE') return EXIT.unreachable;
  }
  return EXIT.failed;
}

/**
 * The exit code of a command that was told to stop.
 * @param signal name of the signal, or what else told it
 * @param hasEnd its work would have ended by itself, and was cut short: nobody may take it for finished. Without, it is a server,
 *   for which SIGTERM is the ordinary end.
 */
export function stoppedExitCode(signal: unknown, hasEnd: boolean): number {
  return hasEnd || signal === 'SIGINT' ? EXIT.interrupted : EXIT.ok;
}

/** The same as `explain`, for programs. */
export function errorEventOf(error: unknown): ErrorEvent {
  const exitCode = exitCodeOf(error);
  if (error instanceof ConfigError) return { event: 'error', code: 'CONFIG', message: error.message, hint: error.remedy, exitCode };
  if (error instanceof SortedError) {
    const { code, message, hint, whoActs, place } = error;
    return { event: 'error', code, message, hint, whoActs, ...place, exitCode };
  }
  if (error instanceof OperatingError) return { event: 'error', code: error.code, message: error.message, hint: error.hint, exitCode };
  return { event: 'error', code: 'INTERNAL', message: error instanceof Error ? error.message : String(error), hint: '', exitCode };
}

/** One line for people: what happened and what to do. */
export function explain(error: unknown): string {
  if (error instanceof ConfigError) return `${error.message}\n  what to do: ${error.remedy}`;
  if (error instanceof OperatingError) return `${error.message} [${error.code}]\n  what to do: ${error.hint}`;
  if (error instanceof SortedError) return `${error.message} [${error.code}]\n  what to do (${error.whoActs}): ${error.hint}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

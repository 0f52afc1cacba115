/**
 * Errors sorted by who must act. Bugs are asserts (node:assert) and end the process.
 *
 * ConfigError: the operator must change a setting, a file or a command; `remedy` says what to write.
 * OperatingError: the world refused (disk, broker, peer); `retryable` says whether trying again can help.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly remedy: string;
  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.remedy = remedy;
  }
}

/** The closed list of operating error codes; a new one is added here and in docs/operating.md. */
export type OperatingErrorCode =
  | 'BROKER_UNREACHABLE'
  | 'BROKER_FULL'
  | 'CLOUD_UNREACHABLE'
  | 'DATA_UNREADABLE'
  | 'DISK_FULL'
  | 'LINK_CLOSED'
  | 'LINK_TIMEOUT'
  | 'PEER_MISBEHAVED'
  | 'PORT_TAKEN'
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

/** Exit codes of every command. */
export const EXIT = { ok: 0, failed: 1, usage: 2, unreachable: 3, data: 4, interrupted: 130 } as const;

/** The exit code that belongs to an error which ends a command. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof ConfigError) return EXIT.usage;
  if (error instanceof OperatingError) {
    if (error.code === 'DATA_UNREADABLE') return EXIT.data;
    if (error.code === 'BROKER_UNREACHABLE' || error.code === 'CLOUD_UNREACHABLE') return EXIT.unreachable;
  }
  return EXIT.failed;
}

/** One line for people: what happened and what to do. */
export function explain(error: unknown): string {
  if (error instanceof ConfigError) return `${error.message}\n  what to do: ${error.remedy}`;
  if (error instanceof OperatingError) return `${error.message} [${error.code}]\n  what to do: ${error.hint}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

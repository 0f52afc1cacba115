/**
 * Mistakes of a scenario or of a simulator, with its name. They end the run: every simulator is finalized, then run()
 * rejects.
 */
import { EXIT, SortedError } from '../../../common/errors.ts';

/** Who must act, by code. */
export const WHO_ACTS = {
  WORLD_MISUSED: 'the author of the scenario',
  CREATE_REFUSED: 'the author of the scenario',
  CONNECT_REFUSED: 'the author of the scenario',
  DATAFLOW_CYCLE: 'the author of the scenario',
  LOOP_ENDLESS: 'the author of the scenario',
  REQUEST_REFUSED: 'the author of the scenario',
  TRANSFORM_FAILED: 'the author of the scenario',
  ENTITY_UNKNOWN: 'the author of the scenario',
  ASYNC_NOT_CONNECTED: 'the author of the scenario',
  ASYNC_NOT_ENABLED: 'the author of the scenario',
  META_INVALID: 'the author of the simulator',
  ANSWER_INVALID: 'the author of the simulator',
  NEXT_STEP_INVALID: 'the author of the simulator',
  OUTPUT_TIME_INVALID: 'the author of the simulator',
  SIMULATOR_FAILED: 'the author of the simulator',
  PROTOCOL_BROKEN: 'the author of the simulator',
  SIMULATOR_NOT_STARTED: 'who runs the scenario',
  SIMULATOR_GONE: 'who runs the scenario',
  SIMULATOR_SILENT: 'who runs the scenario',
  TOO_SLOW: 'who runs the scenario',
} as const;

export type CosimErrorCode = keyof typeof WHO_ACTS;

export class CosimError extends SortedError {
  override readonly name = 'CosimError';
  readonly code: CosimErrorCode;
  /** What to do. */
  readonly hint: string;

  constructor(code: CosimErrorCode, message: string, hint: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
    this.hint = hint;
  }

  get whoActs(): string {
    return WHO_ACTS[this.code];
  }

  get exitCode(): number {
    return this.whoActs === 'the author of the scenario' ? EXIT.usage : EXIT.failed;
  }
}

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
  PEER_UNREACHABLE: 'who runs the scenario',
  SIMULATOR_GONE: 'who runs the scenario',
  SIMULATOR_SILENT: 'who runs the scenario',
  TOO_SLOW: 'who runs the scenario',
} as const;

export type CosimErrorCode = keyof typeof WHO_ACTS;

/** Where it happened, as far as that is known. */
export interface CosimErrorPlace {
  sid?: string | undefined;
  /** By mosaik's name. */
  call?: string | undefined;
  /** Tick of the step. */
  time?: number | undefined;
}

export class CosimError extends SortedError {
  override readonly name = 'CosimError';
  readonly code: CosimErrorCode;
  /** What to do. */
  readonly hint: string;
  place: Readonly<CosimErrorPlace>;

  constructor(code: CosimErrorCode, message: string, hint: string, options: CosimErrorPlace & { cause?: unknown } = {}) {
    const { cause, ...place } = options;
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
    this.hint = hint;
    this.place = place;
  }

  /** Fills in what is not known of where it happened. @returns itself */
  at(place: CosimErrorPlace): this {
    this.place = { ...place, ...this.place };
    return this;
  }

  get whoActs(): string {
    return WHO_ACTS[this.code];
  }

  get exitCode(): number {
    if (this.code === 'PEER_UNREACHABLE') return EXIT.unreachable;
    return this.whoActs === 'the author of the scenario' ? EXIT.usage : EXIT.failed;
  }
}

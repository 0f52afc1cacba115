/**
 * Mistakes of a scenario or of a simulator, with its name. They end the run: every simulator is finalized, then run()
 * rejects.
 */
export type CosimErrorCode =
  | 'NOT_SUPPORTED'
  | 'META_INVALID'
  | 'CREATE_REFUSED'
  | 'CONNECT_REFUSED'
  | 'DATAFLOW_CYCLE'
  | 'NEXT_STEP_INVALID'
  | 'OUTPUT_TIME_INVALID'
  | 'WORLD_MISUSED';

export class CosimError extends Error {
  override readonly name = 'CosimError';
  readonly code: CosimErrorCode;
  constructor(code: CosimErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** An option of the full mosaik semantics that this engine does not have: refused, never ignored. */
export function notSupported(option: string, instead: string): CosimError {
  return new CosimError('NOT_SUPPORTED', `${option} is not supported by this engine; ${instead}`);
}

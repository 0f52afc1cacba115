/**
 * What looks on while a scenario runs: the recording, and the page of its numbers; each only when it is wanted.
 *
 *   const watch = new RunWatch({ … });
 *   await watch.start();
 *   try { world = new World({ clock, around: watch.around }); watch.sees(world); … run with watch.signal … watch.ended(summary); }
 *   finally { await watch.stop(); }
 */
import type { Clock } from '../../../common/clock.ts';
import type { LiveRun, RunSummary } from '../cosim/run-options.ts';
import type { Simulator } from '../cosim/simulator.ts';
import { LiveStatus } from './live-status.ts';
import { TraceRecorder } from './recorder.ts';
import type { RecordedEnd, TraceOrigins } from './trace-format.ts';

export interface RunWatchOptions {
  /** Empty for no recording. */
  recordFile: string;
  /** 0 for any, null for no page. */
  statusPort: number | null;
  /** Told where an earlier recording of that name is kept. */
  onKeptAside?: (aside: string) => void;
  /** What is run, for people. */
  scenario: string;
  until: number;
  origins?: TraceOrigins;
  clock: Clock;
  /** Of the run. */
  signal: AbortSignal;
}

export class RunWatch {
  private readonly options: RunWatchOptions;
  private readonly failed = new AbortController();
  private recorder: TraceRecorder | undefined;
  private page: LiveStatus | undefined;
  private world: { live(): LiveRun | undefined } | undefined;
  private end: Omit<RecordedEnd['end'], 'steps'> = {};

  constructor(options: RunWatchOptions) {
    this.options = options;
  }

  /**
   * @returns the address of the page, if there is one
   * @throws ConfigError when the recording can't be written, OperatingError PORT_TAKEN
   */
  async start(): Promise<string | undefined> {
    const { recordFile, statusPort, scenario, until, origins, clock } = this.options;
    if (recordFile !== '') {
      const onFailure = (error: Error) => this.failed.abort(error);
      const told = { scenario, until, ...(origins === undefined ? {} : { origins }) };
      const recorder = new TraceRecorder({ file: recordFile, clock, ...told, onFailure });
      const aside = await recorder.start();
      if (aside !== undefined) this.options.onKeptAside?.(aside);
      this.recorder = recorder;
    }
    if (statusPort === null) return undefined;
    const page = new LiveStatus(clock, () => this.world?.live());
    try {
      const port = await page.start(statusPort);
      this.page = page;
      return `http://127.0.0.1:${port}/status`;
    } catch (error) {
      await this.recorder?.close({ failed: 'the run did not begin' });
      throw error;
    }
  }

  /** For the world. */
  readonly around = (simulator: Simulator): Simulator => this.recorder?.around(simulator) ?? simulator;

  /** For the run: aborts also when the recording can't be written on; `stop` then throws. */
  get signal(): AbortSignal {
    return AbortSignal.any([this.options.signal, this.failed.signal]);
  }

  sees(world: { live(): LiveRun | undefined }): void {
    this.world = world;
    this.page?.beginRun();
  }

  /** Goes into the recording. */
  ended({ completed, traceHash }: Pick<RunSummary, 'completed' | 'traceHash'>): void {
    this.end = { completed, ...(traceHash === undefined ? {} : { traceHash }) };
  }

  /** Goes into the recording. */
  endedBy(error: unknown): void {
    this.end = { failed: error instanceof Error ? error.message : String(error) };
  }

  /** @throws OperatingError when the recording is not whole */
  async stop(): Promise<void> {
    await this.page?.stop();
    await this.recorder?.close(this.end);
  }
}

/**
 * Records a run into a file (trace-format.ts): `around` goes around each simulator, `start` before the first, `close` after the run.
 *
 * Memory does not grow with the run: when the disk is slower than the simulation, steps wait for it. What was recorded reaches the file
 * within about a second, so that a process that is killed leaves all but the last of it. When the file can't be written, nothing more is
 * recorded and `onFailure` is told at once: the owner of the run ends it.
 */
import { createWriteStream, type WriteStream } from 'node:fs';
import { constants, createGzip, type Gzip } from 'node:zlib';
import type { Clock, Timer } from '../../../common/clock.ts';
import { ConfigError, OperatingError } from '../../../common/errors.ts';
import type { Simulator } from '../cosim/simulator.ts';
import { keepAside } from './kept-aside.ts';
import { type RecordedLines, RecordingSimulator, type SimulatorBeforeRun } from './recording-simulator.ts';
import { type RecordedEnd, TRACE_FORMAT, TRACE_VERSION, type TraceHeader, type TraceOrigins } from './trace-format.ts';
import { encodeValue } from './trace-values.ts';

export interface TraceRecorderOptions {
  file: string;
  clock: Clock;
  /** What is run, for people. */
  scenario: string;
  until?: number;
  origins?: TraceOrigins;
  onFailure: (error: Error) => void;
}

/** Lines are packed in pieces of this length: one in each turn of the event loop, of which a busy run makes a hundred a second. */
const PIECE_CHARACTERS = 524_288;
/** A packed piece comes out at once. */
const PACKED_BYTES = 262_144;
/** Bytes that may wait for the packer and the disk before steps wait for them. */
const WAITING_BYTES_MAX = 4_194_304;
/** How long a line may stay in memory when few come. */
const FLUSH_AFTER_MS = 1_000;
/** Fast rather than small: recorded lines repeat themselves, so even this packs them well. */
const PACKING_LEVEL = 3;

export class TraceRecorder implements RecordedLines {
  private readonly options: TraceRecorderOptions;
  private gzip: Gzip | undefined;
  private output: WriteStream | undefined;
  private simulators: SimulatorBeforeRun[] = [];
  private isHeaderWritten = false;
  private lines: string[] = [];
  private characters = 0;
  private steps = 0;
  private failure: OperatingError | undefined;
  private flushing: Timer | undefined;
  private roomWaiters: (() => void)[] = [];

  constructor(options: TraceRecorderOptions) {
    this.options = options;
  }

  /**
   * @returns where an earlier file of that name is kept, if there was one
   * @throws ConfigError when the file can't be made
   */
  async start(): Promise<string | undefined> {
    const { file } = this.options;
    const aside = keepAside(file);
    const output = createWriteStream(file);
    await new Promise<void>((resolve, reject) => {
      output.once('open', () => resolve());
      output.once('error', (cause) =>
        reject(
          new ConfigError(`the recording ${file} can't be written: ${cause.message}`, 'name a file in a folder that exists', { cause }),
        ),
      );
    });
    const gzip = createGzip({ level: PACKING_LEVEL, chunkSize: PACKED_BYTES });
    this.output = output;
    this.gzip = gzip;
    output.on('error', (cause) => this.fail(cause));
    gzip.on('error', (cause) => this.fail(cause));
    output.on('drain', () => this.giveRoom());
    gzip.pipe(output);
    return aside;
  }

  readonly around = (simulator: Simulator): Simulator => new RecordingSimulator(simulator, this);

  get isRunning(): boolean {
    return this.isHeaderWritten;
  }

  room(): Promise<void> | undefined {
    if (this.hasRoom) return undefined;
    return new Promise((resolve) => this.roomWaiters.push(resolve));
  }

  addSimulator(simulator: SimulatorBeforeRun): void {
    this.simulators.push(simulator);
  }

  addStep(line: string): void {
    this.steps++;
    this.add(line);
  }

  addBetween(line: string): void {
    this.add(line);
  }

  /**
   * Ends the file.
   * @param end left out when the run failed in a way that nobody can tell
   * @throws OperatingError when not everything was written
   */
  async close(end: Omit<RecordedEnd['end'], 'steps'> = {}): Promise<void> {
    const { output, gzip } = this;
    if (output === undefined || gzip === undefined) return;
    this.gzip = undefined;
    if (this.failure === undefined) {
      this.gzip = gzip;
      this.add(encodeValue({ end: { steps: this.steps, ...end } } satisfies RecordedEnd));
      this.pack();
      this.gzip = undefined;
      await new Promise<void>((resolve) => {
        output.once('close', resolve);
        gzip.end();
      });
    }
    this.flushing?.cancel();
    this.output = undefined;
    output.destroy();
    if (this.failure !== undefined) throw this.failure;
  }

  private add(line: string): void {
    if (this.gzip === undefined) return;
    if (!this.isHeaderWritten) this.writeHeader();
    this.lines.push(line);
    this.characters += line.length + 1;
    if (this.characters >= PIECE_CHARACTERS) this.pack();
    else this.flushing ??= this.options.clock.timer('flush of a recording', FLUSH_AFTER_MS, () => this.flush());
  }

  private writeHeader(): void {
    const { scenario, until, origins } = this.options;
    const { simulators } = this;
    const told = { ...(until === undefined ? {} : { until }), ...(origins === undefined ? {} : { origins }) };
    this.isHeaderWritten = true;
    const header: TraceHeader = { format: TRACE_FORMAT, version: TRACE_VERSION, scenario, ...told, simulators };
    this.simulators = [];
    this.lines.push(encodeValue(header));
    this.pack();
  }

  private pack(): void {
    if (this.lines.length === 0) return;
    this.lines.push('');
    const piece = this.lines.join('\n');
    this.lines = [];
    this.characters = 0;
    this.gzip?.write(piece, () => this.giveRoom());
  }

  private flush(): void {
    this.flushing = undefined;
    this.pack();
    this.gzip?.flush(constants.Z_SYNC_FLUSH);
  }

  private get hasRoom(): boolean {
    if (this.gzip === undefined || this.failure !== undefined) return true;
    return this.gzip.writableLength + this.gzip.readableLength + (this.output?.writableLength ?? 0) < WAITING_BYTES_MAX;
  }

  private giveRoom(): void {
    if (!this.hasRoom) return;
    const waiters = this.roomWaiters;
    this.roomWaiters = [];
    for (const waiter of waiters) waiter();
  }

  private fail(cause: Error): void {
    if (this.failure !== undefined) return;
    const code = (cause as NodeJS.ErrnoException).code === 'ENOSPC' ? 'DISK_FULL' : 'DATA_UNREADABLE';
    this.failure = new OperatingError(code, `the recording ${this.options.file} can't be written on: ${cause.message}`, {
      retryable: false,
      hint: 'make room there, or record into another file',
      cause,
    });
    this.lines = [];
    this.flushing?.cancel();
    this.flushing = undefined;
    this.giveRoom();
    this.options.onFailure(this.failure);
  }
}

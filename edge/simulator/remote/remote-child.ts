/**
 * A simulator's process. It gets a process group of its own, so that a Ctrl-C in the terminal does not reach it before the run has told
 * it to stop, and so that what it has started ends with it. That may be the simulator itself, started in the background: so the group
 * lives on when the command has ended, as long as its connection is open or, after an end with exit code 0, may still come.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Clock } from '../../../common/clock.ts';
import { ProcessGroup } from './process-group.ts';

/** From SIGTERM to SIGKILL. */
const KILL_AFTER_MS = 2_000;
/** How long what a process has written last may take to get here after it has ended. */
const LAST_WORDS_MS = 300;
/** Nobody tells when a group has become empty. */
const GROUP_LOOK_EVERY_MS = 20;
const LAST_LINES_MAX = 10;
const LINE_CHARS_MAX = 1_000;

export interface ChildOptions {
  words: readonly [string, ...string[]];
  cwd: string | undefined;
  environment: Readonly<Record<string, string | undefined>>;
  clock: Clock;
  /** Lines that it writes. */
  onOutput: (line: string, stream: 'stdout' | 'stderr') => void;
}

export class RemoteChild {
  private readonly options: ChildOptions;
  private group: ProcessGroup | undefined;
  private connection: 'to come' | 'open' | 'over' = 'to come';
  private readonly lastLines: string[] = [];
  private ended = '';
  private failed = false;
  private readonly exit: Promise<void>;
  private exited: () => void = () => {};
  private quiet: Promise<void> = Promise.resolve();

  constructor(options: ChildOptions) {
    this.options = options;
    this.exit = new Promise((resolve) => {
      this.exited = resolve;
    });
  }

  start(): void {
    const { words, cwd, environment } = this.options;
    const [program, ...args] = words;
    const child = spawn(program, args, { cwd, env: { ...environment }, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    if (child.pid !== undefined) this.group = new ProcessGroup(child.pid);
    this.group?.watchOver();
    for (const stream of ['stdout', 'stderr'] as const) this.read(child, stream);
    this.quiet = new Promise((resolve) => child.once('close', () => resolve()));
    child.once('error', (error) => {
      if (child.pid === undefined) this.over(`could not be started (${error.message})`, true);
    });
    child.once('exit', (code, signal) => {
      this.over(signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`, code !== 0);
      if (this.connection === 'over' || (this.connection === 'to come' && this.failed)) this.killGroup(); // What it has left behind.
    });
  }

  /** The simulator is there: by what it says on this socket, not by the command, it is seen to live. */
  connected(socket: Socket): void {
    this.connection = 'open';
    socket.once('close', () => {
      this.connection = 'over';
    });
  }

  /** Resolves when the command has ended; at once when it could not be started. */
  whenEnded(): Promise<void> {
    return this.exit;
  }

  get hasEnded(): boolean {
    return this.ended !== '';
  }

  /** Ended in another way than with exit code 0. */
  get hasFailed(): boolean {
    return this.failed;
  }

  /** How it ended and what it wrote last on stderr; empty while it runs. */
  async epitaph(): Promise<string> {
    if (!this.hasEnded) return '';
    await this.within(LAST_WORDS_MS, this.quiet);
    return this.lastLines.length === 0
      ? this.ended
      : `${this.ended}; its last lines:\n${this.lastLines.map((line) => `  ${line}`).join('\n')}`;
  }

  /** Waits so long for it, and all that it has started, to end by itself, then ends them. @returns whether that was needed */
  async end(patienceMs: number): Promise<boolean> {
    const isGone = await this.isGoneWithin(patienceMs);
    if (!isGone) {
      this.group?.signal('SIGTERM');
      if (!(await this.isGoneWithin(KILL_AFTER_MS))) this.group?.signal('SIGKILL');
    }
    await this.exit;
    this.killGroup();
    return !isGone;
  }

  /** Waits for the process to end, so long at most. */
  async endsWithin(ms: number): Promise<boolean> {
    await this.within(ms, this.exit);
    return this.hasEnded;
  }

  private async isGoneWithin(ms: number): Promise<boolean> {
    const { clock } = this.options;
    const endMs = clock.monotonicMs() + ms;
    await this.within(ms, this.exit);
    while (this.hasEnded && this.group?.isEmpty === false && clock.monotonicMs() < endMs) await clock.sleep(GROUP_LOOK_EVERY_MS);
    return this.hasEnded && this.group?.isEmpty !== false;
  }

  private killGroup(): void {
    this.group?.signal('SIGKILL');
    this.group?.letGo();
    this.group = undefined;
  }

  private over(how: string, failed: boolean): void {
    this.ended = how;
    this.failed = failed;
    this.exited();
  }

  private read(child: ChildProcess, stream: 'stdout' | 'stderr'): void {
    let rest = '';
    const take = (line: string) => {
      if (stream === 'stderr' && line.trim() !== '') {
        this.lastLines.push(line.slice(0, LINE_CHARS_MAX));
        if (this.lastLines.length > LAST_LINES_MAX) this.lastLines.shift();
      }
      this.options.onOutput(line, stream);
    };
    child[stream]?.setEncoding('utf8');
    child[stream]?.on('data', (text: string) => {
      const lines = (rest + text).split(/\r?\n/);
      rest = (lines.pop() as string).slice(-LINE_CHARS_MAX);
      lines.forEach(take);
    });
    child[stream]?.on('end', () => {
      if (rest !== '') take(rest);
    });
    child[stream]?.on('error', () => undefined); // A pipe that breaks says no more than that the process has ended.
  }

  private async within(ms: number, something: Promise<void>): Promise<void> {
    const done = new AbortController();
    await Promise.race([something, this.options.clock.sleep(ms, done.signal)]);
    done.abort();
  }
}

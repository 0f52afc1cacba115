/** An honest edge as a child process (honest-edge.ts), and what parent and child say to each other. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const ENTRY = fileURLToPath(new URL('./honest-edge.ts', import.meta.url));
const TSX = import.meta.resolve('tsx');

export interface HonestOptions {
  folder: string;
  edge: string;
  homes: readonly string[];
  heartbeatPort: number;
  dataPort: number;
  /** Of a TLS link; empty = plaintext. */
  bundleFile: string;
  /** Between two windows of every home. */
  everyMs: number;
  /** Windows per home that an earlier life of it has put into the topic. */
  windowsBefore: number;
  /** Windows per home that it finds in the topic when it begins. */
  backlogWindows: number;
  /** Payloads of its first requests that it keeps for its answers. */
  payloadsKept: number;
  seed: number;
}

/** `report` answers at once; `end` first has everything acknowledged, then ends the process. */
export type HonestOrder = 'report' | 'end';

export interface HonestAnswer {
  /** Per home, so far. */
  windows: number;
  /** Of the requests since the last answer. */
  durationsMs: number[];
  /** Base64. */
  payloads: string[];
  parked: readonly { household: string; reason: string }[];
}

export class HonestProcess {
  private readonly options: HonestOptions;
  private child: ChildProcess | undefined;
  private exited: Promise<number | null> = Promise.resolve(null);

  constructor(options: HonestOptions) {
    this.options = options;
  }

  start(): void {
    const child = fork(ENTRY, [JSON.stringify(this.options)], {
      execArgv: ['--import', TSX],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.child = child;
    this.exited = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
  }

  get pid(): number {
    return this.child?.pid as number;
  }

  /** @throws when it ends without an answer */
  async ask(order: HonestOrder): Promise<HonestAnswer> {
    const { child } = this;
    if (child === undefined) throw new Error('the honest edge is not started');
    const asked = new AbortController();
    const { signal } = asked;
    const answered = once(child, 'message', { signal }).then(([message]) => message as HonestAnswer);
    const ended = once(child, 'exit', { signal }).then(([code]) => Promise.reject(new Error(`the honest edge ended with ${code}`)));
    child.send(order);
    try {
      const answer = await Promise.race([answered, ended]);
      if (order === 'end') await this.exited;
      return answer;
    } finally {
      for (const waiting of [answered, ended]) waiting.catch(() => undefined);
      asked.abort();
    }
  }

  async kill(): Promise<void> {
    this.child?.kill('SIGKILL');
    await this.exited;
  }
}

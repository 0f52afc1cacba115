/** The hostile crowd as a child process (hostile-crowd.ts), and what parent and child say to each other. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const ENTRY = fileURLToPath(new URL('./hostile-crowd.ts', import.meta.url));
const TSX = import.meta.resolve('tsx');

/** PEM. */
export interface Identity {
  certificate: string;
  key: string;
}

export interface HostileOptions {
  /** The cloud's listeners. */
  ports: readonly number[];
  seed: number;
  idleSockets: number;
  /** What an honest edge has written on its connections, base64. */
  recorded: readonly string[];
  /** What an honest edge has asked, base64. */
  payloads: readonly string[];
  victimEdge: string;
  victims: readonly string[];
  /** Whom clients of TLS trust; empty on a plaintext link. */
  ca: string;
  /** A certificate that the cloud takes, of an edge that means no good; undefined on a plaintext link. */
  insider: Identity | undefined;
  insiderEdge: string;
  /** Of nobody's group. */
  insiderHome: string;
  /** Certificates that the cloud must not take; null = none is shown. */
  wrong: readonly { name: string; identity: Identity | null }[];
}

export type HostileOrder = 'attack' | 'pause' | 'report';

export interface HostileAnswer {
  /** By kind. `ended` is by whichever side. */
  counts: Record<string, { begun: number; ended: number }>;
  /** Open at once so far. */
  idleSocketsMost: number;
  cpuSeconds: number;
}

export class HostileProcess {
  private readonly options: HostileOptions;
  private child: ChildProcess | undefined;
  private exited: Promise<number | null> = Promise.resolve(null);

  constructor(options: HostileOptions) {
    this.options = options;
  }

  start(): void {
    const child = fork(ENTRY, { execArgv: ['--import', TSX], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.child = child;
    this.exited = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
    child.send(this.options);
  }

  async ask(order: HostileOrder): Promise<HostileAnswer> {
    const { child } = this;
    if (child === undefined) throw new Error('the hostile crowd is not started');
    const asked = new AbortController();
    const { signal } = asked;
    const answered = once(child, 'message', { signal }).then(([message]) => message as HostileAnswer);
    const ended = once(child, 'exit', { signal }).then(([code]) => Promise.reject(new Error(`the hostile crowd ended with ${code}`)));
    child.send(order);
    try {
      return await Promise.race([answered, ended]);
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

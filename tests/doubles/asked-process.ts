/** A file of ours as a child process that answers orders, one after the other. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

const TSX = import.meta.resolve('tsx');

export class AskedProcess<Order extends string, Answer> {
  private readonly name: string;
  private readonly entry: string;
  private readonly args: readonly string[];
  private child: ChildProcess | undefined;
  /** Of the process that was started last. */
  protected exited: Promise<number | null> = Promise.resolve(null);

  /** @param name for errors, e.g. "the honest edge" */
  constructor(name: string, entry: string, args: readonly string[] = []) {
    this.name = name;
    this.entry = entry;
    this.args = args;
  }

  start(): void {
    const child = fork(this.entry, this.args, { execArgv: ['--import', TSX], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.child = child;
    this.exited = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
  }

  get pid(): number {
    return this.child?.pid as number;
  }

  /** A message that is no order. */
  protected send(message: object): void {
    this.child?.send(message);
  }

  /** @throws when it ends without an answer */
  async ask(order: Order): Promise<Answer> {
    const { child, name } = this;
    if (child === undefined) throw new Error(`${name} is not started`);
    const asked = new AbortController();
    const { signal } = asked;
    const answered = once(child, 'message', { signal }).then(([message]) => message as Answer);
    const ended = once(child, 'exit', { signal }).then(([code]) => Promise.reject(new Error(`${name} ended with ${code}`)));
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

/** A real redis-server on a free loopback port, with a password and nothing on the disk, to be hurt by tests. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from './free-port.ts';

const PATIENT_MS = 30_000;
/** Of one command. */
const ANSWER_MS = 10_000;

/** False where the real one can run, else why the test is skipped. */
export const noRedis: string | false =
  spawnSync('redis-server', ['--version']).status === 0 ? false : 'redis-server is not installed (package redis-server)';

export class RedisServer {
  readonly password = 'only for this test';
  private folder: string | undefined;
  private child: ChildProcess | undefined;
  private admin: Redis | undefined;
  port = 0;

  /** Also again after kill(), on the same port. */
  async start(...more: string[]): Promise<void> {
    if (this.port === 0) this.port = await freePort();
    this.folder ??= mkdtempSync(join(tmpdir(), 'fogline-redis-'));
    const args = ['--port', String(this.port), '--bind', '127.0.0.1', '--requirepass', this.password, '--dir', this.folder];
    const child = spawn('redis-server', [...args, '--save', '', '--appendonly', 'no', ...more], { stdio: 'ignore' });
    this.child = child;
    const endMs = performance.now() + PATIENT_MS;
    for (;;) {
      assert.equal(child.exitCode, null, 'redis-server has ended');
      const admin = new Redis({
        ...this.address(),
        password: this.password,
        lazyConnect: true,
        retryStrategy: () => null,
        // As the product does: of the handshake with RESP3 the answer to the first ping once never came.
        protocol: 2,
        disableClientInfo: true,
        commandTimeout: ANSWER_MS,
      });
      admin.on('error', () => {});
      try {
        await admin.connect();
        await admin.ping();
        this.admin = admin;
        return;
      } catch {
        admin.disconnect();
        assert(performance.now() < endMs, 'redis-server does not answer');
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  url(password = this.password): string {
    return `redis://:${encodeURIComponent(password)}@127.0.0.1:${this.port}`;
  }

  /** With all rights. */
  get client(): Redis {
    assert(this.admin !== undefined, 'redis-server is down');
    return this.admin;
  }

  /** Calls of each command since the server started, from its own statistics. */
  async commandCounts(): Promise<ReadonlyMap<string, number>> {
    const text = await this.client.info('commandstats');
    return new Map([...text.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name = '', calls]) => [name, Number(calls)]));
  }

  /** SIGKILL; what it held is gone. */
  async kill(): Promise<void> {
    const { child } = this;
    this.admin?.disconnect();
    this.admin = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await exited;
  }

  /** Neither answers nor closes a connection. */
  freeze(): void {
    this.child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.child?.kill('SIGCONT');
  }

  async stop(): Promise<void> {
    await this.kill();
    if (this.folder !== undefined) rmSync(this.folder, { recursive: true, force: true });
  }

  private address(): { host: string; port: number } {
    return { host: '127.0.0.1', port: this.port };
  }
}

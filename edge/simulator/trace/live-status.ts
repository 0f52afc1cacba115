/** A run's own page of numbers, on loopback: /status (RunStatus), /livez. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../../../common/clock.ts';
import { OperatingError } from '../../../common/errors.ts';
import type { LiveRun } from '../cosim/run-options.ts';

const LOOPBACK = '127.0.0.1';
/** Two looks nearer to each other tell no speed: the one before counts. */
const SPEED_OVER_MS = 1_000;

export interface RunStatus extends LiveRun {
  /** building: simulators are being started. */
  state: 'building' | 'running';
  /** Simulated ticks per second: lately, and since the first look at the run. */
  ticksPerSecond: number;
  ticksPerSecondMean: number;
}

interface Sample {
  tick: number;
  atMs: number;
}

export class LiveStatus {
  private readonly clock: Clock;
  private readonly live: () => LiveRun | undefined;
  private server: Server | undefined;
  private first: Sample | undefined;
  private older: Sample | undefined;
  private newer: Sample | undefined;

  /** @param live undefined while there is no run */
  constructor(clock: Clock, live: () => LiveRun | undefined) {
    this.clock = clock;
    this.live = live;
  }

  /** @returns the port really listened on */
  start(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const server = createServer((request, response) => this.answer(request, response));
      this.server = server;
      server.once('listening', () => resolve((server.address() as AddressInfo).port));
      server.once('error', (cause) => reject(portTaken(port, cause)));
      server.listen(port, LOOPBACK);
    });
  }

  /** The speed is counted from here. */
  beginRun(): void {
    this.first = { tick: 0, atMs: this.clock.monotonicMs() };
    this.older = this.first;
  }

  async stop(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    if (server === undefined || !server.listening) return;
    await new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  }

  status(): RunStatus {
    const live = this.live();
    if (live === undefined) {
      return { state: 'building', tick: 0, until: 0, steps: 0, ticksPerSecond: 0, ticksPerSecondMean: 0, profile: [], waitingFor: [] };
    }
    const now = { tick: live.tick, atMs: this.clock.monotonicMs() };
    this.first ??= now;
    if (this.newer === undefined || now.atMs - this.newer.atMs >= SPEED_OVER_MS) {
      this.older = this.newer ?? this.first;
      this.newer = now;
    }
    return { state: 'running', ...live, ticksPerSecond: speed(this.older ?? now, now), ticksPerSecondMean: speed(this.first, now) };
  }

  private answer({ url, method }: IncomingMessage, response: ServerResponse): void {
    const path = url?.split('?', 1)[0];
    const isKnown = path === '/status' || path === '/livez';
    const code = !isKnown ? 404 : method === 'GET' || method === 'HEAD' ? 200 : 405;
    const isJson = code === 200 && path === '/status';
    response.writeHead(code, { 'content-type': isJson ? 'application/json' : 'text/plain', 'cache-control': 'no-store' });
    response.end(isJson ? JSON.stringify(this.status()) : code === 200 ? 'ok\n' : 'see /status\n');
  }
}

function speed(from: Sample, to: Sample): number {
  const ms = to.atMs - from.atMs;
  return ms <= 0 ? 0 : Math.round(((to.tick - from.tick) * 10_000) / ms) / 10;
}

function portTaken(port: number, cause: Error): OperatingError {
  return new OperatingError('PORT_TAKEN', `the status port ${port} can't be listened on: ${cause.message}`, {
    retryable: false,
    hint: 'set simulation.status_port to a free port, or to 0 for any',
    cause,
  });
}

/** `fogline cloud` as a child process from the sources, and an edge that ships to it over the real link. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { HouseholdsReply, LiveMessage } from '../../cloud/server/api/api-types.ts';
import type { ChildEvent } from '../../common/child-events.ts';
import { systemClock } from '../../common/clock.ts';
import { SpLinkClient } from '../../common/link/sp-link.ts';
import { silentLogger } from '../../common/logger.ts';
import type { ShippedRow } from '../../common/messages.ts';
import { seededRandom } from '../../common/random.ts';
import { decodeReply, encodeRequest } from '../../common/wire.ts';
import { liveMessages } from './live-stream.ts';
import { part, T0_MS, WINDOW_MS } from '../contract/series-store-probes.ts';

const ENTRY = fileURLToPath(new URL('../../fogline.ts', import.meta.url));
const TSX = import.meta.resolve('tsx');
const PATIENT_MS = 30_000;

type Ready = Extract<ChildEvent, { event: 'ready'; part: 'cloud' }>;

export interface LogLine {
  level: string;
  msg: string;
  reason?: string;
}

export class CloudProcess {
  readonly log: LogLine[] = [];
  /** What the live stream has said. */
  readonly live: LiveMessage[] = [];
  private readonly child: ChildProcess;
  private readonly exited: Promise<unknown>;
  private readonly stream = new AbortController();
  ready: Ready | undefined;

  constructor(stateDir: string, redisUrl: string | undefined, moreSets: readonly string[] = []) {
    const sets = [
      ...moreSets,
      'cloud.http_port=0',
      'link.heartbeat_port=0',
      'link.data_port=0',
      `edge.window_seconds=${WINDOW_MS / 1_000}`,
    ];
    const args = ['--import', TSX, ENTRY, 'cloud', '--json', '--state', stateDir, ...sets.flatMap((set) => ['--set', set])];
    const { FOGLINE_REDIS_URL: _notThis, ...environment } = process.env;
    const env = { ...environment, FOGLINE_LOG_LEVEL: 'info', ...(redisUrl === undefined ? {} : { FOGLINE_REDIS_URL: redisUrl }) };
    this.child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.exited = new Promise((resolve) => this.child.once('exit', resolve));
    createInterface({ input: this.child.stderr! }).on('line', (line) => {
      this.log.push(line.startsWith('{') ? (JSON.parse(line) as LogLine) : { level: 'error', msg: line });
    });
  }

  async start(): Promise<void> {
    const lines = createInterface({ input: this.child.stdout! });
    this.ready = await new Promise<Ready>((resolve, reject) => {
      lines.once('line', (line) => resolve(JSON.parse(line) as Ready));
      this.child.once('exit', (code) => reject(new Error(`the cloud ended with ${code}: ${JSON.stringify(this.log)}`)));
    });
  }

  get url(): string {
    assert(this.ready !== undefined);
    return this.ready.url;
  }

  /** A number of /metrics; undefined when it is not there. */
  async metric(name: string): Promise<number | undefined> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const line = text.split('\n').find((its) => its.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.slice(name.length));
  }

  /** Newest power by household, as the API says. */
  async powers(): Promise<Record<string, number | null>> {
    const { households } = (await (await fetch(`${this.url}/api/v1/households`)).json()) as HouseholdsReply;
    return Object.fromEntries(households.map(({ household, powerW }) => [household, powerW]));
  }

  /** Reads the live stream until stop(). */
  async watch(): Promise<void> {
    const response = await fetch(`${this.url}/api/v1/stream`, { signal: this.stream.signal });
    assert.equal(response.status, 200);
    void this.readEvents(response).catch(() => undefined);
  }

  get pid(): number {
    return this.child.pid as number;
  }

  async kill(): Promise<void> {
    this.stream.abort();
    this.child.kill('SIGKILL');
    await this.exited;
  }

  async stop(): Promise<void> {
    this.stream.abort();
    this.child.kill('SIGTERM');
    await this.exited;
  }

  private async readEvents(response: Response): Promise<void> {
    for await (const message of liveMessages(response)) this.live.push(message);
  }
}

/** Ships one window of every household per request, as one part of one reading each. */
export class ShippingEdge {
  readonly households: readonly string[];
  private readonly client: SpLinkClient;
  private startId = '';
  private generations: Record<string, number> = {};
  /** Windows shipped. */
  shipped = 0;

  constructor(port: number, households: readonly string[]) {
    this.households = households;
    this.client = new SpLinkClient({ host: '127.0.0.1', port, clock: systemClock, random: seededRandom(3), logger: silentLogger });
  }

  async start(): Promise<void> {
    await this.client.start();
    const asked = this.households.map((household) => ({ household, generation: 0 }));
    const hello = { edge: 'edge-1', epoch: 'epoch-1', claim: 'claim-1', windowMs: WINDOW_MS, households: asked };
    const reply = decodeReply(await this.client.request(encodeRequest({ kind: 'hello', hello }), PATIENT_MS));
    assert.equal(reply.kind, 'hello');
    if (reply.kind !== 'hello') return;
    this.startId = reply.startId;
    for (const { household, generation } of reply.households) this.generations[household] = generation;
  }

  /** The power that households show after window n. */
  static powerOf(window: number): number {
    return 100 + window;
  }

  /** Event time of the end of the newest window shipped. */
  get newestEndMs(): number {
    return T0_MS + this.shipped * WINDOW_MS;
  }

  /** Ships the next window and asserts that every part of it was stored. @returns ms until the ack */
  async ship(): Promise<number> {
    const seq = ++this.shipped;
    const rows: ShippedRow[] = this.households.map((household) =>
      part(seq, seq, { household, values: { power: ShippingEdge.powerOf(seq) } }),
    );
    const { startId, generations } = this;
    const parts = { edge: 'edge-1', epoch: 'epoch-1', claim: 'claim-1', startId, windowMs: WINDOW_MS, generations, rows };
    const payload = encodeRequest({ kind: 'parts', parts });
    const startedMs = systemClock.monotonicMs();
    const reply = decodeReply(await this.client.request(payload, PATIENT_MS));
    const tookMs = systemClock.monotonicMs() - startedMs;
    assert.equal(reply.kind, 'parts', JSON.stringify(reply));
    if (reply.kind === 'parts') for (const { verdict } of reply.verdicts) assert.equal(verdict, 'stored');
    return tookMs;
  }

  stop(): Promise<void> {
    return this.client.stop();
  }
}

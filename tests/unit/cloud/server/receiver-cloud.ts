/** A receiver before the real store, the real `latest` and the real liveness, and an edge that speaks to it in bytes. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Liveness } from '../../../../cloud/server/liveness.ts';
import { Receiver, type ReceiverOptions } from '../../../../cloud/server/receiver.ts';
import { Registry } from '../../../../cloud/server/registry.ts';
import { MemoryLatest } from '../../../../cloud/server/storage/memory-latest.ts';
import { SqliteSeriesStore } from '../../../../cloud/server/storage/sqlite-series-store.ts';
import type { LinkPeer } from '../../../../common/link/link.ts';
import type { WorkLimits } from '../../../../cloud/server/work-queue.ts';
import type { Logger } from '../../../../common/logger.ts';
import type { EdgeStatus, LinkReply, LinkRequest, Part, PartsReply, ShippedRow } from '../../../../common/messages.ts';
import { Metrics } from '../../../../common/metrics.ts';
import { decodeReply, encodeRequest } from '../../../../common/wire.ts';
import { HOME, part, T0_MS, WINDOW_MS } from '../../../contract/series-store-probes.ts';
import { VirtualClock } from '../../../doubles/virtual-clock.ts';
import { QUIET_EDGE } from '../../../doubles/edge-status.ts';

export const SPREAD_MS = 1_500;
const SILENT_AFTER_MS = 7_000;
export const PEER = { id: null, remote: '127.0.0.1:5' };
export const STATUS: EdgeStatus = { ...QUIET_EDGE, queued: 3, sent: 4, acked: 5, newestMs: T0_MS, households: 2 };

export interface Cloud {
  receiver: Receiver;
  store: SqliteSeriesStore;
  latest: MemoryLatest;
  liveness: Liveness;
  metrics: Metrics;
  clock: VirtualClock;
  stateDir: string;
  /** Errors in the log. */
  errors: object[];
  ask(request: LinkRequest | Buffer): Promise<LinkReply>;
}

type Guard = Pick<ReceiverOptions, 'mayOwn' | 'refusals'>;

export async function startCloud(
  t: TestContext,
  options: {
    startId?: string;
    site?: string;
    stateDir?: string;
    legacy?: boolean;
    postalCodeOf?: (household: string) => string;
    guard?: Guard;
    peer?: LinkPeer;
    workLimits?: Partial<WorkLimits>;
  } = {},
): Promise<Cloud> {
  const { startId = 'start-1', site = '', stateDir = newFolder(t), legacy = true } = options;
  const clock = new VirtualClock();
  const errors: object[] = [];
  const quiet = () => undefined;
  const logger: Logger = { debug: quiet, info: quiet, warn: quiet, error: (fields) => void errors.push(fields) };
  const registry = new Registry('');
  registry.start();
  const store = new SqliteSeriesStore({ stateDir, windowMs: WINDOW_MS, postalCodes: registry, clock });
  await store.start();
  t.after(() => store.stop());
  const latest = new MemoryLatest(clock);
  const metrics = new Metrics();
  const liveness = new Liveness({ clock, logger, metrics, silentAfterMs: SILENT_AFTER_MS });
  liveness.start();
  t.after(() => liveness.stop());
  const receiver = new Receiver({
    store,
    latest,
    clock,
    logger,
    startId,
    site,
    spreadMs: () => SPREAD_MS,
    legacy,
    onHeartbeat: (edge, status, atMs) => liveness.seen(edge, status, atMs),
    ...options.guard,
    ...(options.workLimits === undefined ? {} : { workLimits: options.workLimits }),
    postalCodeOf: options.postalCodeOf ?? ((household) => registry.assign(household).postalCode),
  });
  const ask = async (request: LinkRequest | Buffer) =>
    decodeReply(await receiver.handle(Buffer.isBuffer(request) ? request : encodeRequest(request), options.peer ?? PEER));
  return { receiver, store, latest, liveness, metrics, clock, stateDir, errors, ask };
}

/** An edge that says hello first and then ships. */
export class Edge {
  readonly cloud: Cloud;
  readonly claim: string;
  startId = 'none-yet';
  generations: Record<string, number> = {};

  constructor(cloud: Cloud, claim = 'claim-1') {
    this.cloud = cloud;
    this.claim = claim;
  }

  async hello(households: readonly string[] = [HOME], windowMs = WINDOW_MS): Promise<LinkReply> {
    const asked = households.map((household) => ({ household, generation: 0 }));
    const reply = await this.cloud.ask({
      kind: 'hello',
      hello: { edge: 'edge-1', epoch: 'epoch-1', claim: this.claim, windowMs, households: asked },
    });
    if (reply.kind === 'hello') {
      this.startId = reply.startId;
      for (const { household, generation } of reply.households) this.generations[household] = generation;
    }
    return reply;
  }

  request(rows: readonly ShippedRow[], windowMs = WINDOW_MS): LinkRequest {
    const { claim, startId, generations } = this;
    return { kind: 'parts', parts: { edge: 'edge-1', epoch: 'epoch-1', claim, startId, windowMs, generations, rows } };
  }

  send(...rows: ShippedRow[]): Promise<LinkReply> {
    return this.cloud.ask(this.request(rows));
  }

  /** Sends and expects an answer row by row. */
  async ship(...rows: ShippedRow[]): Promise<Extract<PartsReply, { kind: 'parts' }>> {
    const reply = await this.send(...rows);
    assert.equal(reply.kind, 'parts', JSON.stringify(reply));
    return reply as Extract<PartsReply, { kind: 'parts' }>;
  }

  async verdicts(...rows: ShippedRow[]): Promise<string[]> {
    return (await this.ship(...rows)).verdicts.map(({ verdict }) => verdict);
  }
}

export async function helloEdge(cloud: Cloud, households?: readonly string[], claim?: string): Promise<Edge> {
  const edge = new Edge(cloud, claim);
  assert.equal((await edge.hello(households)).kind, 'hello');
  return edge;
}

/** A sound part with a few things changed, so that one row is at fault. */
export function faulty(from: number, changes: Partial<Record<keyof Part, unknown>>): ShippedRow {
  const row = part(from, from);
  return { kind: 'part', part: { ...row.part, ...changes } as Part };
}

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-receiver-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

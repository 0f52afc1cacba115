/**
 * Whom the cloud lets in, and what each may own: the files of one folder, looked at again whenever they change and every few seconds.
 *
 * A file that can't be read while we run changes nothing: the last good one holds, nobody is let in because a list went away, and it
 * is logged and shown (`fogline_link_trust_stale`). At the start it is a ConfigError.
 */
import { type FSWatcher, watch } from 'node:fs';
import { MS_PER_DAY, MS_PER_HOUR } from '../units.ts';
import type { Clock, Timer } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';
import { type Credentials, type Edges, EXPIRY_WARNING_MS, readCloudCredentials, readEdges, readRevoked } from './cert-files.ts';
import type { RefusalReason } from './link-refusals.ts';

/** A revocation must hold within 60 s, also where changes of files are not told (network file systems). */
const LOOK_MS = 10_000;
const EXPIRY_LOG_MS = 24 * MS_PER_HOUR;

/** Who a certificate says that it is. */
export interface Identity {
  edge: string;
  serial: string;
  expiresMs: number;
}

interface Held {
  credentials: Credentials;
  edges: Edges;
  /** What a group may own, for the groups that have a list. */
  owned: ReadonlyMap<string, ReadonlySet<string>>;
  revoked: ReadonlySet<string>;
}

export interface CloudTrustOptions {
  folder: string;
  clock: Clock;
  logger: Logger;
  /** False: only looks every few seconds, as where changes of files are not told. */
  isWatching?: boolean;
}

/** Edges whose certificates are shown; beyond it the one let in longest ago is forgotten. */
const SHOWN_MAX = 10_000;

export class CloudTrust {
  private readonly options: CloudTrustOptions;
  private readonly listeners = new Set<() => void>();
  /** When the certificate of each edge expires that was let in since the start. */
  private readonly shown = new Map<string, number>();
  private held: Held | undefined;
  private timer: Timer | undefined;
  private watcher: FSWatcher | undefined;
  private warnedMs = Number.NEGATIVE_INFINITY;
  private trouble = '';

  constructor(options: CloudTrustOptions) {
    this.options = options;
  }

  /** @throws ConfigError for files that are missing, damaged, or readable by others */
  start(): void {
    const { folder } = this.options;
    this.held = { credentials: readCloudCredentials(folder), ...readOwners(folder), revoked: readSerials(folder) };
    this.lookLater();
    if (this.options.isWatching === false) return;
    try {
      this.watcher = watch(this.options.folder, () => this.look());
      // It went away: looking every few seconds is enough.
      this.watcher.on('error', () => this.watcher?.close());
    } catch {
      // As above.
    }
  }

  stop(): void {
    this.timer?.cancel();
    this.watcher?.close();
    this.listeners.clear();
  }

  get credentials(): Credentials {
    return this.now.credentials;
  }

  /** Called after every look, also when nothing has changed: certificates expire by themselves. Returns the function that ends it. */
  onLook(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Why this identity is not let in, undefined when it is. The certificate itself has been verified. */
  refusalOf({ edge, serial, expiresMs }: Identity): RefusalReason | undefined {
    if (this.now.revoked.has(serial)) return 'revoked';
    if (expiresMs <= this.options.clock.nowMs()) return 'expired';
    return Object.hasOwn(this.now.edges.edges, edge) ? undefined : 'unknown_edge';
  }

  /** An edge was let in. */
  letIn({ edge, expiresMs }: Identity): void {
    this.shown.delete(edge);
    this.shown.set(edge, expiresMs);
    const [oldest] = this.shown.keys();
    if (this.shown.size > SHOWN_MAX && oldest !== undefined) this.shown.delete(oldest);
  }

  groupOf(edge: string): string | undefined {
    const { edges } = this.now.edges;
    return Object.hasOwn(edges, edge) ? edges[edge] : undefined;
  }

  mayOwn(edge: string, household: string): boolean {
    const group = this.groupOf(edge);
    if (group === undefined) return false;
    return this.now.edges.groups[group] === 'any' || this.now.owned.get(group)?.has(household) === true;
  }

  register(metrics: Metrics): void {
    metrics.gauge('fogline_link_trust_stale', '1 while the files of certificates can not be read again.', [], (gauge) =>
      gauge.set(this.trouble === '' ? 0 : 1),
    );
    metrics.gauge('fogline_link_certificate_seconds', "Until the cloud's certificate expires.", [], (gauge) =>
      gauge.set((this.credentials.expiresMs - this.options.clock.nowMs()) / 1_000),
    );
    this.registerEdges(metrics);
  }

  private registerEdges(metrics: Metrics): void {
    const help = 'Until the certificate expires with which the edge was last let in.';
    metrics.gauge('fogline_link_edge_certificate_seconds', help, ['edge'], (gauge) => {
      gauge.reset();
      for (const [edge, expiresMs] of this.shown) gauge.set((expiresMs - this.options.clock.nowMs()) / 1_000, { edge });
    });
  }

  private get now(): Held {
    if (this.held === undefined) throw new Error('certificates are not read yet');
    return this.held;
  }

  private lookLater(): void {
    this.timer = this.options.clock.timer('look at certificates', LOOK_MS, () => {
      this.look();
      this.lookLater();
    });
  }

  /** Each file by itself: one that is damaged holds up no revocation. */
  private look(): void {
    const { logger, folder } = this.options;
    const held = this.now;
    const troubles: string[] = [];
    const attempt = (read: () => Partial<Held>) => {
      try {
        Object.assign(held, read());
      } catch (error) {
        troubles.push((error as Error).message);
      }
    };
    attempt(() => ({ revoked: readSerials(folder) }));
    attempt(() => readOwners(folder));
    attempt(() => ({ credentials: readCloudCredentials(folder) }));
    const trouble = troubles.join('; ');
    if (trouble !== this.trouble) {
      if (trouble === '') logger.info({ folder }, 'the files of certificates can be read again');
      else logger.error({ error: trouble }, 'a file of certificates can not be read: the last good one holds');
    }
    this.trouble = trouble;
    this.warnOfExpiry();
    for (const listener of this.listeners) listener();
  }

  private warnOfExpiry(): void {
    const { clock, logger } = this.options;
    const leftMs = this.credentials.expiresMs - clock.nowMs();
    if (leftMs > EXPIRY_WARNING_MS || clock.monotonicMs() - this.warnedMs < EXPIRY_LOG_MS) return;
    this.warnedMs = clock.monotonicMs();
    const days = Math.floor(leftMs / MS_PER_DAY);
    logger.warn({ days }, "the cloud's certificate expires soon: run fogline certs rotate, no restart is needed");
  }
}

function readOwners(folder: string): Pick<Held, 'edges' | 'owned'> {
  const edges = readEdges(folder);
  const owned = new Map<string, Set<string>>();
  for (const [group, households] of Object.entries(edges.groups)) if (households !== 'any') owned.set(group, new Set(households));
  return { edges, owned };
}

function readSerials(folder: string): Set<string> {
  return new Set(readRevoked(folder).map(({ serial }) => serial));
}

/**
 * What is known of each edge beside its own word: when it was first seen, heard, lost and stored of, how much, and by how much its clock
 * differs. Kept in memory here; fleet-record.ts keeps it over restarts. Cheap: heartbeats and acks call it.
 */
import type { Clock } from '../../common/clock.ts';
import type { EdgeFacts as Facts } from './storage/fleet-log.ts';

/** Throughput is that of the last minute, in steps. */
const RATE_STEPS = 6;
const RATE_STEP_MS = 10_000;

interface Held {
  facts: Facts;
  /** Changed since it was last taken for keeping. */
  isNew: boolean;
  /** Monotonic: since when something waits and nothing is stored; null while nothing waits. */
  unstoredSinceMs: number | null;
  /** Cloud minus edge, the way included: less than a round trip too much. Null before the first heartbeat. */
  skewMs: number | null;
  /** Since this process started. */
  refusedRows: number;
  declaredReadings: number;
  /** Parts stored by step of time, newest last. */
  steps: { step: number; parts: number }[];
}

/** What became of the rows of one request. */
export interface TakenRows {
  stored: number;
  duplicates: number;
  refused: number;
  /** Readings of the stored gaps. */
  declaredReadings: number;
}

export interface Heard {
  /** Wall time of its arrival. */
  atMs: number;
  /** Edge's wall time when it was sent; undefined when it says none. */
  sentMs: number | undefined;
  version: string | null;
  /** Parts that wait. */
  outboxParts: number;
  /** The first, or the first after a silence or after a start of the cloud. */
  isConnect: boolean;
}

/** What is not kept over restarts. */
interface ReadBeside {
  skewMs: number | null;
  storedPerMinute: number;
  unstoredMs: number | null;
  refusedRows: number;
  declaredReadings: number;
}

export class EdgeFacts {
  private readonly clock: Clock;
  private readonly edgesMax: number;
  private readonly held = new Map<string, Held>();

  constructor(clock: Clock, edgesMax: number) {
    this.clock = clock;
    this.edgesMax = edgesMax;
  }

  /** What an earlier process kept; what was heard already stays. */
  restore(kept: readonly Facts[]): void {
    for (const facts of kept) if (!this.held.has(facts.edge)) this.held.set(facts.edge, { ...nothingOf(facts.edge), facts: { ...facts } });
  }

  heard(edge: string, { atMs, sentMs, version, outboxParts, isConnect }: Heard): void {
    const its = this.of(edge);
    // The one heard longest ago is the first, to be forgotten when there are too many.
    this.held.delete(edge);
    this.held.set(edge, its);
    const { facts } = its;
    facts.firstSeenMs ??= atMs;
    facts.lastHeartbeatMs = atMs;
    facts.version = version ?? facts.version;
    if (isConnect) {
      facts.lastConnectMs = atMs;
      facts.connects++;
    }
    if (sentMs !== undefined) its.skewMs = atMs - sentMs;
    if (outboxParts === 0) its.unstoredSinceMs = null;
    else its.unstoredSinceMs ??= this.clock.monotonicMs();
    its.isNew = true;
  }

  lost(edge: string, atMs: number): void {
    const its = this.of(edge);
    its.facts.lastDisconnectMs = atMs;
    its.unstoredSinceMs = null;
    its.isNew = true;
  }

  taken(edge: string, { stored, duplicates, refused, declaredReadings }: TakenRows): void {
    if (stored + duplicates + refused === 0) return;
    const its = this.of(edge);
    its.refusedRows += refused;
    its.declaredReadings += declaredReadings;
    if (stored + duplicates === 0) return;
    its.facts.lastAckMs = this.clock.nowMs();
    its.facts.storedParts += stored;
    its.facts.duplicateParts += duplicates;
    if (its.unstoredSinceMs !== null) its.unstoredSinceMs = this.clock.monotonicMs();
    const step = this.step();
    const last = its.steps.at(-1);
    if (last?.step === step) last.parts += stored;
    else its.steps = [...its.steps.slice(-RATE_STEPS), { step, parts: stored }];
    its.isNew = true;
  }

  read(edge: string): Readonly<Facts> & ReadBeside {
    const its = this.held.get(edge) ?? nothingOf(edge);
    const oldest = this.step() - RATE_STEPS;
    const storedPerMinute = its.steps.reduce((sum, { step, parts }) => sum + (step > oldest ? parts : 0), 0);
    const unstoredMs = its.unstoredSinceMs === null ? null : this.clock.monotonicMs() - its.unstoredSinceMs;
    const { skewMs, refusedRows, declaredReadings } = its;
    return { ...its.facts, skewMs, refusedRows, declaredReadings, storedPerMinute, unstoredMs };
  }

  /** Copies of those that changed since the last call. */
  takeChanged(): Facts[] {
    const changed: Facts[] = [];
    for (const its of this.held.values()) {
      if (!its.isNew) continue;
      its.isNew = false;
      changed.push({ ...its.facts });
    }
    return changed;
  }

  private step(): number {
    return Math.floor(this.clock.monotonicMs() / RATE_STEP_MS);
  }

  private of(edge: string): Held {
    let its = this.held.get(edge);
    if (its === undefined) {
      its = nothingOf(edge);
      this.held.set(edge, its);
      const eldest = this.held.keys().next();
      if (this.held.size > this.edgesMax && !eldest.done) this.held.delete(eldest.value);
    }
    return its;
  }
}

function nothingOf(edge: string): Held {
  const times = { firstSeenMs: null, lastConnectMs: null, lastDisconnectMs: null, lastHeartbeatMs: null, lastAckMs: null };
  const facts = { edge, ...times, connects: 0, storedParts: 0, duplicateParts: 0, version: null };
  return { facts, isNew: false, unstoredSinceMs: null, skewMs: null, refusedRows: 0, declaredReadings: 0, steps: [] };
}

/**
 * Keeps over restarts what was seen of the fleet: outages and their causes, facts of each edge, the course of its outbox, and that the
 * cloud itself was there. Looks every second and writes every few; nothing here is on the way of an ack.
 */
import type { Clock, Timer } from '../../common/clock.ts';
import type { Logger } from '../../common/logger.ts';
import type { Counter, Metrics } from '../../common/metrics.ts';
import type { Liveness } from './liveness.ts';
import { downBefore, outageChanges, stalled } from './outage-rules.ts';
import type { EdgeFacts, FleetLog, Outage, OutageCause, OutboxSample } from './storage/fleet-log.ts';

export const LOOK_EVERY_MS = 1_000;
/** A cloud that is killed was there until its last word, so an outage of it is told so much too long at most. */
export const BEAT_EVERY_MS = 2_000;
const FACTS_EVERY_MS = 10_000;
const SAMPLE_EVERY_MS = 30_000;
/** Rows that wait because the log takes none (a full disk); beyond it the eldest are lost, and counted. */
const WAITING_MAX = 10_000;

export interface FleetRecordOptions {
  log: FleetLog;
  liveness: Liveness;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
}

export class FleetRecord {
  private readonly options: FleetRecordOptions;
  private readonly lost: Counter;
  /** By edge and cause. */
  private readonly open = new Map<string, Map<OutageCause, Outage>>();
  private outages: Outage[] = [];
  private facts: EdgeFacts[] = [];
  private samples: OutboxSample[] = [];
  private startedMs = 0;
  private lookedMs = 0;
  private wroteMs = Number.NEGATIVE_INFINITY;
  private factsMs = Number.NEGATIVE_INFINITY;
  private sampledMs = Number.NEGATIVE_INFINITY;
  private timer: Timer | undefined;
  private looking: Promise<void> = Promise.resolve();
  private running = false;
  /** That the log takes nothing has been told. */
  private isFailing = false;

  constructor(options: FleetRecordOptions) {
    this.options = options;
    this.lost = options.metrics.counter('fogline_fleet_rows_lost_total', 'Rows that the fleet log never took.');
  }

  /**
   * The log must be started; no heartbeat may have come yet.
   * @param isAlone no other cloud server writes this log: then the cloud was away since the last word in it
   */
  async start(isAlone = true): Promise<void> {
    const { log, liveness, clock, logger } = this.options;
    this.startedMs = clock.nowMs();
    this.lookedMs = clock.monotonicMs();
    const down = isAlone ? downBefore(await log.beat(), this.startedMs) : null;
    if (down !== null) {
      this.outages.push(down);
      logger.warn({ seconds: Math.round((this.startedMs - down.fromMs) / 1_000), how: down.detail }, 'the cloud was away');
    }
    liveness.facts.restore(await log.facts());
    for (const outage of await log.open()) this.openOf(outage.edge).set(outage.cause, outage);
    this.running = true;
    await this.write(false);
    this.schedule();
  }

  async stop(): Promise<void> {
    const wasRunning = this.running;
    this.running = false;
    this.timer?.cancel();
    await this.looking;
    if (!wasRunning) return;
    this.gatherFacts();
    await this.write(true);
  }

  private schedule(): void {
    if (!this.running) return;
    this.timer = this.options.clock.timer('fleet record', LOOK_EVERY_MS, () => {
      this.looking = this.look().finally(() => this.schedule());
    });
  }

  private async look(): Promise<void> {
    const nowMs = this.options.clock.monotonicMs();
    this.findStall(nowMs);
    this.findOutages();
    if (nowMs - this.factsMs >= FACTS_EVERY_MS) this.gatherFacts();
    if (nowMs - this.sampledMs >= SAMPLE_EVERY_MS) this.gatherSamples();
    if (this.outages.length > 0 || this.samples.length > 0 || nowMs - this.wroteMs >= BEAT_EVERY_MS) await this.write(false);
  }

  private findStall(nowMs: number): void {
    const stall = stalled(nowMs - this.lookedMs - LOOK_EVERY_MS, this.options.clock.nowMs());
    this.lookedMs = nowMs;
    if (stall !== null) this.outages.push(stall);
  }

  private findOutages(): void {
    const { liveness, clock } = this.options;
    for (const edge of liveness.judged(this.startedMs)) {
      const open = this.openOf(edge.edge);
      for (const change of outageChanges(edge, open, liveness.limits, clock.nowMs())) {
        this.outages.push(change);
        if (change.toMs === null) open.set(change.cause, change);
        else open.delete(change.cause);
      }
      if (open.size === 0) this.open.delete(edge.edge);
    }
  }

  private gatherFacts(): void {
    this.factsMs = this.options.clock.monotonicMs();
    this.facts.push(...this.options.liveness.facts.takeChanged());
  }

  private gatherSamples(): void {
    const { liveness, clock } = this.options;
    this.sampledMs = clock.monotonicMs();
    const atMs = clock.nowMs();
    for (const { edge, health, queued, outboxAgeSeconds } of liveness.edges())
      if (health === 'online' || health === 'late') this.samples.push({ edge, atMs, parts: queued, ageSeconds: outboxAgeSeconds });
  }

  /** What the log does not take now is tried again with the next. */
  private async write(isEnd: boolean): Promise<void> {
    const { log, clock, logger } = this.options;
    this.dropBeyond();
    const { outages, facts, samples } = this;
    this.wroteMs = clock.monotonicMs();
    try {
      await log.write({ beatMs: clock.nowMs(), isEnd, outages, facts, samples });
      this.outages = this.outages.slice(outages.length);
      this.facts = this.facts.slice(facts.length);
      this.samples = this.samples.slice(samples.length);
      this.isFailing = false;
    } catch (error) {
      if (this.isFailing) return;
      this.isFailing = true;
      logger.error({ err: error, waiting: outages.length + facts.length + samples.length }, 'the fleet log takes nothing: its rows wait');
    }
  }

  private dropBeyond(): void {
    for (const rows of [this.outages, this.facts, this.samples]) {
      const beyond = rows.length - WAITING_MAX;
      if (beyond <= 0) continue;
      rows.splice(0, beyond);
      this.lost.add(beyond);
    }
  }

  private openOf(edge: string): Map<OutageCause, Outage> {
    let open = this.open.get(edge);
    if (open === undefined) {
      open = new Map();
      this.open.set(edge, open);
    }
    return open;
  }
}

/**
 * Looks at the figures every second and tells what was raised and what was cleared: one log line, one event, one count each. What
 * was raised before a restart is still raised after it, until its figure says otherwise. Nothing here is on the way of an ack.
 */
import type { Clock, Timer } from '../../common/clock.ts';
import { isoTime } from '../../common/iso-time.ts';
import type { Logger } from '../../common/logger.ts';
import type { Counter, Metrics } from '../../common/metrics.ts';
import { type Detail, detail as detailWith, detailOf, detailText } from './alert-details.ts';
import { ALERT_KINDS, ALERT_RULES, type AlertKind, CALM, type Figure, type Judged, judgeFigure } from './alert-rules.ts';
import type { AlertReply, EventReply } from './api/api-types.ts';
import { withReason } from './quoted-reason.ts';
import type { AlertEvent, EventLog, NewEvent } from './storage/event-log.ts';

export const LOOK_EVERY_MS = 1_000;
/** Of one kind at once; the count of what is wrong is a metric, and nobody reads the thousandth line. */
export const OPEN_PER_KIND_MAX = 1_000;
/** Events that wait because the log takes none (a full disk); beyond it the eldest are lost, and counted. */
export const UNSAVED_MAX = 1_000;

export interface AlertsOptions {
  figures: (nowMs: number) => Promise<readonly Figure[]>;
  log: EventLog;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
  /** The set of open alerts is another one now. */
  onOpen?: (open: readonly AlertReply[]) => void;
}

export type EventListener = (event: EventReply) => void;

interface Watched {
  alert: AlertKind;
  subject: string;
  judged: Judged;
  /** A text where another program has raised it. */
  detail: Detail | string;
  /** Wall time of its raising. */
  sinceMs: number;
}

export class Alerts {
  private readonly options: AlertsOptions;
  /** By alert and subject; only those raised or about to be. */
  private readonly watched = new Map<string, Watched>();
  private readonly listeners = new Set<EventListener>();
  private readonly changes: Counter;
  private readonly lost: Counter;
  private unsaved: NewEvent[] = [];
  private timer: Timer | undefined;
  private looking: Promise<void> = Promise.resolve();
  private running = false;

  constructor(options: AlertsOptions) {
    this.options = options;
    const { metrics } = options;
    this.changes = metrics.counter('fogline_alert_changes_total', 'Alerts raised and cleared.', ['alert', 'to']);
    this.lost = metrics.counter('fogline_events_lost_total', 'Events that the event log never took.');
    metrics.gauge('fogline_alerts_open', 'Alerts that are raised now.', ['alert', 'severity'], (gauge) => {
      for (const alert of ALERT_KINDS) gauge.set(this.countOf(alert), { alert, severity: ALERT_RULES[alert].severity });
    });
  }

  async start(): Promise<void> {
    for (const { alert, subject, detail, atMs } of await this.options.log.open()) {
      if (!isKind(alert)) continue;
      const judged = { isRaised: true, turningSinceMs: null };
      this.watched.set(keyOf(alert, subject), { alert, subject, detail: detailOf(detail) ?? detail, sinceMs: atMs, judged });
    }
    this.running = true;
    this.schedule();
  }

  async stop(): Promise<void> {
    this.running = false;
    this.timer?.cancel();
    this.listeners.clear();
    await this.looking;
  }

  /** Critical ones first, then by the order of the rules, then by subject. */
  open(): AlertReply[] {
    const raised = [...this.watched.values()].filter(({ judged }) => judged.isRaised);
    return raised
      .sort(byUrgency)
      .map(({ alert, subject, detail, sinceMs }) => ({ ...wordsOf(alert, subject), ...figureOf(detail), since: isoTime(sinceMs) }));
  }

  onChange(listener: EventListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private schedule(): void {
    if (!this.running) return;
    this.timer = this.options.clock.timer('alerts', LOOK_EVERY_MS, () => {
      this.looking = this.look().finally(() => this.schedule());
    });
  }

  private async look(): Promise<void> {
    const { clock, figures, logger } = this.options;
    const nowMs = clock.monotonicMs();
    let gathered: readonly Figure[];
    try {
      gathered = await figures(nowMs);
    } catch (error) {
      logger.error({ err: error }, 'alerts: the figures could not be gathered, what is raised stays so');
      return;
    }
    const events = [...this.judgeAll(gathered, nowMs), ...this.clearGone(gathered)];
    for (const event of events) this.tell(event);
    if (events.length > 0) this.options.onOpen?.(this.open());
    await this.save(events);
  }

  private judgeAll(figures: readonly Figure[], nowMs: number): NewEvent[] {
    const events: NewEvent[] = [];
    for (const { alert, subject, value, detail } of figures) {
      const key = keyOf(alert, subject);
      const held = this.watched.get(key);
      const before = held?.judged ?? CALM;
      const judged = judgeFigure(ALERT_RULES[alert], before, value, nowMs);
      const isNews = judged.isRaised !== before.isRaised;
      if (isNews && judged.isRaised && this.countOf(alert) >= OPEN_PER_KIND_MAX) continue;
      const atMs = this.options.clock.nowMs();
      if (isNews) events.push({ atMs, change: judged.isRaised ? 'raised' : 'cleared', alert, subject, detail: detailText(detail) });
      if (!judged.isRaised && judged.turningSinceMs === null) this.watched.delete(key);
      else
        this.watched.set(key, {
          alert,
          subject,
          judged,
          detail: value === null ? (held?.detail ?? detail) : detail,
          sinceMs: held?.judged.isRaised === true ? held.sinceMs : atMs,
        });
    }
    return events;
  }

  /** Of what nobody gives a figure any more nothing is expected: an edge that owns no household, one whose replay is done. */
  private clearGone(figures: readonly Figure[]): NewEvent[] {
    const given = new Set(figures.map(({ alert, subject }) => keyOf(alert, subject)));
    const events: NewEvent[] = [];
    for (const [key, { alert, subject, judged }] of this.watched) {
      if (given.has(key)) continue;
      this.watched.delete(key);
      const atMs = this.options.clock.nowMs();
      if (judged.isRaised) events.push({ atMs, change: 'cleared', alert, subject, detail: detailText(detailWith('nothing-expected')) });
    }
    return events;
  }

  private tell({ alert, subject, change, detail }: NewEvent): void {
    if (!isKind(alert)) return;
    const { severity, title, runbook } = ALERT_RULES[alert];
    this.changes.add(1, { alert, to: change });
    const level = change === 'cleared' ? 'info' : severity === 'critical' ? 'error' : 'warn';
    this.options.logger[level]({ alert, subject, detail, ...(change === 'raised' ? { runbook } : {}) }, `alert ${change}: ${title}`);
  }

  /** Told to listeners once they have their number. What the log does not take now is tried again with the next. */
  private async save(events: readonly NewEvent[]): Promise<void> {
    this.unsaved.push(...events);
    const beyond = this.unsaved.length - UNSAVED_MAX;
    if (beyond > 0) {
      this.unsaved.splice(0, beyond);
      this.lost.add(beyond);
    }
    if (this.unsaved.length === 0) return;
    try {
      const saved = await this.options.log.append(this.unsaved);
      this.unsaved = [];
      for (const event of saved) for (const listener of this.listeners) listener(eventReply(event));
    } catch (error) {
      this.options.logger.error({ err: error, waiting: this.unsaved.length }, 'the event log takes nothing: its events wait');
    }
  }

  private countOf(kind: AlertKind): number {
    let count = 0;
    for (const { alert, judged } of this.watched.values()) if (alert === kind && judged.isRaised) count++;
    return count;
  }
}

/** A log of a newer or an older program may know other alerts: they are shown as they are. */
export function eventReply({ id, atMs, change, alert, subject, detail }: AlertEvent): EventReply {
  return { id, at: isoTime(atMs), change, ...figureOf(detailOf(detail) ?? detail), ...wordsOf(alert, subject) };
}

function wordsOf(
  alert: string,
  subject: string,
): Pick<EventReply, 'alert' | 'about' | 'subject' | 'severity' | 'title' | 'runbook'> & { doc: string } {
  const doc = `docs/operating.md#${alert}`;
  if (!isKind(alert)) return { alert, subject, about: 'cloud', severity: 'warning', title: alert, runbook: '', doc };
  const { about, severity, title, runbook } = ALERT_RULES[alert];
  return { alert, about, subject, severity, title, runbook, doc };
}

/** In English, and for who words it anew. */
function figureOf(detail: Detail | string): Pick<EventReply, 'detail' | 'figure'> {
  return typeof detail === 'string' ? { detail, figure: null } : { detail: detailText(detail), figure: withReason(detail) };
}

function isKind(alert: string): alert is AlertKind {
  return Object.hasOwn(ALERT_RULES, alert);
}

function keyOf(alert: AlertKind, subject: string): string {
  return `${alert} ${subject}`;
}

function byUrgency(a: Watched, b: Watched): number {
  const rank = ({ alert }: Watched) => (ALERT_RULES[alert].severity === 'critical' ? 0 : ALERT_KINDS.length) + ALERT_KINDS.indexOf(alert);
  return rank(a) - rank(b) || (a.subject < b.subject ? -1 : 1);
}

/** The event log contract: what was raised and cleared, and when. Only added to; old events go when there are too many. */

export interface AlertEvent {
  /** Grows with every event. */
  id: number;
  /** Wall time. */
  atMs: number;
  change: 'raised' | 'cleared';
  /** Name of the rule. */
  alert: string;
  /** Id of edge or household, empty for the cloud. */
  subject: string;
  detail: string;
}

export type NewEvent = Omit<AlertEvent, 'id'>;

export interface EventLog {
  /** @throws OperatingError DISK_FULL; ConfigError */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Durable when it resolves; all or none. */
  append(events: readonly NewEvent[]): Promise<AlertEvent[]>;
  /** Newest first. @param before only events with a smaller id */
  recent(limit: number, before?: number): Promise<AlertEvent[]>;
  /** The last event of each alert and subject, where it is `raised`. */
  open(): Promise<AlertEvent[]>;
}

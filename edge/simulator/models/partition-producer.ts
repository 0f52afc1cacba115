/**
 * Appends one partition's records in order, one unacknowledged produce at a time, the same one again until it is
 * acknowledged. What is acknowledged is saved before the next produce, so a crash repeats at most one.
 */
import { BATCH_RECORDS_MAX, type Broker, type NewRecord, POWER_TOPIC } from '../../../common/broker/broker.ts';
import type { Clock, Timer } from '../../../common/clock.ts';
import { OperatingError } from '../../../common/errors.ts';
import { reach } from '../../../common/failpoints.ts';
import type { Logger } from '../../../common/logger.ts';
import { RECORD_BYTES_MAX } from '../../../common/messages.ts';
import type { RetrySchedule } from '../../../common/retry-schedule.ts';

export interface QueuedRecord {
  record: NewRecord;
  /** Simulated second it belongs to. */
  tick: number;
  /** Called once when it is acknowledged. */
  onAcked: AckAction;
}

/** What an acknowledgement changes; a record without one changes nothing. */
export type AckAction = (() => void) | undefined;

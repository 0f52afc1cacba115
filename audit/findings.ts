/** What an audit found: refusals make it say no, declared losses and notices do not. */
import { START_WITH } from '../common/installation.ts';
import { isoTime } from '../common/iso-time.ts';
import { PUT_BACK } from './damage.ts';

export type StageName = 'source' | 'topic' | 'edge' | 'cloud' | 'latest';

export interface Refusal {
  household: string;
  stage: StageName;
  /** Start of the window, ISO-8601; null where the difference is not one of a window. */
  window: string | null;
  what: string;
  remedy: string;
}

/** Readings that are missing with a reason that was stored before, or rows set aside. */
export interface Declared {
  household: string;
  stage: StageName;
  reason: string;
  readings: number;
}

/** Refusals of one stage of one household that are kept; all are counted. One changed seq may spoil every window after it. */
const REFUSALS_MAX = 100;

const REMEDIES: Readonly<Record<StageName, string>> = {
  source: 'give --data the files as they were replayed; changed ones need a run of their own (--fresh)',
  topic: `replay the files again: ${START_WITH} --data DIR --fresh`,
  edge: 'start the edge with its topic: what its outbox lacks is taken from the log again',
  cloud: `move cloud/series.db away, or ${PUT_BACK}, and start: the edge sends again what it and the topic still hold`,
  latest: 'restart the cloud server: its newest windows are read from the store',
};

export class Findings {
  readonly refusals: Refusal[] = [];
  readonly declared: Declared[] = [];
  readonly notices: string[] = [];
  /** Also those beyond REFUSALS_MAX. */
  refused = 0;
  /** By household and stage. */
  private readonly counts = new Map<string, number>();

  refuse(household: string, stage: StageName, windowStartMs: number | undefined, what: string, remedy = REMEDIES[stage]): void {
    this.refused++;
    const key = `${household}/${stage}`;
    const count = (this.counts.get(key) ?? 0) + 1;
    this.counts.set(key, count);
    if (count > REFUSALS_MAX) return;
    this.refusals.push({ household, stage, window: windowStartMs === undefined ? null : isoTime(windowStartMs), what, remedy });
  }

  declare(household: string, stage: StageName, reason: string, readings: number): void {
    const same = this.declared.find((row) => row.household === household && row.stage === stage && row.reason === reason);
    if (same === undefined) this.declared.push({ household, stage, reason, readings });
    else same.readings += readings;
  }
}

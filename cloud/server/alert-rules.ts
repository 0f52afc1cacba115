/**
 * Pure: which figure makes which alert, when it is raised and when it is cleared, and the one line that says what to do. Between
 * the two thresholds an alert stays as it is, so that a figure which wavers does not ring again and again.
 */
import { MS_PER_DAY, MS_PER_MINUTE, MS_PER_SECOND } from '../../common/units.ts';
import type { Detail } from './alert-details.ts';

export type Severity = 'critical' | 'warning';

export interface AlertRule {
  severity: Severity;
  /** What the alert's subject is the id of; `cloud` has none. */
  about: 'edge' | 'household' | 'cloud';
  /** After the subject, as a sentence: "edge-1 is silent". */
  title: string;
  /** Raised at this figure or above … */
  raiseAt: number;
  /** … once it has been there for so long. */
  raiseAfterMs: number;
  /** Cleared at this figure or below … */
  clearAt: number;
  /** … once it has been there for so long. */
  clearAfterMs: number;
  /** What to do, one line; docs/operating.md has more under the alert's name. */
  runbook: string;
}

/** A figure that only grows is looked at as its growth over so long; then the alert clears. */
export const GROWTH_OVER_MS = 10 * MS_PER_MINUTE;
/** Of the cloud's certificate: less than half of the thirty days that a timer may give it (docs/certificates.md). */
export const CERTIFICATE_ENDING_MS = 14 * MS_PER_DAY;
/** Of an edge's: somebody must carry the new one there. */
export const EDGE_CERTIFICATE_ENDING_MS = 30 * MS_PER_DAY;
/** P7: windows that a household may owe. */
export const WINDOWS_MISSING_MAX = 3;
const AT_ONCE = { raiseAfterMs: 0, clearAfterMs: 0 } as const;
const ANY = { raiseAt: 1, clearAt: 0, ...AT_ONCE } as const;

export const ALERT_RULES = {
  'edge-silent': {
    severity: 'critical',
    about: 'edge',
    title: 'is silent',
    ...ANY,
    runbook: 'look whether edge and link run; its windows wait in its outbox and come by themselves',
  },
  'household-silent': {
    severity: 'warning',
    about: 'household',
    title: 'owes windows',
    raiseAt: WINDOWS_MISSING_MAX,
    clearAt: WINDOWS_MISSING_MAX - 2,
    ...AT_ONCE,
    runbook: 'look at the meter and its way to the topic; the edge is heard, this household is not',
  },
  /** Windows per household of the edge. */
  'outbox-deep': {
    severity: 'warning',
    about: 'edge',
    title: 'has a deep outbox',
    raiseAt: 60,
    clearAt: 12,
    raiseAfterMs: 30 * MS_PER_SECOND,
    clearAfterMs: 0,
    runbook: 'the link is down or slower than the meters: see the edge state, then the duplicates and the time that requests take',
  },
  /** Event time between the newest reading and the oldest window not acknowledged. */
  'outbox-old': {
    severity: 'warning',
    about: 'edge',
    title: 'has an old window waiting',
    raiseAt: 5 * MS_PER_MINUTE,
    clearAt: MS_PER_MINUTE,
    raiseAfterMs: MS_PER_MINUTE,
    clearAfterMs: 0,
    runbook: 'one source waits while others go on: look at what the edge says is parked or waiting',
  },
  'outbox-full': {
    severity: 'critical',
    about: 'edge',
    title: 'takes in nothing more: its outbox is full',
    ...ANY,
    runbook: 'mend the link, or raise edge.outbox_quota_mb while the disk has room; the readings wait in the topic until its retention',
  },
  'outbox-trimmed': {
    severity: 'warning',
    about: 'edge',
    title: 'has dropped acknowledged rows early',
    ...ANY,
    runbook: 'a cloud restored from a backup older than what is left would lack them: raise edge.outbox_quota_mb, back up more often',
  },
  'household-parked': {
    severity: 'critical',
    about: 'edge',
    title: 'holds households back',
    ...ANY,
    runbook: 'fogline parked list on the edge says why; mend that, then fogline parked resume HOUSEHOLD',
  },
  'household-waiting': {
    severity: 'warning',
    about: 'edge',
    title: 'waits for households to be assigned',
    raiseAt: 1,
    clearAt: 0,
    raiseAfterMs: 30 * MS_PER_SECOND,
    clearAfterMs: 0,
    runbook: 'the edge can not say hello: look at the link and at what this cloud refuses',
  },
  'records-unreadable': {
    severity: 'warning',
    about: 'edge',
    title: 'has set records of the topic aside',
    ...ANY,
    runbook: 'fogline parked list on the edge shows the records; mend who writes them',
  },
  'outbox-damaged': {
    severity: 'warning',
    about: 'edge',
    title: 'has found damage in its outbox',
    ...ANY,
    runbook: 'look at its disk; its log says what was damaged, and is asked for anew; raised until the edge is started again',
  },
  'topic-damaged': {
    severity: 'warning',
    about: 'edge',
    title: 'has a damaged topic, which was set aside',
    ...ANY,
    runbook: 'look at its disk; a log there says what was lost and where the file is kept; raised until that folder is deleted',
  },
  'names-left-out': {
    severity: 'critical',
    about: 'edge',
    title: 'can not ask for households whose names are none',
    ...ANY,
    runbook: 'its log names them; stop it, put its outbox aside, start it: cloud and topic are asked for what it held',
  },
  'edge-certificate-ending': {
    severity: 'warning',
    about: 'edge',
    title: 'has a certificate that expires soon',
    ...ANY,
    runbook: 'fogline certs rotate --edge makes a new bundle: put it in the place of the old one at the edge',
  },
  'rows-refused': {
    severity: 'critical',
    about: 'cloud',
    title: 'refuses rows that contradict what is stored, or make no sense',
    ...ANY,
    runbook: 'the households are parked at their edge, which says why: fogline parked list there',
  },
  'owner-refused': {
    severity: 'critical',
    about: 'cloud',
    title: 'refuses an edge whose households belong to another',
    ...ANY,
    runbook: 'two edges have the same households or are copies of one: stop the one that should not run',
  },
  'peers-refused': {
    severity: 'warning',
    about: 'cloud',
    title: 'refuses peers at the link',
    raiseAt: 10,
    clearAt: 0,
    ...AT_ONCE,
    runbook: 'fogline_link_refused_total says why and the log from where: a certificate that ended, or somebody who tries',
  },
  'certificate-ending': {
    severity: 'warning',
    about: 'cloud',
    title: 'has a certificate that expires soon',
    ...ANY,
    runbook: 'fogline certs rotate makes another: copy cloud.pem to the cloud, nothing need be restarted',
  },
  'requests-unusable': {
    severity: 'warning',
    about: 'cloud',
    title: 'gets requests that it can not serve',
    raiseAt: 10,
    clearAt: 0,
    ...AT_ONCE,
    runbook: 'the log says why: a full disk here, another version or another site there; edges keep what was not stored',
  },
  'gaps-declared': {
    severity: 'warning',
    about: 'cloud',
    title: 'was told of readings that are missing for good',
    ...ANY,
    runbook: 'GET /api/v1/households/ID/gaps says which and why; what turns up later is still taken',
  },
  /** Since the start of this cloud server: a damaged part does not mend itself. */
  'store-damaged': {
    severity: 'critical',
    about: 'cloud',
    title: 'has stored parts that are damaged',
    ...ANY,
    runbook: 'fogline audit names the windows; look at the disk, stop the cloud, fogline restore a backup (--part cloud --force)',
  },
  /** Since the start of this cloud server, as store-damaged. */
  'records-damaged': {
    severity: 'critical',
    about: 'cloud',
    title: 'has damaged records that it can not mend',
    ...ANY,
    runbook: 'the log names household and row; stop the cloud, fogline restore a backup, start it; then at the edge: fogline parked resume',
  },
  'records-mended': {
    severity: 'warning',
    about: 'cloud',
    title: 'found damaged records and mended them',
    ...ANY,
    runbook: 'nothing is lost; look at the disk: what flipped these bits flips others, and not all can be mended',
  },
  /** Share of the rows of GROWTH_OVER_MS, when there are enough of them. */
  'duplicates-many': {
    severity: 'warning',
    about: 'cloud',
    title: 'gets most rows twice',
    raiseAt: 0.5,
    clearAt: 0.1,
    raiseAfterMs: MS_PER_MINUTE,
    clearAfterMs: 0,
    runbook: 'acknowledgements get lost or come after link.data_deadline_seconds: nothing is counted twice, but the link is spent',
  },
  'redis-down': {
    severity: 'warning',
    about: 'cloud',
    title: 'does not reach Redis',
    raiseAt: 1,
    clearAt: 0,
    raiseAfterMs: 30 * MS_PER_SECOND,
    clearAfterMs: 0,
    runbook: 'fogline doctor says why; storing goes on, only other cloud processes show older values',
  },
} as const satisfies Record<string, AlertRule>;

export type AlertKind = keyof typeof ALERT_RULES;

/** In the order in which they are shown. */
export const ALERT_KINDS = Object.keys(ALERT_RULES) as AlertKind[];

export interface Figure {
  alert: AlertKind;
  /** Id of edge or household; empty for the cloud. */
  subject: string;
  /** Null when nobody knows now: the alert stays as it is. */
  value: number | null;
  detail: Detail;
}

export interface Judged {
  isRaised: boolean;
  /** Since when the figure asks for the other state, null when it does not. */
  turningSinceMs: number | null;
}

export const CALM: Judged = { isRaised: false, turningSinceMs: null };

/** What follows from the figure; another `isRaised` than before is an event. */
export function judgeFigure(rule: AlertRule, held: Judged, value: number | null, nowMs: number): Judged {
  const asksForTurn = value !== null && (held.isRaised ? value <= rule.clearAt : value >= rule.raiseAt);
  if (!asksForTurn) return { isRaised: held.isRaised, turningSinceMs: null };
  const turningSinceMs = held.turningSinceMs ?? nowMs;
  const isDue = nowMs - turningSinceMs >= (held.isRaised ? rule.clearAfterMs : rule.raiseAfterMs);
  return isDue ? { isRaised: !held.isRaised, turningSinceMs: null } : { isRaised: held.isRaised, turningSinceMs };
}

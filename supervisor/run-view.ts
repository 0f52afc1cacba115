/** What `fogline run` knows of its parts, and what follows from it. Pure: events and answers in, texts and verdicts out. */
import type { ChildEvent, PlanEvent, WarningEvent } from '../common/child-events.ts';
import { EXIT } from '../common/errors.ts';
import type { EdgeStatus } from '../common/messages.ts';
import type { PartName } from './child-rules.ts';

type ReplayReady = Extract<ChildEvent, { event: 'ready'; part: 'simulate' }>;
type ReplayProgress = Extract<ChildEvent, { event: 'progress' }>;
type ReplayFinished = Extract<ChildEvent, { event: 'finished' }>;

export interface RunView {
  /** Undefined until the cloud listens. */
  url: string | undefined;
  /** Of the gRPC door; undefined where the settings open none, and until the cloud listens. */
  grpcPort: number | undefined;
  statusUrl: string | undefined;
  /** Of a scenario file; undefined without one, and until it has been checked. */
  plan: PlanEvent | undefined;
  replay: ReplayReady | undefined;
  progress: ReplayProgress | undefined;
  finished: ReplayFinished | undefined;
  /** The edge's last answer. */
  edge: EdgeStatus | undefined;
  /** False when the last question was not answered. */
  edgeAnswers: boolean;
  restarts: Record<PartName, number>;
  /** Alerts that the cloud has raised. */
  alerts: { count: number; first: string };
  /** What parts that go on have warned of, each once. */
  notices: string[];
}

/** Notices that are kept for the summary. */
const NOTICES_MAX = 100;

export function newView(): RunView {
  return {
    url: undefined,
    grpcPort: undefined,
    statusUrl: undefined,
    plan: undefined,
    replay: undefined,
    progress: undefined,
    finished: undefined,
    edge: undefined,
    edgeAnswers: false,
    restarts: { cloud: 0, edge: 0, simulate: 0 },
    alerts: { count: 0, first: '' },
    notices: [],
  };
}

export function hear(view: RunView, event: ChildEvent): void {
  if (event.event === 'error' || event.event === 'token') return;
  if (event.event === 'warning') return noteWarning(view, event);
  if (event.event === 'alerts') view.alerts = event;
  else if (event.event === 'progress') view.progress = event;
  else if (event.event === 'finished') view.finished = event;
  else if (event.part === 'cloud') {
    view.url = event.url;
    view.grpcPort = event.grpcPort;
  } else if (event.part === 'edge') view.statusUrl = event.statusUrl;
  else view.replay = event;
}

function noteWarning({ notices }: RunView, { part, message }: WarningEvent): void {
  const notice = `${part}: ${message}`;
  if (notices.length < NOTICES_MAX && !notices.includes(notice)) notices.push(notice);
}

/** R10: the simulator has put its end mark, and the edge says that everything up to it has arrived. */
export function isDone(view: RunView): boolean {
  const run = view.finished?.run;
  return view.edgeAnswers && run !== undefined && view.edge?.runs.some((its) => its.run === run && its.done) === true;
}

/** What is run can be told whole: that of files when they have been read. */
export function isAllKnown({ plan, replay }: RunView): boolean {
  return replay !== undefined || plan?.isReplay === false;
}

/** The word for what is run. */
export function nounOf({ plan }: RunView): 'replay' | 'simulation' {
  return plan?.isReplay === false ? 'simulation' : 'replay';
}

/** Households held back, by the simulator or by the edge. */
export function parkedOf(view: RunView): { household: string; reason: string }[] {
  const byHousehold = new Map<string, { household: string; reason: string }>();
  for (const parked of [...(view.finished?.parked ?? []), ...(view.edge?.parked ?? [])]) byHousehold.set(parked.household, parked);
  return [...byHousehold.values()];
}

export function restartsOf(view: RunView): number {
  return Object.values(view.restarts).reduce((sum, count) => sum + count, 0);
}

export interface Summary {
  event: 'summary';
  run: string | null;
  households: number;
  /** Readings that the cloud holds, all runs of this state; null when it can't be asked. */
  readings: number | null;
  /** Readings put into the topic, all runs of this state. */
  published: number;
  /** Rows of the files that are no readings. */
  quarantined: number;
  /** Records of the topic that nobody can use, all runs of this state. */
  unreadable: number;
  /** Parts not acknowledged yet. */
  queued: number;
  parked: readonly { household: string; reason: string }[];
  restarts: number;
  /** What parts that went on have warned of; absent without any. */
  notices?: readonly string[];
  seconds: number;
  exitCode: number;
  /** What went wrong, when something did. */
  error?: string;
}

export function exitCodeWhenDone(view: RunView): number {
  return parkedOf(view).length > 0 ? EXIT.failed : EXIT.ok;
}

export function summaryOf(view: RunView, end: { readings: number | null; seconds: number; exitCode: number; error?: string }): Summary {
  return {
    event: 'summary',
    run: view.replay?.run ?? null,
    households: view.replay?.households ?? 0,
    readings: end.readings,
    published: view.finished?.published ?? view.progress?.published ?? 0,
    quarantined: view.finished?.quarantined ?? view.progress?.quarantined ?? 0,
    unreadable: view.edge?.unreadable ?? 0,
    queued: (view.edge?.queued ?? 0) + (view.edge?.sent ?? 0),
    parked: parkedOf(view),
    restarts: restartsOf(view),
    seconds: Math.round(end.seconds * 10) / 10,
    exitCode: end.exitCode,
    ...(view.notices.length === 0 ? {} : { notices: view.notices }),
    ...(end.error === undefined ? {} : { error: end.error }),
  };
}

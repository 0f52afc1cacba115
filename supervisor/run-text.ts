/** What `fogline run` says to people, as pure functions of what it knows. */
import { FOGLINE } from '../common/installation.ts';
import type { ErrorEvent, WarningEvent } from '../common/child-events.ts';
import { countText, plural } from '../common/count-text.ts';
import type { FinishedRun } from './state-dir.ts';
import { isDone, nounOf, parkedOf, type RunView, type Summary } from './run-view.ts';

/** `35 s`, `24 min`, `1 h 12 min`, `2 days` */
export function durationText(seconds: number): string {
  if (seconds < 1) return 'less than a second';
  if (seconds < 100) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) return `${Math.round(hours / 24)} days`;
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
}

/** `26:05:09`; hours may pass 24. */
export function clockText(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(Math.floor(whole / 3_600))}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}

/** What is replayed, from where to where, and how long that takes. Before the simulator has said it, what is asked for. */
export function replayLine(view: RunView, asked: { dataDir: string; speed: number; loop: boolean }): string {
  const { replay } = view;
  const speed = speedText(asked.speed);
  if (replay === undefined) {
    const what = asked.dataDir === '' ? 'synthetic households (made at the first start)' : asked.dataDir;
    return `${what}, ${speed}; how long it takes is told when the data have been read`;
  }
  return `${householdsText(replay)}, ${spanText(replay, asked)}`;
}

/** Which scenario file is run, with what in it, up to when, and how long that takes. */
export function scenarioLine({ plan, replay }: RunView, asked: { file: string; dataDir: string; loop: boolean }): string {
  if (plan === undefined) return `${asked.file}; what is in it is told when it has been checked`;
  const { file, title, isReplay, entities, t0, untilSeconds } = plan;
  const name = title === '' ? file : `${file} (${title})`;
  const speed = plan.speed ?? Number.POSITIVE_INFINITY;
  const others = plural(entities, 'entity', 'entities');
  if (!isReplay) {
    const span = spanText({ startSeconds: 0, untilSeconds: untilSeconds ?? 0 }, { speed, loop: false });
    return `${name}: ${others} from ${t0}, ${span}`;
  }
  const beside = entities === 0 ? '' : ` and ${others} beside them`;
  if (replay !== undefined) return `${name}: ${householdsText(replay)}${beside}, ${spanText(replay, { speed, loop: asked.loop })}`;
  const homes = asked.dataDir === '' ? 'synthetic households' : `the households of ${asked.dataDir}`;
  return `${name}: ${homes}${beside}, ${speedText(speed)}; how long it takes is told when the data have been read`;
}

function householdsText({ households, dataLabel, t0 }: NonNullable<RunView['replay']>): string {
  return `${plural(households, dataLabel === '' ? 'household' : `${dataLabel} household`)} from ${t0}`;
}

/** From where to where, how fast, how long that takes. */
function spanText(
  { startSeconds, untilSeconds }: { startSeconds: number; untilSeconds: number },
  { speed, loop }: { speed: number; loop: boolean },
): string {
  const span = `${clockText(startSeconds)} to ${clockText(untilSeconds)}, ${speedText(speed)}`;
  if (loop) return `${span}, again and again`;
  return speed === Number.POSITIVE_INFINITY ? span : `${span}: about ${durationText((untilSeconds - startSeconds) / speed)}`;
}

function speedText(speed: number): string {
  return speed === Number.POSITIVE_INFINITY ? 'as fast as it goes' : `at ${Number(speed.toPrecision(6))}× speed`;
}

/** Where gRPC clients go, and where they get the definitions. */
export function grpcLine(host: string, port: number, pageUrl: string): string {
  const shown = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  const address = `${shown.includes(':') ? `[${shown}]` : shown}:${port}`;
  return `gRPC      ${address}   (definitions: ${pageUrl}/api/protos/fogline/v1/fogline.proto)`;
}

export function statusLine(view: RunView): string {
  const { progress, replay, edge } = view;
  const words: string[] = [];
  if (isDone(view)) words.push(`${nounOf(view)} finished`);
  else if (view.finished !== undefined) words.push('everything is read, the rest is on its way');
  else if (progress !== undefined) words.push(progressText(progress));
  else if (replay !== undefined) words.push(`${nounOf(view)} begins`);
  else words.push('starting');
  const published = view.finished?.published ?? progress?.published;
  if (published !== undefined) words.push(`${plural(published, 'reading')} published`);
  if (edge !== undefined) words.push(...edgeWords(view));
  else if (view.statusUrl !== undefined && !view.edgeAnswers) words.push('edge does not answer');
  const quarantined = view.finished?.quarantined ?? progress?.quarantined ?? 0;
  if (quarantined > 0) words.push(`${plural(quarantined, 'row')} quarantined`);
  const parked = parkedOf(view);
  if (parked.length > 0)
    words.push(`${plural(parked.length, 'household')} parked (${parked[0]!.household.slice(0, 12)}: ${parked[0]!.reason})`);
  const { count, first } = view.alerts;
  if (count > 0) words.push(`${plural(count, 'alert')}: ${first}`);
  const restarts = Object.entries(view.restarts).filter(([, count]) => count > 0);
  if (restarts.length > 0) words.push(`restarts: ${restarts.map(([part, count]) => `${part} ${count}`).join(', ')}`);
  return words.join(' · ');
}

/** Without a speed while the replay stands still, or steps through what is published. */
function progressText(progress: NonNullable<RunView['progress']>): string {
  const where = `${clockText(progress.simulatedSeconds)} of ${clockText(progress.untilSeconds)}`;
  if (progress.speed === 0) return where;
  const speed = progress.speed >= 10 ? Math.round(progress.speed) : Math.round(progress.speed * 10) / 10;
  const left = progress.etaSeconds > 0 ? `, ${durationText(progress.etaSeconds)} left` : '';
  return `${where} (${countText(speed)}×${left})`;
}

function edgeWords({ edge, edgeAnswers }: RunView): string[] {
  if (edge === undefined) return [];
  if (!edgeAnswers) return ['edge does not answer'];
  const words = [`${plural(edge.queued + edge.sent, 'part')} under way`];
  if (edge.waitingFor.length > 0) words.push(`waiting for the cloud to assign ${plural(edge.waitingFor.length, 'household')}`);
  if (edge.outboxFull) words.push('outbox full, intake waits');
  if (edge.unreadable > 0) words.push(`${plural(edge.unreadable, 'record')} unreadable`);
  return words;
}

/** `edge ended (exit code 3), starts again in 0.2 s`, and why, when that is to be told. */
export function restartText(part: string, reason: string, waitMs: number, error: ErrorEvent | undefined): string {
  const line = `${part} ended (${reason}), starts again in ${waitMs / 1_000} s`;
  return error === undefined ? line : `${line}\n${indented(adviceText(error))}`;
}

export function warningText({ part, message, hint }: WarningEvent): string {
  return `${part}: ${adviceText({ message, hint })}`;
}

function adviceText({ message, hint }: { message: string; hint: string }): string {
  return hint === '' ? message : `${message}\n  what to do: ${hint}`;
}

function indented(text: string): string {
  return text.replace(/^ */gm, '  ');
}

export function finishedBeforeText(finished: FinishedRun): string {
  return `finished at ${finished.finishedAt}; --fresh starts over`;
}

export function summaryText(summary: Summary, noun: ReturnType<typeof nounOf>): string {
  const head = summary.exitCode === 0 ? `${noun} finished` : 'ended';
  const words = [plural(summary.households, 'household'), `${plural(summary.published, 'reading')} published`];
  if (summary.readings !== null) words.push(`${countText(summary.readings)} stored (all runs of this state)`);
  if (summary.unreadable > 0) words.push(`${plural(summary.unreadable, 'record')} unreadable`);
  words.push(
    `${summary.quarantined} quarantined`,
    `${summary.queued} queued`,
    plural(summary.restarts, 'restart'),
    durationText(summary.seconds),
  );
  const lines = summary.parked.map(({ household, reason }) => `parked: ${household}: ${reason}`);
  for (const notice of summary.notices ?? []) lines.push(`notice: ${notice}`);
  if (summary.quarantined > 0) lines.push(`rows that are no readings: ${FOGLINE} quarantine list`);
  if (summary.parked.length > 0 || summary.unreadable > 0) lines.push(`what is held back: ${FOGLINE} parked list`);
  return [`${head}: ${words.join(', ')}`, ...lines].join('\n  ');
}

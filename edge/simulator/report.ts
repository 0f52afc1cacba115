/** What a run tells: ChildEvent lines for programs; a bar on a terminal, plain lines elsewhere. The one door to cli-progress. */
import cliProgress from 'cli-progress';
import { FOGLINE } from '../../common/installation.ts';
import { printEvent, type ScenarioSummary } from '../../common/child-events.ts';
import { plural } from '../../common/count-text.ts';
import type { Progress } from './cosim/progress.ts';
import type { RunSummary } from './cosim/run-options.ts';
import { profileTable } from './scenario/profile-table.ts';

/** Ticks of a run that loops: it ends by a signal. */
export const ENDLESS_TICKS = 2 ** 40;
/** Without a terminal, a line at every tenth report: one in ten seconds. */
const PROGRESS_LINE_EVERY = 10;

/** What to do about a time that may be wrong. */
export const TIME_HINT = 'is the time right? Beginning and end of the run follow from it; it is replayed as it is (data/README.md)';

/**
 * Speed and rest without the steps up to `fromTick`, which are taken as fast as possible: neither is known up to the first whole report
 * after them.
 */
export function withoutCatchingUp(fromTick: number): (progress: Progress) => Progress {
  let isCaughtUp = fromTick === 0;
  return (progress) => {
    if (isCaughtUp) return progress;
    isCaughtUp = progress.tick >= fromTick;
    return { ...progress, ticksPerSecond: 0, etaSeconds: Number.POSITIVE_INFINITY };
  };
}

/** What a run is, and what has come of it so far. */
export interface ReportedRun {
  run: string;
  /** Beginning of the first line for people. */
  title: string;
  /** Last line for people. */
  done: string;
  /** What the same command does after a stop. */
  again: string;
  /** What became of rows that are no readings. */
  rejected: string;
  households: number;
  dataLabel: string;
  /** ISO-8601; empty for a run that has no instant of tick 0. */
  t0: string;
  startSeconds: number;
  untilSeconds: number;
  secondsPerTick: number;
  published: () => number;
  quarantined: () => number;
  parked: () => { household: string; reason: string }[];
}

export interface Reporter {
  /** Something that is not wrong for certain, with what to do. */
  notice: (message: string, hint: string) => void;
  /** Where the recording of an earlier run is. */
  keptAside: (path: string) => void;
  ready(): void;
  progress: (progress: Progress) => void;
  /** @param summary of a run that is to be compared with others; before: nothing was left to simulate */
  finished(summary?: RunSummary | 'before'): void;
  /** It was told to stop before its end. */
  stopped(): void;
  close(): void;
}

export function jsonReporter(its: ReportedRun): Reporter {
  const { run, households, dataLabel, t0, startSeconds, untilSeconds, secondsPerTick, published, quarantined, parked } = its;
  return {
    ...noticing((message, hint) => printEvent({ event: 'warning', part: 'simulate', message, hint })),
    ready: () => printEvent({ event: 'ready', part: 'simulate', run, households, dataLabel, t0, startSeconds, untilSeconds }),
    progress: ({ tick, ticksPerSecond, etaSeconds }) =>
      printEvent({
        event: 'progress',
        part: 'simulate',
        simulatedSeconds: tick * secondsPerTick,
        untilSeconds,
        speed: Math.round(ticksPerSecond * secondsPerTick * 10) / 10,
        etaSeconds: Math.round(Math.min(etaSeconds, ENDLESS_TICKS)),
        published: published(),
        quarantined: quarantined(),
      }),
    finished: (summary) => {
      const counts = { published: published(), quarantined: quarantined(), parked: parked() };
      const told = summary === 'before' ? { finishedBefore: true as const } : summary && { scenario: toldSummary(summary) };
      printEvent({ event: 'finished', part: 'simulate', run, ...counts, ...told });
    },
    stopped: () => undefined,
    close: () => undefined,
  };
}

/** A bar on a terminal, plain lines elsewhere. */
export function textReporter(its: ReportedRun): Reporter {
  const { title, done, again, rejected, untilSeconds, secondsPerTick, quarantined, parked } = its;
  const isTerminal = process.stdout.isTTY === true;
  const format = '{bar} {percentage}% | simulated {value} of {total} s | {speed} x | {remaining} s left';
  const bar = new cliProgress.SingleBar({ format, hideCursor: true }, cliProgress.Presets.shades_classic);
  let reports = 0;
  return {
    ...noticing((message, hint) => process.stderr.write(`notice: ${message}\n  what to do: ${hint}\n`)),
    ready: () => {
      process.stdout.write(`${title}, ${untilSeconds === ENDLESS_TICKS ? 'again and again' : `${untilSeconds} s`}\n`);
      if (isTerminal) bar.start(untilSeconds, 0, { speed: '-', remaining: '-' });
    },
    progress: ({ tick, ticksPerSecond, etaSeconds }) => {
      const seconds = tick * secondsPerTick;
      const speed = Math.round(ticksPerSecond * secondsPerTick);
      const remaining = Number.isFinite(etaSeconds) ? Math.round(etaSeconds) : '-';
      if (isTerminal) bar.update(seconds, { speed, remaining });
      else if (reports++ % PROGRESS_LINE_EVERY === 0) {
        process.stdout.write(`simulated ${seconds} of ${untilSeconds} s at ${speed} x, ${remaining} s left\n`);
      }
    },
    finished: (summary) => {
      if (isTerminal) bar.update(untilSeconds);
      bar.stop();
      process.stdout.write(`${done}\n`);
      if (quarantined() > 0) process.stdout.write(`${plural(quarantined(), 'row')} ${rejected}\n`);
      for (const { household, reason } of parked()) process.stdout.write(`parked: ${household}: ${reason}\n`);
      if (summary === 'before') process.stdout.write(FINISHED_BEFORE);
      else if (summary !== undefined) process.stdout.write(summaryText(summary));
    },
    stopped: () => {
      bar.stop();
      process.stdout.write(`stopped before its end; the same command ${again}\n`);
    },
    close: () => bar.stop(),
  };
}

const FINISHED_BEFORE =
  'nothing was simulated, so there is no table and no trace hash: this run had been finished before; another --state begins anew\n';

function summaryText({ profile, traceHash, laggingSteps, lagMsMax }: RunSummary): string {
  const late = laggingSteps === 0 ? '' : `${plural(laggingSteps, 'step')} began late, by ${Math.round(lagMsMax)} ms at most\n`;
  return `${profileTable(profile)}${late}trace hash: ${traceHash}\n`;
}

function noticing(notice: Reporter['notice']): Pick<Reporter, 'notice' | 'keptAside'> {
  return {
    notice,
    keptAside: (path) => notice(`the earlier recording is kept as ${path}`, `look into it: ${FOGLINE} trace show ${path}`),
  };
}

function toldSummary({ traceHash = '', steps, laggingSteps, lagMsMax, profile }: RunSummary): ScenarioSummary {
  return { traceHash, steps, laggingSteps, lagMsMax, profile };
}

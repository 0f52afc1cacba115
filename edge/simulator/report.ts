/** What a replay tells: ChildEvent lines for programs; a bar on a terminal, plain lines elsewhere. The one door to cli-progress. */
import cliProgress from 'cli-progress';
import { printEvent } from '../../common/child-events.ts';
import { plural } from '../../common/count-text.ts';
import { isoTime } from '../../common/iso-time.ts';
import type { Progress } from './cosim/progress.ts';
import { type Identity, parkedOf } from './identity.ts';
import type { HouseholdFolder } from './models/household-folder.ts';
import type { RunRange } from './models/household-stream.ts';
import type { TopicWriter } from './models/topic-writer.ts';
import type { Quarantine } from './quarantine.ts';

/** Ticks of a run that loops: it ends by a signal. */
export const ENDLESS_TICKS = 2 ** 40;
/** Without a terminal, a line at every tenth report: one in ten seconds. */
const PROGRESS_LINE_EVERY = 10;

const NOTICE_HINT = 'is the time right? Beginning and end of the run follow from it; it is replayed as it is (data/README.md)';

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

/** What a run is, before it begins. */
export interface Plan {
  folder: HouseholdFolder;
  identity: Identity;
  range: RunRange;
  untilSeconds: number;
  run: string;
}

export interface Reporter {
  /** Something about the data that is not wrong for certain. */
  notice(message: string): void;
  ready(): void;
  progress: (progress: Progress) => void;
  finished(): void;
  /** It was told to stop before its end. */
  stopped(): void;
  close(): void;
}

export function jsonReporter({ folder, identity, untilSeconds, run }: Plan, writer: TopicWriter, quarantine: Quarantine): Reporter {
  return {
    notice: (message) => printEvent({ event: 'warning', part: 'simulate', message, hint: NOTICE_HINT }),
    ready: () =>
      printEvent({
        event: 'ready',
        part: 'simulate',
        run,
        households: folder.files.length,
        dataLabel: folder.isSynthetic ? 'synthetic' : '',
        t0: isoTime(identity.t0Ms),
        startSeconds: identity.startSeconds,
        untilSeconds,
      }),
    progress: ({ tick, ticksPerSecond, etaSeconds }) =>
      printEvent({
        event: 'progress',
        part: 'simulate',
        simulatedSeconds: tick,
        untilSeconds,
        speed: Math.round(ticksPerSecond * 10) / 10,
        etaSeconds: Math.round(Math.min(etaSeconds, ENDLESS_TICKS)),
        published: writer.published,
        quarantined: quarantine.count,
      }),
    finished: () => {
      const parked = parkedOf(identity);
      printEvent({ event: 'finished', part: 'simulate', run, published: writer.published, quarantined: quarantine.count, parked });
    },
    stopped: () => undefined,
    close: () => undefined,
  };
}

/** A bar on a terminal, plain lines elsewhere. */
export function textReporter({ folder, identity, untilSeconds }: Plan, quarantine: Quarantine): Reporter {
  const households = plural(folder.files.length, folder.isSynthetic ? 'synthetic household' : 'household');
  const title = `${households} from ${isoTime(identity.t0Ms)}, ${untilSeconds} s`;
  const isTerminal = process.stdout.isTTY === true;
  const format = '{bar} {percentage}% | simulated {value} of {total} s | {speed} x | {remaining} s left';
  const bar = new cliProgress.SingleBar({ format, hideCursor: true }, cliProgress.Presets.shades_classic);
  let reports = 0;
  return {
    notice: (message) => process.stderr.write(`notice: ${message}\n  what to do: ${NOTICE_HINT}\n`),
    ready: () => {
      process.stdout.write(`replaying ${title}\n`);
      if (isTerminal) bar.start(untilSeconds, 0, { speed: '-', remaining: '-' });
    },
    progress: ({ tick, ticksPerSecond, etaSeconds }) => {
      const [speed, remaining] = [Math.round(ticksPerSecond), Number.isFinite(etaSeconds) ? Math.round(etaSeconds) : '-'];
      if (isTerminal) bar.update(tick, { speed, remaining });
      else if (reports++ % PROGRESS_LINE_EVERY === 0) {
        process.stdout.write(`simulated ${tick} of ${untilSeconds} s at ${speed} x, ${remaining} s left\n`);
      }
    },
    finished: () => {
      if (isTerminal) bar.update(untilSeconds);
      bar.stop();
      process.stdout.write('replay finished: everything is in the topic\n');
      if (quarantine.count > 0) process.stdout.write(`${plural(quarantine.count, 'row')} quarantined: fogline quarantine list\n`);
      for (const { household, reason } of parkedOf(identity)) process.stdout.write(`parked: ${household}: ${reason}\n`);
    },
    stopped: () => {
      bar.stop();
      process.stdout.write('stopped before its end; the same command goes on where it was\n');
    },
    close: () => bar.stop(),
  };
}

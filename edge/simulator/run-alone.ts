/**
 * A scenario without a topic: simulators among themselves, also with household files to study. Nothing is kept, so there is nothing to
 * resume, and no state to belong to.
 */
import { MS_PER_SECOND } from '../../common/units.ts';
import { systemClock } from '../../common/clock.ts';
import type { CommandOptions } from '../../common/command.ts';
import type { Config } from '../../common/config.ts';
import { plural } from '../../common/count-text.ts';
import { EXIT, stoppedExitCode } from '../../common/errors.ts';
import { isoTime } from '../../common/iso-time.ts';
import type { Logger } from '../../common/logger.ts';
import { newIdentity } from './identity.ts';
import type { HouseholdSimulatorOptions } from './models/household.ts';
import { BadRowError } from './models/household-stream.ts';
import { timeNotices } from './models/time-notices.ts';
import { ENDLESS_TICKS, jsonReporter, type ReportedRun, textReporter, TIME_HINT, withoutCatchingUp } from './report.ts';
import { type Plan, planRun, reported as replayReport } from './run-plan.ts';
import type { CheckedScenario } from './scenario/scenario-check.ts';
import { runScenario, type ScenarioOptions } from './scenario.ts';
import { untilTick } from './scenario/scenario-run.ts';
import type { RunWatchOptions } from './trace/run-watch.ts';

/** Rows that are told one by one; the others are counted. */
const REJECTED_TOLD_MAX = 20;

/** Of ScenarioOptions, what does not depend on the scenario. */
export type Surroundings = Pick<ScenarioOptions, 'rtFactor' | 'collectFile' | 'collectInto' | 'logger' | 'environment' | 'signal'> & {
  watch: Pick<RunWatchOptions, 'recordFile' | 'statusPort'>;
};

export async function runAlone(options: CommandOptions, scenario: CheckedScenario, surroundings: Surroundings): Promise<number> {
  const { logger, signal } = surroundings;
  const study = scenario.isReplay ? new Study(await studied(options, scenario), options.config, logger) : undefined;
  const untilSeconds = study?.plan.untilSeconds ?? options.config.simulation.until_seconds ?? scenario.file.until;
  if (untilSeconds === undefined) throw new Error('a scenario without a replay was checked to have an end');
  const its = study?.reported() ?? reported(scenario, untilSeconds);
  const reporter = options.json ? jsonReporter(its) : textReporter(its);
  try {
    for (const notice of timeNotices(study?.plan.folder.files ?? [])) reporter.notice(notice, TIME_HINT);
    reporter.ready();
    const startTick = study?.startTick ?? 0;
    const paced = withoutCatchingUp(startTick);
    const summary = await runScenario({
      ...surroundings,
      watch: { ...surroundings.watch, onKeptAside: reporter.keptAside },
      scenario,
      files: study?.plan.folder.files ?? [],
      household: study?.household(),
      writer: undefined,
      untilTick: untilTick(scenario, untilSeconds),
      pacedFromTick: startTick,
      traceHash: true,
      clock: systemClock,
      progress: (progress) => reporter.progress(paced(progress)),
    });
    if (summary.completed) {
      reporter.finished(summary);
      return study?.hasParked === true ? EXIT.failed : EXIT.ok;
    }
    reporter.stopped();
    return stoppedExitCode(signal.reason, untilSeconds !== ENDLESS_TICKS);
  } finally {
    reporter.close();
  }
}

function studied({ config, stateDir }: CommandOptions, scenario: CheckedScenario): Promise<Plan> {
  return planRun(config, scenario, stateDir, newIdentity);
}

/** Household files that are replayed for the simulators alone: what is wrong with them is told and counted, not kept. */
class Study {
  readonly plan: Plan;
  private readonly config: Config;
  private readonly logger: Logger;
  private rejected = 0;

  constructor(plan: Plan, config: Config, logger: Logger) {
    this.plan = plan;
    this.config = config;
    this.logger = logger;
  }

  get startTick(): number {
    const { range } = this.plan;
    return Math.floor((range.startMs - range.t0Ms) / MS_PER_SECOND);
  }

  get hasParked(): boolean {
    return Object.keys(this.plan.identity.parked).length > 0;
  }

  household(): HouseholdSimulatorOptions {
    const { range, folder, identity } = this.plan;
    return {
      range,
      households: folder.files.length,
      firstPass: 0,
      onRejected: (path, row) => {
        if (this.config.simulation.on_bad_row === 'fail') throw new BadRowError(path, row);
        this.rejected++;
        const { line, reason } = row;
        if (this.rejected <= REJECTED_TOLD_MAX) this.logger.warn({ path, line, reason }, 'the row is no reading and is left out');
      },
      // Nobody reads the file again for this run.
      onOpenEnd: () => undefined,
      onParked: (household, reason) => {
        this.logger.error({ household, reason }, 'household parked: its file can not be read on; the others go on');
        identity.parked[household] = reason;
      },
    };
  }

  reported(): ReportedRun {
    const { scenario, folder } = this.plan;
    return {
      ...replayReport(this.plan, { published: () => 0, quarantined: () => this.rejected }),
      done: 'replay finished',
      again: 'begins anew',
      rejected: 'left out: they are no readings',
      title: `replaying ${plural(folder.files.length, 'household')} for ${scenario.file.title ?? scenario.path}`,
    };
  }
}

function reported({ path, file, fingerprint, startMs, simulators }: CheckedScenario, untilSeconds: number): ReportedRun {
  return {
    run: fingerprint,
    title: `simulating ${file.title ?? path}: ${simulators.length} simulators`,
    done: 'simulation finished',
    again: 'begins anew',
    rejected: '',
    households: 0,
    dataLabel: '',
    t0: startMs === undefined ? '' : isoTime(startMs),
    startSeconds: 0,
    untilSeconds,
    secondsPerTick: file.timeResolutionSeconds ?? 1,
    published: () => 0,
    quarantined: () => 0,
    parked: () => [],
  };
}

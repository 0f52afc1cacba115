/** A scenario without a topic: simulators among themselves. Nothing is kept, so there is nothing to resume. */
import { systemClock } from '../../common/clock.ts';
import type { CommandOptions } from '../../common/command.ts';
import { EXIT, stoppedExitCode } from '../../common/errors.ts';
import { isoTime } from '../../common/iso-time.ts';
import { jsonReporter, type ReportedRun, textReporter } from './report.ts';
import type { CheckedScenario } from './scenario/scenario-check.ts';
import { runScenario, type ScenarioOptions } from './scenario.ts';
import { untilTick } from './scenario/scenario-run.ts';

/** Of ScenarioOptions, what does not depend on the scenario. */
export type Surroundings = Pick<ScenarioOptions, 'rtFactor' | 'collect' | 'openFile' | 'logger' | 'environment' | 'signal' | 'watch'>;

export async function runAlone({ config, json }: CommandOptions, scenario: CheckedScenario, surroundings: Surroundings): Promise<number> {
  const untilSeconds = config.simulation.until_seconds ?? scenario.file.until;
  if (untilSeconds === undefined) throw new Error('a scenario without a replay was checked to have an end');
  const its = reported(scenario, untilSeconds);
  const reporter = json ? jsonReporter(its) : textReporter(its);
  try {
    reporter.ready();
    const summary = await runScenario({
      ...surroundings,
      scenario,
      files: [],
      household: undefined,
      writer: undefined,
      untilTick: untilTick(scenario, untilSeconds),
      pacedFromTick: 0,
      traceHash: true,
      clock: systemClock,
      progress: reporter.progress,
    });
    if (summary.completed) {
      reporter.finished(summary);
      return EXIT.ok;
    }
    reporter.stopped();
    return stoppedExitCode(surroundings.signal.reason, true);
  } finally {
    reporter.close();
  }
}

function reported({ path, file, fingerprint, startMs, simulators }: CheckedScenario, untilSeconds: number): ReportedRun {
  return {
    run: fingerprint,
    title: `simulating ${file.title ?? path}: ${simulators.length} simulators`,
    done: 'simulation finished',
    again: 'begins anew',
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

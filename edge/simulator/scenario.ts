/** One run of `fogline simulate`: the scenario file with what this program brings into it. */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../common/clock.ts';
import { ConfigError, OperatingError } from '../../common/errors.ts';
import type { Logger } from '../../common/logger.ts';
import { CosimError } from './cosim/errors.ts';
import type { Progress } from './cosim/progress.ts';
import type { RunSummary } from './cosim/run-options.ts';
import type { Params } from './cosim/simulator.ts';
import { Collector, type CollectorOutput } from './models/collector.ts';
import type { HouseholdFile } from './models/household-folder.ts';
import { HouseholdSimulator, type HouseholdSimulatorOptions } from './models/household.ts';
import type { TopicWriter } from './models/topic-writer.ts';
import { fileVariables } from './scenario/entity-check.ts';
import { COLLECTOR, REPLAY, TOPIC } from './scenario/offered-models.ts';
import { type CheckedScenario, loadScenario } from './scenario/scenario-check.ts';
import { runCheckedScenario } from './scenario/scenario-run.ts';
import { RunWatch, type RunWatchOptions } from './trace/run-watch.ts';

/** Replays every household file into the topic. */
export const DEFAULT_SCENARIO = fileURLToPath(new URL('./scenario/default.scenario.jsonc', import.meta.url));

export interface ScenarioOptions {
  /** The default one unless given. */
  scenario?: CheckedScenario;
  /** What is replayed; empty in scenarios of other simulators. */
  files: readonly HouseholdFile[];
  /** Undefined in scenarios without the simulator of that name; the same goes for the writer. */
  household: HouseholdSimulatorOptions | undefined;
  writer: TopicWriter | undefined;
  /** Of a collector that names no file of its own. */
  collectFile: string | undefined;
  /** Opens the file of a collector. */
  collectInto?: (path: string) => CollectorOutput;
  untilTick: number;
  /** Real seconds per simulated second, 0 for as fast as possible. */
  rtFactor: number;
  pacedFromTick: number;
  /** The run is to be compared with others; that costs a little. */
  traceHash?: boolean;
  clock: Clock;
  logger: Logger;
  signal: AbortSignal;
  progress: (progress: Progress) => void;
  /** Of this process, for simulators that are started by a command. */
  environment?: Readonly<Record<string, string | undefined>>;
  /** What looks on; nothing unless given. */
  watch?: Pick<RunWatchOptions, 'recordFile' | 'statusPort' | 'onKeptAside'>;
}

export async function runScenario(options: ScenarioOptions): Promise<RunSummary> {
  const { files, household, writer, collectFile, untilTick, rtFactor, pacedFromTick, traceHash = false } = options;
  const { clock, logger, progress, environment = {} } = options;
  const scenario = options.scenario ?? loadScenario(DEFAULT_SCENARIO, { hasCollectFile: collectFile !== undefined, hasUntil: true });
  const watch = watchOf(options, scenario);
  try {
    const url = await watch.start();
    if (url !== undefined) logger.info({ url }, 'the numbers of this run');
    const summary = await runCheckedScenario({
      scenario,
      makers: {
        [COLLECTOR]: (params) => new Collector(outputOf(options, scenario, params)),
        ...(household === undefined ? {} : { [REPLAY]: () => new HouseholdSimulator(household) }),
        ...(writer === undefined ? {} : { [TOPIC]: () => writer }),
      },
      households: files.map(({ household: id, path, scan }) => ({
        ...fileVariables(path),
        household: id,
        firstLine: scan.readings?.firstLine,
      })),
      run: {
        until: untilTick,
        rtFactor,
        pacedFromTick,
        traceHash,
        signal: watch.signal,
        progress,
        onStandstill: (message) => logger.warn({}, message),
      },
      clock,
      logger,
      environment,
      around: watch.around,
      onWorld: (world) => watch.sees(world),
    });
    watch.ended(summary);
    return summary;
  } catch (error) {
    watch.endedBy(error);
    throw ownError(error, scenario);
  } finally {
    await watch.stop();
  }
}

function watchOf(options: ScenarioOptions, { path, file, simulators }: CheckedScenario): RunWatch {
  const { watch = { recordFile: '', statusPort: null }, untilTick, clock, signal, household } = options;
  const models = Object.fromEntries(simulators.flatMap(({ sid, entry }) => (entry.model === undefined ? [] : [[sid, entry.model]])));
  const replay = household && { range: household.range, households: household.households, firstPass: household.firstPass };
  const origins = { models, ...(replay === undefined ? {} : { replay }) };
  return new RunWatch({ ...watch, scenario: file.title ?? path, until: untilTick, origins, clock, signal });
}

function outputOf({ collectFile, collectInto }: ScenarioOptions, { folder }: CheckedScenario, { file }: Params): CollectorOutput {
  const path = file === undefined ? collectFile : resolve(folder, file as string);
  if (path === undefined || collectInto === undefined) throw new Error('the collector was checked to have a file');
  return collectInto(path);
}

/** Errors of our own simulators are told as they are: what they tell the operator, and bugs. */
function ownError(error: unknown, { simulators }: CheckedScenario): unknown {
  if (!(error instanceof CosimError) || error.code !== 'SIMULATOR_FAILED' || error.cause === undefined) return error;
  const isOurs = simulators.every(({ entry }) => entry.model !== undefined);
  return isOurs || error.cause instanceof ConfigError || error.cause instanceof OperatingError ? error.cause : error;
}

/** `fogline replay`: one simulator of a recorded run, alone, against what it was given there. Exit 0 when it answers the same, else 1. */
import { systemClock } from '../../../common/clock.ts';
import type { CommandOptions } from '../../../common/command.ts';
import { processEnvironment, processVariables } from '../../../common/config.ts';
import { ConfigError, EXIT } from '../../../common/errors.ts';
import { type Logger, openLogger } from '../../../common/logger.ts';
import { CosimError } from '../cosim/errors.ts';
import type { Simulator } from '../cosim/simulator.ts';
import { ASSET_SIMULATORS } from '../models/assets/registry.ts';
import { Collector } from '../models/collector.ts';
import { HouseholdSimulator } from '../models/household.ts';
import { ServedHousehold } from '../models/served-household.ts';
import { type Launch, remoteSimulator } from '../remote/start-remote.ts';
import { recordedOf, replayAlone, replayText } from './replay.ts';
import type { TraceOrigins } from './trace-format.ts';
import { openTrace } from './trace-reader.ts';
import { resultText } from './trace-values.ts';

export interface ReplayMainOptions extends CommandOptions {
  file: string;
  /** Name in the recorded run. */
  sid: string;
  /** One of this program's simulators; by default the one that was recorded, or that has the name. */
  model: string | undefined;
  /** Starts the simulator instead: as the cmd of a mosaik sim_config. */
  command: string | undefined;
  /** host:port of a simulator that waits for a connection. */
  connect: string | undefined;
  tolerance: number;
}

export async function main(options: ReplayMainOptions): Promise<number> {
  const { file, sid, tolerance, signal, json } = options;
  const trace = await openTrace(file);
  try {
    recordedOf(trace, sid);
    const simulator = simulatorOf(options, trace.header.origins ?? {});
    const result = await replayAlone({ trace, sid, simulator, tolerance, signal });
    if (signal.aborted) return EXIT.interrupted;
    const { tornText } = trace;
    process.stdout.write(json ? `${resultText({ ...result, note: tornText })}\n` : replayText(result));
    if (tornText !== undefined && !json && result.difference === undefined) process.stderr.write(`${tornText}\n`);
    return result.equal ? EXIT.ok : EXIT.failed;
  } catch (error) {
    if (error instanceof CosimError && error.exitCode === EXIT.usage) throw new ConfigError(error.message, error.hint, { cause: error });
    throw error;
  } finally {
    await trace.close();
  }
}

function simulatorOf(options: ReplayMainOptions, origins: TraceOrigins): Simulator {
  const { config, sid, command, connect, model } = options;
  const logger = openLogger('replay', processEnvironment().logLevel);
  const launch = launchOf(command, connect);
  if (launch !== undefined) {
    const onOutput = (simulator: string, line: string, stream: string) => logger.info({ simulator, stream }, line);
    return remoteSimulator({ clock: systemClock, launch, environment: processVariables(), onOutput });
  }
  const name = model ?? origins.models?.[sid] ?? sid;
  const { data_dir } = config.simulation;
  const makers = makersOf(origins, data_dir === '' ? undefined : data_dir, logger);
  // mosaik's names: pv-0 is the first pv.
  const make = ownOf(makers, name) ?? ownOf(makers, name.replace(/-\d+$/, ''));
  if (make !== undefined) return make();
  const known = Object.keys(makers).join(', ');
  const recorded = origins.models?.[sid];
  if (model === undefined && recorded !== undefined)
    throw new ConfigError(`${sid} is the simulator ${recorded}, which works on what is outside of it`, `replay one of ${known}`);
  throw new ConfigError(
    `it is not known what ${sid} is${model === undefined ? '' : `: there is no simulator ${model}`}`,
    `give --model, one of ${known}; or --command or --connect for a simulator of another program`,
  );
}

function launchOf(command: string | undefined, connect: string | undefined): Launch | undefined {
  if (command !== undefined && connect !== undefined)
    throw new ConfigError('--command and --connect are two ways to one simulator', 'give one of them');
  if (command !== undefined) return { cmd: command };
  return connect === undefined ? undefined : { connect };
}

/** All that can be made without anything outside; the writer of the topic can't. */
function makersOf({ replay }: TraceOrigins, folder: string | undefined, logger: Logger): Record<string, () => Simulator> {
  const nothing = () => undefined;
  return {
    ...ASSET_SIMULATORS,
    household: () =>
      replay === undefined
        ? new ServedHousehold({ folder, logger })
        : new HouseholdSimulator({ ...replay, onRejected: nothing, onOpenEnd: nothing, onParked: nothing }),
    collector: () => new Collector({ write: nothing, goOnAt: undefined }),
  };
}

function ownOf<T>(record: Record<string, T>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

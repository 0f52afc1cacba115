/** `fogline serve`: one of our simulators as a process of a mosaik scenario. */
import { systemClock } from '../../common/clock.ts';
import type { CommandOptions } from '../../common/command.ts';
import { ConfigError, EXIT } from '../../common/errors.ts';
import { type LogLevel, openLogger } from '../../common/logger.ts';
import { CosimError } from './cosim/errors.ts';
import type { Simulator } from './cosim/simulator.ts';
import { ASSET_SIMULATORS } from './models/assets/registry.ts';
import { ServedHousehold, type ServedHouseholdOptions } from './models/served-household.ts';
import { serveSimulator } from './remote/serve.ts';

export interface ServeOptions extends CommandOptions {
  model: string;
  /** host:port of mosaik, or with `remote` of where to wait for it. */
  address: string;
  remote: boolean;
  timeoutSeconds: number;
  logLevel: LogLevel;
}

/** What a scenario can start, by name. */
const SERVED: Readonly<Record<string, (options: ServedHouseholdOptions) => Simulator>> = {
  household: (options) => new ServedHousehold(options),
  ...ASSET_SIMULATORS,
};

export async function main({ model, address, remote, timeoutSeconds, logLevel, config, signal }: ServeOptions): Promise<number> {
  const logger = openLogger(model, logLevel);
  const make = Object.hasOwn(SERVED, model) ? SERVED[model] : undefined;
  if (make === undefined) throw unknownModel(model);
  const { data_dir } = config.simulation;
  const simulator = make({ folder: data_dir === '' ? undefined : data_dir, logger });
  try {
    const end = await serveSimulator({
      simulator,
      address,
      listen: remote,
      timeoutMs: timeoutSeconds * 1_000,
      clock: systemClock,
      signal,
      logger,
    });
    return end === 'lost' ? EXIT.failed : EXIT.ok;
  } catch (error) {
    if (error instanceof CosimError && error.exitCode === EXIT.usage) throw new ConfigError(error.message, error.hint, { cause: error });
    throw error;
  }
}

function unknownModel(model: string): ConfigError {
  return new ConfigError(`there is no simulator ${model}`, `choose one of ${Object.keys(SERVED).join(', ')}`);
}

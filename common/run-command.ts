/** Runs one subcommand in this process: reads its configuration, gives it a signal to stop by, turns errors into exit codes. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { systemClock } from './clock.ts';
import type { CommandOptions } from './command.ts';
import { type LoadedConfig, loadConfig, type ProcessEnvironment, processEnvironment, processVariables } from './config.ts';
import { printEvent } from './child-events.ts';
import { ConfigError, EXIT, errorEventOf, exitCodeOf, explain } from './errors.ts';
import { armKill } from './failpoints.ts';
import { plainText } from './plain-text.ts';

export const DEFAULT_STATE_DIR = '.fogline/default';
const DEFAULT_CONFIG_FILE = 'config.ini';
/** A part whose `fogline run` has ended must let go of its files soon: the next one may already be starting. */
const ORPHAN_EXIT_MS = 5_000;
/** A terminal's Ctrl-C may arrive twice, through npm too; only a later one is somebody's impatience. */
const IMPATIENT_AFTER_MS = 500;

/** Options that every subcommand takes, as written. */
export interface CommonFlags {
  config?: string;
  set?: string[];
  json?: boolean;
  state?: string;
}

/**
 * @param sets settings that other options stand for, as `section.key=value`; stronger than --set
 * @returns the exit code: that of the body, or the one that belongs to its error, which is printed on stderr,
 *   and with --json as an event on stdout too
 */
export async function runCommand(
  flags: CommonFlags,
  sets: readonly string[],
  body: (options: CommandOptions, loaded: LoadedConfig) => Promise<number>,
): Promise<number> {
  try {
    const environment = processEnvironment();
    const loaded = loadConfig({ file: configFile(flags), env: processVariables(), sets: [...(flags.set ?? []), ...sets] });
    if (!environment.childOfRun) for (const notice of loaded.notices) process.stderr.write(`${notice}\n`);
    armFailpoint(environment);
    const options: CommandOptions = {
      config: loaded.config,
      stateDir: resolve(flags.state ?? environment.stateDir ?? DEFAULT_STATE_DIR),
      json: flags.json === true,
      signal: stopSignal(environment),
    };
    return await body(options, loaded);
  } catch (error) {
    process.stderr.write(`fogline: ${plainText(explain(error))}\n`);
    if (flags.json === true) printEvent(errorEventOf(error));
    return exitCodeOf(error);
  }
}

/** --config FILE, else config.ini of the working directory if there is one. */
function configFile(flags: CommonFlags): string | undefined {
  return flags.config ?? (existsSync(DEFAULT_CONFIG_FILE) ? DEFAULT_CONFIG_FILE : undefined);
}

function armFailpoint(environment: ProcessEnvironment): void {
  if (environment.failpoint === undefined) return;
  try {
    armKill(environment.failpoint, (name) => process.stderr.write(`killed at failpoint ${name}\n`));
  } catch (cause) {
    throw new ConfigError(`FOGLINE_FAILPOINT = ${environment.failpoint} is not allowed`, 'the names are in common/failpoints.ts', {
      cause,
    });
  }
}

/** Aborts with the signal's name as reason. A second Ctrl-C ends the process at once. */
function stopSignal(environment: ProcessEnvironment): AbortSignal {
  const stop = new AbortController();
  let stoppedAtMs: number | undefined;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (stoppedAtMs !== undefined && systemClock.monotonicMs() - stoppedAtMs > IMPATIENT_AFTER_MS) process.exit(EXIT.interrupted);
      stoppedAtMs ??= systemClock.monotonicMs();
      stop.abort(name);
    });
  }
  if (environment.childOfRun) stopWithStdin(stop);
  return stop.signal;
}

/** `fogline run` holds the other end of stdin; the kernel closes it however run ends, kill -9 too. */
function stopWithStdin(stop: AbortController): void {
  const orphaned = () => {
    if (stop.signal.reason === ORPHANED) return;
    stop.abort(ORPHANED);
    systemClock.timer('orphan exit', ORPHAN_EXIT_MS, () => process.exit(EXIT.failed));
  };
  process.stdin.on('end', orphaned).on('close', orphaned).on('error', orphaned).resume();
}

const ORPHANED = 'fogline run has ended';

/** What every subcommand's `main(options): Promise<number>` is given; the number is the exit code (errors.ts EXIT). */
import type { Config, LoadedConfig } from './config.ts';

export interface CommandOptions {
  config: Config;
  /** Absolute. The parts keep their files in stateDir/simulator, stateDir/edge, stateDir/cloud, stateDir/broker. */
  stateDir: string;
  /** Print ChildEvent lines, or a result, as JSON on stdout and nothing else there. Logs go to stderr. */
  json: boolean;
  /** Aborts on SIGINT, SIGTERM, or when the `fogline run` above has ended: stop cleanly and return. */
  signal: AbortSignal;
}

/** Options of `fogline export` beyond CommandOptions. */
export interface ExportOptions extends CommandOptions {
  /** Base URL of a running cloud server; undefined reads stateDir. */
  url: string | undefined;
  household: string | undefined;
  field: string | undefined;
  /** As written: seconds of the recording (not with `url`), ISO-8601 with a zone, or milliseconds since 1970. */
  from: string | undefined;
  to: string | undefined;
  resolution: 'raw' | '1m' | '15m' | '1h' | '1d';
  format: 'csv' | 'ndjson';
  /** `rounded` as charts and range queries are; `full`: every digit. */
  numbers: 'full' | 'rounded';
  /** A file to write; undefined is stdout. */
  output: string | undefined;
  /** Event time at which the recording's seconds begin (as with `run --start`); undefined when the state has none. */
  originMs: () => number | undefined;
}

/** Options of `fogline run` beyond CommandOptions. */
export interface RunOptions extends CommandOptions {
  /** Program and arguments that stand before a subcommand: node, its options, the entry script. */
  entry: readonly string[];
  /** Options that every child is given again: --config and --set. */
  passedOn: readonly string[];
  /** Where each setting came from: a value that the operator chose is not replaced. */
  origins: LoadedConfig['origins'];
  /** Keep the old state aside and begin anew. */
  fresh: boolean;
  exitWhenDone: boolean;
  /** Open the page in the browser. */
  open: boolean;
}

#!/usr/bin/env node
/** The command line: one line per subcommand, each calls a main.ts. The one door to `commander`. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { FOGLINE, PLACE } from './common/installation.ts';
import type { EdgeCertOptions } from './certs/main.ts';
import type { CommandOptions, ExportOptions } from './common/command.ts';
import { checkConfig, showConfig } from './common/config-report.ts';
import { type LoadedConfig, processVariables } from './common/config.ts';
import { type ErrorEvent, printEvent } from './common/child-events.ts';
import { EXIT } from './common/errors.ts';
import { exitFlushed } from './common/flush-output.ts';
import type { LogLevel } from './common/logger.ts';
import { type CommonFlags, DEFAULT_STATE_DIR, runCommand } from './common/run-command.ts';
import { VERSION } from './common/version.ts';

interface ReplayFlags extends CommonFlags {
  scenario?: string;
  data?: string;
  start?: string;
  until?: string;
  speed?: string;
  loop?: boolean;
  record?: string;
}

interface AloneFlags extends CommonFlags {
  simulator: string;
  model?: string;
  command?: string;
  connect?: string;
  tolerance: number;
}

interface ShowFlags extends CommonFlags {
  simulator?: string;
  from?: number;
  to?: number;
}

interface RunFlags extends ReplayFlags {
  fresh?: boolean;
  exitWhenDone?: boolean;
  open?: boolean;
}

interface ServeFlags extends CommonFlags {
  remote?: boolean;
  timeout: number;
  logLevel: string;
}

type EdgeCertFlags = Partial<Pick<EdgeCertOptions, 'out' | 'households' | 'householdsFile' | 'anyHousehold' | 'group'>>;

interface CertsFlags extends CommonFlags {
  dir?: string;
  days?: number;
}

interface BackupFlags extends CommonFlags {
  part?: string;
  keep?: number;
  withDamage?: boolean;
}

interface RestoreFlags extends CommonFlags {
  part?: string;
  force?: boolean;
  check?: boolean;
}

type ExportFlags = CommonFlags &
  Partial<Pick<ExportOptions, 'url' | 'household' | 'field' | 'from' | 'to' | 'output'>> &
  Pick<ExportOptions, 'resolution' | 'format' | 'numbers'>;

const program = new Command('fogline')
  .description('Carries the power readings of many households from the meter to the cloud, and replays whole fleets of them.')
  .version(VERSION)
  .helpCommand(false)
  .showSuggestionAfterError()
  .exitOverride();

replayed(stateful(command('run', 'replay households through edge and cloud on this machine, with a page to look at')))
  .option('--fresh', 'keep the old state aside and begin anew')
  .option('--exit-when-done', 'end when everything has arrived, with a summary')
  .option('--open', 'open the page in the browser')
  .action((flags: RunFlags) =>
    perform(flags, async (options, loaded) => (await import('./supervisor/main.ts')).main(runOptions(flags, options, loaded))),
  );
replayed(stateful(command('simulate', 'the simulator alone: households into the topic')))
  .option('--record <file>', 'record every exchange with every simulator: see replay and trace')
  .action((flags: ReplayFlags) =>
    perform(flags, async (options, { origins }) => (await import('./edge/simulator/main.ts')).main({ ...options, origins })),
  );
command('replay', 'one simulator of a recorded run, alone: says where it answers differently')
  .argument('<file>', 'what simulate --record has written')
  .requiredOption('--simulator <sid>', 'its name in that run')
  .option('--model <name>', 'which of the simulators here it is, e.g. pv (default: what was recorded, or its name)')
  .option('--command <text>', 'start this one instead, as the cmd of a mosaik sim_config')
  .option('--connect <host:port>', 'connect to this one instead')
  .option('--tolerance <n>', 'numbers may differ by so much, or by that part of them', notNegative, 0)
  .action((file: string, { simulator: sid, model, command: cmd, connect, tolerance, ...flags }: AloneFlags) =>
    perform(flags, async (options) =>
      (await import('./edge/simulator/trace/replay-main.ts')).main({ ...options, file, sid, model, command: cmd, connect, tolerance }),
    ),
  );
const trace = program.command('trace').description('recorded runs').helpCommand(false);
command('diff', 'where two of them part, and why', {}, trace)
  .argument('<a>')
  .argument('<b>')
  .option('--tolerance <n>', 'numbers may differ by so much, or by that part of them', notNegative, 0)
  .action((a: string, b: string, { tolerance, ...flags }: CommonFlags & { tolerance: number }) =>
    perform(flags, async (options) => (await import('./edge/simulator/trace/trace-diff-main.ts')).main({ ...options, a, b, tolerance })),
  );
command('show', 'the steps of one', {}, trace)
  .argument('<file>')
  .option('--simulator <sid>', 'only those of this simulator')
  .option('--from <tick>', 'from this simulated time on', notNegative)
  .option('--to <tick>', 'up to this simulated time', notNegative)
  .action((file: string, { simulator: sid, from, to, ...flags }: ShowFlags) =>
    perform(flags, async (options) =>
      (await import('./edge/simulator/trace/trace-show-main.ts')).main({ ...options, file, sid, from, to }),
    ),
  );
command('serve', 'one of our simulators, as a process of a mosaik scenario')
  .argument('<simulator>', 'its name, e.g. pv or household')
  .argument('<host:port>', 'where mosaik is; what %(addr)s stands for in the cmd of its sim_config')
  .option('--remote', 'wait there for mosaik instead, as its sim_config connect wants')
  .option('--timeout <seconds>', 'how long to wait for the connection', seconds, 60)
  .addOption(
    new Option('--log-level <level>', 'what is told on stderr')
      .choices(['debug', 'info', 'warning', 'error', 'critical'])
      .default('warning'),
  )
  .action((simulator: string, address: string, flags: ServeFlags) =>
    perform(flags, async (options) =>
      (await import('./edge/simulator/serve-main.ts')).main(serveOptions(simulator, address, flags, options)),
    ),
  );
stateful(command('edge', 'one edge server: topic into windows, windows to the cloud')).action((flags: CommonFlags) =>
  perform(flags, async (options) => (await import('./edge/server/main.ts')).main(options)),
);
stateful(command('cloud', 'the cloud server: stores what edges ship, serves page and API')).action((flags: CommonFlags) =>
  perform(flags, async (options) => (await import('./cloud/server/main.ts')).main(options)),
);
exported(stateful(command('export', 'write what the cloud holds as CSV or JSON lines'))).action((flags: ExportFlags) =>
  perform(flags, async (options) => (await import('./cloud/server/export-main.ts')).main(await exportOptions(flags, options))),
);
stateful(command('audit', 'prove that what the cloud holds is what the files say, or name what is not'))
  .option('--data <dir>', 'folder of the files that were replayed (default: the setting, else the synthetic households)')
  .option('--url <url>', 'also compare what this cloud server shows (default: the run of --state, if it is running)')
  .action((flags: ReplayFlags & { url?: string }) =>
    perform(flags, async (options) => (await import('./audit/main.ts')).main({ ...options, url: flags.url })),
  );
stateful(command('why', "every stage's view of one window"))
  .argument('<household>')
  .argument('<time>', 'seconds of the recording, ISO-8601 with a zone, or ms UTC')
  .option('--data <dir>', 'folder of the files that were replayed')
  .option('--url <url>', 'also ask this cloud server')
  .action((household: string, time: string, flags: ReplayFlags & { url?: string }) =>
    perform(flags, async (options) => (await import('./audit/why-main.ts')).main({ ...options, url: flags.url, household, time })),
  );
replayed(stateful(command('plan', 'what run would run of a scenario file', { hidden: true }))).action((flags: ReplayFlags) =>
  perform(flags, async (options, { origins }) => (await import('./edge/simulator/plan-main.ts')).main({ ...options, origins })),
);
stateful(command('sample', 'make the synthetic households', { hidden: true })).action((flags: CommonFlags) =>
  perform(flags, async (options) => (await import('./edge/simulator/sample-main.ts')).main(options)),
);
const parked = program.command('parked').description('households and records that are held back').helpCommand(false);
stateful(command('list', 'which households, why, how many rows wait; records that nobody can read', {}, parked)).action(
  (flags: CommonFlags) =>
    perform(flags, async (options) => (await import('./edge/server/parked-main.ts')).list(options, await parkedFiles(options))),
);
stateful(command('resume', 'go on with these, or with all', {}, parked))
  .argument('[household...]')
  .action((households: string[], flags: CommonFlags) =>
    perform(flags, async (options) =>
      (await import('./edge/server/parked-main.ts')).resume(options, households, await parkedFiles(options)),
    ),
  );
const quarantine = program.command('quarantine').description('rows of the files that are no readings').helpCommand(false);
stateful(command('list', 'file, line, reason and text of each', {}, quarantine)).action((flags: CommonFlags) =>
  perform(flags, async (options) => (await import('./edge/simulator/quarantine-main.ts')).list(options)),
);
command('import', 'make replay files of the original Gem House download, or of a meter usage file (time,meterusage)')
  .argument('<src>', 'its folder, zip file or CSV file')
  .argument('<dir>', 'folder for the replay files')
  .option('--household <id>', 'id of the household of a single file; its name when left out')
  .option('--force', 'replace files that are there')
  .action((source: string, target: string, flags: CommonFlags & { force?: boolean; household?: string }) =>
    perform(flags, async (options) => {
      const { household, force = false } = flags;
      return (await import('./edge/simulator/import-main.ts')).main({ ...options, source, target, force, household });
    }),
  );
parted(stateful(command('backup', 'copy a state while its parts run: see docs/operating.md')))
  .argument('<dir>', 'folder for the backup, which is not there yet')
  .option('--keep <n>', 'make it in a folder of dated ones, of which the newest n stay', atLeastOne)
  .option('--with-damage', 'also when the checksum of rows does not hold')
  .action((dir: string, { keep, withDamage, part, ...flags }: BackupFlags) =>
    perform(flags, async (options) =>
      (await import('./backup/main.ts')).backup({ ...options, dir, part, keep, withDamage: withDamage === true }),
    ),
  );
parted(stateful(command('restore', 'a backup back into a state that nothing runs on')))
  .argument('<dir>', 'folder of the backup')
  .option('--force', 'set aside what is there')
  .option('--check', 'only look whether the backup is whole and sound; nothing is restored')
  .action((dir: string, { force, check, part, ...flags }: RestoreFlags) =>
    perform(flags, async (options) =>
      (await import('./backup/main.ts')).restore({ ...options, dir, part, force: force === true, checkOnly: check === true }),
    ),
  );
stateful(command('doctor', 'what is missing on this machine, and how to mend it')).action((flags: CommonFlags) =>
  perform(flags, async (options) => (await import('./doctor/main.ts')).main(options)),
);
command('health', 'exit 0 when the parts that run on this machine answer; for health checks').action((flags: CommonFlags) =>
  perform(flags, async (options) => (await import('./doctor/health-main.ts')).main(options)),
);
const certs = program.command('certs').description('keys and certificates of the link between edges and cloud').helpCommand(false);
certified('init', "a private CA and the cloud's certificate", certs)
  .option('--host <name>', 'a name or address under which edges find the cloud; may be given again', collect)
  .action((flags: CertsFlags & { host?: string[] }) =>
    perform(flags, async (options) => (await certsRoom()).init({ ...flags, ...options })),
  );
bound(bundled(certified('edge', 'the bundle of an edge: one file with its certificate and key', certs)))
  .argument('<id>')
  .action((edge: string, flags: CertsFlags & EdgeCertFlags) =>
    perform(flags, async (options) => (await certsRoom()).edge({ ...flags, ...options, edge })),
  );
bound(certified('allow', 'more households for an edge and its group, or another group', certs))
  .argument('<id>')
  .action((edge: string, flags: CertsFlags & EdgeCertFlags) =>
    perform(flags, async (options) => (await certsRoom()).allow({ ...flags, ...options, edge })),
  );
certified('revoke', 'an edge is let in no more, within a minute', certs)
  .argument('<id>')
  .option('--old', 'all its certificates but the newest')
  .action((edge: string, flags: CertsFlags & { old?: boolean }) =>
    perform(flags, async (options) => (await certsRoom()).revoke({ ...flags, ...options, edge, old: flags.old === true })),
  );
const rotated = "a new certificate of the cloud (edges that have met it refuse the old), or an edge's new bundle (its old one holds on)";
bundled(certified('rotate', rotated, certs))
  .option('--host <name>', 'other names and addresses of the cloud; may be given again', collect)
  .option('--edge <id>', 'a new bundle of this edge')
  .action((flags: CertsFlags & { host?: string[]; edge?: string; out?: string }) =>
    perform(flags, async (options) => (await certsRoom()).rotate({ ...flags, ...options })),
  );
certified('list', 'what was issued, until when, and what is revoked', certs).action((flags: CertsFlags) =>
  perform(flags, async (options) => (await certsRoom()).list({ ...flags, ...options })),
);
const token = program.command('token').description('who may open the page and the API where a token is demanded').helpCommand(false);
stateful(command('new', 'make a token and print it, this once', {}, token)).action((flags: CommonFlags) =>
  perform(flags, async (options) => (await import('./cloud/server/token-main.ts')).makeToken(options)),
);
stateful(command('list', 'ids of the tokens, never the tokens', {}, token)).action((flags: CommonFlags) =>
  perform(flags, async (options) => (await import('./cloud/server/token-main.ts')).listTokens(options)),
);
stateful(command('revoke', 'this one opens nothing any more; a running cloud sees it within a second', {}, token))
  .argument('<id>')
  .action((id: string, flags: CommonFlags) =>
    perform(flags, async (options) => (await import('./cloud/server/token-main.ts')).revokeToken(options, id)),
  );
const config = program.command('config').description('the settings that hold').helpCommand(false);
command('show', 'every setting with its value', {}, config)
  .option('--origin', 'say where each value came from')
  .action((flags: CommonFlags & { origin?: boolean }) =>
    perform(flags, async ({ json }, loaded) => showConfig(loaded, { json, origin: flags.origin === true })),
  );
command('check', 'exit 0 when all settings are allowed', {}, config).action((flags: CommonFlags) =>
  perform(flags, async ({ json }, loaded) => checkConfig(loaded, { json })),
);

await start();

/** Households that the simulator of this state has parked. */
async function parkedFiles({ stateDir }: CommandOptions): Promise<{ household: string; reason: string }[]> {
  return (await import('./edge/simulator/identity.ts')).readParked(join(stateDir, 'simulator'));
}

function command(name: string, description: string, options: { hidden?: boolean } = {}, parent = program): Command {
  return parent
    .command(name, options)
    .description(description)
    .exitOverride()
    .option('--config <file>', 'settings file (default: config.ini of this folder, if there is one)')
    .option('--set <section.key=value>', 'change one setting; may be given again', collect)
    .option('--json', 'print JSON on stdout and nothing else there');
}

function certified(name: string, description: string, parent: Command): Command {
  return command(name, description, {}, parent)
    .option('--dir <dir>', 'folder of the CA (default: link.certs_dir, else .fogline/certs)')
    .option('--days <n>', 'how long what is issued holds', seconds);
}

function bound(its: Command): Command {
  return its
    .option('--households <ids>', 'what it may own: ids with commas between')
    .option('--households-file <file>', 'what it may own: a file with one id a line')
    .option('--any-household', 'it may own every household')
    .option('--group <name>', 'edges of one group own the same households; with households, these are added to it');
}

function bundled(its: Command): Command {
  return its.option('--out <file>', 'where the bundle is written, for its owner only (default: stdout)', notEmpty);
}

/** Loaded only when it is asked for: it brings a library of its own. */
function certsRoom() {
  return import('./certs/main.ts');
}

function collect(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}

function stateful(its: Command): Command {
  return its.option('--state <dir>', `folder of everything that is kept (default: ${DEFAULT_STATE_DIR})`);
}

function parted(its: Command): Command {
  return its.addOption(new Option('--part <part>', 'only this one').choices(['edge', 'cloud']));
}

function replayed(its: Command): Command {
  return its
    .option('--scenario <file>', 'run this scenario file (default: replay every household)')
    .option('--data <dir>', 'folder of household CSV files (default: synthetic households)')
    .option('--start <seconds>', 'begin so many seconds after the earliest reading')
    .option('--until <seconds>', 'end so many seconds after the earliest reading')
    .option('--speed <n|max>', 'simulated seconds per second (default: 60)')
    .option('--loop', 'begin again at the end');
}

function exported(its: Command): Command {
  return its
    .option('--url <url>', 'ask a running cloud server instead of reading --state')
    .option('--household <id>', 'only this household')
    .option('--field <name>', 'only this field, e.g. power')
    .option('--from <time>', 'from this time on: ISO-8601, ms UTC, or seconds of the recording as with run --start')
    .option('--to <time>', 'up to before this time, written likewise')
    .addOption(new Option('--resolution <step>', 'length of a row').choices(['raw', '1m', '15m', '1h', '1d']).default('raw'))
    .addOption(new Option('--format <format>', 'how rows are written').choices(['csv', 'ndjson']).default('csv'))
    .addOption(new Option('--numbers <digits>', 'every digit, or as charts are rounded').choices(['full', 'rounded']).default('full'))
    .option('--output <file>', 'write into this file instead of stdout', notEmpty);
}

function notEmpty(value: string): string {
  if (value === '') throw new InvalidArgumentError('it is empty.');
  return value;
}

function seconds(value: string): number {
  if (!(Number(value) > 0)) throw new InvalidArgumentError('seconds are wanted, more than 0.');
  return Number(value);
}

function atLeastOne(value: string): number {
  const count = Number(value);
  if (!(Number.isSafeInteger(count) && count >= 1)) throw new InvalidArgumentError('a whole number is wanted, at least 1.');
  return count;
}

function notNegative(value: string): number {
  if (value.trim() === '' || !(Number(value) >= 0)) throw new InvalidArgumentError('a number is wanted, at least 0.');
  return Number(value);
}

/** Options that stand for a setting. */
function replaySets(flags: ReplayFlags): string[] {
  const sets: string[] = [];
  if (flags.scenario !== undefined) sets.push(`simulation.scenario_file=${flags.scenario}`);
  if (flags.data !== undefined) sets.push(`simulation.data_dir=${flags.data}`);
  if (flags.start !== undefined) sets.push(`simulation.start_seconds=${flags.start}`);
  if (flags.until !== undefined) sets.push(`simulation.until_seconds=${flags.until}`);
  if (flags.speed !== undefined) sets.push(`simulation.speed=${flags.speed}`);
  if (flags.loop === true) sets.push('simulation.loop=true');
  if (flags.record !== undefined) sets.push(`simulation.record_file=${flags.record}`);
  return sets;
}

function runOptions(flags: RunFlags, options: CommandOptions, { origins }: LoadedConfig) {
  const sets = [...(flags.set ?? []), ...replaySets(flags)].flatMap((set) => ['--set', set]);
  return {
    ...options,
    entry: [process.execPath, ...process.execArgv, fileURLToPath(import.meta.url)],
    passedOn: [...(flags.config === undefined ? [] : ['--config', flags.config]), ...sets],
    origins,
    fresh: flags.fresh === true,
    exitWhenDone: flags.exitWhenDone === true,
    open: flags.open === true,
  };
}

/** Levels have the names that Python gives them. */
function serveOptions(model: string, address: string, { remote, timeout, logLevel }: ServeFlags, options: CommandOptions) {
  const level = logLevel === 'warning' ? 'warn' : logLevel === 'critical' ? 'error' : (logLevel as LogLevel);
  return { ...options, model, address, remote: remote === true, timeoutSeconds: timeout, logLevel: level };
}

async function exportOptions(flags: ExportFlags, options: CommandOptions): Promise<ExportOptions> {
  const { url, household, field, from, to, resolution, format, numbers, output } = flags;
  const { readOriginMs } = await import('./edge/simulator/identity.ts');
  const originMs = () => readOriginMs(join(options.stateDir, 'simulator'));
  return { ...options, url, household, field, from, to, resolution, format, numbers, output, originMs };
}

async function perform(flags: ReplayFlags, body: (options: CommandOptions, loaded: LoadedConfig) => Promise<number>): Promise<void> {
  // Whatever a part has left open (a socket, stdin) must not keep the process: exit, don't wait.
  await exitFlushed(await runCommand(flags, replaySets(flags), body));
}

async function start(): Promise<void> {
  const stale = await whyStale();
  if (stale !== undefined) {
    process.stderr.write(`fogline: ${stale}\n  what to do: run npm ci (or npm run prepare)\n`);
    process.exit(EXIT.usage);
  }
  try {
    await program.parseAsync();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.excessArguments')
      process.stderr.write(`  what to do: ${strayHint(subcommandIn(process.argv.slice(2)))}\n`);
    if (error.exitCode === 0) process.exit(EXIT.ok);
    if (process.argv.includes('--json')) printEvent(usageEvent(error));
    process.exit(EXIT.usage);
  }
}

/** `npm start --until 60` reaches us as `run 60`: npm keeps options for itself unless `--` stands before them. */
function strayHint(subcommand: string): string {
  if (subcommand !== 'run') return `name the option it belongs to: ${FOGLINE} ${subcommand} --help`;
  if (PLACE !== 'checkout') return `options need a name: ${FOGLINE} run --until 60`;
  return 'options need a name, and npm wants -- before them; write: npm start -- --until 60';
}

/** `config show` of `config show x` */
function subcommandIn(words: readonly string[]): string {
  const names: string[] = [];
  let its: Command | undefined = program;
  for (const word of words) {
    its = its.commands.find((one) => one.name() === word);
    if (its === undefined) break;
    names.push(word);
  }
  return names.join(' ');
}

function usageEvent({ code, message }: CommanderError): ErrorEvent {
  const isStray = code === 'commander.excessArguments';
  const subcommand = subcommandIn(process.argv.slice(2));
  const hint = isStray ? strayHint(subcommand) : `${FOGLINE} ${subcommand === '' ? '' : `${subcommand} `}--help`;
  return { event: 'error', code: 'USAGE', message: message.replace(/^error: /, ''), hint, exitCode: EXIT.usage };
}

/** dist/ may be older than the sources beside it. A part started by run was checked with it. */
async function whyStale(): Promise<string | undefined> {
  const script = new URL('../scripts/source-hash.mjs', import.meta.url);
  if (!existsSync(script) || processVariables()['FOGLINE_CHILD_OF_RUN'] === '1') return undefined;
  const { staleReason } = (await import(script.href)) as { staleReason: (top: string) => string | undefined };
  return staleReason(fileURLToPath(new URL('..', import.meta.url)));
}

/** `fogline import SRC DIR`: the original Gem House download, a folder or a zip archive, or a meter usage file, into replay files. */
import { existsSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { basename, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { START_WITH } from '../../common/installation.ts';
import { type Clock, systemClock } from '../../common/clock.ts';
import type { CommandOptions } from '../../common/command.ts';
import { plural } from '../../common/count-text.ts';
import { ConfigError, EXIT, OperatingError } from '../../common/errors.ts';
import { isId } from '../../common/ids.ts';
import { isoTime } from '../../common/iso-time.ts';
import { silentLogger } from '../../common/logger.ts';
import { type ImportedFile, importFile, isThere, notEnoughSpace, readHead, refuseFaulty, type RowRule } from './import-file.ts';
import { ImportProgress } from './import-progress.ts';
import { openImportSource, type SourceFile } from './import-source.ts';
import { Quarantine } from './quarantine.ts';

export interface ImportOptions extends CommandOptions {
  /** A folder, a zip archive or one CSV file. */
  source: string;
  /** Where the replay files go. */
  target: string;
  /** Id for the household of a single file; its name when not given. */
  household?: string | undefined;
  /** Replace what is there. */
  force: boolean;
}

/** A file that is going to be imported. */
interface Planned {
  file: SourceFile;
  household: string;
  target: string;
  rule: RowRule;
}

interface PassedOver {
  file: string;
  reason: string;
}

const HOUSEHOLDS_FILE = 'households.json';
const ENDING = /\.csv$/i;
/** Names of files that are listed for people; JSON has all. */
const SHOWN_MAX = 10;

export async function main(options: ImportOptions): Promise<number> {
  const sourcePath = resolve(options.source);
  const targetDir = resolve(options.target);
  const way = relative(sourcePath, targetDir);
  if (way.split(sep)[0] !== '..' && !isAbsolute(way)) {
    throw new ConfigError(`${options.target} lies in ${options.source}`, 'name a folder outside of it: the next import would read it too');
  }
  const source = await openImportSource(sourcePath);
  try {
    const { planned, passedOver } = await plan(source.files, targetDir, options.household);
    for (const file of source.others) passedOver.push({ file, reason: 'it does not end in .csv; unpack an archive by itself' });
    if (planned.length === 0) throw nothingIn(options.source, passedOver);
    prepare(planned, targetDir, options.force);
    const results = await importAll(planned, targetDir, options, systemClock);
    if (options.signal.aborted) return interrupted(results, planned.length);
    writeIntervals(planned, targetDir);
    return report(results, passedOver, targetDir, options.json);
  } finally {
    source.close();
  }
}

/**
 * What each file is, before anything is written.
 * @throws OperatingError DATA_UNREADABLE for a file that is meant as readings and is none, for two files of one household
 */
async function plan(
  files: readonly SourceFile[],
  targetDir: string,
  named: string | undefined,
): Promise<{ planned: Planned[]; passedOver: PassedOver[] }> {
  if (named !== undefined && files.length !== 1)
    throw new ConfigError('--household names the household of one file', `name one CSV file as SRC; ${files.length} are there`);
  const planned = new Map<string, Planned>();
  const passedOver: PassedOver[] = [];
  for (const file of files) {
    const head = await readHead(file);
    refuseFaulty(file, head);
    if (head.kind === 'other') passedOver.push({ file: file.name, reason: head.reason });
    if (head.kind !== 'readings') continue;
    const household = named ?? basename(file.name).replace(ENDING, '');
    if (!isId(household)) throw refused(`${file.name} names no household`, 'rename it: letters, digits, _ and -, at most 128, then .csv');
    const other = planned.get(household);
    if (other !== undefined)
      throw refused(`${other.file.name} and ${file.name} are two files for one household`, 'import the folder of one of them');
    planned.set(household, { file, household, target: join(targetDir, `${household}.csv`), rule: head.rule });
  }
  return { planned: [...planned.values()], passedOver };
}

/** @throws ConfigError when something would be replaced; OperatingError DISK_FULL when it can't all fit */
function prepare(planned: readonly Planned[], targetDir: string, force: boolean): void {
  const quarantine = join(targetDir, 'quarantine.jsonl');
  const there = [...planned.map(({ target }) => target), quarantine].filter((path) => existsSync(path));
  if (there.length > 0 && !force) throw isThere(there);
  try {
    mkdirSync(targetDir, { recursive: true });
  } catch (cause) {
    throw new ConfigError(`${targetDir} can not be made`, 'name a folder that this user may write', { cause });
  }
  const { bavail, bsize } = statfsSync(targetDir);
  if (bavail * bsize < bytesOf(planned)) throw notEnoughSpace(targetDir);
  rmSync(quarantine, { force: true });
}

async function importAll(planned: readonly Planned[], targetDir: string, options: ImportOptions, clock: Clock): Promise<ImportedFile[]> {
  const { force, signal } = options;
  const quarantine = new Quarantine(targetDir, silentLogger);
  const progress = new ImportProgress(planned.length, bytesOf(planned), clock, (line) => process.stderr.write(`${line}\n`));
  const mayReject = options.config.simulation.on_bad_row === 'quarantine';
  const results: ImportedFile[] = [];
  progress.start();
  try {
    for (const { file, target, rule } of planned) {
      const result = await importFile(file, target, force, rule, {
        onRejected: (row) => {
          if (!mayReject) throw refused(`${file.name}, line ${row.line}: ${row.reason}`, 'mend it, or simulation.on_bad_row = quarantine');
          quarantine.add(file.name, row);
        },
        onProgress: (bytes, rows) => progress.read(bytes, rows, quarantine.count),
        signal,
      });
      if (signal.aborted) break;
      progress.fileDone(result.rows);
      results.push(result);
    }
  } finally {
    quarantine.flush();
  }
  return results;
}

/** The cloud learns from it that these households have a reading only now and then; `fogline run --data` hands it over. */
function writeIntervals(planned: readonly Planned[], targetDir: string): void {
  const rare = planned.filter(({ rule }) => rule.intervalSeconds !== undefined);
  if (rare.length === 0) return;
  const path = join(targetDir, HOUSEHOLDS_FILE);
  const said = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>) : {};
  for (const { household, rule } of rare) said[household] = { intervalSeconds: rule.intervalSeconds };
  writeFileSync(path, `${JSON.stringify(said, null, 1)}\n`);
}

function bytesOf(planned: readonly Planned[]): number {
  return planned.reduce((sum, { file }) => sum + file.bytes, 0);
}

function interrupted(results: readonly ImportedFile[], files: number): number {
  process.stderr.write(`interrupted: ${results.length} of ${files} files are finished and stay; begin again with --force\n`);
  return EXIT.interrupted;
}

function report(results: readonly ImportedFile[], passedOver: readonly PassedOver[], dir: string, json: boolean): number {
  const written = results.filter(({ rows }) => rows > 0);
  const empty = results.filter(({ rows }) => rows === 0).map(({ household }) => household);
  const sum = (of: (file: ImportedFile) => number) => results.reduce((total, file) => total + of(file), 0);
  const summary = {
    dir,
    households: written.length,
    rows: sum(({ rows }) => rows),
    quarantined: sum(({ quarantined }) => quarantined),
    missing: sum(({ missing }) => missing),
    datesDiffer: sum(({ datesDiffer }) => datesDiffer),
    late: sum(({ late }) => late),
    from: written.length === 0 ? null : isoTime(Math.min(...written.map(({ firstMs }) => firstMs))),
    to: written.length === 0 ? null : isoTime(Math.max(...written.map(({ lastMs }) => lastMs))),
    empty,
    passedOver,
  };
  process.stdout.write(json ? `${JSON.stringify(summary)}\n` : textOf(summary));
  return written.length === 0 ? EXIT.data : EXIT.ok;
}

interface Summary {
  dir: string;
  households: number;
  rows: number;
  quarantined: number;
  missing: number;
  datesDiffer: number;
  late: number;
  from: string | null;
  to: string | null;
  empty: readonly string[];
  passedOver: readonly PassedOver[];
}

function textOf(summary: Summary): string {
  const { dir, households, rows, quarantined, missing, datesDiffer, late, from, to, empty, passedOver } = summary;
  const lines = [`${plural(households, 'household')}, ${plural(rows, 'row')}${from === null ? '' : `, ${from} to ${to}`}, in ${dir}`];
  if (quarantined > 0)
    lines.push(
      `${plural(quarantined, 'row')} ${quarantined === 1 ? 'is no reading' : 'are no readings'}: ${join(dir, 'quarantine.jsonl')}`,
    );
  if (missing > 0) lines.push(`${plural(missing, 'row')} without a reading (NaN): missing in the replay file, never 0`);
  if (datesDiffer > 0)
    lines.push(`${plural(datesDiffer, 'row')} with a date that is not the row's timestamp in UTC: the timestamp was taken`);
  if (late > 0) lines.push(`${plural(late, 'row')} ${late === 1 ? 'is' : 'are'} earlier than one before in the same file: late readings`);
  if (empty.length > 0) lines.push(`no row is a reading, so there is no file for: ${shown(empty)}`);
  if (passedOver.length > 0) lines.push(`passed over: ${shown(passedOver.map(({ file, reason }) => `${file} (${reason})`))}`);
  if (households > 0) lines.push(`next: ${START_WITH} --data ${dir}`);
  return `${lines.join('\n')}\n`;
}

function shown(names: readonly string[]): string {
  const more = names.length > SHOWN_MAX ? ` and ${names.length - SHOWN_MAX} more` : '';
  return `${names.slice(0, SHOWN_MAX).join(', ')}${more}`;
}

function nothingIn(source: string, passedOver: readonly PassedOver[]): OperatingError {
  const first = passedOver[0];
  const why = first === undefined ? '' : `; ${first.file}: ${first.reason}`;
  return refused(`${source} has no file of readings${why}`, 'name the folder or zip file with one CSV file per household (data/README.md)');
}

function refused(message: string, hint: string): OperatingError {
  return new OperatingError('DATA_UNREADABLE', message, { retryable: false, hint });
}

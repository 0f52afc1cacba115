/** `fogline backup` and `fogline restore`. */
import { resolve } from 'node:path';
import { MS_PER_SECOND } from '../common/units.ts';
import { FOGLINE } from '../common/installation.ts';
import { systemClock } from '../common/clock.ts';
import type { CommandOptions } from '../common/command.ts';
import { plural } from '../common/count-text.ts';
import { ConfigError, EXIT, stoppedExitCode } from '../common/errors.ts';
import { BackupMaker, type MadeBackup } from './make-backup.ts';
import { Progress } from './progress.ts';
import { megabytes, Stopped } from './refusals.ts';
import { type Restored, StateRestore } from './restore-state.ts';
import { STATE_PARTS, type StatePart } from './state-files.ts';

export interface BackupCommandOptions extends CommandOptions {
  dir: string;
  part: string | undefined;
  keep: number | undefined;
  withDamage: boolean;
}

export interface RestoreCommandOptions extends CommandOptions {
  dir: string;
  part: string | undefined;
  force: boolean;
  checkOnly: boolean;
}

export function backup({ stateDir, dir, part, keep, withDamage, signal, json }: BackupCommandOptions): Promise<number> {
  const maker = new BackupMaker({
    ...{ stateDir, keep, withDamage, dir: resolve(dir), part: partNamed(part) },
    ...{ clock: systemClock, progress: progressOf(signal) },
  });
  return told(json, signal, () => maker.make(), textOfBackup);
}

export function restore({ stateDir, dir, part, force, checkOnly, signal, json }: RestoreCommandOptions): Promise<number> {
  const restored = new StateRestore({
    ...{ stateDir, force, checkOnly, dir: resolve(dir), part: partNamed(part) },
    ...{ clock: systemClock, progress: progressOf(signal) },
  });
  return told(json, signal, () => restored.perform(), textOfRestore);
}

async function told<T extends object>(
  json: boolean,
  signal: AbortSignal,
  work: () => Promise<T>,
  textOf: (result: T, seconds: string) => string,
): Promise<number> {
  const startedMs = systemClock.monotonicMs();
  try {
    const result = await work();
    const seconds = ((systemClock.monotonicMs() - startedMs) / MS_PER_SECOND).toFixed(1);
    process.stdout.write(json ? `${JSON.stringify({ ...result, seconds: Number(seconds) })}\n` : `${textOf(result, seconds)}\n`);
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    process.stderr.write('stopped: nothing is left of it\n');
    return stoppedExitCode(signal.reason, true);
  }
}

function textOfBackup({ backup: dir, at, parts, files, bytes, damagedRows, removed }: MadeBackup, seconds: string): string {
  const lines = [
    `backup ${dir}`,
    `  ${parts.join(' and ')} as of ${at}: ${plural(files, 'file')}, ${megabytes(bytes)} MB, checked, in ${seconds} s`,
  ];
  if (damagedRows > 0) lines.push(`  ${plural(damagedRows, 'row')} in it with a checksum that does not hold: ${FOGLINE} audit names them`);
  for (const old of removed) lines.push(`  removed ${old}`);
  return lines.join('\n');
}

/** Whole: all is there as it was backed up. Damaged rows were so in the state that it was made of (`backup --with-damage`). */
export function textOfRestore(restored: Restored, seconds: string): string {
  const { state, backup: dir, at, parts, bytes, aside, kept, damagedRows, outcome } = restored;
  const what = `${parts.join(' and ')} as of ${at}`;
  const size = `${megabytes(bytes)} MB`;
  const health = damagedRows === 0 ? 'all of it sound' : `whole; ${plural(damagedRows, 'row')} damaged before it was made`;
  if (outcome === 'checked') {
    const verdict = damagedRows === 0 ? 'whole and sound' : 'whole';
    const lines = [`backup ${dir} is ${verdict}: it can be restored`, `  ${what}: ${size}, ${health}, looked through in ${seconds} s`];
    if (damagedRows > 0) lines.push(`  once it is restored, ${FOGLINE} audit names these rows`);
    return [...lines, '  nothing was restored, and no state was looked at'].join('\n');
  }
  const head = outcome === 'finished' ? `an earlier restore was cut off and is finished now: ${state}` : `restored into ${state}`;
  const lines = [head, `  ${what} from ${dir}: ${size}, ${health}, in ${seconds} s`];
  if (damagedRows > 0) lines.push(`  ${FOGLINE} audit names these rows`);
  if (aside !== null) lines.push(`  what was there is kept in ${aside}`);
  for (const path of kept) lines.push(`  ${path} is the one that was there: what was shut since stays shut`);
  if (parts.includes('cloud') && !kept.includes('cloud/tokens.json'))
    lines.push(`  tokens that were revoked since open the page again: ${FOGLINE} token list, ${FOGLINE} token revoke ID`);
  if (parts.includes('edge')) lines.push('  start no second edge on another copy of this: the cloud lets one of them go on');
  return lines.join('\n');
}

function partNamed(name: string | undefined): StatePart | undefined {
  const part = STATE_PARTS.find((its) => its === name);
  if (part !== undefined || name === undefined) return part;
  throw new ConfigError(`--part ${name} is not allowed`, `write one of ${STATE_PARTS.join(', ')}`);
}

function progressOf(signal: AbortSignal): Progress {
  return new Progress(systemClock, signal, (line) => process.stderr.write(`${line}\n`));
}

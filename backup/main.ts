/** `fogline backup` and `fogline restore`. */
import { resolve } from 'node:path';
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

const MS_PER_SECOND = 1_000;

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

const RESTORED_WORD = { restored: 'restored into', checked: 'nothing restored into', finished: 'an earlier restore is finished:' } as const;

function textOfRestore({ state, backup: dir, at, parts, bytes, aside, kept, damagedRows, outcome }: Restored, seconds: string): string {
  const lines = [
    `${RESTORED_WORD[outcome]} ${state}`,
    `  ${parts.join(' and ')} as of ${at} from ${dir}: ${megabytes(bytes)} MB, all of it sound, in ${seconds} s`,
  ];
  if (damagedRows > 0) lines.push(`  ${plural(damagedRows, 'row')} in it with a checksum that does not hold: ${FOGLINE} audit names them`);
  if (aside !== null) lines.push(`  what was there is kept in ${aside}`);
  for (const path of kept) lines.push(`  ${path} is the one that was there: what was shut since stays shut`);
  if (outcome === 'checked') return lines.join('\n');
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

/** A folder of backups, each named after its instant: which are there, and that only the newest stay. */
import { existsSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { reach } from '../common/failpoints.ts';
import { MANIFEST_FILE } from './manifest.ts';
import { removeWhole } from './work-folder.ts';

const NAME = /^fogline-\d{8}T\d{6}Z$/;

/** fogline-20191224T000000Z */
export function datedName(atMs: number): string {
  return `fogline-${compactTime(atMs)}`;
}

export function isDatedName(name: string): boolean {
  return NAME.test(name);
}

/** 20191224T000000Z */
export function compactTime(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/[-:]|\.\d+/g, '');
}

/** Whole ones, the oldest first. */
export function datedBackups(dir: string): string[] {
  if (statSync(dir, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  return readdirSync(dir)
    .filter((name) => isDatedName(name) && existsSync(join(dir, name, MANIFEST_FILE)))
    .sort()
    .map((name) => join(dir, name));
}

/**
 * Removes the oldest beside the one that was just made, so that `keep` stay.
 * @returns those that were removed
 */
export function forgetOldest(dir: string, keep: number, made: string): string[] {
  const others = datedBackups(dir).filter((backup) => backup !== made);
  const old = others.slice(0, Math.max(0, others.length - (keep - 1)));
  for (const backup of old) {
    removeWhole(backup, (from, to) => {
      renameSync(from, to);
      reach('backup_inside_forgetting');
    });
  }
  return old;
}

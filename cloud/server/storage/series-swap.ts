/**
 * Puts a store that was made anew in the place of a damaged one, which is set aside byte for byte. The damaged file keeps its place until
 * the new one is whole and on the disk: killed before, the next start finds it damaged again. It goes first, then what lies beside it,
 * then the new one comes: a start that finds no store, but a whole new one, goes on from there. So there is never a moment at which a start
 * begins an empty store, or takes one that is half made.
 */
import { closeSync, existsSync, openSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { makeFolder, syncFile, syncFolder } from '../../../common/folders.ts';
import { asideFolders, DATABASE_FILES } from '../../../common/set-aside.ts';

/** Folders of damaged stores are `damaged/series-N`. */
const NAME = 'series';

/** Where the new store is made. */
export function salvagingPath(path: string): string {
  return `${path}-salvaging`;
}

/** Where a copy of the damaged one is read, when that can't be read itself. */
export function copyPath(path: string): string {
  return `${path}-salvaging-copy`;
}

/** The same when it is whole. */
function salvagedPath(path: string): string {
  return `${path}-salvaged`;
}

/** There while no start has opened the store that was made anew. */
function unprovenPath(path: string): string {
  return `${path}-unproven`;
}

/** True where the store was made anew, and no start has come to its end with it: what made it so would make it so again. */
export function isUnproven(path: string): boolean {
  return existsSync(unprovenPath(path));
}

/** When a start has come to its end. */
export function noteProven(path: string): void {
  rmSync(unprovenPath(path), { force: true });
}

/**
 * What a start has left that was killed, or whose disk was full; not to be called where finishSwap has not been. Where a sound store has
 * its place again, a new one that never came there would later be taken for the end of a swap.
 */
export function clearSalvaged(path: string): void {
  for (const end of DATABASE_FILES) rmSync(salvagingPath(path) + end, { force: true });
  rmSync(salvagedPath(path), { force: true });
  clearCopy(path);
}

export function clearCopy(path: string): void {
  for (const end of DATABASE_FILES) rmSync(copyPath(path) + end, { force: true });
}

/**
 * The new store must be closed, with nothing beside its one file.
 * @returns the folder that the damaged one is in
 */
export function swapIn(path: string): string {
  const folder = dirname(path);
  syncFile(salvagingPath(path));
  renameSync(salvagingPath(path), salvagedPath(path));
  const { next } = asideFolders(folder, NAME);
  makeFolder(next);
  syncFolder(folder);
  move(path, next);
  finish(path, next);
  return next;
}

/**
 * To be called before a store is opened for writing: goes on with a swap that was cut short.
 * @returns the folder that the damaged one is in; undefined where nothing was left to do
 */
export function finishSwap(path: string): string | undefined {
  if (existsSync(path) || !existsSync(salvagedPath(path))) return undefined;
  const { made, next } = asideFolders(dirname(path), NAME);
  const newest = made.at(-1);
  const aside = newest !== undefined && isOfThisSwap(path, newest) ? newest : next;
  makeFolder(aside);
  finish(path, aside);
  return aside;
}

/** False for a folder of another damaged store, over whose files nothing is written. */
function isOfThisSwap(path: string, aside: string): boolean {
  const has = (end: string) => existsSync(join(aside, basename(path) + end));
  return has('') && DATABASE_FILES.every((end) => end === '' || !has(end) || !existsSync(path + end));
}

/** A log of writes that is not its own would be put over the new file. */
function finish(path: string, aside: string): void {
  for (const end of DATABASE_FILES) if (end !== '' && existsSync(path + end)) move(path + end, aside);
  closeSync(openSync(unprovenPath(path), 'a'));
  syncFolder(dirname(path));
  renameSync(salvagedPath(path), path);
  syncFolder(dirname(path));
}

function move(file: string, into: string): void {
  renameSync(file, join(into, basename(file)));
  syncFolder(into);
  syncFolder(dirname(file));
}

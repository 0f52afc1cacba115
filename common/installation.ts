/**
 * Where this program lies, and so by which command a person there calls it: hints name that one. What is said to people elsewhere (alerts,
 * reasons that travel) says plainly `fogline`.
 */
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** checkout: with its sources, as a developer has it. release: unpacked on a host (scripts/release.ts). image: in a container. */
export type Place = 'checkout' | 'release' | 'image';

/** @param top the folder that holds package.json */
export function placeAt(top: string, exists: (path: string) => boolean = existsSync): Place {
  if (exists(join(top, 'package-lock.json'))) return 'checkout';
  return exists(join(top, 'release.json')) ? 'release' : 'image';
}

/** A release has a wrapper in the path, an image a link (deploy/install.sh, Dockerfile). */
export function commandAt(place: Place): string {
  return place === 'checkout' ? 'npx fogline' : 'fogline';
}

/** What runs everything on one machine. */
export function startAt(place: Place): string {
  return place === 'checkout' ? 'npm start' : 'fogline run';
}

/** This file is below the top in a checkout, and below dist/ where it was compiled. */
function topOf(folder: string): string {
  const above = dirname(folder);
  return basename(above) === 'dist' ? dirname(above) : above;
}

export const PLACE = placeAt(topOf(import.meta.dirname));
/** What to type before the name of a command. */
export const FOGLINE = commandAt(PLACE);
export const START = startAt(PLACE);
/** npm keeps options for itself unless `--` stands before them. */
export const START_WITH = PLACE === 'checkout' ? `${START} --` : START;

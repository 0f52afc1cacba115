/** The built program in a folder of its own, as it is after `npm ci`: nothing was generated and nothing ran yet. */
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuilt } from '../tests/crash/fleet.ts';
import { ROOT } from './started-run.ts';

const COPIED = ['package.json', 'config.ini', 'dist', 'scripts/start.mjs'];

export function freshCopy(): string {
  ensureBuilt();
  const folder = mkdtempSync(join(tmpdir(), 'fogline-bench-'));
  for (const path of COPIED) cpSync(join(ROOT, path), join(folder, path), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

/** Takes away what runs leave behind. */
export function makeFresh(folder: string): void {
  for (const path of ['data', '.fogline']) rmSync(join(folder, path), { recursive: true, force: true });
}

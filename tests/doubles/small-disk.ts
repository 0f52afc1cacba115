/** A disk of its own and of a few megabytes, mounted over a folder; and a file that takes the room on it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const IN_NAMESPACE = 'FOGLINE_IN_MOUNT_NAMESPACE';

/** True where this process may mount: as root, or in a namespace of its own. */
export const mayMount = process.getuid?.() === 0;

/**
 * Runs this test file again in a user and mount namespace, where everybody may mount.
 * @returns what it said and its exit code; undefined where there are no namespaces
 */
export function runInNamespace(file: string): { status: number | null; output: string } | undefined {
  if (process.env[IN_NAMESPACE] === '1') throw new Error('in a namespace, and still not allowed to mount');
  if (spawnSync('unshare', ['-Urm', 'true']).status !== 0) return undefined;
  // Without what tells a child that it is run by a test runner.
  const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
  const args = ['-Urm', process.execPath, '--import', 'tsx', '--test', file];
  const { status, stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8', env: { ...env, [IN_NAMESPACE]: '1' } });
  return { status, output: stdout + stderr };
}

export class SmallDisk {
  readonly folder: string;

  /** Made if it is missing; what is in it is hidden. */
  constructor(folder: string, megabytes: number) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder]);
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.folder);
    return bavail * bsize;
  }

  /** Takes all room but so many bytes. */
  fill(leftBytes: number): void {
    try {
      writeFileSync(this.filler, Buffer.alloc(Math.max(0, this.freeBytes - leftBytes)));
    } catch (error) {
      // The part under test was quicker: full all the same.
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }

  empty(): void {
    rmSync(this.filler, { force: true });
  }

  unmount(): void {
    // Lazily: a part that was just killed may still hold a file.
    execFileSync('umount', ['-l', this.folder]);
  }

  private get filler(): string {
    return join(this.folder, 'filler');
  }
}

/**
 * The disk under one part of a storm: it can be copied, set back, wiped, lose its power. What a power cut leaves is what was synced: the
 * stores commit with synchronous=FULL, so that is the files as they lie there between two transactions, write-ahead logs with them,
 * before anybody closes them in an orderly way. (That the production stores do ask for FULL, and what a disk really keeps of single
 * writes, is shown with real files in tests/crash.)
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { copyFolder } from './storm-files.ts';

export interface StormDisk {
  /** False when there is nothing to copy. */
  copy(name: string): boolean;
  /** Puts a copy in the place of what is there; nobody may have it open. */
  restore(name: string): void;
  wipe(): void;
  /** The other one's content in the place of this. False when that is empty. */
  copyFrom(other: StormDisk): boolean;
  /** @param kill ends the process that has it open */
  cutPower(kill: () => void): void;
}

export class FolderDisk implements StormDisk {
  private readonly folder: string;
  /** Where the files are. */
  readonly state: string;

  constructor(folder: string, state = join(folder, 'state')) {
    this.folder = folder;
    this.state = state;
  }

  copy(name: string): boolean {
    return copyFolder(this.state, join(this.folder, name));
  }

  restore(name: string): void {
    copyFolder(join(this.folder, name), this.state);
  }

  wipe(): void {
    rmSync(this.state, { recursive: true, force: true });
  }

  copyFrom(other: StormDisk): boolean {
    return copyFolder((other as FolderDisk).state, this.state);
  }

  cutPower(kill: () => void): void {
    const isThere = this.copy('synced');
    kill();
    if (isThere) this.restore('synced');
    else this.wipe();
  }
}

/** What lies in memory and can be copied whole. */
export interface Copyable<T> {
  copy(): T;
}

export class MemoryDisk<T extends Copyable<T>> implements StormDisk {
  private readonly make: () => T;
  private readonly copies = new Map<string, T>();
  private held: T | undefined;

  constructor(make: () => T) {
    this.make = make;
  }

  /** Made when it is first asked for. */
  get file(): T {
    return (this.held ??= this.make());
  }

  copy(name: string): boolean {
    if (this.held === undefined) return false;
    this.copies.set(name, this.held.copy());
    return true;
  }

  restore(name: string): void {
    this.held = this.copies.get(name)?.copy();
  }

  wipe(): void {
    this.held = undefined;
  }

  copyFrom(other: StormDisk): boolean {
    this.held = (other as MemoryDisk<T>).held?.copy();
    return this.held !== undefined;
  }

  cutPower(kill: () => void): void {
    // Every commit is synced, and nothing is written beside commits.
    kill();
  }
}

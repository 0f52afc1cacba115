/**
 * Tells other processes on the same machine that something was appended: a small file whose one byte is written again after
 * each commit, and watched by whoever waits. A ring may be missed (a killed writer, a file system without
 * notification); listeners look by themselves now and then, so a ring only makes it quick.
 */
import { closeSync, constants, type FSWatcher, openSync, watch, writeSync } from 'node:fs';

const RING = Buffer.from('.');

export class Doorbell {
  private readonly file: string;
  private descriptor: number | undefined;
  private watcher: FSWatcher | undefined;

  constructor(file: string) {
    this.file = file;
  }

  /** Makes the file if it is missing, with its byte in it: later rings need no space on the disk. */
  open(): void {
    this.descriptor ??= openSync(this.file, constants.O_RDWR | constants.O_CREAT, 0o600);
    this.ring();
  }

  /** Never throws: what is announced has already happened, and listeners look by themselves. */
  ring(): void {
    if (this.descriptor === undefined) return;
    try {
      writeSync(this.descriptor, RING, 0, 1, 0);
    } catch {
      // Only the hurry is lost.
    }
  }

  /**
   * Calls back on every ring, also on rings of this process.
   * @param onDeaf called at most once, when the file can't be watched (any more)
   */
  listen(onRing: () => void, onDeaf: (error: Error) => void): void {
    if (this.watcher !== undefined) return;
    try {
      this.watcher = watch(this.file, onRing);
      this.watcher.once('error', (error) => {
        this.hush();
        onDeaf(error);
      });
    } catch (error) {
      onDeaf(error as Error);
    }
  }

  hush(): void {
    this.watcher?.close();
    this.watcher = undefined;
  }

  close(): void {
    this.hush();
    if (this.descriptor !== undefined) closeSync(this.descriptor);
    this.descriptor = undefined;
  }
}

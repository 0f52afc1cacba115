/**
 * The CSV files of the collectors. A run that is started again on its state goes on in them: rows of whole ticks stay as they are, the
 * last tick, which may be half written, is written again, and what the run steps through once more is not written twice. Another run,
 * and one without a state, begins them anew.
 *
 * Not forced to disk: what a power cut took from their end is written again as far as the run steps through it again, which a loop does
 * from the pass it was in. Two collectors that name one file share it.
 */
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, OperatingError } from '../../common/errors.ts';
import { COLLECTOR_TITLE, type CollectorOutput } from './models/collector.ts';
import { readStateFile, saveStateFile } from './state-file.ts';

/** Looked at from the end of a file, doubled until the tick before the last one is in it. */
const LOOK_BYTES = 64 << 10;

export class CollectedFiles {
  private readonly open = new Map<string, { file: number; output: CollectorOutput }>();
  private state: { path: string; run: string } | undefined;

  /** Before a file is opened. What the run wrote when it was here before is gone on with. */
  belongTo(run: string, stateFolder: string): void {
    this.state = { path: join(stateFolder, 'collected.json'), run };
  }

  /** @throws ConfigError when it can't be written */
  readonly output = (path: string): CollectorOutput => {
    const known = this.open.get(path);
    // Whoever comes second to a file finds its title there.
    if (known !== undefined) return { ...known.output, goOnAt: known.output.goOnAt ?? 0 };
    const file = opened(path);
    const isOurs = this.before().includes(path);
    const end = isOurs && fstatSync(file).isFile() ? wholeTicks(file) : undefined;
    if (fstatSync(file).isFile()) ftruncateSync(file, end?.bytes ?? 0);
    const output = { goOnAt: end?.tick, write: (text: string) => append(file, path, text) };
    this.open.set(path, { file, output });
    if (this.state !== undefined && !isOurs)
      saveStateFile(this.state.path, { version: 1, run: this.state.run, files: [...this.before(), path] });
    return output;
  };

  end(): void {
    for (const { file } of this.open.values()) closeSync(file);
    this.open.clear();
  }

  /** Files that this run has begun. */
  private before(): string[] {
    const saved = this.state === undefined ? undefined : readStateFile(this.state.path);
    const isOurs = saved?.['version'] === 1 && saved['run'] === this.state?.run && Array.isArray(saved['files']);
    return isOurs ? (saved?.['files'] as string[]) : [];
  }
}

function opened(path: string): number {
  try {
    return openSync(path, 'a+');
  } catch (cause) {
    const hint = 'name a file in a folder that is there, in simulation.collect_file or params.file of the collector';
    throw new ConfigError(`${path} can't be written: ${(cause as Error).message}`, hint, { cause });
  }
}

/** In the file before it returns: a kill takes nothing of it, and nothing piles up in memory. */
function append(file: number, path: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (cause) {
    throw new OperatingError('DISK_FULL', `${path} can not be written: ${(cause as Error).message}`, {
      retryable: false,
      hint: 'make room on the disk, or name another file in simulation.collect_file or params.file of the collector',
      cause,
    });
  }
}

/** Where the last tick in the file begins, and which one that is; undefined when a collector did not write the file as it is. */
function wholeTicks(file: number): { bytes: number; tick: number } | undefined {
  const { size } = fstatSync(file);
  if (textOf(file, 0, COLLECTOR_TITLE.length) !== COLLECTOR_TITLE) return undefined;
  const first = COLLECTOR_TITLE.length;
  for (let look = LOOK_BYTES; ; look *= 2) {
    const from = Math.max(first, size - look);
    const end = lastTick(textOf(file, from, size - from), from === first);
    if (end !== 'more') return end && { bytes: from + end.at, tick: end.tick };
  }
}

/** @param isWhole the text begins with a line. @returns `more` when the tick may begin before the text */
function lastTick(text: string, isWhole: boolean): { at: number; tick: number } | 'more' | undefined {
  let at = text.lastIndexOf('\n') + 1;
  let tick: number | undefined;
  while (at > 0) {
    const begin = at === 1 ? 0 : text.lastIndexOf('\n', at - 2) + 1;
    if (begin === 0 && !isWhole) return 'more';
    const its = /^\d+(?=,)/.exec(text.slice(begin, at))?.[0];
    if (its === undefined) return undefined;
    tick ??= Number(its);
    if (Number(its) < tick) return { at, tick };
    at = begin;
  }
  return isWhole ? { at: 0, tick: tick ?? 0 } : 'more';
}

/** A character for each byte. */
function textOf(file: number, from: number, length: number): string {
  const bytes = Buffer.alloc(length);
  return bytes.toString('latin1', 0, readSync(file, bytes, 0, length, from));
}

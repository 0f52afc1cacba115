/** The files of a download: a folder with everything below it, a zip archive, or one CSV file. Nothing is unpacked to the disk. */
import { createReadStream, readdirSync, statSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { OperatingError } from '../../common/errors.ts';
import { openZip } from './zip-archive.ts';

export interface SourceFile {
  /** Path as people know it. */
  name: string;
  bytes: number;
  /** From the beginning; may be called again, and left early. */
  read(): AsyncIterable<Buffer>;
}

export interface ImportSource {
  /** What ends in .csv, by name. */
  files: readonly SourceFile[];
  /** Everything else. */
  others: readonly string[];
  close(): void;
}

/** Bytes read at once from one file. */
const CHUNK_BYTES = 1 << 20;
/** What systems put beside people's files. */
const NOT_MEANT = /(^|\/)(\.|__MACOSX\/|Thumbs\.db$|desktop\.ini$)/;

/** @throws OperatingError DATA_UNREADABLE for what is not there, or is no archive */
export async function openImportSource(path: string): Promise<ImportSource> {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) throw refused(`${path} is not there`, 'name the folder or the zip file of the download');
  if (stats.isFile() && path.toLowerCase().endsWith('.zip')) {
    const archive = await openZip(path);
    return { ...sorted(archive.entries), close: () => archive.close() };
  }
  const files = stats.isDirectory() ? filesBelow(path) : [fileAt(path, basename(path))];
  return { ...sorted(files), close: () => {} };
}

function sorted(all: readonly SourceFile[]): { files: SourceFile[]; others: string[] } {
  const meant = all.filter(({ name }) => !NOT_MEANT.test(name)).sort((a, b) => (a.name < b.name ? -1 : 1));
  const isCsv = ({ name }: SourceFile) => name.toLowerCase().endsWith('.csv');
  return { files: meant.filter(isCsv), others: meant.filter((file) => !isCsv(file)).map(({ name }) => name) };
}

function filesBelow(folder: string): SourceFile[] {
  const found: SourceFile[] = [];
  const walk = (dir: string) => {
    for (const entry of readdirSync(dir, { withFileTypes: true })) {
      const path = join(dir, entry.name);
      // What a link points to may lie outside, or above.
      if (entry.isDirectory()) walk(path);
      else if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) found.push(fileAt(path, relative(folder, path)));
    }
  };
  try {
    walk(folder);
  } catch (cause) {
    throw refused(`${folder} can not be read (${(cause as Error).message})`, 'let this user read it', cause);
  }
  return found;
}

function fileAt(path: string, name: string): SourceFile {
  return { name, bytes: statSync(path).size, read: () => createReadStream(path, { highWaterMark: CHUNK_BYTES }) };
}

function refused(message: string, hint: string, cause?: unknown): OperatingError {
  return new OperatingError('DATA_UNREADABLE', message, { retryable: false, hint, cause });
}

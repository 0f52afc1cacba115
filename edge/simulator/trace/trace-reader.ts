/** Reads the file of a recorded run, line by line; never more than a piece of it is in memory. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline, type Readable } from 'node:stream';
import { constants, createGunzip } from 'node:zlib';
import { ConfigError, OperatingError } from '../../../common/errors.ts';
import type { OutputRequest } from '../cosim/simulator.ts';
import { isEnd, isStep, type RecordedEnd, TRACE_FORMAT, TRACE_VERSION, type TraceHeader, type TraceLine } from './trace-format.ts';
import { decodeValue } from './trace-values.ts';

const PIECE_BYTES = 65_536;
const GZIP_MAGIC = [0x1f, 0x8b] as const;

export class Trace {
  readonly path: string;
  readonly header: TraceHeader;
  private readonly texts: AsyncGenerator<string, void>;
  private readonly torn: () => string | undefined;
  private itsEnd: RecordedEnd['end'] | undefined;
  private isRead = false;

  constructor(path: string, header: TraceHeader, texts: AsyncGenerator<string, void>, torn: () => string | undefined) {
    this.path = path;
    this.header = header;
    this.texts = texts;
    this.torn = torn;
  }

  /** Everything after the header but the end, once. Steps have their `wanted` filled in. */
  async *lines(): AsyncGenerator<Exclude<TraceLine, RecordedEnd>, void> {
    const wanted = new Map<string, OutputRequest>();
    for await (const text of this.texts) {
      const line = this.decode(text);
      if (isEnd(line)) {
        this.itsEnd = line.end;
        return;
      }
      if (isStep(line)) {
        if (line.wanted !== undefined) wanted.set(line.sid, line.wanted);
        else if (line.outputs !== undefined || (line.failed !== undefined && wanted.has(line.sid)))
          line.wanted = wanted.get(line.sid) as OutputRequest;
      }
      yield line;
    }
    this.isRead = true;
  }

  /** When all lines are read: how the run ended; undefined when the file ends before the run. */
  get end(): RecordedEnd['end'] | undefined {
    return this.itsEnd;
  }

  /** When all lines are read: why there are no more of them, though the run went on. Undefined for a whole file, and before that. */
  get tornText(): string | undefined {
    if (!this.isRead) return undefined;
    return `${this.path} ends before its run did (${this.torn() ?? 'no end line'}): what follows is about the part that is there`;
  }

  /** Lets go of the file. */
  async close(): Promise<void> {
    await this.texts.return();
  }

  private decode(text: string): TraceLine {
    try {
      return decodeValue(text) as TraceLine;
    } catch (cause) {
      throw unreadable(this.path, `a line of it is no JSON: ${text.slice(0, 80)}`, cause);
    }
  }
}

/** @throws ConfigError when there is no such file, OperatingError DATA_UNREADABLE when it is no recording */
export async function openTrace(path: string): Promise<Trace> {
  const piece = { torn: undefined as string | undefined };
  const texts = wholeLines(await openStream(path), (reason) => (piece.torn = reason));
  const first = await texts.next();
  if (first.done === true) throw unreadable(path, piece.torn ?? 'it has no whole line', undefined);
  return new Trace(path, headerOf(path, first.value), texts, () => piece.torn);
}

/** A file that somebody has unpacked is fine too. */
async function openStream(path: string): Promise<Readable> {
  const magic = Buffer.alloc(2);
  try {
    const file = await open(path);
    try {
      await file.read(magic, 0, 2, 0);
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new ConfigError(`${path} can't be read: ${(cause as Error).message}`, 'name a file that --record has written', { cause });
  }
  const raw = createReadStream(path, { highWaterMark: PIECE_BYTES });
  if (magic[0] !== GZIP_MAGIC[0] || magic[1] !== GZIP_MAGIC[1]) return raw;
  // Z_SYNC_FLUSH: what is there of a torn file comes out before its end is noticed.
  return pipeline(raw, createGunzip({ finishFlush: constants.Z_SYNC_FLUSH, chunkSize: PIECE_BYTES }), () => undefined);
}

/** @param torn told why, when the stream breaks; the lines before that are given */
async function* wholeLines(stream: Readable, torn: (reason: string) => void): AsyncGenerator<string, void> {
  stream.setEncoding('utf8');
  const begun: string[] = [];
  try {
    for await (const piece of stream as AsyncIterable<string>) {
      let from = 0;
      for (let at = piece.indexOf('\n'); at >= 0; at = piece.indexOf('\n', from)) {
        begun.push(piece.slice(from, at));
        from = at + 1;
        yield begun.length === 1 ? (begun[0] as string) : begun.join('');
        begun.length = 0;
      }
      if (from < piece.length) begun.push(piece.slice(from));
    }
    if (begun.length > 0) torn('its last line is not whole');
  } catch (error) {
    if (!isBroken(error)) throw error;
    torn((error as Error).message);
  } finally {
    stream.destroy();
  }
}

/** The packed text is damaged or cut; not a mistake of whoever takes the lines. */
function isBroken(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return code.startsWith('Z_') || code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'EIO';
}

function headerOf(path: string, text: string): TraceHeader {
  let header: Partial<TraceHeader> | null;
  try {
    header = decodeValue(text) as Partial<TraceHeader> | null;
  } catch (cause) {
    throw unreadable(path, 'its first line is no JSON', cause);
  }
  if (header?.format !== TRACE_FORMAT) throw unreadable(path, 'it is no recording of a run', undefined);
  if (header.version !== TRACE_VERSION) {
    throw unreadable(path, `it has version ${header.version} of the format, ${TRACE_VERSION} is understood`, undefined);
  }
  return header as TraceHeader;
}

function unreadable(path: string, reason: string, cause: unknown): OperatingError {
  const hint = 'name a file that --record of this version has written';
  return new OperatingError('DATA_UNREADABLE', `${path}: ${reason}`, { retryable: false, hint, cause });
}

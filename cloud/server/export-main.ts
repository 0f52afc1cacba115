/** `fogline export`: what the cloud holds, as rows on stdout or in a file. Reads the file beside a running cloud, or asks one. */
import { once } from 'node:events';
import { createWriteStream, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { bearer, TOKEN_REMEDY } from '../../common/bearer.ts';
import type { ExportOptions } from '../../common/command.ts';
import { ConfigError, EXIT, OperatingError } from '../../common/errors.ts';
import { isoTime, parseTime, TIME_REMEDY } from '../../common/iso-time.ts';
import { likelyWord } from '../../common/nearest-word.ts';
import { formatRows } from './export-rows.ts';
import { SERIES_FILE } from './storage/open-database.ts';
import { openReadOnlyStore } from './storage/read-only-store.ts';
import type { Bucket, RangeQuery } from './storage/series-store.ts';

/** Fewer digits than any time of use has in milliseconds since 1970: seconds of the recording. */
const SECONDS = /^\d{1,9}(\.\d+)?$/;
const EXPORT_PATH = '/api/v1/export';
/** Names that a refusal lists. */
const NAMES_SHOWN_MAX = 20;
/** Characters of a refusal that are shown. */
const REFUSAL_LENGTH_MAX = 2_000;

/** @returns 0; 130 when interrupted. Whoever reads stdout may go away early (`| head`): that is no failure. */
export async function main(options: ExportOptions): Promise<number> {
  const query = queryOf(options, () => originMs(options));
  if (options.output !== undefined && isFolder(options.output))
    throw new ConfigError(`${options.output} is a folder`, 'give --output the name of a file');
  if (options.url === undefined) await refuseUnknown(options);
  if (options.output === undefined) return copyTo(process.stdout, piecesOf(options, query), options.signal);
  return writeFile(options.output, options, query);
}

/**
 * @param origin event time from which seconds count; asked for only when they are used
 * @throws ConfigError for a time that can't be read
 */
export function queryOf(
  options: Pick<ExportOptions, 'household' | 'field' | 'from' | 'to' | 'resolution'>,
  origin: () => number,
): RangeQuery {
  const { household, field, resolution } = options;
  const fromMs = timeOf('--from', options.from, origin);
  const toMs = timeOf('--to', options.to, origin);
  if (fromMs !== undefined && toMs !== undefined && fromMs >= toMs)
    throw new ConfigError('--from is not before --to', '--to is the first instant left out');
  return {
    resolution,
    ...(household === undefined ? {} : { household }),
    ...(field === undefined ? {} : { field }),
    ...(fromMs === undefined ? {} : { fromMs }),
    ...(toMs === undefined ? {} : { toMs }),
  };
}

function timeOf(option: string, text: string | undefined, origin: () => number): number | undefined {
  if (text === undefined) return undefined;
  if (SECONDS.test(text)) return origin() + Number(text) * 1_000;
  const timeMs = parseTime(text);
  if (timeMs === undefined) throw new ConfigError(`${option} ${text} is not a time`, `${TIME_REMEDY}, or seconds of the recording`);
  return timeMs;
}

/** Where the seconds of `run --start` and `--until` count from. */
function originMs({ url, originMs: ofState, stateDir }: ExportOptions): number {
  if (url !== undefined) throw new ConfigError('seconds count from the beginning of the recording, which --url does not tell', TIME_REMEDY);
  const its = ofState();
  if (its === undefined)
    throw new ConfigError(`seconds count from the beginning of the recording, and nothing was replayed in ${stateDir}`, TIME_REMEDY);
  return its;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** A household or field that is not stored would give a table of nothing. @throws ConfigError naming what there is */
async function refuseUnknown({ household, field, stateDir }: ExportOptions): Promise<void> {
  if (household === undefined && field === undefined) return;
  const store = openReadOnlyStore(join(stateDir, SERIES_FILE));
  try {
    refuseOther('household', household, household === undefined ? [] : await store.households());
    refuseOther('field', field, field === undefined ? [] : store.fields());
  } finally {
    store.close();
  }
}

function refuseOther(kind: string, name: string | undefined, known: readonly string[]): void {
  if (name === undefined || known.includes(name)) return;
  const meant = likelyWord(name, known);
  const shown = known.slice(0, NAMES_SHOWN_MAX).join(', ') + (known.length > NAMES_SHOWN_MAX ? ', …' : '');
  const remedy = known.length === 0 ? 'nothing is stored yet' : `there are ${shown}`;
  throw new ConfigError(`no ${kind} ${name} is stored`, meant === undefined ? remedy : `did you mean ${meant}? Otherwise ${remedy}`);
}

function piecesOf(options: ExportOptions, query: RangeQuery): AsyncIterable<string | Uint8Array> {
  return options.url === undefined ? localPieces(options, query) : remotePieces(options.url, options, query);
}

async function* localPieces(options: ExportOptions, query: RangeQuery): AsyncGenerator<string> {
  const store = openReadOnlyStore(join(options.stateDir, SERIES_FILE));
  try {
    const rows = { count: 0 };
    yield* formatRows(counted(store.range(query), rows), options.format, options.numbers);
    if (rows.count === 0) tellNothing(store.span(query.household));
  } finally {
    store.close();
  }
}

async function* counted(buckets: AsyncIterable<Bucket>, rows: { count: number }): AsyncGenerator<Bucket> {
  for await (const bucket of buckets) {
    rows.count++;
    yield bucket;
  }
}

function tellNothing(span: { firstMs: number; lastMs: number } | undefined): void {
  const where = span === undefined ? 'nothing is stored yet' : `the readings are from ${isoTime(span.firstMs)} to ${isoTime(span.lastMs)}`;
  process.stderr.write(`fogline: no rows in this range: ${where}\n`);
}

async function* remotePieces(url: string, options: ExportOptions, query: RangeQuery): AsyncGenerator<Uint8Array> {
  const address = exportAddress(url, query, options);
  const unreachable = (cause: unknown) => {
    const hint = 'is the cloud server running there? Give its address: --url http://127.0.0.1:5006';
    return new OperatingError('CLOUD_UNREACHABLE', `no whole answer from ${address.origin}`, { retryable: true, hint, cause });
  };
  try {
    const headers = bearer(options.config.dashboard.token);
    const response = await fetch(address, { signal: options.signal, headers });
    if (!response.ok) throw await refusalOf(response);
    if (response.body !== null) for await (const piece of response.body) yield piece as Uint8Array;
  } catch (error) {
    if (options.signal.aborted || error instanceof ConfigError || error instanceof OperatingError) throw error;
    throw unreachable(error);
  }
}

function exportAddress(url: string, query: RangeQuery, { format, numbers }: Pick<ExportOptions, 'format' | 'numbers'>): URL {
  let address: URL;
  try {
    address = new URL(EXPORT_PATH, url);
  } catch (cause) {
    throw new ConfigError(`--url ${url} is not an address`, 'write for example --url http://127.0.0.1:5006', { cause });
  }
  const { fromMs, toMs, resolution, household, field } = query;
  const given = { household, field, from: fromMs, to: toMs, resolution, format, numbers: numbers === 'full' ? undefined : numbers };
  for (const [name, value] of Object.entries(given)) if (value !== undefined) address.searchParams.set(name, String(value));
  return address;
}

/** The API answers refusals with problem+json; its `detail` says how to mend them. */
async function refusalOf(response: Response): Promise<Error> {
  const text = (await response.text()).slice(0, REFUSAL_LENGTH_MAX);
  let detail = text;
  try {
    detail = (JSON.parse(text) as { detail?: string }).detail ?? text;
  } catch {
    // Not from our API: the text as it came.
  }
  const message = `${response.url} answers ${response.status}: ${detail}`;
  if (response.status === 401) return new ConfigError(message, TOKEN_REMEDY);
  if (response.status < 500) return new ConfigError(message, 'correct the options, or give the address of a Fogline cloud server');
  return new OperatingError('CLOUD_UNREACHABLE', message, { retryable: true, hint: "try again; the cloud server's log says more" });
}

/** Into a temporary file that takes its name when it is whole: half an export never looks like one. */
async function writeFile(path: string, options: ExportOptions, query: RangeQuery): Promise<number> {
  const partial = `${path}.partial`;
  const file = createWriteStream(partial);
  try {
    await once(file, 'open');
    const code = await copyTo(file, piecesOf(options, query), options.signal);
    file.end();
    await once(file, 'close');
    if (code === EXIT.ok) renameSync(partial, path);
    else rmSync(partial, { force: true });
    return code;
  } catch (error) {
    file.destroy();
    rmSync(partial, { force: true });
    throw explainWriteError(path, error);
  }
}

function explainWriteError(path: string, error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC')
    return new OperatingError('DISK_FULL', `no space for ${path}`, {
      retryable: true,
      hint: 'make room, or name another --output',
      cause: error,
    });
  if (code === 'ENOENT' || code === 'EACCES' || code === 'EISDIR' || code === 'ENOTDIR' || code === 'EROFS') {
    return new ConfigError(`${path} can't be written: ${message}`, 'give --output a file that this user may write', { cause: error });
  }
  return error;
}

/** Waits for the reader of `out` whenever its buffer is full. Does not end `out`. */
export async function copyTo(out: Writable, pieces: AsyncIterable<string | Uint8Array>, signal: AbortSignal): Promise<number> {
  let failure: NodeJS.ErrnoException | undefined;
  // Stays for good: a pipe may report that its reader has gone after everything was written.
  out.on('error', (error: Error) => {
    failure ??= error;
  });
  try {
    for await (const piece of pieces) {
      if (!out.write(piece)) await drained(out, signal);
      if (failure !== undefined || signal.aborted) break;
    }
    if (failure === undefined && !signal.aborted) failure = await flushed(out);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  if (failure !== undefined && failure.code !== 'EPIPE') throw failure;
  return signal.aborted ? EXIT.interrupted : EXIT.ok;
}

/** Also when `out` fails or the signal aborts. */
async function drained(out: Writable, signal: AbortSignal): Promise<void> {
  if (signal.aborted || out.destroyed) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      for (const event of ['drain', 'error', 'close']) out.off(event, done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    for (const event of ['drain', 'error', 'close']) out.once(event, done);
    signal.addEventListener('abort', done, { once: true });
  });
}

/** Resolves when everything before is written, with the error if it can't be. */
function flushed(out: Writable): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    out.write('', (error) => resolve(error ?? undefined));
  });
}

/**
 * Link payloads: versioned JSON in gzip, whose CRC-32 tells what the way has damaged, sizes checked before and after inflating.
 *
 *   request  {"v":1,"kind":"hello"|"heartbeat",["site"],…the message…}
 *            {"v":1,"kind":"parts",["site"],"edge","epoch","claim","startId","windowMs","generations":{household: n},
 *             "sources":[[household,device,src],…],"fieldSets":[[field,…],…],"reasons":[…],
 *             "source":[…],"from":[…],"to":[…],"window":[…],"fieldSet":[…],"first":[…],"last":[…],"digest":[…],"stats":[[…],…]}
 *            one entry per row in each of the columns; `fieldSet` of a gap is -1 - index into reasons, its other columns are 0
 *            {"v":1,"kind":"newest",…as parts, without gaps…}
 *   reply    {"v":1,"kind":"hello"|"parts"|"newest"|"hello_first"|"heartbeat"|"busy"|"refused",…}
 *
 * Unknown keys are ignored both ways. A cloud that does not know a kind of request answers `refused`; an edge that does not know a kind of
 * reply takes it as lost and asks again. A peer of another version is refused with a sentence. Rows with bad values are decoded as
 * they are: rowFault tells, and only that row is refused. Of a hello only the household is refused whose name or generation can't be used
 * (docs/decisions/0017).
 */
import { gunzipSync, gzipSync } from 'node:zlib';
import type { z } from 'zod';
import { isId, sourceKey } from './ids.ts';
import { shapeFault } from './json-shape.ts';
import {
  type EdgeStatus,
  FIELDS_MAX,
  type Gap,
  HOUSEHOLDS_PER_HELLO_MAX,
  type HeartbeatRequest,
  type HelloRequest,
  type LinkReply,
  type LinkRequest,
  LINK_PAYLOAD_BYTES_MAX,
  type NewestRequest,
  type Part,
  type PartsRequest,
  ROWS_PER_REQUEST_MAX,
  rangeOf,
  type SeqRange,
  type ShippedRow,
  STATS_PER_FIELD,
  type UnusableHousehold,
} from './messages.ts';
import { PARKED_REASONS } from './parked-reason.ts';
import { plainLine } from './plain-text.ts';
import { isDigest } from './protocol/digest.ts';
import { edgeStatus, replies } from './wire-shapes.ts';

export const WIRE_VERSION = 1;
/** Below this packing gains nothing: then gzip is a frame alone, for its CRC-32. */
const GZIP_ABOVE_BYTES = 1_024;
const GZIP_MAGIC = 0x1f;
/**
 * Of a request, which may come from anybody: what parsing costs stays below 20 ms. The deepest has 4, and the widest is a heartbeat with
 * as many parked households as fit into a payload.
 */
const REQUEST_SHAPE = { depthMax: 16, itemsMax: 32_000 };
/** A reason is a sentence. */
const REASON_LENGTH_MAX = 200;
/** Of a name that is none, for a log: enough to find it. */
const NAME_SHOWN_MAX = 40;

/** A part whose statistics may be the JSON list that they were saved as: it goes into the request as it is. */
export type PartToShip = Omit<Part, 'stats'> & { stats: readonly number[] | string };
export type RowToShip = { kind: 'part'; part: PartToShip } | { kind: 'gap'; gap: Gap };
/** A request as the sender has it. */
export type RequestToSend =
  | { kind: 'hello'; hello: HelloRequest }
  | { kind: 'heartbeat'; heartbeat: HeartbeatRequest }
  | { kind: 'parts'; parts: RowsToSend }
  | { kind: 'newest'; newest: RowsToSend };
type RowsToSend = Omit<PartsRequest, 'rows'> & { rows: readonly RowToShip[] };

/** The edge's side: what it asks, and what it is told. Storms give another one that leaves the bytes out. */
export interface EdgeWire {
  encode(request: RequestToSend): Buffer;
  /** @throws WireError */
  decode(reply: Buffer): LinkReply;
}

/** The cloud's side. */
export interface CloudWire {
  /** @throws WireError */
  decode(request: Buffer): LinkRequest;
  encode(reply: LinkReply): Buffer;
}

/** @param site link.site, empty for none */
export function edgeWire(site: string): EdgeWire {
  return { encode: (request) => encodeRequest(request, site), decode: decodeReply };
}

/** @param site link.site of this cloud */
export function cloudWire(site: string): CloudWire {
  return { decode: (request) => decodeRequest(request, site), encode: encodeReply };
}

/** The payload can't be used; the message says why, for the peer's log. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

/** The peer speaks another version; the message says who must be upgraded. The same for every payload of it. */
export class VersionError extends WireError {}

/** @param site link.site, empty for none */
export function encodeRequest(request: RequestToSend, site = ''): Buffer {
  const { kind } = request;
  const head = { v: WIRE_VERSION, kind, ...(site === '' ? {} : { site }) };
  if (kind === 'hello') return pack(JSON.stringify({ ...head, ...request.hello }));
  if (kind === 'heartbeat') return pack(JSON.stringify({ ...head, ...request.heartbeat }));
  const { rows, ...its } = kind === 'parts' ? request.parts : request.newest;
  const columns = JSON.stringify({ ...head, ...its, ...toColumns(rows) });
  return pack(`${columns.slice(0, -1)},"stats":[${rows.map(statsText).join()}]}`);
}

/**
 * @param site link.site of this cloud
 * @throws WireError, also for a request of another site
 */
export function decodeRequest(payload: Buffer, site = ''): LinkRequest {
  const body = unpack(payload, { peer: 'edge', self: 'cloud' }, (json) => {
    const fault = shapeFault(json, REQUEST_SHAPE);
    if (fault !== undefined) throw new WireError(`payload is ${fault}`);
  });
  if ((body['site'] ?? '') !== site)
    throw new WireError('this cloud belongs to another installation: give edge and cloud the same link.site, and ports of their own');
  requireId(body['edge'], 'edge');
  requireId(body['epoch'], 'epoch');
  switch (body['kind']) {
    case 'parts':
      return { kind: 'parts', parts: fromColumns(body) };
    case 'newest':
      return { kind: 'newest', newest: newestOf(fromColumns(body)) };
    case 'hello':
      return { kind: 'hello', hello: helloOf(body) };
    case 'heartbeat':
      requireCount(body['sentMs'], 'sentMs');
      return {
        kind: 'heartbeat',
        heartbeat: { edge: body['edge'], epoch: body['epoch'], sentMs: body['sentMs'], status: statusOf(body['status']) },
      };
    default:
      throw new WireError(`unknown request ${String(body['kind']).slice(0, 40)}`);
  }
}

/** A household of which name or generation can't be used is left out by itself: what is wrong with it takes its place. */
function helloOf(body: Record<string, unknown>): HelloRequest {
  const { edge, epoch, claim, windowMs, households: asked } = body as Record<'edge' | 'epoch', string> & Record<string, unknown>;
  requireId(claim, 'claim');
  requireCount(windowMs, 'windowMs');
  requireList(asked, 'households', HOUSEHOLDS_PER_HELLO_MAX);
  const households: { household: string; generation: number }[] = [];
  const unusable: UnusableHousehold[] = [];
  for (const [at, entry] of asked.entries()) {
    const { household, generation } = (entry ?? {}) as { household?: unknown; generation?: unknown };
    const text = typeof household === 'string' ? household : String(JSON.stringify(household));
    if (!isId(household))
      unusable.push({ at, name: plainLine(text.slice(0, NAME_SHOWN_MAX)), isId: false, reason: PARKED_REASONS.say('name-unusable') });
    else if (!isCount(generation)) unusable.push({ at, name: household, isId: true, reason: PARKED_REASONS.say('generation-unusable') });
    else households.push({ household, generation });
  }
  return { edge, epoch, claim, windowMs, households, ...(unusable.length === 0 ? {} : { unusable }) };
}

export function encodeReply(reply: LinkReply): Buffer {
  return pack(JSON.stringify({ v: WIRE_VERSION, ...reply }));
}

/** @throws WireError */
export function decodeReply(payload: Buffer): LinkReply {
  const body = unpack(payload, { peer: 'cloud', self: 'edge' });
  const kind = body['kind'];
  if (kind === 'refused') return { kind, reason: String(body['reason']).slice(0, REASON_LENGTH_MAX) };
  requireId(body['startId'], 'startId');
  if (typeof kind !== 'string' || !Object.hasOwn(replies, kind)) throw new WireError(`unknown reply ${String(kind).slice(0, 40)}`);
  const parsed = replies[kind as keyof typeof replies].safeParse(body);
  if (!parsed.success) throw new WireError(`${kind} reply: ${issueOf(parsed.error)}`);
  return body as never;
}

/** What was looked at last and is sound. */
interface SoundNames {
  of?: SeqRange;
  fields?: readonly string[];
}

/** What is wrong with each of a request's rows. Those of one source lie side by side, and their names are looked at once. */
export function rowFaults(rows: readonly ShippedRow[], windowMs: number): (string | undefined)[] {
  const sound: SoundNames = {};
  return rows.map((row) => rowFault(row, windowMs, sound));
}

/**
 * What is wrong with a row, or undefined. A row that is wrong is refused alone; its household is parked.
 * @param sound of the row before; those of this one go into it
 */
export function rowFault(row: ShippedRow, windowMs: number, sound: SoundNames = {}): string | undefined {
  const range = row.kind === 'part' ? row.part : row.gap;
  if (sound.of === undefined || !isSameSource(range, sound.of)) {
    if (!isId(range.household) || !isId(range.device) || !isId(range.src)) return 'household, device or src is not an id';
    sound.of = range;
  }
  if (!Number.isSafeInteger(range.fromSeq) || !Number.isSafeInteger(range.toSeq) || range.fromSeq < 1 || range.toSeq < range.fromSeq) {
    return 'from and to are not a range of seqs';
  }
  if (row.kind === 'gap')
    return typeof row.gap.reason === 'string' && row.gap.reason.length <= REASON_LENGTH_MAX ? undefined : 'gap without a reason';
  const { part } = row;
  if (!Number.isSafeInteger(part.windowStartMs) || Math.floor(part.windowStartMs / windowMs) * windowMs !== part.windowStartMs)
    return 'window does not begin at a multiple of its length';
  if (!isInWindow(part.firstMs, part, windowMs) || !isInWindow(part.lastMs, part, windowMs)) return 'a time outside the window';
  if (sound.fields === undefined || part.fields !== sound.fields) {
    if (!Array.isArray(part.fields) || part.fields.length === 0 || part.fields.length > FIELDS_MAX || !part.fields.every(isId))
      return 'field names';
    sound.fields = part.fields;
  }
  if (!Array.isArray(part.stats) || part.stats.length !== part.fields.length * STATS_PER_FIELD) return 'statistics do not fit the fields';
  // By number: 500 rows a request have thousands, and a loop without an iterator makes no garbage.
  for (let i = 0; i < part.stats.length; i++) if (!Number.isFinite(part.stats[i])) return 'a statistic is not a finite number';
  return typeof part.digest === 'string' && isDigest(part.digest) ? undefined : 'digest';
}

function isInWindow(timeMs: number, { windowStartMs }: Part, windowMs: number): boolean {
  return Number.isSafeInteger(timeMs) && timeMs >= windowStartMs && timeMs < windowStartMs + windowMs;
}

/** As rowFault, for a row as it was saved. */
export function savedFault(row: RowToShip, windowMs: number): string | undefined {
  if (row.kind === 'gap') return rowFault(row, windowMs);
  let stats: readonly number[];
  try {
    stats = JSON.parse(statsText(row)) as number[];
  } catch {
    return 'its statistics are not JSON';
  }
  return rowFault({ kind: 'part', part: { ...row.part, stats } }, windowMs);
}

function statsText(row: RowToShip): string {
  if (row.kind === 'gap') return '[]';
  const { stats } = row.part;
  return typeof stats === 'string' ? stats : JSON.stringify(stats);
}

/** All columns but the statistics. */
function toColumns(rows: readonly RowToShip[]): Record<string, unknown> {
  const sources = new Index<readonly [string, string, string]>();
  const fieldSets = new Index<readonly string[]>();
  const reasons = new Index<string>();
  const columns = {
    source: [] as number[],
    from: [] as number[],
    to: [] as number[],
    window: [] as number[],
    fieldSet: [] as number[],
    first: [] as number[],
    last: [] as number[],
    digest: [] as (string | 0)[],
  };
  let before: SeqRange | undefined;
  let fieldsBefore: readonly string[] | undefined;
  let [source, fieldSet] = [0, 0];
  for (const row of rows) {
    const range = rangeOf(row);
    // Rows of one source lie side by side, and share their field names.
    if (before === undefined || !isSameSource(before, range)) {
      const { household, device, src } = range;
      source = sources.of(sourceKey(household, device, src), [household, device, src]);
      before = range;
    }
    columns.source.push(source);
    columns.from.push(range.fromSeq);
    columns.to.push(range.toSeq);
    const part = row.kind === 'part' ? row.part : undefined;
    if (part !== undefined && part.fields !== fieldsBefore) {
      fieldsBefore = part.fields;
      fieldSet = fieldSets.of(part.fields.join(), part.fields);
    }
    columns.window.push(part?.windowStartMs ?? 0);
    columns.fieldSet.push(row.kind === 'part' ? fieldSet : -1 - reasons.of(row.gap.reason, row.gap.reason));
    columns.first.push(part === undefined ? 0 : part.firstMs - part.windowStartMs);
    columns.last.push(part === undefined ? 0 : part.lastMs - part.windowStartMs);
    columns.digest.push(part?.digest ?? 0);
  }
  return { sources: sources.values, fieldSets: fieldSets.values, reasons: reasons.values, ...columns };
}

function isSameSource(a: SeqRange, b: SeqRange): boolean {
  return a.household === b.household && a.device === b.device && a.src === b.src;
}

function fromColumns(body: Record<string, unknown>): PartsRequest {
  requireId(body['claim'], 'claim');
  requireId(body['startId'], 'startId');
  requireCount(body['windowMs'], 'windowMs');
  const column = <T>(name: string): T[] => {
    requireList(body[name], name, ROWS_PER_REQUEST_MAX);
    return body[name] as T[];
  };
  const columns = {
    source: column<number>('source'),
    from: column<number>('from'),
    to: column<number>('to'),
    window: column<number>('window'),
    fieldSet: column<number>('fieldSet'),
    first: column<number>('first'),
    last: column<number>('last'),
    digest: column<string>('digest'),
    stats: column<number[]>('stats'),
  };
  const length = columns.source.length;
  for (const [name, values] of Object.entries(columns))
    if (values.length !== length) throw new WireError(`column ${name} has another length`);
  const sources = column<[string, string, string]>('sources');
  const fieldSets = column<string[]>('fieldSets');
  const reasons = column<string>('reasons');
  const rows: ShippedRow[] = [];
  for (let i = 0; i < length; i++) {
    const source = sources[columns.source[i] as number];
    if (!Array.isArray(source)) throw new WireError('a row names no source');
    const [household, device, src] = source;
    const [fromSeq, toSeq] = [columns.from[i] as number, columns.to[i] as number];
    const set = columns.fieldSet[i] as number;
    if (set < 0) {
      rows.push({ kind: 'gap', gap: { household, device, src, fromSeq, toSeq, reason: reasons[-1 - set] as string } });
      continue;
    }
    const windowStartMs = columns.window[i] as number;
    const part = {
      household,
      device,
      src,
      fromSeq,
      toSeq,
      windowStartMs,
      count: toSeq - fromSeq + 1,
      fields: fieldSets[set] as string[],
      stats: columns.stats[i] as number[],
      firstMs: windowStartMs + (columns.first[i] as number),
      lastMs: windowStartMs + (columns.last[i] as number),
      digest: columns.digest[i] as string,
    };
    rows.push({ kind: 'part', part });
  }
  return {
    edge: body['edge'] as string,
    epoch: body['epoch'] as string,
    claim: body['claim'] as string,
    startId: body['startId'] as string,
    windowMs: body['windowMs'] as number,
    generations: countsOf(body['generations']),
    rows,
  };
}

function newestOf({ rows, ...its }: PartsRequest): NewestRequest {
  const parts = rows.filter((row) => row.kind === 'part');
  if (parts.length < rows.length) throw new WireError('a gap is nothing to show');
  return { ...its, rows: parts };
}

function statusOf(status: unknown): EdgeStatus {
  const parsed = edgeStatus.safeParse(status);
  if (!parsed.success) throw new WireError(`heartbeat status: ${issueOf(parsed.error)}`);
  return parsed.data;
}

function issueOf({ issues: [issue] }: z.ZodError): string {
  return `${issue?.path.join('.')} ${issue?.message}`;
}

/** A copy without a prototype, so that no household id finds an inherited property. */
function countsOf(map: unknown): Record<string, number> {
  const counts: Record<string, number> = Object.create(null);
  if (typeof map !== 'object' || map === null) throw new WireError('generations is not an object');
  for (const [key, value] of Object.entries(map)) {
    requireCount(value, `generations.${key}`);
    counts[key] = value;
  }
  return counts;
}

/** Distinct values in order of first use. */
class Index<T> {
  readonly values: T[] = [];
  private readonly byKey = new Map<string, number>();

  of(key: string, value: T): number {
    let index = this.byKey.get(key);
    if (index === undefined) {
      index = this.values.push(value) - 1;
      this.byKey.set(key, index);
    }
    return index;
  }
}

function pack(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length > LINK_PAYLOAD_BYTES_MAX) throw new Error(`link payload of ${bytes.length} bytes, at most ${LINK_PAYLOAD_BYTES_MAX}`);
  // Always: a digit that the way has changed would be read as another value.
  return gzipSync(bytes, { level: bytes.length > GZIP_ABOVE_BYTES ? 1 : 0 });
}

interface Ends {
  peer: 'edge' | 'cloud';
  self: 'edge' | 'cloud';
}

/** @param check of what was inflated, before it is parsed */
function unpack(payload: Buffer, { peer, self }: Ends, check: (json: Buffer) => void = () => undefined): Record<string, unknown> {
  if (payload.length > LINK_PAYLOAD_BYTES_MAX) throw new WireError(`payload of ${payload.length} bytes, at most ${LINK_PAYLOAD_BYTES_MAX}`);
  let json: Buffer;
  try {
    json = payload[0] === GZIP_MAGIC ? gunzipSync(payload, { maxOutputLength: LINK_PAYLOAD_BYTES_MAX }) : payload;
  } catch (error) {
    throw new WireError(`payload does not inflate: ${(error as Error).message}`);
  }
  check(json);
  let body: unknown;
  try {
    body = JSON.parse(json.toString('utf8'));
  } catch {
    throw new WireError('payload is not JSON');
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new WireError('payload is not a JSON object');
  const record = body as Record<string, unknown>;
  const version = record['v'];
  if (version !== WIRE_VERSION) {
    const older = typeof version === 'number' && version > WIRE_VERSION ? self : peer;
    throw new VersionError(
      `the ${peer} speaks version ${String(version).slice(0, 20)}, this ${self} ${WIRE_VERSION}: upgrade the ${older}`,
    );
  }
  return record;
}

function requireId(value: unknown, name: string): asserts value is string {
  if (!isId(value)) throw new WireError(`${name} is not an id`);
}

function requireList(value: unknown, name: string, lengthMax: number): asserts value is unknown[] {
  if (!Array.isArray(value) || value.length > lengthMax) throw new WireError(`${name} is not a list of at most ${lengthMax}`);
}

function requireCount(value: unknown, name: string): asserts value is number {
  if (!isCount(value)) throw new WireError(`${name} is not a count`);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

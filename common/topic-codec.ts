/**
 * Topic records as JSON bytes.
 *
 *   reading {"v":1,"household":"…","device":"meter","src":"1f00c2aa","seq":1,"t":1577145601982,"values":{"power":249.05}}
 *   mark    {"v":1,"mark":1577145605000,"run":"…","end":false,"last":[["household","device","src",7], …]}
 *   skip    {"v":1,"skip":{"household":"…","device":"meter","src":"…","from":1,"to":900}}
 *
 * Unknown keys are ignored; an unknown version or anything else is `unreadable` with the reason, never an exception.
 */
import { isId } from './ids.ts';
import { FIELDS_MAX, type Mark, type Reading, RECORD_BYTES_MAX, type SeqRange, type TopicMessage } from './messages.ts';

export const TOPIC_VERSION = 1;

export function encodeReading(reading: Reading): Buffer {
  // Ids need no escaping (ids.ts), so the fixed keys are written by hand: half the cost of a JSON.stringify of the whole.
  return Buffer.from(
    `{"v":1,"household":"${reading.household}","device":"${reading.device}","src":"${reading.src}","seq":${reading.seq},` +
      `"t":${reading.timeMs},"values":${JSON.stringify(reading.values)}}`,
  );
}

export function encodeMark(mark: Mark): Buffer {
  // As encodeReading: there is one for every few readings.
  const head = `{"v":${TOPIC_VERSION},"mark":${mark.timeMs},"run":"${mark.run}","end":${mark.end}`;
  if (!mark.end) return Buffer.from(`${head}}`);
  const last = mark.last.map((source) => [source.household, source.device, source.src, source.seq]);
  return Buffer.from(`${head},"last":${JSON.stringify(last)}}`);
}

export function encodeSkip(range: SeqRange): Buffer {
  const { household, device, src, fromSeq, toSeq } = range;
  return Buffer.from(JSON.stringify({ v: TOPIC_VERSION, skip: { household, device, src, from: fromSeq, to: toSeq } }));
}

export function decodeTopicMessage(value: Buffer): TopicMessage {
  if (value.length > RECORD_BYTES_MAX) return unreadable(`record of ${value.length} bytes, at most ${RECORD_BYTES_MAX} are read`);
  let body: unknown;
  try {
    body = JSON.parse(value.toString('utf8'));
  } catch {
    return unreadable('not JSON');
  }
  if (typeof body !== 'object' || body === null) return unreadable('not a JSON object');
  const record = body as Record<string, unknown>;
  if (record['v'] !== TOPIC_VERSION) return unreadable(`version ${String(record['v']).slice(0, 20)}, this edge reads ${TOPIC_VERSION}`);
  if ('mark' in record) return decodeMark(record);
  if ('skip' in record) return decodeSkip(record['skip']);
  return decodeReading(record);
}

function decodeReading(record: Record<string, unknown>): TopicMessage {
  const { household, device, src, seq, t, values } = record;
  if (!isId(household) || !isId(device) || !isId(src)) return unreadable('household, device or src is not an id');
  if (!isSeq(seq)) return unreadable('seq is not a positive integer');
  if (!isTime(t)) return unreadable('t is not a time in ms');
  if (typeof values !== 'object' || values === null || Array.isArray(values)) return unreadable('values is not an object');
  let fields = 0;
  for (const field in values) {
    if (!Number.isFinite((values as Record<string, unknown>)[field]))
      return unreadable(`field ${field.slice(0, 40)} is not a finite number`);
    if (!isId(field)) return unreadable('a field name is not an id');
    fields++;
  }
  if (fields === 0 || fields > FIELDS_MAX) return unreadable(`${fields} fields, 1 to ${FIELDS_MAX} are read`);
  return { kind: 'reading', reading: { household, device, src, seq, timeMs: t, values: values as Record<string, number> } };
}

function decodeMark(record: Record<string, unknown>): TopicMessage {
  const { mark, run, end, last } = record;
  if (!isTime(mark)) return unreadable('mark is not a time in ms');
  if (!isId(run)) return unreadable('run is not an id');
  if (end !== true) return { kind: 'mark', mark: { timeMs: mark, run, end: false, last: [] } };
  if (!Array.isArray(last)) return unreadable('end mark without last');
  const sources: Mark['last'][number][] = [];
  for (const entry of last) {
    if (!Array.isArray(entry)) return unreadable('last is not a list of [household, device, src, seq]');
    const [household, device, src, seq] = entry as unknown[];
    if (!isId(household) || !isId(device) || !isId(src) || !isSeq(seq))
      return unreadable('last is not a list of [household, device, src, seq]');
    sources.push({ household, device, src, seq });
  }
  return { kind: 'mark', mark: { timeMs: mark, run, end: true, last: sources } };
}

function decodeSkip(skip: unknown): TopicMessage {
  if (typeof skip !== 'object' || skip === null) return unreadable('skip is not an object');
  const { household, device, src, from, to } = skip as Record<string, unknown>;
  if (!isId(household) || !isId(device) || !isId(src)) return unreadable('skip: household, device or src is not an id');
  if (!isSeq(from) || !isSeq(to) || to < from) return unreadable('skip: from and to are not a range of seqs');
  return { kind: 'skip', range: { household, device, src, fromSeq: from, toSeq: to } };
}

function unreadable(reason: string): TopicMessage {
  return { kind: 'unreadable', reason };
}

function isSeq(seq: unknown): seq is number {
  return Number.isSafeInteger(seq) && (seq as number) >= 1;
}

function isTime(timeMs: unknown): timeMs is number {
  return Number.isSafeInteger(timeMs);
}

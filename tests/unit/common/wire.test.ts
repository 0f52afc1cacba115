import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import {
  type EdgeStatus,
  FIELDS_MAX,
  HOUSEHOLDS_PER_HELLO_MAX,
  LINK_PAYLOAD_BYTES_MAX,
  type LinkReply,
  type LinkRequest,
  type Part,
  type PartsRequest,
  ROWS_PER_REQUEST_MAX,
  type ShippedRow,
  STATS_PER_FIELD,
} from '../../../common/messages.ts';
import { closePart, openPart } from '../../../common/protocol/window.ts';
import { decodeReply, decodeRequest, encodeReply, encodeRequest, rowFault, rowFaults, WireError } from '../../../common/wire.ts';

const WINDOW_MS = 5_000;
const HEX_64 = 'ab'.repeat(32);

const STATUS: EdgeStatus = {
  queued: 1,
  sent: 0,
  acked: 3,
  newestMs: 1_577_145_601_982,
  oldestUnackedMs: null,
  households: 2,
  parked: [{ household: 'h', reason: 'conflict at seq 1..2: ' }],
  waitingFor: ['i'],
  runs: [{ run: 'r', ended: true, done: false }],
  trimmedEarly: 0,
  unreadable: 0,
  outboxFull: false,
};

function part(household: string, seq: number, power = 1): Part {
  const reading = { household, device: 'meter', src: '1f00c2aa', seq, timeMs: 1_577_145_600_000 + seq, values: { power, energy: 2.5 } };
  return closePart(openPart(reading, WINDOW_MS));
}

function partsRequest(rows: readonly ShippedRow[]): PartsRequest {
  return { edge: 'e', epoch: 'p', claim: '1-c', startId: 's', windowMs: WINDOW_MS, generations: { h: 1 }, rows };
}

/** What is sent, as the object in the bytes, to be spoilt. */
function bodyOf(bytes: Buffer): Record<string, unknown> {
  return JSON.parse(gunzipSync(bytes).toString('utf8')) as Record<string, unknown>;
}

function bytesOf(body: unknown): Buffer {
  return Buffer.from(JSON.stringify(body));
}

// ---- round trips -------------------------------------------------------------------------------------------

const idText = fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/).filter((text) => text !== '__proto__');
const seq = fc.integer({ min: 1, max: 2 ** 40 });
const value = fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0);
const anyRow: fc.Arbitrary<ShippedRow> = fc.oneof(
  fc
    .record({ household: idText, device: idText, src: idText, from: seq, more: fc.nat(20), reason: fc.string({ maxLength: 60 }) })
    .map(
      ({ from, more, reason, ...source }): ShippedRow => ({ kind: 'gap', gap: { ...source, fromSeq: from, toSeq: from + more, reason } }),
    ),
  fc
    .record({
      ...{ household: idText, device: idText, src: idText, from: seq, more: fc.nat(20), k: fc.integer({ min: -1_000, max: 10 ** 9 }) },
      fields: fc.uniqueArray(idText, { minLength: 1, maxLength: 5 }),
      first: fc.nat(WINDOW_MS - 1),
      last: fc.nat(WINDOW_MS - 1),
      values: fc.array(value, { minLength: 25, maxLength: 25 }),
      digest: fc.stringMatching(/^[0-9a-f]{16}$/),
    })
    .map(({ from, more, k, fields, first, last, values, digest, ...source }): ShippedRow => {
      const windowStartMs = k * WINDOW_MS;
      const times = { windowStartMs, firstMs: windowStartMs + first, lastMs: windowStartMs + last };
      const stats = values.slice(0, fields.length * STATS_PER_FIELD);
      return {
        kind: 'part',
        part: { ...source, fromSeq: from, toSeq: from + more, count: more + 1, fields: fields.sort(), stats, digest, ...times },
      };
    }),
);

test('parts come back as they were sent, and have no fault', () => {
  fc.assert(
    fc.property(fc.array(anyRow, { maxLength: 30 }), fc.dictionary(idText, fc.nat(), { maxKeys: 5 }), (rows, generations) => {
      const request: LinkRequest = { kind: 'parts', parts: { ...partsRequest(rows), generations } };
      const decoded = decodeRequest(encodeRequest(request));
      assert.deepEqual(JSON.parse(JSON.stringify(decoded)), JSON.parse(JSON.stringify(request)));
      assert(decoded.kind === 'parts');
      for (const row of decoded.parts.rows) assert.equal(rowFault(row, WINDOW_MS), undefined);
    }),
  );
});

test('hello and heartbeat come back as they were sent', () => {
  const households = [
    { household: HEX_64, generation: 0 },
    { household: 'h', generation: 7 },
  ];
  const hello = { edge: 'e', epoch: 'p', claim: '1-c', windowMs: WINDOW_MS, households };
  assert.deepEqual(decodeRequest(encodeRequest({ kind: 'hello', hello })), { kind: 'hello', hello });
  const heartbeat = { edge: 'e', epoch: 'p', sentMs: 5, status: { ...STATUS, damaged: 2, leftOut: 1, topicDamage: 3 } };
  assert.deepEqual(decodeRequest(encodeRequest({ kind: 'heartbeat', heartbeat })), { kind: 'heartbeat', heartbeat });
});

const REPLIES: readonly LinkReply[] = [
  { kind: 'heartbeat', startId: 's', spreadMs: 0 },
  { kind: 'hello_first', startId: 's' },
  { kind: 'refused', reason: 'because' },
  {
    kind: 'parts',
    startId: 's',
    verdicts: [{ verdict: 'stored' }, { verdict: 'rejected', reason: 'why' }],
    postalCodes: { h: '10115' },
    generations: { i: 2 },
  },
  {
    kind: 'hello',
    startId: 's',
    claim: '1-c',
    households: [
      {
        household: 'h',
        generation: 1,
        postalCode: '10115',
        sources: [{ device: 'd', src: 's', covered: [[1, 3]], declared: [[4, 4]], greatestMs: -5 }],
      },
    ],
    refused: [{ household: 'i', reason: 'why' }],
    unusable: [{ at: 2, reason: 'its name is not an id' }],
  },
];

test('replies come back as they were sent', () => {
  for (const reply of REPLIES) {
    const { v: _v, ...decoded } = decodeReply(encodeReply(reply)) as LinkReply & { v?: unknown };
    assert.deepEqual(decoded, reply);
  }
});

test('a household that is named like an inherited property has no generation by accident', () => {
  const decoded = decodeRequest(encodeRequest({ kind: 'parts', parts: partsRequest([{ kind: 'part', part: part('constructor', 1) }]) }));
  assert(decoded.kind === 'parts');
  assert.equal(decoded.parts.generations['constructor'], undefined);
  assert.equal(decoded.parts.generations['h'], 1);
});

// ---- sizes -------------------------------------------------------------------------------------------------

test('a full request of rows with long names fits, and travels compressed', () => {
  const rows = Array.from(
    { length: ROWS_PER_REQUEST_MAX },
    (_, i): ShippedRow => ({ kind: 'part', part: part(`${HEX_64}${i}`, i + 1, i / 7) }),
  );
  const bytes = encodeRequest({ kind: 'parts', parts: partsRequest(rows) });
  assert.equal(bytes[0], 0x1f);
  assert(bytes.length < 100_000);
  const decoded = decodeRequest(bytes);
  assert(decoded.kind === 'parts');
  assert.deepEqual(decoded.parts.rows, rows);
});

test('a bit that the way has flipped is seen in the smallest payload, or changes nothing', () => {
  const request = encodeRequest({ kind: 'parts', parts: partsRequest([{ kind: 'part', part: part('h', 1, 249.05) }]) });
  const sent = decodeRequest(request);
  let refused = 0;
  for (let bit = 0; bit < request.length * 8; bit++) {
    const flipped = Buffer.from(request);
    flipped[bit >> 3] = flipped[bit >> 3]! ^ (1 << (bit & 7));
    try {
      // The name of the packing system, say.
      assert.deepEqual(decodeRequest(flipped), sent);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      refused++;
    }
  }
  assert(refused > request.length * 7);
});

test('plain JSON is understood: a peer may be written by hand', () => {
  assert.equal(decodeReply(Buffer.from('{"v":1,"kind":"hello_first","startId":"s"}')).kind, 'hello_first');
});

test('what is too large is refused, before and after inflating', () => {
  const spaces = (bytes: number) => Buffer.from(`{"v":1,"kind":"hello_first","startId":"s"${' '.repeat(bytes - 42)}}`);
  assert.equal(spaces(LINK_PAYLOAD_BYTES_MAX).length, LINK_PAYLOAD_BYTES_MAX);
  assert.equal(decodeReply(spaces(LINK_PAYLOAD_BYTES_MAX)).kind, 'hello_first');
  assert.throws(() => decodeReply(spaces(LINK_PAYLOAD_BYTES_MAX + 1)), /at most 1048576/);
  assert.equal(decodeReply(gzipSync(spaces(LINK_PAYLOAD_BYTES_MAX))).kind, 'hello_first');
  assert.throws(() => decodeReply(gzipSync(spaces(LINK_PAYLOAD_BYTES_MAX + 1))), WireError);
  assert.throws(() => encodeReply({ kind: 'refused', reason: 'x'.repeat(LINK_PAYLOAD_BYTES_MAX) }), /at most 1048576/);
});

test('a gzip bomb is refused without the memory that it asks for', () => {
  const bomb = gzipSync(Buffer.alloc(200 << 20));
  assert(bomb.length < LINK_PAYLOAD_BYTES_MAX);
  const before = process.memoryUsage().arrayBuffers;
  assert.throws(() => decodeRequest(bomb), /does not inflate/);
  assert(process.memoryUsage().arrayBuffers - before < 50 << 20);
});

// ---- refusals ----------------------------------------------------------------------------------------------

test('a request that is small and costly to parse is refused before it is parsed', () => {
  const deep = `{"v":1,"kind":"hello","edge":${'{"a":'.repeat(150_000)}1${'}'.repeat(150_000)}}`;
  assert.throws(() => decodeRequest(gzipSync(Buffer.from(deep))), { name: 'WireError', message: /nested deeper than/ });
  assert.throws(() => decodeRequest(Buffer.from('['.repeat(1_000_000))), { name: 'WireError', message: /nested deeper than/ });
  const wide = `{"v":1,"kind":"hello","edge":"e","stats":[${'[],'.repeat(330_000)}[]]}`;
  assert.throws(() => decodeRequest(gzipSync(Buffer.from(wide))), { name: 'WireError', message: /more than \d+ lists/ });
});

test('an edge of which everything is parked is still heard', () => {
  const parked = Array.from({ length: 6_000 }, (_, i) => ({ household: `${i}`.padStart(64, '0'), reason: 'conflict at seq 1..2: digest' }));
  const heartbeat = { edge: 'e', epoch: 'e', sentMs: 1, status: { ...STATUS, parked } };
  assert.deepEqual(decodeRequest(encodeRequest({ kind: 'heartbeat', heartbeat })), { kind: 'heartbeat', heartbeat });
});

test('what is no payload is refused with the reason', () => {
  const table: [string, Buffer, RegExp][] = [
    ['nothing', Buffer.alloc(0), /not JSON/],
    ['text', Buffer.from('heartbeat'), /not JSON/],
    ['a broken gzip', Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3]), /does not inflate/],
    ['a gzip that ends early', gzipSync(Buffer.from('{"v":1}')).subarray(0, 20), /does not inflate/],
    ['a list', Buffer.from('[]'), /not a JSON object/],
    ['null', Buffer.from('null'), /not a JSON object/],
    ['a number', Buffer.from('1'), /not a JSON object/],
    ['no version', Buffer.from('{}'), /version undefined, this (cloud|edge) 1: upgrade the/],
    ['an older version', Buffer.from('{"v":0}'), /version 0.*upgrade the (edge|cloud)/],
    ['a newer version', Buffer.from('{"v":2}'), /version 2.*upgrade the (edge|cloud)/],
    ['a version in words', Buffer.from(`{"v":"${'1'.repeat(99)}"}`), /version 1{20},/],
  ];
  for (const [what, bytes, message] of table) {
    for (const decode of [decodeRequest, decodeReply]) {
      assert.throws(
        () => decode(bytes),
        (error: Error) => error instanceof WireError && message.test(error.message),
        what,
      );
    }
  }
});

test('a request of which anything is spoilt is refused with the name of it', () => {
  const requests: Record<string, LinkRequest> = {
    parts: {
      kind: 'parts',
      parts: partsRequest([
        { kind: 'part', part: part('h', 1) },
        { kind: 'gap', gap: { household: 'h', device: 'd', src: 's', fromSeq: 1, toSeq: 2, reason: 'r' } },
      ]),
    },
    hello: {
      kind: 'hello',
      hello: { edge: 'e', epoch: 'p', claim: '1-c', windowMs: WINDOW_MS, households: [{ household: 'h', generation: 1 }] },
    },
    heartbeat: { kind: 'heartbeat', heartbeat: { edge: 'e', epoch: 'p', sentMs: 5, status: STATUS } },
  };
  const tooManyRows = Array<number>(ROWS_PER_REQUEST_MAX + 1).fill(0);
  const tooManyHouseholds = Array.from({ length: HOUSEHOLDS_PER_HELLO_MAX + 1 }, () => ({ household: 'h', generation: 0 }));
  const table: [request: keyof typeof requests, key: string, value: unknown, message: RegExp][] = [
    ['parts', 'kind', 'part', /unknown request part/],
    ['parts', 'kind', undefined, /unknown request undefined/],
    ['parts', 'edge', undefined, /edge is not an id/],
    ['parts', 'edge', 'a/b', /edge is not an id/],
    ['parts', 'epoch', 7, /epoch is not an id/],
    ['parts', 'claim', '', /claim is not an id/],
    ['parts', 'startId', null, /startId is not an id/],
    ['parts', 'windowMs', -1, /windowMs is not a count/],
    ['parts', 'windowMs', 1.5, /windowMs is not a count/],
    ['parts', 'generations', null, /generations is not an object/],
    ['parts', 'generations', { h: -1 }, /generations.h is not a count/],
    ['parts', 'generations', { h: '1' }, /generations.h is not a count/],
    ['parts', 'from', undefined, /from is not a list/],
    ['parts', 'from', [1], /another length/],
    ['parts', 'digest', tooManyRows, /digest is not a list of at most 500/],
    ['parts', 'stats', 'none', /stats is not a list/],
    ['parts', 'sources', {}, /sources is not a list/],
    ['parts', 'source', [0, 9], /a row names no source/],
    ['parts', 'source', ['length', 0], /a row names no source/],
    ['parts', 'sources', [null, null], /a row names no source/],
    ['hello', 'claim', 'a b', /claim is not an id/],
    ['hello', 'households', null, /households is not a list/],
    ['hello', 'households', tooManyHouseholds, /households is not a list of at most 500/],
    ['hello', 'windowMs', '5000', /windowMs is not a count/],
    ['heartbeat', 'sentMs', 1.5, /sentMs is not a count/],
    ['heartbeat', 'status', undefined, /heartbeat status/],
    ['heartbeat', 'status', { ...STATUS, queued: -1 }, /heartbeat status: queued/],
    ['heartbeat', 'status', { ...STATUS, damaged: -1 }, /heartbeat status: damaged/],
    ['heartbeat', 'status', { ...STATUS, leftOut: 'one' }, /heartbeat status: leftOut/],
    ['heartbeat', 'status', { ...STATUS, topicDamage: -1 }, /heartbeat status: topicDamage/],
    ['heartbeat', 'status', { ...STATUS, newestMs: '0' }, /heartbeat status: newestMs/],
    ['heartbeat', 'status', { ...STATUS, parked: [{ household: 'a b', reason: '' }] }, /heartbeat status: parked.0.household/],
    ['heartbeat', 'status', { ...STATUS, runs: [{ run: 'r' }] }, /heartbeat status: runs.0/],
  ];
  for (const [name, key, spoilt, message] of table) {
    const body = { ...bodyOf(encodeRequest(requests[name] as LinkRequest)), [key]: spoilt };
    assert.throws(
      () => decodeRequest(bytesOf(body)),
      (error: Error) => error instanceof WireError && message.test(error.message),
      `${name}.${key} = ${JSON.stringify(spoilt)?.slice(0, 60)}`,
    );
  }
});

test('a reply of which anything is spoilt is refused: the edge must not fall over it', () => {
  const replyOf = (kind: string) => bodyOf(encodeReply(REPLIES.find((reply) => reply.kind === kind) as LinkReply));
  const source = { device: 'd', src: 's', covered: [[1, 3]], declared: [], greatestMs: 0 };
  const household = { household: 'h', generation: 1, postalCode: '1', sources: [source] };
  const table: [kind: string, key: string, value: unknown][] = [
    ['parts', 'kind', 'stored'],
    ['parts', 'kind', 'toString'],
    ['parts', 'startId', undefined],
    ['parts', 'startId', 'a b'],
    ['parts', 'verdicts', undefined],
    ['parts', 'verdicts', [null]],
    ['parts', 'verdicts', [{ verdict: 3 }]],
    ['parts', 'verdicts', Array(ROWS_PER_REQUEST_MAX + 1).fill({ verdict: 'stored' })],
    ['parts', 'postalCodes', undefined],
    ['parts', 'postalCodes', { h: 10_115 }],
    ['parts', 'generations', null],
    ['parts', 'generations', { h: 1.5 }],
    ['heartbeat', 'spreadMs', undefined],
    ['heartbeat', 'spreadMs', -1],
    ['hello_first', 'startId', 5],
    ['hello', 'claim', undefined],
    ['hello', 'households', undefined],
    ['hello', 'households', Array(HOUSEHOLDS_PER_HELLO_MAX + 1).fill(household)],
    ['hello', 'refused', [{ household: 'a b', reason: 'why' }]],
    ['hello', 'refused', [{ household: 'h' }]],
    ['hello', 'unusable', [{ at: -1, reason: 'why' }]],
    ['hello', 'unusable', [{ at: 1 }]],
    ['hello', 'unusable', Array(HOUSEHOLDS_PER_HELLO_MAX + 1).fill({ at: 1, reason: 'why' })],
    ['hello', 'households', [{ ...household, household: '' }]],
    ['hello', 'households', [{ ...household, generation: -1 }]],
    ['hello', 'households', [{ ...household, postalCode: undefined }]],
    ['hello', 'households', [{ ...household, sources: {} }]],
    ['hello', 'households', [{ ...household, sources: [{ ...source, device: 'a/b' }] }]],
    ['hello', 'households', [{ ...household, sources: [{ ...source, covered: [[0, 1]] }] }]],
    ['hello', 'households', [{ ...household, sources: [{ ...source, covered: [[3, 1]] }] }]],
    ['hello', 'households', [{ ...household, sources: [{ ...source, declared: [[1]] }] }]],
    ['hello', 'households', [{ ...household, sources: [{ ...source, declared: [[1, 2 ** 60]] }] }]],
  ];
  for (const [kind, key, spoilt] of table) {
    const body = { ...replyOf(kind), [key]: spoilt };
    assert.throws(() => decodeReply(bytesOf(body)), WireError, `${kind}.${key} = ${JSON.stringify(spoilt)?.slice(0, 60)}`);
  }
});

test('a reason is cut to the length of a sentence', () => {
  const decoded = decodeReply(encodeReply({ kind: 'refused', reason: 'x'.repeat(5_000) }));
  assert(decoded.kind === 'refused');
  assert.equal(decoded.reason.length, 200);
});

test('unknown keys are ignored, in requests and replies', () => {
  const request = bodyOf(encodeRequest({ kind: 'parts', parts: partsRequest([]) }));
  assert.equal(decodeRequest(bytesOf({ ...request, later: { a: 1 } })).kind, 'parts');
  const reply = bodyOf(encodeReply({ kind: 'heartbeat', startId: 's', spreadMs: 5 }));
  assert.equal(decodeReply(bytesOf({ ...reply, later: 1 })).kind, 'heartbeat');
});

// ---- rows --------------------------------------------------------------------------------------------------

test('a row with a fault is named, alone', () => {
  const good = part('h', 1);
  const table: [string, Partial<Record<keyof Part, unknown>>, RegExp][] = [
    ['household', { household: 'a b' }, /not an id/],
    ['device', { device: '' }, /not an id/],
    ['src', { src: undefined }, /not an id/],
    ['from 0', { fromSeq: 0 }, /range of seqs/],
    ['from 1.5', { fromSeq: 1.5 }, /range of seqs/],
    ['to below from', { fromSeq: 2, toSeq: 1 }, /range of seqs/],
    ['to beyond what can be counted', { toSeq: 2 ** 53 }, /range of seqs/],
    ['to in words', { toSeq: '1' }, /range of seqs/],
    ['window between two windows', { windowStartMs: good.windowStartMs + 1 }, /multiple of its length/],
    ['window no number', { windowStartMs: Number.NaN }, /multiple of its length/],
    ['first before the window', { firstMs: good.windowStartMs - 1 }, /outside the window/],
    ['last after the window', { lastMs: good.windowStartMs + WINDOW_MS }, /outside the window/],
    ['last no number', { lastMs: undefined }, /outside the window/],
    ['no fields', { fields: [], stats: [] }, /field names/],
    ['fields undefined', { fields: undefined }, /field names/],
    ['a field that is no id', { fields: ['power', 'a b'] }, /field names/],
    ['too many fields', { fields: Array.from({ length: FIELDS_MAX + 1 }, (_, i) => `f${i}`) }, /field names/],
    ['a statistic too few', { stats: good.stats.slice(1) }, /fit the fields/],
    ['statistics undefined', { stats: undefined }, /fit the fields/],
    ['a statistic that is null', { stats: [null, ...good.stats.slice(1)] }, /finite/],
    ['a statistic in words', { stats: ['1', ...good.stats.slice(1)] }, /finite/],
    ['an infinite statistic', { stats: [Number.POSITIVE_INFINITY, ...good.stats.slice(1)] }, /finite/],
    ['digest too short', { digest: 'ab' }, /digest/],
    ['digest in capitals', { digest: 'A'.repeat(16) }, /digest/],
    ['digest 0', { digest: 0 }, /digest/],
  ];
  assert.equal(rowFault({ kind: 'part', part: good }, WINDOW_MS), undefined);
  for (const [what, spoilt, message] of table) {
    assert.match(rowFault({ kind: 'part', part: { ...good, ...spoilt } as never }, WINDOW_MS) ?? 'no fault', message, what);
  }
  assert.match(rowFault({ kind: 'part', part: good }, 0) ?? 'no fault', /multiple/, 'a request without a window length');
});

test('names that the row before had are not taken for sound when that row was not, and new ones are looked at', () => {
  const row = (spoilt: object): ShippedRow => ({ kind: 'part', part: { ...part('h', 1), ...spoilt } as never });
  const fields = ['a b'];
  const ids = /is not an id/;
  const table: [string, object, RegExp | undefined][] = [
    ['no names at all, first of all', { household: undefined, device: undefined, src: undefined }, ids],
    ['the same again', { household: undefined, device: undefined, src: undefined }, ids],
    ['sound', {}, undefined],
    ['another household', { household: 'a b' }, ids],
    ['the same again', { household: 'a b' }, ids],
    ['another device', { device: 'a b' }, ids],
    ['another source', { src: '' }, ids],
    ['no field names', { fields: undefined }, /field names/],
    ['field names', { fields, stats: part('h', 1).stats.slice(0, 5) }, /field names/],
    ['the same names again', { fields, stats: part('h', 1).stats.slice(0, 5) }, /field names/],
    ['sound', {}, undefined],
  ];
  const faults = rowFaults(
    table.map(([, spoilt]) => row(spoilt)),
    WINDOW_MS,
  );
  for (const [i, [what, spoilt, message]] of table.entries()) {
    if (message === undefined) assert.equal(faults[i], undefined, what);
    else assert.match(faults[i] ?? 'no fault', message, what);
    assert.equal(faults[i], rowFault(row(spoilt), WINDOW_MS), what);
  }
  const noFields = [row({ fields: undefined })];
  assert.deepEqual(rowFaults(noFields, WINDOW_MS), ['field names'], 'the first row without field names');
});

test('a gap with a fault is named', () => {
  const good = { household: 'h', device: 'd', src: 's', fromSeq: 1, toSeq: 2, reason: 'r' };
  assert.equal(rowFault({ kind: 'gap', gap: good }, WINDOW_MS), undefined);
  for (const spoilt of [{ reason: undefined }, { reason: 7 }, { reason: 'x'.repeat(201) }, { fromSeq: 3 }, { household: '' }]) {
    assert.notEqual(rowFault({ kind: 'gap', gap: { ...good, ...spoilt } as never }, WINDOW_MS), undefined, JSON.stringify(spoilt));
  }
});

test('rows with bad values are decoded as they are, so that only they are refused', () => {
  const rows: ShippedRow[] = [1, 2, 3].map((from) => ({ kind: 'part', part: part('h', from) }));
  const body = bodyOf(encodeRequest({ kind: 'parts', parts: partsRequest(rows) }));
  const decoded = decodeRequest(
    bytesOf({ ...body, from: [1, 'two', 3], fieldSet: [0, 0, 'map'], stats: [(body['stats'] as unknown[])[0], null, []] }),
  );
  assert(decoded.kind === 'parts');
  assert.deepEqual(
    decoded.parts.rows.map((row) => rowFault(row, WINDOW_MS)),
    [undefined, 'from and to are not a range of seqs', 'field names'],
  );
});

test('no bytes, however spoilt, do anything but a WireError', () => {
  const good = encodeRequest({ kind: 'parts', parts: partsRequest([{ kind: 'part', part: part('h', 1) }]) });
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }), (changes) => {
      const bytes = Buffer.from(good);
      for (const [at, byte] of changes) bytes[at] = byte;
      for (const decode of [decodeRequest, decodeReply]) {
        try {
          const decoded = decode(bytes);
          if (decoded.kind === 'parts' && 'parts' in decoded) for (const row of decoded.parts.rows) rowFault(row, decoded.parts.windowMs);
        } catch (error) {
          assert(error instanceof WireError, String(error));
        }
      }
    }),
    { numRuns: 2_000 },
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FIELDS_MAX, type Mark, type Reading, RECORD_BYTES_MAX } from '../../../common/messages.ts';
import { decodeTopicMessage, encodeMark, encodeReading, encodeSkip } from '../../../common/topic-codec.ts';

const READING: Reading = {
  household: 'h1',
  device: 'meter',
  src: '1f00c2aa',
  seq: 1,
  timeMs: 1_577_145_601_982,
  values: { power: 249.05, energy: 9_082.3166859 },
};
const MARK: Mark = { timeMs: 1_577_145_605_000, run: 'r-1', end: false, last: [] };
const END: Mark = { ...MARK, end: true, last: [{ household: 'h1', device: 'meter', src: '1f00c2aa', seq: 7 }] };

function decode(body: unknown) {
  return decodeTopicMessage(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)));
}

function bodyOf(bytes: Buffer): Record<string, unknown> {
  return JSON.parse(bytes.toString('utf8')) as Record<string, unknown>;
}

test('records are the JSON that the documentation shows', () => {
  assert.equal(
    encodeReading(READING).toString('utf8'),
    '{"v":1,"household":"h1","device":"meter","src":"1f00c2aa","seq":1,"t":1577145601982,"values":{"power":249.05,"energy":9082.3166859}}',
  );
  assert.equal(encodeMark(MARK).toString('utf8'), '{"v":1,"mark":1577145605000,"run":"r-1","end":false}');
  assert.equal(
    encodeMark(END).toString('utf8'),
    '{"v":1,"mark":1577145605000,"run":"r-1","end":true,"last":[["h1","meter","1f00c2aa",7]]}',
  );
  assert.equal(
    encodeSkip({ household: 'h1', device: 'meter', src: '1f00c2aa', fromSeq: 1, toSeq: 900 }).toString('utf8'),
    '{"v":1,"skip":{"household":"h1","device":"meter","src":"1f00c2aa","from":1,"to":900}}',
  );
});

test('readings come back as they were written, each value to the last bit', () => {
  const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,128}$/).filter((text) => text !== '__proto__');
  const value = fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0);
  const anyReading = fc.record({
    ...{ household: id, device: id, src: id, seq: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), timeMs: fc.maxSafeInteger() },
    values: fc.dictionary(id, value, { minKeys: 1, maxKeys: FIELDS_MAX }),
  });
  fc.assert(
    fc.property(anyReading, (reading) => {
      const message = decodeTopicMessage(encodeReading(reading));
      assert(message.kind === 'reading', JSON.stringify(message));
      assert.deepEqual({ ...message.reading, values: { ...message.reading.values } }, { ...reading, values: { ...reading.values } });
    }),
  );
});

test('marks and skips come back as they were written', () => {
  for (const mark of [MARK, END, { ...END, last: [] }]) assert.deepEqual(decodeTopicMessage(encodeMark(mark)), { kind: 'mark', mark });
  const range = { household: 'h', device: 'd', src: 's', fromSeq: 3, toSeq: 3 };
  assert.deepEqual(decodeTopicMessage(encodeSkip(range)), { kind: 'skip', range });
});

test('a mark that does not end a run names no last seqs', () => {
  assert.deepEqual(decodeTopicMessage(encodeMark({ ...END, end: false })), { kind: 'mark', mark: { ...MARK, end: false, last: [] } });
});

test('an end mark with 5,000 sources is below the limit of a record', () => {
  const last = Array.from({ length: 5_000 }, (_, i) => ({
    household: `${'ab'.repeat(30)}${i}`,
    device: 'meter',
    src: '1f00c2aa',
    seq: 10 ** 9 + i,
  }));
  const bytes = encodeMark({ ...END, last });
  assert(bytes.length < RECORD_BYTES_MAX);
  const message = decodeTopicMessage(bytes);
  assert(message.kind === 'mark');
  assert.deepEqual(message.mark.last, last);
});

test('unknown keys are ignored', () => {
  const reading = decode({ ...bodyOf(encodeReading(READING)), later: { a: [1] } });
  assert.deepEqual(reading, { kind: 'reading', reading: READING });
  assert.equal(decode({ ...bodyOf(encodeMark(MARK)), later: 1 }).kind, 'mark');
  assert.equal(decode({ v: 1, skip: { household: 'h', device: 'd', src: 's', from: 1, to: 2, later: 1 } }).kind, 'skip');
});

test('what nobody can use is unreadable with the reason, never an exception', () => {
  const reading = bodyOf(encodeReading(READING));
  const end = bodyOf(encodeMark(END));
  const skip = { household: 'h', device: 'd', src: 's', from: 1, to: 2 };
  const table: [string, unknown, RegExp][] = [
    ['nothing', '', /not JSON/],
    ['text', 'power=5', /not JSON/],
    ['a list', [], /version undefined/],
    ['a number', '5', /not a JSON object/],
    ['null', 'null', /not a JSON object/],
    ['no version', { ...reading, v: undefined }, /version undefined, this edge reads 1/],
    ['an unknown version', { ...reading, v: 2 }, /version 2, this edge reads 1/],
    ['a version in words', { ...reading, v: '1' }, /version 1/],
    ['a long version', { ...reading, v: 'x'.repeat(999) }, /^version x{20},/],
    ['household', { ...reading, household: 'a/b' }, /household, device or src/],
    ['device', { ...reading, device: 5 }, /household, device or src/],
    ['src', { ...reading, src: undefined }, /household, device or src/],
    ['a household of 129 letters', { ...reading, household: 'a'.repeat(129) }, /household, device or src/],
    ['seq 0', { ...reading, seq: 0 }, /seq is not/],
    ['seq 1.5', { ...reading, seq: 1.5 }, /seq is not/],
    ['seq in words', { ...reading, seq: '1' }, /seq is not/],
    ['seq beyond what can be counted', { ...reading, seq: 2 ** 53 }, /seq is not/],
    ['time in words', { ...reading, t: '2019-12-24' }, /t is not a time/],
    ['half a ms', { ...reading, t: 0.5 }, /t is not a time/],
    ['no time', { ...reading, t: undefined }, /t is not a time/],
    ['no values', { ...reading, values: undefined }, /values is not an object/],
    ['values in a list', { ...reading, values: [1] }, /values is not an object/],
    ['values null', { ...reading, values: null }, /values is not an object/],
    ['empty values', { ...reading, values: {} }, /0 fields/],
    ['a value in words', { ...reading, values: { power: '5' } }, /field power is not a finite number/],
    ['a value that is null: NaN when it was written', { ...reading, values: { power: null } }, /field power is not a finite number/],
    ['a value beyond all numbers', JSON.stringify(reading).replace('249.05', '1e999'), /field power is not a finite number/],
    ['a field that is no id', { ...reading, values: { 'a b': 1 } }, /a field name is not an id/],
    ['a field __proto__', JSON.stringify(reading).replace('"power"', '"__proto__"'), /a field name is not an id/],
    [
      'too many fields',
      { ...reading, values: Object.fromEntries(Array.from({ length: FIELDS_MAX + 1 }, (_, i) => [`f${i}`, i])) },
      /33 fields, 1 to 32/,
    ],
    ['a mark without a time', { ...end, mark: null }, /mark is not a time/],
    ['a mark without a run', { ...end, run: undefined }, /run is not an id/],
    ['an end mark without last', { ...end, last: undefined }, /end mark without last/],
    ['last of something else', { ...end, last: [5] }, /last is not a list of/],
    ['last with a spoilt id', { ...end, last: [['h', 'd', '', 1]] }, /last is not a list of/],
    ['last with seq 0', { ...end, last: [['h', 'd', 's', 0]] }, /last is not a list of/],
    ['a skip of nothing', { v: 1, skip: null }, /skip is not an object/],
    ['a skip with a spoilt id', { v: 1, skip: { ...skip, src: '' } }, /skip: household, device or src/],
    ['a skip backwards', { v: 1, skip: { ...skip, from: 3 } }, /not a range of seqs/],
    ['a skip from 0', { v: 1, skip: { ...skip, from: 0 } }, /not a range of seqs/],
    ["somebody else's reading", { time: '2019-12-24T00:00:00Z', meterusage: 12 }, /version undefined/],
    ["somebody else's event", { specversion: '1.0', type: 'meter.read', source: '/meters/7', data: { power: 249 } }, /version undefined/],
    ["somebody else's reading that has our version", { v: 1, device_id: 'meter-7', power: 249 }, /household, device or src/],
    ["somebody else's list of readings", [{ v: 1, household: 'h' }], /version undefined/],
    ['lists in lists in lists', `${'['.repeat(200_000)}${']'.repeat(200_000)}`, /version undefined/],
    ['objects in objects', `${'{"v":'.repeat(100_000)}1${'}'.repeat(100_000)}`, /version \[object Object\]/],
    ['a record that is too large', 'x'.repeat(RECORD_BYTES_MAX + 1), /900001 bytes, at most 900000/],
  ];
  for (const [what, body, reason] of table) {
    const message = decode(body);
    assert(message.kind === 'unreadable', what);
    assert.match(message.reason, reason, what);
    assert(message.reason.length < 200, what);
  }
});

test('no bytes, however spoilt, are an exception', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(encodeReading(READING), encodeMark(END)),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1 }),
      (good, changes) => {
        const bytes = Buffer.from(good);
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        assert(['reading', 'mark', 'skip', 'unreadable'].includes(decodeTopicMessage(bytes).kind));
      },
    ),
    { numRuns: 1_000 },
  );
});

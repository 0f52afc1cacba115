import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  JSON_DEPTH_MAX,
  JsonError,
  parsePythonJson,
  printPythonJson,
  PythonFloat,
} from '../../../../../edge/simulator/remote/python-json.ts';

test('reads what JSON.parse reads, as JSON.parse does', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      assert.deepEqual(parsePythonJson(text), plain(JSON.parse(text)));
    }),
  );
});

test('the reader for Python alone agrees with JSON.parse, too', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      assert.deepEqual(parsePythonJson(`[NaN, ${text} ]`), [Number.NaN, plain(JSON.parse(text))]);
    }),
  );
});

test('what is printed is read as it was, NaN, Infinity and big integers too', () => {
  const odd = fc.oneof(fc.constant(Number.NaN), fc.constant(Infinity), fc.constant(-Infinity), fc.bigInt({ min: 2n ** 53n }), fc.double());
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, odd, fc.string({ unit: 'grapheme' }), fc.constant(null), tie('list'), tie('object')),
    list: fc.array(tie('value')),
    object: fc.dictionary(fc.string(), tie('value')),
  }));
  fc.assert(
    fc.property(value, (its) => {
      assert.deepEqual(parsePythonJson(printPythonJson(its)), plain(its));
    }),
  );
});

/** As JSON can tell it: objects have a prototype, zero has no sign, and a number that is whole and long comes back as a bigint. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(String(value))) return BigInt(String(value));
  if (typeof value === 'number') return value === 0 ? 0 : value;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, its]) => [key, plain(its)]));
}

test("Python's words and whole numbers of any size", () => {
  const cases: [string, unknown][] = [
    ['NaN', Number.NaN],
    ['[-Infinity, Infinity]', [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]],
    ['{"a": NaN}', { a: Number.NaN }],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
    ['9007199254740993', 9007199254740993n],
    ['[1, -123456789012345678901234567890]', [1, -123456789012345678901234567890n]],
    ['{"k":12345678901234567}', { k: 12345678901234567n }],
    ['12345678901234567.5', Number('12345678901234567.5')],
    ['0.12345678901234567', Number('0.12345678901234567')],
    ['1e400', Number.POSITIVE_INFINITY],
    ['"a 12345678901234567 b"', 'a 12345678901234567 b'],
    ['[NaN, "\\u00e4\\n\\ud83d\\ude00"]', [Number.NaN, 'ä\n😀']],
  ];
  for (const [text, value] of cases) assert.deepEqual(parsePythonJson(text), value, text);
});

test('texts that are no JSON in Python either are refused, with the place', () => {
  for (const text of [
    '',
    '{not json',
    '[1,]',
    '{"a" 1}',
    '[1 2]',
    'NaN NaN',
    '"a',
    '"\t"',
    '"\\x41"',
    '01',
    '+1',
    '.5',
    'nan',
    'undefined',
    '[NaN',
  ])
    assert.throws(() => parsePythonJson(text), JsonError, text);
  assert.throws(() => parsePythonJson('[NaN, oops]'), /character 6 of 11: a value was expected, found oops/);
});

test('a name like that of the prototype is a name', () => {
  const value = parsePythonJson('{"__proto__": NaN, "a": 1}') as object;
  assert.deepEqual(Object.keys(value), ['__proto__', 'a']);
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
});

test('depth is limited both ways', () => {
  const nested = (depth: number, core: string) => '['.repeat(depth) + core + ']'.repeat(depth);
  for (const core of ['1', 'NaN']) {
    assert.ok(Array.isArray(parsePythonJson(nested(JSON_DEPTH_MAX, core))));
    assert.throws(() => parsePythonJson(nested(JSON_DEPTH_MAX + 1, core)), /nested more deeply/);
  }
  assert.throws(() => parsePythonJson(nested(1_000_000, '')), /nested more deeply/);
  const loop: unknown[] = [];
  loop.push(loop);
  assert.throws(() => printPythonJson(loop), /a loop/);
});

test('prints what Python takes for a float, drops what has no value, and refuses functions', () => {
  assert.equal(printPythonJson({ r: new PythonFloat(1), s: new PythonFloat(0.5), t: null }), '{"r":1.0,"s":0.5,"t":null}');
  assert.equal(printPythonJson({ a: undefined, b: [undefined, Number.NaN] }), '{"b":[null,NaN]}');
  assert.equal(printPythonJson([null, new Date(0)]), '[null,"1970-01-01T00:00:00.000Z"]');
  assert.equal(printPythonJson([2n ** 64n, 'ä', true]), '[18446744073709551616,"ä",true]');
  assert.throws(() => printPythonJson([Number.NaN, () => 1]), /a function is not JSON/);
});

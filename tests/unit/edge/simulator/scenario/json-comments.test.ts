import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { JsonSyntaxError, parsePlacedJson, type Path, pathText } from '../../../../../edge/simulator/scenario/json-comments.ts';

test('comments and last commas are allowed; places are those in the file', () => {
  const text = `// first
{ /* a
block */ "a": [1, // one
  { "b": "// no comment /* here */" },
  ],
  "c": null, "__proto__": { "d": true },
}
// last`;
  const { value, lineOf } = parsePlacedJson(text);
  assert.deepEqual(value, JSON.parse('{"a":[1,{"b":"// no comment /* here */"}],"c":null,"__proto__":{"d":true}}'));
  const places: [Path, number][] = [
    [[], 1],
    [['a'], 3],
    [['a', 0], 3],
    [['a', 1], 4],
    [['a', 1, 'b'], 4],
    [['a', 1, 'missing', 'deeper'], 4],
    [['a', 7], 3],
    [['c'], 6],
    [['__proto__', 'd'], 6],
    [['other'], 1],
  ];
  for (const [path, line] of places) assert.equal(lineOf(path), line, pathText(path));
  assert.equal(pathText(['connections', 3, 'to', 'of']), 'connections[3].to.of');
});

test('what is no JSON is refused with its place', () => {
  const wrong: [string, number, number, RegExp][] = [
    ['', 1, 1, /a value is wanted, not the end/],
    ['{"a": 1} x', 1, 10, /goes on after its end/],
    ['{\n "a": 1\n "b": 2}', 3, 2, /a comma or } is wanted, not "/],
    ['{\n "a" 1}', 2, 6, /a colon is wanted after "a", not 1/],
    ['{a: 1}', 1, 2, /a name in double quotes is wanted, not a/],
    ['[1,\n2', 1, 1, /this \[ is not closed/],
    ['{"a": "b\n"}', 1, 7, /not closed in its line/],
    ['["\\q"]', 1, 2, /a \\ that stands for nothing/],
    ['{"a": 1,\n"b": 2,\n "a": 3}', 3, 2, /"a" stands twice, first in line 1/],
    ['[01]', 1, 3, /a comma or ] is wanted, not 1/],
    ['[NaN]', 1, 2, /a value is wanted, not NaN/],
    ['[,1]', 1, 2, /a value is wanted/],
    ['[1 /* ', 1, 4, /this comment is not closed/],
    ['['.repeat(200), 1, 102, /more than 100 levels/],
  ];
  for (const [text, line, column, message] of wrong) {
    assert.throws(
      () => parsePlacedJson(text),
      (error: unknown) => {
        assert.ok(error instanceof JsonSyntaxError, text);
        assert.match(error.message, message, text);
        assert.deepEqual([error.line, error.column], [line, column], text);
        return true;
      },
    );
  }
});

test('what JSON.stringify writes is read as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.json(), fc.constantFrom(0, 2), (text, indent) => {
      const written = JSON.stringify(JSON.parse(text), null, indent);
      assert.deepEqual(parsePlacedJson(written).value, JSON.parse(written));
    }),
  );
});

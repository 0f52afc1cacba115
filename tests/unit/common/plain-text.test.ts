import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainLine, plainText } from '../../../common/plain-text.ts';

test('what would steer a terminal is shown instead, ordinary text is left alone', () => {
  assert.equal(plainText('\u001b[2J\u001b]0;title\u0007'), '\\u001b[2J\\u001b]0;title\\u0007');
  assert.equal(plainText('a\rb\bc\u009b1m\u007f'), 'a\\u000db\\u0008c\\u009b1m\\u007f');
  assert.equal(plainText('user\u202Etxt.exe\u2028x'), 'user\\u202etxt.exe\\u2028x');
  const ordinary = 'Thüringen · 3 parts, ×60, 5 €\n  what to do: nothing';
  assert.equal(plainText(ordinary), ordinary);
  assert.equal(plainLine('one\n{"level":"error"}'), 'one\\n{"level":"error"}');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fillCommand, parseAddress, splitCommand } from '../../../../../edge/simulator/remote/command-line.ts';

const WORDS = { addr: '127.0.0.1:5555', python: '/opt/py' };

test('a command gets its address, its Python and its percent signs', () => {
  assert.equal(fillCommand('%(python)s sim.py %(addr)s --load 50%%', WORDS), '/opt/py sim.py 127.0.0.1:5555 --load 50%');
  assert.equal(fillCommand('%%(addr)s', WORDS), '%(addr)s');
  for (const wrong of ['%(adr)s', '50%', '%s', '%(addr)d', '%(addr'])
    assert.throws(() => fillCommand(`sim ${wrong}`, WORDS), /stands for nothing/, wrong);
});

test('words are split as a POSIX shell does, without what else a shell does', () => {
  const cases: [string, string[]][] = [
    ['a b  c\t\nd', ['a', 'b', 'c', 'd']],
    [`a 'b c' "d e"`, ['a', 'b c', 'd e']],
    [`a'b c'"d"e`, ['ab cde']],
    [`a ''`, ['a', '']],
    [String.raw`a\ b "c\"d\\e\nf" 'g\h' \'`, ['a b', String.raw`c"d\e\nf`, String.raw`g\h`, "'"]],
    ['a $HOME *.py | b; c # d', ['a', '$HOME', '*.py', '|', 'b;', 'c', '#', 'd']],
    [`Grüße "–"`, ['Grüße', '–']],
  ];
  for (const [command, words] of cases) assert.deepEqual(splitCommand(command), words, command);
  for (const wrong of [`a 'b`, 'a "b', 'a \\', '', '  ']) assert.throws(() => splitCommand(wrong), /not closed|backslash|empty/, wrong);
});

test('addresses', () => {
  assert.deepEqual(parseAddress('localhost:80'), { host: 'localhost', port: 80 });
  assert.deepEqual(parseAddress(' [::1]:5555 '), { host: '::1', port: 5555 });
  for (const wrong of ['localhost', ':80', 'a:b', 'a:99999', 'a b:1', '::1:80'])
    assert.throws(() => parseAddress(wrong), /is not an address/, wrong);
});

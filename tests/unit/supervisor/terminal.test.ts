import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Terminal } from '../../../supervisor/terminal.ts';
import { VirtualClock } from '../../doubles/virtual-clock.ts';

function screen(isTTY: boolean, columns = 20) {
  let text = '';
  return { isTTY, columns, write: (more: string) => (text += more), text: () => text };
}

test('on a terminal the status is drawn over, and a line that stays goes above it', () => {
  const out = screen(true);
  const terminal = new Terminal({ out, err: screen(true) }, false, new VirtualClock());
  terminal.status('first');
  terminal.status('first');
  terminal.status('a status longer than the screen');
  terminal.say('stays');
  terminal.erase();
  assert.equal(out.text(), '\r\u001b[Kfirst\r\u001b[Ka status longer th…\r\u001b[Kstays\n\r\u001b[Ka status longer th…\r\u001b[K');
});

test('without a terminal the status is a plain line every 10 s', async () => {
  const out = screen(false);
  const clock = new VirtualClock();
  const terminal = new Terminal({ out, err: screen(false) }, false, clock);
  for (let second = 0; second <= 20; second++) {
    terminal.status(`at ${second}`);
    await clock.advance(1_000);
  }
  assert.equal(out.text(), 'at 0\nat 10\nat 20\n');
});

test('with --json stdout has JSON only and people read stderr', () => {
  const out = screen(true);
  const err = screen(true);
  const terminal = new Terminal({ out, err }, true, new VirtualClock());
  terminal.status('status');
  terminal.say('a line');
  terminal.emit({ a: 1 });
  terminal.erase();
  assert.equal(out.text(), '{"a":1}\n');
  assert.equal(err.text(), 'a line\n');
  const plain = new Terminal({ out, err }, false, new VirtualClock());
  plain.emit({ b: 2 });
  assert.equal(out.text(), '{"a":1}\n');
});

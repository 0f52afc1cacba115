import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { silentLogger } from '../../../../common/logger.ts';
import { Quarantine, readQuarantine } from '../../../../edge/simulator/quarantine.ts';

const dir = mkdtempSync(join(tmpdir(), 'fogline-quarantine-'));
after(() => rmSync(dir, { recursive: true, force: true }));

const bad = (line: number) => ({ kind: 'rejected' as const, line, reason: 'no number', raw: `raw ${line}` });

function open(folder = dir): Quarantine {
  const quarantine = new Quarantine(folder, silentLogger);
  quarantine.open();
  return quarantine;
}

function lines(): string[] {
  return readFileSync(join(dir, 'quarantine.jsonl'), 'utf8').trimEnd().split('\n');
}

test('a row is written once, however often its file is read, and counted each time; a torn line is mended', () => {
  const first = open();
  first.add('a.csv', bad(3));
  first.add('b.csv', bad(4));
  first.flush();
  assert.deepEqual(JSON.parse(lines()[0]!), { file: 'a.csv', line: 3, reason: 'no number', raw: 'raw 3' });

  appendFileSync(join(dir, 'quarantine.jsonl'), '{"file":"a.csv","li');
  const second = open();
  for (const line of [3, 9]) second.add('a.csv', bad(line));
  second.flush();
  assert.equal(second.count, 2);
  assert.deepEqual(
    lines().map((line) => {
      const { file, line: number } = JSON.parse(line) as { file: string; line: number };
      return `${file}:${number}`;
    }),
    ['a.csv:3', 'b.csv:4', 'a.csv:9'],
  );
});

test('a run that ended knows its count without reading a file; what was found is on disk before its end is told', () => {
  const folder = join(dir, 'counts');
  mkdirSync(folder);
  const first = open(folder);
  for (const line of [3, 4, 5]) first.add('a.csv', bad(line));
  first.keepCount('run-1');
  assert.deepEqual(
    readQuarantine(folder).map(({ line }) => line),
    [3, 4, 5],
  );
  const longer = open(folder);
  for (const line of [3, 4, 5, 9]) longer.add('a.csv', bad(line));
  longer.keepCount('run-2');
  for (const [run, count] of [
    ['run-1', 3],
    ['run-2', 4],
    ['a run of which nothing is known', 4],
  ] as const) {
    const again = open(folder);
    again.takeCount(run);
    assert.equal(again.count, count, run);
  }
});

test('a line that a power cut spoilt costs nobody the others', () => {
  const folder = join(dir, 'spoilt');
  mkdirSync(folder);
  const row = (line: number) => JSON.stringify({ file: 'a.csv', line, reason: 'no number', raw: '' });
  writeFileSync(join(folder, 'quarantine.jsonl'), `${row(3)}\n\0\0\0\0\n${row(7)}\n{"file":"a.csv"`);
  assert.deepEqual(
    readQuarantine(folder).map(({ line }) => line),
    [3, 7],
  );
  const quarantine = open(folder);
  quarantine.add('a.csv', bad(8));
  quarantine.flush();
  assert.deepEqual(
    readQuarantine(folder).map(({ line }) => line),
    [3, 7, 8],
  );
  assert.deepEqual(readQuarantine(join(dir, 'nowhere')), []);
});

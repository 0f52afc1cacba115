import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { silentLogger } from '../../../../common/logger.ts';
import { Quarantine } from '../../../../edge/simulator/quarantine.ts';

const dir = mkdtempSync(join(tmpdir(), 'fogline-quarantine-'));
after(() => rmSync(dir, { recursive: true, force: true }));

const bad = (line: number) => ({ kind: 'rejected' as const, line, reason: 'no number', raw: `raw ${line}` });

function open(): Quarantine {
  const quarantine = new Quarantine(dir, silentLogger);
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

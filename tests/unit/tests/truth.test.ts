import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { compareExport, isClean, trueWindows } from '../../truth/truth.ts';
import { writeTinyData } from '../../truth/tiny-data.ts';

const folder = mkdtempSync(join(tmpdir(), 'fogline-truth-'));
after(() => rmSync(folder, { recursive: true }));
writeTinyData(folder, { households: 2, seconds: 120, seed: 1 });
const truth = trueWindows(folder);

/** An export as it should be. */
function rightExport(): string[] {
  const lines = ['household,device,field,window_start,mean,min,max,last,count'];
  for (const [key, { values, last }] of truth) {
    const [household, field, start] = key.split(',') as [string, string, string];
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const [min, max] = [Math.min(...values), Math.max(...values)];
    lines.push([household, 'meter', field, new Date(Number(start)).toISOString(), mean, min, max, last, values.length].join(','));
  }
  return lines;
}

test('a right export is clean', () => {
  assert.ok(isClean(compareExport(`${rightExport().join('\n')}\n`, truth)));
});

const PLANTED: [string, (lines: string[]) => string[], 'missing' | 'extra' | 'duplicated' | 'wrong'][] = [
  ['a window left out', (lines) => lines.slice(0, -1), 'missing'],
  ['a window twice', (lines) => [...lines, lines[1] as string], 'duplicated'],
  ['a window of nobody', (lines) => [...lines, (lines[1] as string).replace('home-1', 'home-9')], 'extra'],
  [
    'a mean off by a milliwatt',
    (lines) => lines.map((line, i) => (i === 1 ? changeCell(line, 4, (value) => value + 0.001) : line)),
    'wrong',
  ],
  ['a count off by one', (lines) => lines.map((line, i) => (i === 1 ? changeCell(line, 8, (value) => value + 1) : line)), 'wrong'],
  [
    'a last value of another reading',
    (lines) => lines.map((line, i) => (i === 1 ? changeCell(line, 7, (value) => value - 1) : line)),
    'wrong',
  ],
];

function changeCell(line: string, index: number, change: (value: number) => number): string {
  const cells = line.split(',');
  cells[index] = String(change(Number(cells[index])));
  return cells.join(',');
}

for (const [name, plant, kind] of PLANTED) {
  test(`${name} is found`, () => {
    const result = compareExport(`${plant(rightExport()).join('\n')}\n`, truth);
    assert.ok(!isClean(result));
    assert.equal(result[kind].length, 1);
  });
}

test('an empty export is not clean', () => {
  assert.ok(!isClean(compareExport(`${rightExport()[0]}\n`, truth)));
});

test('a run is a range: a late row counts when the file had reached the range before', () => {
  const first = trueWindows(folder, { untilSeconds: 60 });
  const second = trueWindows(folder, { fromSeconds: 60 });
  const readings = (windows: typeof truth) => [...windows.values()].reduce((sum, { values }) => sum + values.length, 0);
  assert.equal(readings(first) + readings(second), readings(truth));
});

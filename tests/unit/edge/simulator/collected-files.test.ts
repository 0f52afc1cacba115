import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { ConfigError } from '../../../../common/errors.ts';
import { CollectedFiles } from '../../../../edge/simulator/collected-files.ts';
import { Collector, COLLECTOR_TITLE } from '../../../../edge/simulator/models/collector.ts';

let folder: string;
let csv: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fogline-collected-'));
  csv = join(folder, 'out.csv');
});

afterEach(() => rmSync(folder, { recursive: true }));

/** A life of a run that steps from..to, three rows a tick, told apart by `mark`. */
function live(run: string | undefined, from: number, to: number, mark: number): void {
  const files = new CollectedFiles();
  if (run !== undefined) files.belongTo(run, folder);
  const collector = new Collector(files.output(csv));
  collector.setupDone();
  for (let tick = from; tick <= to; tick++) collector.step(tick, { paper: { x: { a: mark, b: tick }, y: { a: [mark] } } });
  files.end();
}

const rowsOf = (tick: number, mark: number) => `${tick},a,x,${mark}\n${tick},b,x,${tick}\n${tick},a,y,"[${mark}]"\n`;
const rows = (from: number, to: number, mark: number) => Array.from({ length: to - from + 1 }, (_, i) => rowsOf(from + i, mark)).join('');
const text = () => readFileSync(csv, 'utf8');

test('a run that is started again goes on: whole ticks stay, the last one is written again', () => {
  live('r', 0, 5, 1);
  live('r', 0, 8, 2);
  assert.equal(text(), COLLECTOR_TITLE + rows(0, 4, 1) + rows(5, 8, 2));
  // A loop goes on with the pass it was in.
  live('r', 7, 9, 3);
  assert.equal(text(), COLLECTOR_TITLE + rows(0, 4, 1) + rows(5, 7, 2) + rows(8, 9, 3));
});

test('wherever the file was cut off, it becomes what an undisturbed run writes', () => {
  live('whole', 0, 4, 1);
  const whole = text();
  for (let bytes = 0; bytes <= whole.length; bytes++) {
    live('r', 0, 4, 1);
    truncateSync(csv, bytes);
    live('r', 0, 4, 1);
    assert.equal(text(), whole, `cut off after ${bytes}`);
  }
});

test('a tick with more rows than are looked at first is found all the same', () => {
  const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`source-${i}`, i]));
  const life = (mark: number) => {
    const files = new CollectedFiles();
    files.belongTo('r', folder);
    const collector = new Collector(files.output(csv));
    collector.setupDone();
    collector.step(1, { paper: { x: { a: mark } } });
    collector.step(2, { paper: { x: many } });
    files.end();
  };
  life(1);
  const whole = text();
  assert.ok(whole.length > 300_000);
  truncateSync(csv, whole.length - 5);
  life(2);
  assert.equal(text(), whole);
});

test('another run, one without a state, and a file that a collector did not write begin anew', () => {
  live('r', 0, 5, 1);
  live('other', 0, 2, 2);
  assert.equal(text(), COLLECTOR_TITLE + rows(0, 2, 2));
  live(undefined, 1, 2, 3);
  assert.equal(text(), COLLECTOR_TITLE + rows(1, 2, 3));
  writeFileSync(csv, 'something else\n9,a,x,1\n');
  live('other', 0, 1, 4);
  assert.equal(text(), COLLECTOR_TITLE + rows(0, 1, 4));
  appendFileSync(csv, 'and something else\n');
  live('other', 0, 1, 5);
  assert.equal(text(), COLLECTOR_TITLE + rows(0, 1, 5));
});

test('two collectors of one file share it under one title', () => {
  const files = new CollectedFiles();
  files.belongTo('r', folder);
  const two = [new Collector(files.output(csv)), new Collector(files.output(csv))];
  for (const collector of two) collector.setupDone();
  two.forEach((collector, i) => collector.step(0, { paper: { x: { a: i } } }));
  files.end();
  assert.equal(text(), `${COLLECTOR_TITLE}0,a,x,0\n0,a,x,1\n`);
});

test('where no file can be written the operator is told which and what to do', () => {
  mkdirSync(csv);
  assert.throws(
    () => new CollectedFiles().output(csv),
    (error) => error instanceof ConfigError && error.message.includes(csv) && /collect_file/.test(error.remedy),
  );
});

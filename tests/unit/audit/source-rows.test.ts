/** The audit's reader of household files and the simulator's share no code: on the same file they must say the same. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readSource, SourceDigests, sourceFiles, srcOf } from '../../../audit/source-rows.ts';
import { addReadingDigest, textDigest } from '../../../common/protocol/digest.ts';
import { GemHouseReader } from '../../../edge/simulator/models/gem-house-csv.ts';
import { sourceOf } from '../../../edge/simulator/models/household-folder.ts';

const folder = mkdtempSync(join(tmpdir(), 'fogline-source-rows-'));
after(() => rmSync(folder, { recursive: true }));

const HEADER = 'date,timestamp,energy,power,power1,power2,power3';
const ROW = '2019-12-24 00:00:01,1577145601982,90823166859000,249050,98090,111870,39090';

function fileOf(text: string): { household: string; path: string } {
  const path = join(folder, 'home.csv');
  writeFileSync(path, text);
  return { household: 'home', path };
}

const rows = (...lines: string[]) => `household\n${HEADER}\n${lines.join('\n')}\n`;
const FILES: readonly [string, string][] = [
  ['plain', rows(ROW, ROW.replace('601982', '603982'))],
  ['CRLF, byte order mark, no title', `\uFEFF${HEADER}\r\n${ROW}\r\n\r\n${ROW.replace('601982', '603982')}\r\n`],
  ['other order and more columns', `x,power3,power2,power1,power,energy,timestamp\n1,2,3,4,5,6,7\n`],
  ['late, equal times', rows(ROW, ROW, ROW.replace('601982', '600000'))],
  [
    'numbers of all kinds',
    rows(...['1.5', '-0', '+7', '1e3', '.5', '5.', ' 12 ', '9007199254740993'].map((n) => ROW.replace('249050', n))),
  ],
  [
    'what is no number',
    rows(...['NaN', '', ' ', 'Infinity', '1e999', '0x10', '1_0', 'abc', '--1', '1 2', '٣'].map((n) => ROW.replace('249050', n)), ROW),
  ],
  [
    'times that are none',
    rows(...['-1', '1.5', '', '99999999999999999', '8640000000000001', '1e3'].map((t) => ROW.replace('1577145601982', t)), ROW),
  ],
  ['columns missing and too many, a last line cut off', `${rows(ROW, ROW.slice(0, 40), `${ROW},1`)}${ROW.slice(0, 50)}`],
  [
    'quotes',
    rows(`"${ROW.slice(0, 19)}"${ROW.slice(19)}`, ROW.replace('249050', '"249050"'), `"${ROW}`, ROW.replace('249050', '"1,2"'), ROW),
  ],
];

for (const [name, text] of FILES) {
  test(`the same rows as the simulator's reader: ${name}`, () => {
    const file = fileOf(text);
    const mine = readSource(file);
    const reader = new GemHouseReader(file.path);
    const rejected: number[] = [];
    let count = 0;
    for (let item = reader.read(); item !== undefined; item = reader.read()) {
      if (item.kind === 'rejected') rejected.push(item.line);
      else {
        const i = count++;
        const { energy, power, power1, power2, power3 } = item.values;
        assert.deepEqual([mine.timesMs[i], mine.reachedMs[i]], [item.timeMs, item.reachedMs]);
        assert.deepEqual(
          mine.values.map((column) => column[i]),
          [energy, power, power1, power2, power3],
        );
      }
    }
    assert.equal(mine.count, count);
    assert.ok(count > 0);
    assert.deepEqual(
      mine.rejected.map(({ line }) => line),
      rejected,
    );
    const first = mine.firstLine as string;
    for (const pass of [0, 1, 12]) assert.equal(srcOf('home', first, pass), sourceOf('home', 'meter', first, pass));
  });
}

test('digests of any ranges are the sums of the readings', () => {
  const lines = Array.from({ length: 50 }, (_, i) =>
    ROW.replace('601982', String(601_982 + i * 2_000)).replace('249050', String(i * 1_000)),
  );
  const source = readSource(fileOf(rows(...lines)));
  const digests = new SourceDigests(source, 'src1', 7_000);
  for (const ranges of [
    [[1, 50]],
    [[3, 3]],
    [
      [1, 1],
      [7, 20],
      [50, 50],
    ],
    [],
  ] as [number, number][][]) {
    const sum = { high: 0, low: 0 };
    for (const [from, to] of ranges) {
      for (let seq = from; seq <= to; seq++) {
        const [energy, power, power1, power2, power3] = source.values.map((column) => column[seq - 1] as number);
        const values = { power3, power, energy, power1, power2 } as Record<string, number>;
        addReadingDigest(sum, textDigest('home/meter/src1'), seq, (source.timesMs[seq - 1] as number) + 7_000, values);
      }
    }
    assert.deepEqual(digests.of(ranges), sum);
  }
});

test('a file of power alone has one column of values', () => {
  const { fields, values, count, rejected } = readSource(fileOf('household\ndate,timestamp,power\n,1,58680\n,2,x\n,3,2000\n'));
  assert.deepEqual([fields, values, count], [['power'], [[58.68, 2]], 2]);
  assert.deepEqual(rejected, [{ line: 4, reason: 'power' }]);
});

test('a folder without files, and a file without the columns, are refused with the remedy', () => {
  assert.throws(() => sourceFiles(join(folder, 'nowhere')), { code: 'DATA_UNREADABLE' });
  assert.throws(() => readSource(fileOf('household\ntimestamp,power,power2\n1,2,3\n')), {
    code: 'DATA_UNREADABLE',
    message: /no column energy, power1/,
  });
  assert.throws(() => readSource(fileOf('')), { code: 'DATA_UNREADABLE' });
});

/** The reader, on odd rows and odd files, and on real ones where they are. */
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { OperatingError } from '../../../../../common/errors.ts';
import { seededRandom } from '../../../../../common/random.ts';
import { type GemHouseItem, GemHouseReader } from '../../../../../edge/simulator/models/gem-house-csv.ts';
import { scanFile } from '../../../../../edge/simulator/models/gem-house-scan.ts';
import { DAY_MS, HEADER, row, TestFolder, TITLE, trueRows } from './household-files.ts';

const REAL_DATA = join(import.meta.dirname, '../../../../../../shared/data/gem-house');
const needsRealData = existsSync(REAL_DATA) ? {} : { skip: 'the Gem House data are not on this machine (../shared/data/gem-house)' };

const folder = new TestFolder();
after(() => folder.remove());

function readAll(path: string, chunkBytes?: number): GemHouseItem[] {
  const reader = new GemHouseReader(path, chunkBytes);
  const items: GemHouseItem[] = [];
  for (let item = reader.read(); item !== undefined; item = reader.read()) items.push(item);
  return items;
}

/** `seq@ms` for a row, `line: reason` for a rejected one. */
function brief(items: readonly GemHouseItem[]): string[] {
  return items.map((item) => (item.kind === 'row' ? `${item.seq}@${item.timeMs - DAY_MS}` : `${item.line}: ${item.reason}`));
}

describe('rows', () => {
  test('are converted to W and kWh', () => {
    const path = folder.write('units.csv', [
      '2019-12-24 00:00:01,1577145601982,90823166859000,249050,98090,111870,39090',
      row(9_000, -6_012_640),
    ]);
    const [first, second] = readAll(path);
    assert.deepEqual(first, {
      kind: 'row',
      seq: 1,
      timeMs: 1_577_145_601_982,
      reachedMs: 1_577_145_601_982,
      values: { power: 249.05, power1: 98.09, power2: 111.87, power3: 39.09, energy: 9082.3166859 },
    });
    assert.equal(second?.kind === 'row' && second.values.power, -6012.64, 'feed-in is negative');
  });

  test('a late row and two rows in a second keep their place; T is the greatest time so far', () => {
    const path = folder.write('late.csv', [row(1_000), row(5_000), row(2_000), row(5_400), row(5_400)]);
    const items = readAll(path);
    assert.deepEqual(brief(items), ['1@1000', '2@5000', '3@2000', '4@5400', '5@5400']);
    assert.deepEqual(
      items.map((item) => item.kind === 'row' && item.reachedMs - DAY_MS),
      [1_000, 5_000, 5_000, 5_400, 5_400],
    );
  });

  test('that can not be used are rejected with line, reason and text, and take no seq', () => {
    const bad: [string, string][] = [
      ['2019-12-24,1577145600000,1,2,3,4', '6 columns instead of 7'],
      [`${row(0)},8`, '8 columns instead of 7'],
      ['d,,1,2,3,4,5', 'timestamp is not a time in ms'],
      ['d, 1577145600000,1,2,3,4,5', 'timestamp is not a time in ms'],
      ['d,-1577145600000,1,2,3,4,5', 'timestamp is not a time in ms'],
      ['d,1577145600000.5,1,2,3,4,5', 'timestamp is not a time in ms'],
      ['d,99999999999999999,1,2,3,4,5', 'timestamp is not a time in ms'],
      ['d,1577145600000,,2,3,4,5', 'energy is not a finite number'],
      ['d,1577145600000,1,NaN,3,4,5', 'power is not a finite number'],
      ['d,1577145600000,1,2,inf,4,5', 'power1 is not a finite number'],
      ['d,1577145600000,1,2,3,1e999,5', 'power2 is not a finite number'],
      ['d,1577145600000,1,2,3,4,0x10', 'power3 is not a finite number'],
      ['\u0000\u0001garbage', '1 columns instead of 7'],
    ];
    const path = folder.write('bad.csv', [row(1), ...bad.map(([text]) => text), row(2)]);
    const items = readAll(path);
    assert.deepEqual(brief(items), ['1@1', ...bad.map(([, reason], i) => `${i + 4}: ${reason}`), '2@2']);
    const texts = items.flatMap((item) => (item.kind === 'rejected' ? [item.raw] : []));
    assert.deepEqual(
      texts,
      bad.map(([text]) => text),
    );
  });

  test('numbers may be written in any usual way, blank lines are passed over', () => {
    const path = folder.write('written.csv', ['', 'd,1577145600001, 1e3 ,+2.5,-.5,3.,00007', '', row(2)]);
    const [first, second] = readAll(path);
    assert.deepEqual(first?.kind === 'row' && first.values, { power: 0.0025, power1: -0.0005, power2: 0.003, power3: 0.007, energy: 1e-7 });
    assert.equal(second?.kind === 'row' && second.seq, 2);
  });

  test('a quote that is not closed costs its line only', () => {
    const path = folder.write('quotes.csv', [row(1), `"d",${DAY_MS + 2},"1",2,3,4,5`, '"d,1577145600003,1,2,3,4,5', row(4)]);
    assert.deepEqual(brief(readAll(path)), ['1@1', '2@2', '5: a quote is not closed in its line', '3@4']);
  });

  test('are the same in chunks of any size, with LF and CRLF, with a byte order mark, with and without a last line end', () => {
    const rows = Array.from({ length: 40 }, (_, i) => (i % 7 === 3 ? `d,x${i},1,2,3,4,5` : row(i * 2_000, 1_000 * i)));
    const expected = brief(readAll(folder.write('plain.csv', rows)));
    assert.equal(expected.length, 40);
    for (const [name, text] of [
      ['crlf', `${[TITLE, HEADER, ...rows].join('\r\n')}\r\n`],
      ['mark', `\uFEFF${[TITLE, HEADER, ...rows].join('\n')}\n`],
      ['open end', [TITLE, HEADER, ...rows].join('\n')],
      ['no title', `${[HEADER, ...rows].join('\n')}\n`],
    ] as const) {
      writeFileSync(folder.path('variant.csv'), text);
      const lines =
        name === 'no title' ? expected.map((line) => line.replace(/^\d+(?=: )/, (number) => String(Number(number) - 1))) : expected;
      for (const chunkBytes of [1, 80, 333, 4_096])
        assert.deepEqual(brief(readAll(folder.path('variant.csv'), chunkBytes)), lines, `${name}, ${chunkBytes} bytes`);
    }
  });

  test('columns are found by name, more of them are allowed; a cut last line is rejected', () => {
    writeFileSync(
      folder.path('columns.csv'),
      `power3,note,power2,power1,power,energy,timestamp\n5,a,4,3,2,1,${DAY_MS}\n5,b,4,3,2,1,${DAY_MS + 1}\n5,c,4,3`,
    );
    const items = readAll(folder.path('columns.csv'));
    assert.deepEqual(brief(items), ['1@0', '2@1', '4: 4 columns instead of 7']);
    assert.deepEqual(items[0]?.kind === 'row' && items[0].values, {
      power: 0.002,
      power1: 0.003,
      power2: 0.004,
      power3: 0.005,
      energy: 1e-10,
    });
  });
});

describe('files that are refused', () => {
  const refused: [string, string | Buffer, RegExp][] = [
    ['empty', '', /line 1, is empty/],
    ['only a byte order mark', '\uFEFF', /line 1, is empty/],
    ['only a title', 'household\n', /line 2, is not a Gem House header: ""/],
    ['something else', 'time,meterusage\n2019-01-01 00:15,12\n', /line 1, is not a Gem House header: "time,meterusage"/],
    ['something else below a title', 'household\ntime,meterusage\n', /line 2, is not a Gem House header: "time,meterusage"/],
    ['rows without a header', `${row(1)}\n${row(2)}\n`, /line 1, is not a Gem House header: "2019-12-24/],
    ['without a column', 'household\ndate,timestamp,energy,power,power1,power3\n', /line 2, has no column power2/],
    ['without a column, no title', 'date,timestamp,energy,power1,power2\n', /line 1, has no column power, power3/],
    ['without the times', 'household\ndate,energy,power,power1,power2,power3\n', /line 2, has no column timestamp/],
    ['in UTF-16', Buffer.from(`\uFEFF${TITLE}\n${HEADER}\n`, 'utf16le'), /is not a Gem House header/],
    ['a line without end', `${TITLE}\n${HEADER}\n${'x'.repeat(2_200_000)}`, /line 3, is a line of more than/],
    [
      'a line without end below many',
      `${TITLE}\n${HEADER}\n${`${row(5)}\n`.repeat(30_000)}${'x'.repeat(2_200_000)}\n`,
      /line 30003, is a line of more than/,
    ],
  ];
  for (const [name, text, message] of refused) {
    test(name, () => {
      const path = folder.path('refused.csv');
      writeFileSync(path, text);
      for (const read of [() => readAll(path), () => scanFile(path)]) {
        assert.throws(
          read,
          (error) =>
            error instanceof OperatingError &&
            error.code === 'DATA_UNREADABLE' &&
            error.message.startsWith(path) &&
            message.test(error.message) &&
            error.hint.includes('take it out of the folder'),
        );
      }
    });
  }

  test('one that is gone, or becomes shorter, while it is read', () => {
    const rows = Array.from({ length: 30 }, (_, i) => row(i * 1_000));
    for (const spoil of [rmSync, (path: string) => truncateSync(path, 200)]) {
      const path = folder.write('spoilt.csv', rows);
      const reader = new GemHouseReader(path, 400);
      assert.equal(reader.read()?.kind, 'row');
      spoil(path);
      let seen = 1;
      assert.throws(
        () => {
          while (reader.read() !== undefined) seen++;
        },
        (error) =>
          error instanceof OperatingError &&
          error.code === 'DATA_UNREADABLE' &&
          error.message.startsWith(`${path}, line ${seen + 3}, `) &&
          /can not be opened \(ENOENT\)|is gone: the file became shorter/.test(error.message),
      );
    }
  });

  test('a file that grew is read on with the same seqs before', () => {
    const path = folder.write('grows.csv', [row(1), row(2)]);
    const before = readAll(path);
    appendFileSync(path, `${row(3)}\n`);
    assert.deepEqual(readAll(path).slice(0, 2), before);
    assert.deepEqual(brief(readAll(path)), ['1@1', '2@2', '3@3']);
  });
});

describe('the scan', () => {
  test('finds what the reader finds, whatever is in the file', () => {
    const random = seededRandom(5);
    const odd = [
      '',
      'x',
      'd,1',
      'd,12,1,2,3,4',
      '999,5,5,5,5,5,5',
      'd,7,1,NaN,3,4,5',
      'd,8640000000000001,1,2,3,4,5',
      `"d",${DAY_MS - 5},1,2,3,4,5`,
      `"d,${DAY_MS - 9},1,2,3,4,5`,
      'd,1x,1,2,3,4,5',
      ',,,,,,',
    ];
    let withRows = 0;
    for (let round = 0; round < 300; round++) {
      const rows = Array.from({ length: random.below(12) }, () =>
        random.below(3) === 0 ? odd[random.below(odd.length)]! : row(random.below(100_000)),
      );
      const path = folder.write('scanned.csv', rows, random.below(2) === 0 ? '\n' : '\r\n');
      const accepted = readAll(path).filter((item) => item.kind === 'row');
      const times = accepted.map((item) => item.timeMs);
      const { readings } = scanFile(path);
      assert.deepEqual(
        readings && [readings.minMs, readings.maxMs],
        times.length === 0 ? undefined : [Math.min(...times), Math.max(...times)],
        rows.join('\n'),
      );
      if (readings !== undefined) {
        withRows++;
        assert.ok(rows.includes(readings.firstLine));
      }
    }
    assert.ok(withRows > 200);
  });

  test('names the first accepted line, whole', () => {
    const path = folder.write('first.csv', ['d,x,1,2,3,4,5', row(50), row(10)], '\r\n');
    assert.deepEqual(scanFile(path).readings, { minMs: DAY_MS + 10, maxMs: DAY_MS + 50, firstLine: row(50) });
  });
});

test('real households: every row, with the times of the file', needsRealData, () => {
  const names = readdirSync(REAL_DATA).sort();
  for (const name of [names[0]!, names[6]!]) {
    const path = join(REAL_DATA, name);
    const expected = trueRows(path);
    const items = readAll(path);
    assert.equal(items.length, expected.length);
    assert.ok(expected.length > 20_000);
    items.forEach((item, i) => {
      const { timeMs, reachedMs, powerMw } = expected[i]!;
      assert.ok(
        item.kind === 'row' &&
          item.seq === i + 1 &&
          item.timeMs === timeMs &&
          item.reachedMs === reachedMs &&
          item.values.power === powerMw / 1_000,
        `row ${i + 1}`,
      );
    });
    const times = expected.map((row) => row.timeMs);
    const { readings } = scanFile(path);
    assert.equal(
      readings?.minMs,
      times.reduce((a, b) => Math.min(a, b)),
    );
    assert.equal(
      readings?.maxMs,
      times.reduce((a, b) => Math.max(a, b)),
    );
  }
});

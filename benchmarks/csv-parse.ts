/** How fast is csv-parse alone on one household file, and how much of that is left of our stream with its checks and units? */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { CHUNK_BYTES_MAX } from '../edge/simulator/models/gem-house-csv.ts';
import { scanFile } from '../edge/simulator/models/gem-house-scan.ts';
import { HouseholdStream } from '../edge/simulator/models/household-stream.ts';
import { householdFiles, householdFolder } from './fifty-homes.ts';
import type { Figure, Question } from './question.ts';

/** The fastest of them counts: other work on the machine only makes a pass slower. */
const PASSES = 15;
const LF = 10;
/** The title line has another number of columns. */
const FASTEST = { quote: false, record_delimiter: '\n', relax_column_count: true } as const;

export const csvParse: Question = {
  name: 'csv-parse',
  asks: 'rows per second of csv-parse alone and of the household stream built on it, one file of a day',
  async answer(): Promise<Figure[]> {
    const folder = mkdtempSync(join(tmpdir(), 'fogline-bench-'));
    try {
      const path = householdFiles(householdFolder(folder))[0] as string;
      const file = readFileSync(path);
      const [alone, stream]: [number[], number[]] = [[], []];
      // In turn, so that what else the machine does hits both.
      for (let pass = 0; pass < PASSES; pass++) {
        alone.push(rowsPerSecond(() => parseAlone(file)));
        stream.push(rowsPerSecond(() => readStream(path)));
      }
      return [
        { what: 'csv-parse alone', value: Math.max(...alone), unit: 'rows/s' },
        { what: 'household stream', value: Math.max(...stream), unit: 'rows/s' },
        { what: 'stream of csv-parse alone', value: (100 * Math.max(...stream)) / Math.max(...alone), unit: '%' },
      ];
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

function rowsPerSecond(read: () => number): number {
  const startMs = performance.now();
  const rows = read();
  return (rows * 1_000) / (performance.now() - startMs);
}

/** Called as it is fastest: no quotes, and chunks of whole lines. With the whole file at once it is eight times slower. */
function parseAlone(file: Buffer): number {
  let rows = 0;
  for (let begin = 0; begin < file.length; ) {
    const end = begin + CHUNK_BYTES_MAX >= file.length ? file.length : file.lastIndexOf(LF, begin + CHUNK_BYTES_MAX - 1) + 1;
    rows += parse(file.subarray(begin, end), FASTEST).length;
    begin = end;
  }
  return rows;
}

function readStream(path: string): number {
  const { readings } = scanFile(path);
  const t0Ms = readings?.minMs ?? 0;
  const stream = new HouseholdStream({
    household: basename(path, '.csv'),
    path,
    firstLine: readings?.firstLine,
    range: { t0Ms, startMs: t0Ms, endMs: Number.POSITIVE_INFINITY, passMs: undefined },
    chunkBytes: CHUNK_BYTES_MAX,
    firstPass: 0,
    onRejected: () => undefined,
    onOpenEnd: () => undefined,
  });
  stream.start();
  let rows = 0;
  while (Number.isFinite(stream.nextTick)) rows += stream.takeSecond(stream.nextTick).length;
  return rows;
}

/** The rows of an export, for the command and for the API alike; times are ISO-8601 with Z. */
import { isoTime } from '../../common/iso-time.ts';
import { type Numbers, shownBucket } from './analytics/shown-number.ts';
import type { Bucket } from './storage/series-store.ts';

export type ExportFormat = 'csv' | 'ndjson';

export const CSV_TITLE = 'household,device,field,window_start,mean,min,max,last,count\n';

/** Characters gathered before a piece is given on: one write instead of a thousand. */
const PIECE_LENGTH = 64 * 1024;
/** What a spreadsheet takes for the beginning of a formula. */
const FORMULA_START = /^[=+\-@]/;

export function formatRow(bucket: Bucket, format: ExportFormat): string {
  return format === 'csv' ? csvRow(bucket) : ndjsonRow(bucket);
}

/** Text of an export in pieces, for CSV with the title line first. Ending it early ends the reading of the buckets. */
export async function* formatRows(buckets: AsyncIterable<Bucket>, format: ExportFormat, numbers: Numbers = 'full'): AsyncGenerator<string> {
  let piece = format === 'csv' ? CSV_TITLE : '';
  for await (const bucket of buckets) {
    piece += formatRow(shownBucket(bucket, numbers), format);
    if (piece.length < PIECE_LENGTH) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}

function csvRow({ household, device, field, startMs, mean, min, max, last, count }: Bucket): string {
  return `${textCell(household)},${textCell(device)},${textCell(field)},${isoTime(startMs)},${mean},${min},${max},${last},${count}\n`;
}

/**
 * Ids hold no separator and no quote, so nothing is quoted. Only "-" can begin both an id and a formula: such an id gets a
 * leading apostrophe, as spreadsheets expect. NDJSON has the id as it is. Numbers are never touched: feed-in is negative.
 */
function textCell(id: string): string {
  return FORMULA_START.test(id) ? `'${id}` : id;
}

function ndjsonRow({ household, device, field, startMs, mean, min, max, last, count }: Bucket): string {
  return `${JSON.stringify({ household, device, field, window_start: isoTime(startMs), mean, min, max, last, count })}\n`;
}

/** Pure: which households the list shows, and in which order. */
import type { HouseholdReply } from '../../../server/api/api-types.ts';
import { type CsvCell, tableCsv } from '../../charts/table-csv.ts';
import { stateNames } from '../../words/state-names.ts';
import { ageClass } from '../../live/page-state.ts';

/** Windows, or its own intervals where they are longer, after which a household that others have left behind is stale: the cloud's rule. */
export const STALE_WINDOWS = 6;

/** `none`: it has no power yet. */
export const AGES = ['fresh', 'late', 'stale', 'none'] as const;
export type Age = (typeof AGES)[number];

export interface ListRow extends HouseholdReply {
  age: Age;
  /** Event time by which its newest window is behind the newest of all; null without one. */
  behindSeconds: number | null;
  stateName: string;
}

export interface Filter {
  /** Any part of id, postal code, state or edge; all words must be found. */
  text: string;
  /** Empty: every one. */
  state: string;
  edge: string;
  age: string;
}

export function listRow(
  household: HouseholdReply,
  { latestMs, windowSeconds, stateName }: { latestMs: number | null; windowSeconds: number; stateName: string },
): ListRow {
  const powerMs = household.powerAt === null ? null : Date.parse(household.powerAt);
  const behindSeconds = powerMs === null || latestMs === null ? null : Math.max(0, (latestMs - powerMs) / 1_000);
  const age = behindSeconds === null ? 'none' : ageClass(behindSeconds, STALE_WINDOWS * Math.max(windowSeconds, household.intervalSeconds));
  return { ...household, age, behindSeconds, stateName };
}

export function filtered(rows: readonly ListRow[], { text, state, edge, age }: Filter): ListRow[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter((row) => {
    if (state !== '' && row.state !== state) return false;
    if (edge !== '' && row.edge !== edge) return false;
    if (age !== '' && row.age !== age) return false;
    if (words.length === 0) return true;
    const all = [row.household, row.postalCode, row.state, ...stateNames(row.state), row.edge ?? ''].join(' ').toLowerCase();
    return words.every((word) => all.includes(word));
  });
}

export const SORTS = ['household', 'state', 'postalCode', 'edge', 'power', 'age', 'first', 'last', 'readings', 'missing'] as const;

export function sortValue(row: ListRow, by: string): string | number | null {
  switch (by) {
    case 'state':
      return row.stateName;
    case 'postalCode':
      return row.postalCode;
    case 'edge':
      return row.edge;
    case 'power':
      return row.powerW;
    case 'age':
      return row.behindSeconds;
    case 'first':
      return row.firstAt === null ? null : Date.parse(row.firstAt);
    case 'last':
      return row.lastAt === null ? null : Date.parse(row.lastAt);
    case 'readings':
      return row.readings;
    case 'missing':
      return row.windowsMissing;
    default:
      return row.household;
  }
}

/** Part `page` (from 0) of a list; a page beyond the end is the last one. */
export function pageOf<Row>(rows: readonly Row[], page: number, pageRows: number): { rows: Row[]; page: number; pages: number } {
  const pages = Math.max(1, Math.ceil(rows.length / pageRows));
  const at = Number.isInteger(page) ? Math.min(Math.max(0, page), pages - 1) : 0;
  return { rows: rows.slice(at * pageRows, (at + 1) * pageRows), page: at, pages };
}

const CSV_NAMES = [
  'household',
  'state',
  'postalCode',
  'postalCodeFrom',
  'edge',
  'powerW',
  'powerAt',
  'age',
  'firstAt',
  'lastAt',
  'readings',
  'declaredMissing',
  'windowsMissing',
] as const;

/** All the rows, whichever part of them is shown. */
export function listCsv(rows: readonly ListRow[], decimal: 'dot' | 'comma'): string {
  return tableCsv(
    CSV_NAMES,
    rows.map((row) => CSV_NAMES.map((name): CsvCell => row[name])),
    decimal,
  );
}

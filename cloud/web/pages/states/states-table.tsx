/** The figures of the states as a table, to sort and to take away. */
import { useState } from 'preact/hooks';
import type { StateRow } from '../../../server/api/api-types.ts';
import { download } from '../../charts/download.ts';
import { tableCsv } from '../../charts/table-csv.ts';
import { NO_VALUE } from '../../format.ts';
import { Figure } from '../../shell/figure.tsx';
import { DataLabel } from '../../shell/data-label.tsx';
import { type Locale, useLocale } from '../../shell/locale.ts';
import { addressOf } from '../../shell/place.ts';
import { settingsStore } from '../../shell/settings.ts';
import { type SortedColumn, SortedTable } from '../../shell/sorted-table.tsx';
import { type Sorting, sorted } from '../../shell/sorting.ts';
import { coverageOf, howMade, isExtrapolated, lengthText, valueOf, valueText } from './measures.ts';

interface StatesTableProps {
  rows: readonly StateRow[];
  hours: number | null;
  priceEurPerKwh: number;
}

export function StatesTable({ rows, hours, priceEurPerKwh }: StatesTableProps) {
  const { t, f } = useLocale();
  return (
    <section class="card">
      <div class="card-head">
        <div>
          <h2>
            {t('states.table')} <DataLabel />
          </h2>
          <p class="lead">{t('states.tableNote', { price: f.price(priceEurPerKwh) })}</p>
        </div>
        <button type="button" onClick={() => download('fogline-states.csv', 'text/csv', statesCsv(rows, hours, settingsStore.get().csv))}>
          {t('chart.csv')}
        </button>
      </div>
      <div class="figures">
        <FiguresTable id="states-table" rows={rows} hours={hours} />
      </div>
    </section>
  );
}

export function FiguresTable({ id, rows, hours }: { id: string; rows: readonly StateRow[]; hours: number | null }) {
  const locale = useLocale();
  const [sorting, setSorting] = useState<Sorting>({ by: 'name', isDown: false });
  const columns = columnsOf(hours, locale);
  const byText = (a: string, b: string) => a.localeCompare(b, locale.f.language);
  return (
    <SortedTable
      id={id}
      caption={locale.t('states.table')}
      columns={columns}
      rows={sorted(rows, (row) => sortValue(row, sorting.by, hours), sorting.isDown, byText)}
      keyOf={({ state }) => state}
      stateOf={({ reporting }) => (reporting === 0 ? 'missing' : '')}
      sorting={sorting}
      onSort={setSorting}
    />
  );
}

function columnsOf(hours: number | null, locale: Locale): SortedColumn<StateRow>[] {
  const { t, f } = locale;
  const isNumber = true;
  const known = (row: StateRow, text: string) => (row.reporting === 0 ? NO_VALUE : text);
  return [
    { key: 'name', title: t('states.state'), cell: (row) => <a href={addressOf(`/states/${row.state}`)}>{row.name}</a> },
    {
      key: 'households',
      title: t('states.measure.households'),
      isNumber,
      cell: (row) => (row.households === 0 ? t('states.noHousehold') : f.number(row.households)),
    },
    { key: 'meanW', title: t('states.measure.w'), isNumber, cell: (row) => f.power(row.meanW) },
    { key: 'annualKwh', title: t('states.measure.kwh'), isNumber, cell: (row) => <Yearly row={row} measure="kwh" hours={hours} /> },
    { key: 'annualEur', title: t('states.measure.eur'), isNumber, cell: (row) => valueText(row, 'eur', hours, { f }) },
    { key: 'coveredHours', title: t('states.data'), isNumber, cell: (row) => known(row, lengthText(row.coveredHours, { f })) },
    { key: 'coverage', title: t('states.measure.coverage'), isNumber, cell: (row) => valueText(row, 'coverage', hours, { f }) },
    {
      key: 'drawn',
      title: t('states.drawn'),
      isNumber,
      cell: (row) => (row.households === 0 ? NO_VALUE : f.number(row.drawn)),
    },
  ];
}

function Yearly({ row, measure, hours }: { row: StateRow; measure: 'kwh'; hours: number | null }) {
  const locale = useLocale();
  const text = valueText(row, measure, hours, locale);
  if (row.annualKwh === null) return <Figure text={text} />;
  return (
    <span title={howMade(row, locale)}>
      {text}
      {isExtrapolated(row) && <span class="tag warn">{locale.t('states.extrapolated')}</span>}
    </span>
  );
}

function sortValue(row: StateRow, by: string, hours: number | null): string | number | null {
  switch (by) {
    case 'households':
      return valueOf(row, 'households', hours);
    case 'meanW':
      return row.meanW;
    case 'annualKwh':
      return row.annualKwh;
    case 'annualEur':
      return row.annualEur;
    case 'coveredHours':
      return row.reporting === 0 ? null : row.coveredHours;
    case 'coverage':
      return coverageOf(row, hours);
    case 'drawn':
      return row.households === 0 ? null : row.drawn;
    default:
      return row.name;
  }
}

const CSV_NAMES = [
  'state',
  'name',
  'households',
  'drawn',
  'reporting',
  'meanW',
  'annualKwh',
  'annualEur',
  'coveredHours',
  'coverage',
] as const;

/** Full precision; an empty cell is no data. */
export function statesCsv(rows: readonly StateRow[], hours: number | null, decimal: 'dot' | 'comma'): string {
  const cells = rows.map((row) => CSV_NAMES.map((name) => (name === 'coverage' ? coverageOf(row, hours) : row[name])));
  return tableCsv(CSV_NAMES, cells, decimal);
}

/** The very figures of the chart: a row for every bucket, the columns of the CSV file. */
import { useState } from 'preact/hooks';
import { bucketSpan } from '../../charts/chart-words.ts';
import { endMs } from '../../data/series.ts';
import { Figure } from '../../shell/figure.tsx';
import { type Locale, useLocale } from '../../shell/locale.ts';
import { unitFor } from './explore-model.ts';
import { type ColumnName, type ExploreTable, isThere } from './explore-table.ts';
import type { LabelOf } from './series-label.ts';

/** Cells that a browser lays out without a pause; the rest comes when it is asked for. */
const CELLS_AT_ONCE = 6_000;
const ROWS_LEAST = 100;

export function FiguresTable({ table, label }: { table: ExploreTable; label: LabelOf }) {
  const locale = useLocale();
  const { t } = locale;
  const atOnce = Math.max(ROWS_LEAST, Math.floor(CELLS_AT_ONCE / Math.max(1, table.series.length * table.columns.length)));
  const [rows, setRows] = useState(atOnce);
  const shown = table.startsMs.slice(0, rows);
  const hidden = table.startsMs.length - shown.length;
  return (
    <div class="scroll table-box" tabIndex={0} role="region" aria-label={t('explore.figures')}>
      <table class="figures-table" id="explore-figures" data-rows={table.startsMs.length}>
        <caption class="hidden">{t('explore.figures')}</caption>
        <thead>
          <tr>
            <th scope="col">{t('chart.time')}</th>
            {table.series.flatMap(({ ref, unit }) =>
              table.columns.map((name) => (
                <th key={`${ref}.${name}`} scope="col" class="number">
                  {label(ref)}
                  <small>{headOf(name, unit, locale)}</small>
                </th>
              )),
            )}
          </tr>
        </thead>
        <tbody>
          {shown.map((startMs, index) => (
            <tr key={startMs} data-state={table.series.some((series) => isThere(series, index)) ? '' : 'missing'}>
              <th scope="row">{bucketSpan(startMs, endMs(table, index), locale)}</th>
              {table.series.flatMap(({ ref, columns }) =>
                table.columns.map((name) => (
                  <td key={`${ref}.${name}`} class="number">
                    <Figure text={cellOf(name, columns[name]?.[index] ?? null, locale)} />
                  </td>
                )),
              )}
            </tr>
          ))}
        </tbody>
      </table>
      {hidden > 0 && (
        <button type="button" class="more-rows" onClick={() => setRows(rows + Math.max(atOnce, table.startsMs.length))}>
          {t('explore.moreRows', { n: hidden })}
        </button>
      )}
    </div>
  );
}

function headOf(name: ColumnName, unit: string, { t }: Locale): string {
  if (name === 'coverage') return t('chart.coverage');
  const stat = name === 'energyKwh' ? 'energy' : name;
  const its = unitFor(stat, unit);
  return its === '' ? t(`explore.stat.${stat}`) : `${t(`explore.stat.${stat}`)}, ${its}`;
}

/** As the API wrote it: with all its digits, in the unit of the column. */
function cellOf(name: ColumnName, value: number | null, { f }: Locale): string {
  return name === 'coverage' ? f.percent(value, 2) : f.number(value, 6, 0);
}

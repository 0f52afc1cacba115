/** The very figures of a chart as a table. */
import { useState } from 'preact/hooks';
import type { SeriesTable } from '../data/series.ts';
import { Figure } from '../shell/figure.tsx';
import { useLocale } from '../shell/locale.ts';
import { amountWords, bucketSpan } from './chart-words.ts';
import { rowsOf } from './exports.ts';

/** A browser takes long over many thousand rows that nobody scrolls through. */
const ROWS_AT_ONCE = 1_000;

export function SeriesRows({ table, label, title }: { table: SeriesTable; label: (ref: string) => string; title: string }) {
  const locale = useLocale();
  const { t, f } = locale;
  const [count, setCount] = useState(ROWS_AT_ONCE);
  const rows = rowsOf(table);
  return (
    <div class="scroll table-box" tabIndex={0} role="region" aria-label={title}>
      <table class="figures-table">
        <caption class="hidden">{title}</caption>
        <thead>
          <tr>
            <th scope="col">{t('chart.time')}</th>
            {table.series.length > 1 && <th scope="col">{t('chart.legend')}</th>}
            {[t('chart.mean'), t('chart.min'), t('chart.max'), t('chart.energy'), t('chart.coverage')].map((name) => (
              <th key={name} scope="col" class="number">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, count).map((row) => (
            <tr key={`${row.startMs} ${row.series}`} data-state={row.mean === null ? 'missing' : ''}>
              <th scope="row">{bucketSpan(row.startMs, row.endMs, locale)}</th>
              {table.series.length > 1 && <td data-title={t('chart.legend')}>{label(row.series)}</td>}
              <Amount value={amountWords(row.mean, row.unit, f)} name={t('chart.mean')} />
              <Amount value={amountWords(row.min, row.unit, f)} name={t('chart.min')} />
              <Amount value={amountWords(row.max, row.unit, f)} name={t('chart.max')} />
              <Amount value={f.energy(row.energyKwh)} name={t('chart.energy')} />
              <Amount value={f.percent(row.coverage)} name={t('chart.coverage')} />
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > count && (
        <button type="button" class="more" onClick={() => setCount(count + ROWS_AT_ONCE)}>
          {t('chart.more', { n: rows.length - count })}
        </button>
      )}
    </div>
  );
}

function Amount({ value, name }: { value: string; name: string }) {
  return (
    <td class="number" data-title={name}>
      <Figure text={value} />
    </td>
  );
}

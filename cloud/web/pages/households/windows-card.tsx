/** The windows that are there, as they are stored, a part at a time; all of the range as CSV. */
import { useState } from 'preact/hooks';
import type { WindowRow } from '../../../server/api/api-types.ts';
import { Failure } from '../../charts/chart-states.tsx';
import { usePages } from '../../data/use-pages.ts';
import { DataTable } from '../../shell/data-table.tsx';
import { useLocale } from '../../shell/locale.ts';
import { usePageRange } from '../../shell/page-range.ts';
import type { Span } from '../../zone-time.ts';
import { fixedRange } from './fixed-range.ts';

const ROWS_AT_ONCE = 100;
const UNITS: Readonly<Record<string, string>> = { power: 'W', power1: 'W', power2: 'W', power3: 'W', energy: 'kWh' };

export function WindowsCard({ household, fields }: { household: string; fields: readonly string[] }) {
  const { t } = useLocale();
  const { range, span } = usePageRange();
  const [isOpen, setOpen] = useState(false);
  // The range that it was opened in: a list in pages does not run away under the reader.
  const [opened, setOpened] = useState<{ key: string; span: Span | null }>({ key: '', span });
  const key = `${range.from} ${range.to}`;
  const shown = opened.key === key ? opened.span : span;
  const toggle = (open: boolean) => {
    setOpen(open);
    setOpened({ key, span });
  };
  const fixed = fixedRange(range, shown);
  return (
    <section class="card">
      <details open={isOpen} onToggle={(event) => toggle(event.currentTarget.open)} id="windows">
        <summary>{t('households.windows')}</summary>
        <p class="lead">{t('households.windowsNote')}</p>
        {isOpen && fixed !== null && <Windows household={household} fields={fields} range={fixed} />}
      </details>
    </section>
  );
}

interface WindowsProps {
  household: string;
  fields: readonly string[];
  range: { from: string; to: string };
}

function Windows({ household, fields, range }: WindowsProps) {
  const { t, f } = useLocale();
  const [field, setField] = useState('power');
  const query = new URLSearchParams({ ...range, limit: String(ROWS_AT_ONCE), field, numbers: 'rounded' });
  const address = `/api/v1/households/${encodeURIComponent(household)}/windows?${query}`;
  const { rows, hasMore, isLoading, failure, more } = usePages<WindowRow>(address, (reply) => reply['windows'] as WindowRow[]);
  const csv = new URLSearchParams({ household, field, ...range, format: 'csv', numbers: 'rounded' });
  const numbers = [t('chart.mean'), t('chart.min'), t('chart.max'), t('households.lastValue'), t('households.count')];
  const columns = [{ title: t('chart.time') }, { title: t('households.device') }, ...numbers.map((title) => ({ title, isNumber: true }))];
  return (
    <>
      <div class="filters">
        <label>
          {t('households.field')}{' '}
          <select id="windows-field" value={field} onChange={(event) => setField(event.currentTarget.value)}>
            {fields.map((its) => (
              <option key={its} value={its}>
                {its}
              </option>
            ))}
          </select>
        </label>
        <a id="windows-csv" href={`/api/v1/export?${csv}`} download={`fogline-${household}-${field}.csv`}>
          {t('households.windowsCsv')}
        </a>
      </div>
      {failure !== undefined && <Failure failure={failure} retry={more} />}
      {rows?.length === 0 && <p class="lead">{t('shell.noData')}</p>}
      {rows !== undefined && rows.length > 0 && (
        <div class="table-box" tabIndex={0} role="region" aria-label={t('households.windows')}>
          <DataTable
            id="windows-table"
            columns={columns}
            rows={rows.map((row) => ({
              key: `${row.device} ${row.windowStart}`,
              cells: [
                f.dateTime(Date.parse(row.windowStart)),
                row.device,
                ...valuesOf(row).map((value) => exact(value)),
                f.number(row.count),
              ],
            }))}
          />
        </div>
      )}
      {hasMore && (
        <button type="button" disabled={isLoading} onClick={more}>
          {t(isLoading ? 'shell.loading' : 'households.more')}
        </button>
      )}
    </>
  );

  /** All digits that the server gives, as in the CSV beside it. */
  function exact(value: number): string {
    const unit = UNITS[field] ?? '';
    return unit === '' ? f.number(value, 6, 0) : `${f.number(value, 6, 0)}\u00a0${unit}`;
  }
}

function valuesOf({ mean, min, max, last }: WindowRow): number[] {
  return [mean, min, max, last];
}

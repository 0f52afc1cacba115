/** The usual week: mean power of each hour of the day on each weekday. */
import { useMemo } from 'preact/hooks';
import type { ProfileReply } from '../../../server/api/api-types.ts';
import { colourOfValue, stepEdges } from '../../charts/colour-steps.ts';
import { HeatDrawing, type HeatModel } from '../../charts/heat-drawing.ts';
import { Picture } from '../../charts/picture.tsx';
import { StepLegend } from '../../charts/step-legend.tsx';
import { tableCsv } from '../../charts/table-csv.ts';
import { DataTable } from '../../shell/data-table.tsx';
import { type Locale, useLocale } from '../../shell/locale.ts';
import { shortHousehold } from '../../live/alert-words.ts';

const HOURS_PER_DAY = 24;

export function WeekMap({ profile }: { profile: ProfileReply }) {
  const locale = useLocale();
  const { t, f } = locale;
  const { hourByDay, tz } = profile;
  const key = JSON.stringify(hourByDay);
  const values = useMemo(() => hourByDay.flat(), [key]);
  const edges = useMemo(() => stepEdges(values), [values]);
  const model = useMemo((): HeatModel => {
    const rows = hourByDay.map((_, day) => f.weekday(day));
    const columns = Array.from({ length: HOURS_PER_DAY }, (_, hour) => String(hour).padStart(2, '0'));
    return { rows, columns, colours: values.map((value) => colourOfValue(edges, value)) };
  }, [values, edges, f]);
  const cellTitle = (index: number) => `${f.weekday(Math.floor(index / HOURS_PER_DAY), 'long')}, ${hourText(index % HOURS_PER_DAY)}`;
  return (
    <Picture
      title={t('households.week')}
      note={t('households.weekNote', { zone: tz })}
      summary={summaryOf(values, cellTitle, locale)}
      model={model}
      make={(canvas, first, options) => new HeatDrawing(canvas, first, options)}
      count={values.length}
      rowLength={HOURS_PER_DAY}
      words={(index) => {
        const value = values[index] ?? null;
        return { title: cellTitle(index), lines: [value === null ? t('shell.noData') : f.power(value)] };
      }}
      table={<WeekTable hourByDay={hourByDay} />}
      file={{ name: `fogline-${shortHousehold(profile.household).replace('…', '')}-week`, csv: (decimal) => weekCsv(hourByDay, decimal) }}
      size="matrix"
    >
      <StepLegend
        edges={edges}
        text={(edge) => f.power(edge)}
        below={values.some((value) => value !== null && value < 0) ? t('households.below') : undefined}
        missing={values.includes(null) ? t('shell.noData') : undefined}
      />
    </Picture>
  );
}

function WeekTable({ hourByDay }: { hourByDay: ProfileReply['hourByDay'] }) {
  const { t, f } = useLocale();
  const columns = [{ title: t('households.hour') }, ...hourByDay.map((_, day) => ({ title: f.weekday(day), isNumber: true }))];
  return (
    <div class="table-box" tabIndex={0} role="region" aria-label={t('households.week')}>
      <DataTable
        id="week-table"
        columns={columns}
        rows={Array.from({ length: HOURS_PER_DAY }, (_, hour) => ({
          key: String(hour),
          cells: [hourText(hour), ...hourByDay.map((day) => f.power(day[hour] ?? null))],
        }))}
      />
    </div>
  );
}

function weekCsv(hourByDay: ProfileReply['hourByDay'], decimal: 'dot' | 'comma'): string {
  const rows = hourByDay.flatMap((day, index) => day.map((w, hour) => [index + 1, hour, w]));
  return tableCsv(['isoWeekday', 'hour', 'meanW'], rows, decimal);
}

function summaryOf(values: readonly (number | null)[], title: (index: number) => string, { t, f }: Locale): string {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return t('households.weekSummaryEmpty');
  const greatest = Math.max(...known);
  return t('households.weekSummary', { n: known.length, when: title(values.indexOf(greatest)), power: f.power(greatest) });
}

function hourText(hour: number): string {
  return `${String(hour).padStart(2, '0')}:00`;
}

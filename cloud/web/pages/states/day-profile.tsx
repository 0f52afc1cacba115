/** Mean power by hour of the day, workdays and weekends apart, each with the band of its single hours. */
import { useMemo } from 'preact/hooks';
import type { StateDetailReply } from '../../../server/api/api-types.ts';
import { type Curve, CurveDrawing, type CurveModel } from '../../charts/curve-drawing.ts';
import type { Point } from '../../charts/points.ts';
import { Picture } from '../../charts/picture.tsx';
import { tableCsv } from '../../charts/table-csv.ts';
import { DataTable } from '../../shell/data-table.tsx';
import { type Locale, useLocale } from '../../shell/locale.ts';

type Hour = StateDetailReply['hourOfDay'][number];
type Figure = Exclude<keyof Hour, 'hour'>;

const LAST_HOUR = 23;
const TICK_HOURS = 3;
const CSV_NAMES = ['hour', 'weekdayMeanW', 'weekdayMinW', 'weekdayMaxW', 'weekendMeanW', 'weekendMinW', 'weekendMaxW'] as const;

export function DayProfile({ reply }: { reply: StateDetailReply }) {
  const locale = useLocale();
  const { t } = locale;
  const { hourOfDay, state, tz } = reply;
  const key = JSON.stringify(hourOfDay);
  const model = useMemo(() => modelOf(hourOfDay, locale), [key, locale]);
  return (
    <Picture
      title={t('states.dayProfile')}
      note={t('states.dayProfileNote', { zone: tz })}
      summary={summaryOf(hourOfDay, locale)}
      model={model}
      make={(canvas, first, options) => new CurveDrawing(canvas, first, options)}
      count={hourOfDay.length}
      words={(index) => ({ title: hourText(index), lines: linesOf(hourOfDay[index], locale) })}
      table={<HoursTable hours={hourOfDay} />}
      file={{
        name: `fogline-${state.state}-hours`,
        csv: (decimal) =>
          tableCsv(
            CSV_NAMES,
            hourOfDay.map((hour) => CSV_NAMES.map((name) => hour[name])),
            decimal,
          ),
      }}
    >
      <ul class="curve-legend">
        <li class="series-1">
          <i aria-hidden="true" />
          {t('states.weekday')}
        </li>
        <li class="series-2 dashed">
          <i aria-hidden="true" />
          {t('states.weekend')}
        </li>
      </ul>
    </Picture>
  );
}

function modelOf(hours: readonly Hour[], { t, f }: Locale): CurveModel {
  const points = (name: Figure): Point[] => hours.map((hour) => ({ x: hour.hour, y: hour[name] ?? Number.NaN }));
  const curve = (label: string, mean: Figure, min: Figure, max: Figure): Curve => ({
    label,
    points: points(mean),
    band: { min: points(min), max: points(max) },
  });
  return {
    curves: [
      curve(t('states.weekday'), 'weekdayMeanW', 'weekdayMinW', 'weekdayMaxW'),
      curve(t('states.weekend'), 'weekendMeanW', 'weekendMinW', 'weekendMaxW'),
    ],
    unit: 'W',
    format: f,
    x: { title: t('states.hour'), min: 0, max: LAST_HOUR, step: TICK_HOURS, tick: hourText },
  };
}

function linesOf(hour: Hour | undefined, { t, f }: Locale): string[] {
  if (hour === undefined) return [];
  const line = (name: string, mean: number | null, min: number | null, max: number | null) =>
    mean === null ? `${name} ${t('shell.noData')}` : `${name} ${f.power(mean)} (${f.power(min)} – ${f.power(max)})`;
  return [
    line(t('states.weekday'), hour.weekdayMeanW, hour.weekdayMinW, hour.weekdayMaxW),
    line(t('states.weekend'), hour.weekendMeanW, hour.weekendMinW, hour.weekendMaxW),
  ];
}

function HoursTable({ hours }: { hours: readonly Hour[] }) {
  const { t, f } = useLocale();
  const [week, end] = [t('states.weekday'), t('states.weekend')];
  const figures = [t('chart.mean'), t('chart.min'), t('chart.max')];
  const titles = [week, end].flatMap((kind) => figures.map((figure) => `${kind}, ${figure}`));
  return (
    <div class="table-box" tabIndex={0} role="region" aria-label={t('states.dayProfile')}>
      <DataTable
        id="hours-table"
        columns={[{ title: t('states.hour') }, ...titles.map((title) => ({ title, isNumber: true }))]}
        rows={hours.map((hour) => ({
          key: String(hour.hour),
          cells: [hourText(hour.hour), ...CSV_NAMES.slice(1).map((name) => f.power(hour[name]))],
        }))}
      />
    </div>
  );
}

function summaryOf(hours: readonly Hour[], { t, f }: Locale): string {
  const known = hours.filter(({ weekdayMeanW, weekendMeanW }) => weekdayMeanW !== null || weekendMeanW !== null);
  const of = (hour: Hour) => Math.max(hour.weekdayMeanW ?? -Infinity, hour.weekendMeanW ?? -Infinity);
  const [greatest] = [...known].sort((a, b) => of(b) - of(a));
  if (greatest === undefined) return t('states.daySummaryEmpty');
  return t('states.daySummary', { n: known.length, hour: hourText(greatest.hour), power: f.power(of(greatest)) });
}

function hourText(hour: number): string {
  return `${String(hour).padStart(2, '0')}:00`;
}

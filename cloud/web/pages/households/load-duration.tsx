/** The load duration curve: for how much of the covered time the power was at least so much. */
import { useMemo } from 'preact/hooks';
import type { ProfileReply } from '../../../server/api/api-types.ts';
import { CurveDrawing, type CurveModel } from '../../charts/curve-drawing.ts';
import { Picture } from '../../charts/picture.tsx';
import { tableCsv } from '../../charts/table-csv.ts';
import { DataTable } from '../../shell/data-table.tsx';
import { type Locale, useLocale } from '../../shell/locale.ts';
import { shortHousehold } from '../../live/alert-words.ts';

type LoadPoint = ProfileReply['loadDuration'][number];

const PERCENTS = 100;
const TICK_PERCENTS = 20;

export function LoadDuration({ profile }: { profile: ProfileReply }) {
  const locale = useLocale();
  const { t, f } = locale;
  const points = profile.loadDuration;
  const key = JSON.stringify(points);
  const model = useMemo(() => modelOf(points, locale), [key, locale]);
  if (points.length === 0) return <p class="lead">{t('households.durationNone')}</p>;
  const table = (
    <div class="table-box" tabIndex={0} role="region" aria-label={t('households.duration')}>
      <DataTable
        id="duration-table"
        columns={[{ title: t('households.ofTheTime') }, { title: t('households.atLeast'), isNumber: true }]}
        rows={points.map(({ percent, w }) => ({ key: String(percent), cells: [f.percent(percent / PERCENTS), f.power(w)] }))}
      />
    </div>
  );
  return (
    <Picture
      title={t('households.duration')}
      note={t('households.durationNote', { n: profile.quarters })}
      summary={t('households.durationSummary', {
        most: f.power(wAt(points, 0)),
        half: f.power(wAt(points, 50)),
        least: f.power(wAt(points, 100)),
      })}
      model={model}
      make={(canvas, first, options) => new CurveDrawing(canvas, first, options)}
      count={points.length}
      words={(index) => {
        const point = points[index];
        if (point === undefined) return { title: '', lines: [] };
        const share = f.percent(point.percent / PERCENTS);
        return { title: share, lines: [t('households.durationPoint', { share, power: f.power(point.w) })] };
      }}
      table={table}
      file={{
        name: `fogline-${shortHousehold(profile.household).replace('…', '')}-load-duration`,
        csv: (decimal) =>
          tableCsv(
            ['percent', 'w'],
            points.map(({ percent, w }) => [percent, w]),
            decimal,
          ),
      }}
    />
  );
}

function modelOf(points: readonly LoadPoint[], { t, f }: Locale): CurveModel {
  return {
    curves: [{ label: t('households.duration'), points: points.map(({ percent, w }) => ({ x: percent, y: w })) }],
    unit: 'W',
    format: f,
    x: { title: t('households.ofTheTime'), min: 0, max: PERCENTS, step: TICK_PERCENTS, tick: (percent) => f.percent(percent / PERCENTS) },
  };
}

function wAt(points: readonly LoadPoint[], percent: number): number | null {
  return points.find((point) => point.percent === percent)?.w ?? null;
}

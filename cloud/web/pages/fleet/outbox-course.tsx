/** Depth of one edge's outbox over wall clock, as a picture and as a table of the same figures. */
import type { OutboxReply } from '../../../server/api/api-types.ts';
import { Failure } from '../../charts/chart-states.tsx';
import { DataTable } from '../../shell/data-table.tsx';
import { type Locale, useLocale } from '../../shell/locale.ts';
import { useSlotCursor } from './slot-cursor.ts';
import { useAsked } from '../../data/use-asked.ts';
import { useWallSpan } from './wall-span.tsx';

const WIDTH = 1_000;
const HEIGHT = 100;

export function OutboxCourse({ edge }: { edge: string }) {
  const { t } = useLocale();
  const span = useWallSpan();
  const { value, failure, retry } = useAsked<OutboxReply>(`/api/v1/edges/${encodeURIComponent(edge)}/outbox?from=now-${span}`);
  return (
    <section class="card" aria-labelledby="course-title">
      <div class="card-head">
        <div>
          <h2 id="course-title">{t('fleet.course')}</h2>
          <p class="lead">{t('fleet.courseLead')}</p>
        </div>
      </div>
      {failure !== undefined && value === undefined && <Failure failure={failure} retry={retry} />}
      {value === undefined && failure === undefined && <p class="lead">{t('shell.loading')}</p>}
      {value !== undefined && <Course value={value} />}
    </section>
  );
}

function Course({ value }: { value: OutboxReply }) {
  const locale = useLocale();
  const { t, f } = locale;
  const { starts, maxParts } = value;
  const { index, handlers } = useSlotCursor(starts.length);
  const known = maxParts.filter((parts) => parts !== null);
  const last = known.at(-1);
  if (last === undefined) return <p class="empty">{t('fleet.courseNone')}</p>;
  const most = Math.max(...known);
  const parts = (n: number) => t('fleet.parts', { n });
  const lastSlot = maxParts.findLastIndex((its) => its !== null);
  return (
    <figure class="course">
      <div class="course-box">
        <p class="course-axis" aria-hidden="true">
          <span>{f.number(Math.max(1, most))}</span>
          <span>{f.number(0)}</span>
        </p>
        <div
          class="course-picture"
          role="slider"
          tabIndex={0}
          aria-label={t('fleet.courseSummary', { most: parts(most), last: parts(last) })}
          aria-valuemin={0}
          aria-valuemax={Math.max(0, starts.length - 1)}
          aria-valuenow={index ?? lastSlot}
          aria-valuetext={slotWords(value, index ?? lastSlot, locale)}
          {...handlers}
        >
          <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
            <path class="course-area" d={areaOf(maxParts, Math.max(1, most))} />
            {index !== undefined && <path class="course-cursor" d={`M${centreOf(index, starts.length)} 0V${HEIGHT}`} />}
          </svg>
        </div>
        <p class="course-times lead" aria-hidden="true">
          <span>{f.minute(Date.parse(value.from))}</span>
          <span>{f.minute(Date.parse(value.to))}</span>
        </p>
      </div>
      <p class="read-out">
        {index === undefined ? t('fleet.courseSummary', { most: parts(most), last: parts(last) }) : slotWords(value, index, locale)}
      </p>
      <details>
        <summary>{t('fleet.asTable')}</summary>
        <Rows value={value} />
      </details>
    </figure>
  );
}

function Rows({ value }: { value: OutboxReply }) {
  const { t, f } = useLocale();
  const rows = value.starts.flatMap((start, index) => {
    const parts = value.maxParts[index] ?? null;
    if (parts === null) return [];
    return [{ key: start, cells: [f.dateTime(Date.parse(start)), f.number(parts), f.duration(value.maxAgeSeconds[index] ?? null)] }];
  });
  const columns = [{ title: t('fleet.time') }, { title: t('fleet.outbox'), isNumber: true }, { title: t('fleet.oldest'), isNumber: true }];
  return <DataTable id="outbox-table" class="table-box" columns={columns} rows={rows.reverse()} />;
}

function slotWords({ starts, maxParts }: OutboxReply, index: number, { t, f }: Locale): string {
  const parts = maxParts[index] ?? null;
  const start = starts[index];
  if (start === undefined) return '';
  return `${f.dateTime(Date.parse(start))}: ${parts === null ? t('shell.noData') : t('fleet.parts', { n: parts })}`;
}

function centreOf(index: number, count: number): number {
  return ((index + 0.5) / Math.max(1, count)) * WIDTH;
}

/** One area per run of slots that are known: never a line across what is not. */
function areaOf(maxParts: readonly (number | null)[], most: number): string {
  const width = WIDTH / Math.max(1, maxParts.length);
  return maxParts
    .map((parts, index) => {
      if (parts === null) return '';
      const height = Math.max(1, (parts / most) * HEIGHT);
      return `M${(index * width).toFixed(2)} ${HEIGHT}v${(-height).toFixed(2)}h${width.toFixed(2)}v${height.toFixed(2)}z`;
    })
    .join('');
}

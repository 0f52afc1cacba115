/** The energy of the data's last day so far, of all households, and how much of the day is behind it. */
import { useEffect, useState } from 'preact/hooks';
import { Sparkline } from '../../charts/sparkline.tsx';
import { seriesAddress, totalsOf } from '../../data/series.ts';
import { useData } from '../../data/use-data.ts';
import { askTable } from '../../data/use-series.ts';
import { dataEnds } from '../../live/data-ends.ts';
import { tickStore } from '../../live/live.ts';
import { NO_VALUE } from '../../format.ts';
import { useLocale } from '../../shell/locale.ts';
import { useStore } from '../../shell/store.ts';
import { calendarSpan } from '../../zone-time.ts';
import { AgeBadge } from './age-badge.tsx';
import { Tile } from './tile.tsx';

/** A day's sum moves slowly; each question reads a whole day. */
const ASK_EVERY_MS = 15_000;

export function EnergyTile() {
  const { t, f } = useLocale();
  const latestMs = useSometimes(useStore(dataEnds).latestMs);
  // The end of the data is no part of it: at midnight the day that just ended is the last one.
  const day = latestMs === null ? undefined : calendarSpan(latestMs - 1, 'day', f.zone);
  const address =
    day === undefined
      ? null
      : seriesAddress({ refs: ['all.power'], from: String(day.fromMs), to: String(latestMs), tz: f.zone, grain: { resolution: '15m' } });
  const { value, failure } = useData(address, (signal) => askTable(address ?? '', signal), true);
  const [series] = value?.series ?? [];
  const totals = value === undefined || series === undefined ? undefined : totalsOf(value, series);
  const note =
    totals === undefined || day === undefined
      ? t(failure !== undefined ? 'chart.failed' : latestMs === null ? 'overview.waiting' : 'shell.loading')
      : t('overview.energyNote', { day: f.date(day.fromMs), coverage: f.percent(totals.coverage) });
  const course = <Sparkline values={series?.mean ?? []} label={t('overview.energy')} />;
  return (
    <Tile
      id="energy"
      title={t('overview.energy')}
      value={totals === undefined ? NO_VALUE : f.energy(totals.energyKwh)}
      note={note}
      badge={<AgeBadge />}
      course={course}
    />
  );
}

/** The value of a while ago: it follows in steps. */
function useSometimes(value: number | null): number | null {
  const [held, setHeld] = useState({ value, atMs: -Infinity });
  const nowMs = useStore(tickStore);
  useEffect(() => {
    if (value !== held.value && (held.value === null || nowMs - held.atMs >= ASK_EVERY_MS)) setHeld({ value, atMs: nowMs });
  }, [value, nowMs]);
  return held.value;
}

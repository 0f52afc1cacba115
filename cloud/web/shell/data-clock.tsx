/** What time it is in the data, and how fast it goes. */
import { dataEnds } from '../live/data-ends.ts';
import { liveStore, speedStore } from '../live/live.ts';
import { isFinished } from '../live/page-state.ts';
import { roundedSpeed } from '../live/speed.ts';
import { useLocale } from './locale.ts';
import { useStore } from './store.ts';

export function DataClock() {
  const { t, f } = useLocale();
  const { latestMs } = useStore(dataEnds);
  const { live } = useStore(liveStore);
  const measured = useStore(speedStore);
  // What was fast a minute ago stands still once the replay is at its end.
  const speed = live !== null && isFinished(live) ? null : measured;
  const factor = speed === null ? '' : `×${f.number(roundedSpeed(speed), 1, 0)}`;
  const note = speed === null ? t('shell.dataTimeStill') : t('shell.dataTimeNote', { speed: factor });
  return (
    <div class="data-clock" title={note}>
      <span class="data-clock-name">{t('shell.dataTime')}</span>
      <strong id="data-clock">{latestMs === null ? t('shell.noData') : `${f.date(latestMs)}, ${f.clock(latestMs)}`}</strong>
      {factor !== '' && (
        <span class="tag" id="speed">
          {factor}
        </span>
      )}
      <span class="data-clock-zone" id="zone">
        {`${f.zone}${latestMs === null || f.zone === 'UTC' ? '' : `, ${f.zoneAt(latestMs)}`}`}
      </span>
    </div>
  );
}

/** How the series are shown: resolution, statistic, stacked, normalised. */
import { RESOLUTIONS } from '../../range-address.ts';
import { useLocale } from '../../shell/locale.ts';
import { usePageRange } from '../../shell/page-range.ts';
import { goToRange } from '../../shell/place.ts';
import { byAxes, type Choice, isAddable, STATS } from './choice.ts';
import { change } from './use-choice.ts';

export function Controls({ choice }: { choice: Choice }) {
  const { t } = useLocale();
  const { range } = usePageRange();
  const { isStacked, isNormalised, stat } = choice;
  const canStack = mayStack(choice, range.compare !== 'none');
  return (
    <div class="controls">
      <label>
        <span>{t('explore.resolution')}</span>
        <select id="resolution" value={range.res} onChange={({ currentTarget }) => goToRange({ ...range, res: currentTarget.value })}>
          {RESOLUTIONS.map((res) => (
            <option key={res} value={res}>
              {res === 'auto' || res === 'raw' ? t(`explore.res.${res}`) : res}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>{t('explore.statistic')}</span>
        <select
          id="statistic"
          value={stat}
          onChange={({ currentTarget }) => change({ stat: STATS.find((its) => its === currentTarget.value) ?? 'mean' })}
        >
          {STATS.map((its) => (
            <option key={its} value={its}>
              {t(`explore.stat.${its}`)}
            </option>
          ))}
        </select>
      </label>
      <label class="check" title={canStack ? '' : t('explore.noStack')}>
        <input
          type="checkbox"
          id="stacked"
          checked={isStacked && canStack}
          disabled={!canStack}
          onChange={({ currentTarget }) => change({ isStacked: currentTarget.checked, isNormalised: false })}
        />
        <span>{t('explore.stacked')}</span>
      </label>
      <label class="check" title={t('explore.normalisedNote')}>
        <input
          type="checkbox"
          id="normalised"
          checked={isNormalised}
          onChange={({ currentTarget }) => change({ isNormalised: currentTarget.checked, isStacked: false })}
        />
        <span>{t('explore.normalised')}</span>
      </label>
    </div>
  );
}

/** Only where the sum of what is shown means something, and nothing from another period stands beside it. */
export function mayStack({ refs, hidden, stat, isNormalised }: Choice, isCompared: boolean): boolean {
  const shown = byAxes(refs).drawn.filter((ref) => !hidden.has(ref));
  return !isCompared && !isNormalised && isAddable(shown, stat);
}

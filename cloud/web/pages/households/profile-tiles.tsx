/** The main figures of the range: energy, mean, base load, peak, what is there and what is not. */
import type { ProfileReply } from '../../../server/api/api-types.ts';
import { DataLabel } from '../../shell/data-label.tsx';
import { FactList } from '../../shell/fact-list.tsx';
import { Figure } from '../../shell/figure.tsx';
import { useLocale } from '../../shell/locale.ts';

export function ProfileTiles({ profile }: { profile: ProfileReply }) {
  const { t, f } = useLocale();
  const at = (when: string | null) => {
    if (when === null) return '';
    const timeMs = Date.parse(when);
    return t('households.at', { time: `${f.minute(timeMs)} ${f.zoneAt(timeMs)}` });
  };
  const coverage = f.percent(profile.coverage, profile.coverage > 0.995 || profile.coverage < 0.1 ? 1 : 0);
  const hours = profile.hours < 1 ? f.length(profile.hours) : f.amount(profile.hours, 'h');
  const tiles: [id: string, name: string, figure: string, note: string][] = [
    ['energy', t('households.energyInRange'), f.energy(profile.energyKwh), t('households.ofWhatIsThere')],
    ['mean', t('households.mean'), f.power(profile.meanW), t('households.least', { power: f.power(profile.minW) })],
    ['base', t('households.base'), f.power(profile.baseLoadW), t('households.baseNote')],
    ['peak', t('households.peak'), f.power(profile.peakW), `${at(profile.peakAt)}. ${t('households.peakNote')}`],
    ['greatest', t('households.greatest'), f.power(profile.maxW), at(profile.maxAt)],
    ['coverage', t('households.coverage'), coverage, t('households.coverageNote', { hours })],
    [
      'gaps',
      t('households.gaps'),
      f.number(profile.gapCount),
      profile.gapCount === 0 ? t('households.gapsNone') : t('households.gapsLength', { length: f.lapse(profile.gapSeconds) }),
    ],
  ];
  const facts = tiles.map(([id, name, figure, note]) => ({
    id: `profile-${id}`,
    name,
    content: (
      <>
        <strong>
          <Figure text={figure} />
        </strong>
        <small>{note}</small>
      </>
    ),
  }));
  return (
    <section class="card" aria-labelledby="profile-title">
      <h2 id="profile-title">
        {t('households.profile')} <DataLabel />
      </h2>
      <p class="lead">{f.span(Date.parse(profile.from), Date.parse(profile.to))}</p>
      <FactList class="tiles-of-range figures" facts={facts} />
    </section>
  );
}

/** Theme, language, zone and CSV of this browser: in effect at once, nothing to save. */
import { rangeOf, SITE_ZONE } from '../range-address.ts';
import { Dialog } from './dialog.tsx';
import { useLocale } from './locale.ts';
import { placeStore } from './place.ts';
import { CSV_KINDS, LANGUAGES, THEMES, ZONES } from './kept-settings.ts';
import { choose, settingsStore } from './settings.ts';
import type { Language } from '../format.ts';
import { useStore } from './store.ts';

export function SettingsDialog({ onClose }: { onClose: () => void }) {
  const { t } = useLocale();
  const settings = useStore(settingsStore);
  const { query } = useStore(placeStore);
  const { tz } = rangeOf(new URLSearchParams(query));
  const themes = THEMES.map((theme) => ({ value: theme, words: t(`settings.theme.${theme}`) }));
  const languages = (Object.keys(LANGUAGES) as Language[]).map((language) => ({ value: language, words: LANGUAGES[language] }));
  const zones = ZONES.map((zone) => ({
    value: zone,
    words: zone === 'site' ? t('settings.zone.site', { zone: SITE_ZONE }) : t('settings.zone.utc'),
  }));
  const kinds = CSV_KINDS.map((kind) => ({ value: kind, words: t(`settings.csv.${kind}`) }));
  return (
    <Dialog id="settings" title={t('settings.title')} onClose={onClose}>
      <Choice name="theme" title={t('settings.theme')} options={themes} value={settings.theme} onChoose={(theme) => choose({ theme })} />
      <Choice
        name="language"
        title={t('settings.language')}
        options={languages}
        value={settings.language}
        onChoose={(language) => choose({ language })}
      />
      <Choice name="zone" title={t('settings.zone')} options={zones} value={settings.zone} onChoose={(zone) => choose({ zone })} />
      {tz !== undefined && <p class="lead">{t('settings.zoneFixed', { zone: tz })}</p>}
      <Choice name="csv" title={t('settings.csv')} options={kinds} value={settings.csv} onChoose={(csv) => choose({ csv })} />
      <p class="lead">{t('settings.csvNote')}</p>
      <p class="lead">{t('settings.note')}</p>
    </Dialog>
  );
}

interface ChoiceProps<V extends string> {
  name: string;
  title: string;
  /** Not shown, only read out. */
  isTitleHidden?: boolean;
  options: readonly { value: V; words: string }[];
  value: V;
  onChoose: (value: V) => void;
}

/** One of a few, side by side. */
export function Choice<V extends string>({ name, title, isTitleHidden = false, options, value, onChoose }: ChoiceProps<V>) {
  return (
    <fieldset class="choice" id={name}>
      <legend class={isTitleHidden ? 'hidden' : ''}>{title}</legend>
      <div class="switch">
        {options.map((option) => (
          <label key={option.value}>
            <input type="radio" name={name} value={option.value} checked={option.value === value} onChange={() => onChoose(option.value)} />
            <span>{option.words}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

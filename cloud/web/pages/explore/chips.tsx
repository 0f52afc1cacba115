/** The series that are explored, each with its colour: hidden by a click, taken away by its cross. */
import { SERIES_COLOURS } from '../../charts/colours.ts';
import { Icon } from '../../shell/icons.tsx';
import { useLocale } from '../../shell/locale.ts';
import { byAxes, type Choice } from './choice.ts';
import type { LabelOf } from './series-label.ts';
import { change } from './use-choice.ts';

export function Chips({ choice, label }: { choice: Choice; label: LabelOf }) {
  const { t } = useLocale();
  const { refs, hidden } = choice;
  const refused = new Set(byAxes(refs).refused);
  const toggle = (ref: string) => {
    const next = new Set(hidden);
    if (!next.delete(ref)) next.add(ref);
    change({ hidden: next });
  };
  const remove = (ref: string) =>
    change({ refs: refs.filter((its) => its !== ref), hidden: new Set([...hidden].filter((its) => its !== ref)) });
  return (
    <ul class="chips legend" aria-label={t('explore.series')}>
      {refs.map((ref, index) => (
        <li key={ref} data-refused={refused.has(ref)}>
          <button
            type="button"
            class={`series-${(index % SERIES_COLOURS) + 1}`}
            aria-pressed={!hidden.has(ref)}
            disabled={refused.has(ref)}
            title={`${ref} · ${t(hidden.has(ref) ? 'explore.show' : 'explore.hide')}`}
            onClick={() => toggle(ref)}
          >
            <i aria-hidden="true" />
            {label(ref)}
          </button>
          <button type="button" class="remove" aria-label={t('explore.remove', { label: label(ref) })} onClick={() => remove(ref)}>
            <Icon name="close" />
          </button>
        </li>
      ))}
      {refs.length > 1 && (
        <li>
          <button type="button" class="all-away" onClick={() => change({ refs: [], hidden: new Set() })}>
            {t('explore.removeAll')}
          </button>
        </li>
      )}
    </ul>
  );
}

/** Of what kind the data is: it stands wherever figures do, so that no screenshot of them goes without it. */
import { liveStore } from '../live/live.ts';
import { toldLabel } from '../live/told-label.ts';
import { useLocale } from './locale.ts';
import { useStore } from './store.ts';

/** The label in the reader's words; empty when the data has none. */
export function useDataLabel(): string {
  const { t } = useLocale();
  const told = useStore(toldLabel) ?? '';
  const label = useStore(liveStore).live?.dataLabel ?? told;
  return label === 'synthetic' ? t('shell.label.synthetic') : label;
}

export function DataLabel({ class: look = 'tag' }: { class?: 'tag' | 'chip' }) {
  const label = useDataLabel();
  if (label === '') return null;
  return (
    <span class={`${look} label`} data-label="">
      {label}
    </span>
  );
}

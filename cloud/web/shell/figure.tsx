/** A figure in words; what is not known says so when pointed at and to screen readers. */
import { NO_VALUE } from '../format.ts';
import { useLocale } from './locale.ts';

export function Figure({ text }: { text: string }) {
  return text === NO_VALUE ? <NoValue text={text} /> : <>{text}</>;
}

function NoValue({ text }: { text: string }) {
  const { t } = useLocale();
  return (
    <span class="no-value" title={t('shell.noData')}>
      <span aria-hidden="true">{text}</span>
      <span class="hidden">{t('shell.noData')}</span>
    </span>
  );
}

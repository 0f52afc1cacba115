/** No page is at this address. */
import { useLocale } from '../shell/locale.ts';
import { PageTitle } from '../shell/page-title.tsx';
import { addressOf, placeStore } from '../shell/place.ts';
import { useStore } from '../shell/store.ts';

export function Page() {
  const { t } = useLocale();
  const { path } = useStore(placeStore);
  return (
    <>
      <PageTitle text={t('shell.notFound')} />
      <div class="empty">
        <p>{t('shell.notFoundNote', { path })}</p>
        <a class="primary" href={addressOf('/')}>
          {t('shell.toOverview')}
        </a>
      </div>
    </>
  );
}

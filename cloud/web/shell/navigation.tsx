/** The five pages: at the left, or at the bottom of a phone. */
import { Icon } from './icons.tsx';
import { useLocale } from './locale.ts';
import { addressOf, placeStore } from './place.ts';
import { NAVIGATION, routeOf } from './routes.ts';
import { useStore } from './store.ts';

export function Navigation() {
  const { t } = useLocale();
  const { path } = useStore(placeStore);
  const { page } = routeOf(path);
  return (
    <nav class="pages" aria-label={t('shell.pages')}>
      {NAVIGATION.map((entry) => (
        <a key={entry.page} href={addressOf(entry.path)} {...(entry.page === page ? { 'aria-current': 'page' as const } : {})}>
          <Icon name={entry.page} />
          <span>{t(`${entry.page}.title`)}</span>
        </a>
      ))}
    </nav>
  );
}

/** The page of the address, its script loaded when it is first wanted. */
import type { ComponentType } from 'preact';
import { useEffect, useErrorBoundary, useLayoutEffect, useState } from 'preact/hooks';
import { useLocale } from './locale.ts';
import type { PageProps } from './page-props.ts';
import { placeStore } from './place.ts';
import { type PageName, routeOf } from './routes.ts';
import { useStore } from './store.ts';

/** What every file of pages/ exports as `Page`. */
type Loaded = ComponentType<PageProps>;

const LOADERS: Readonly<Record<PageName, () => Promise<{ Page: Loaded }>>> = {
  overview: () => import('../pages/overview.tsx'),
  states: () => import('../pages/states.tsx'),
  households: () => import('../pages/households.tsx'),
  explore: () => import('../pages/explore.tsx'),
  fleet: () => import('../pages/fleet.tsx'),
  'not-found': () => import('../pages/not-found.tsx'),
};

const there = new Map<PageName, Loaded>();

/** @throws when its script can't be had */
export async function loadPage(page: PageName): Promise<void> {
  const { Page } = await LOADERS[page]();
  there.set(page, Page);
}

export function LazyPage() {
  const { t } = useLocale();
  const { path } = useStore(placeStore);
  const { page, id } = routeOf(path);
  const [tried, setTried] = useState<{ page: PageName; isThere: boolean } | undefined>(undefined);
  const [attempt, setAttempt] = useState(0);
  // A page that fails must not take the frame with it; the browser's console has the reason.
  const [fault, forget] = useErrorBoundary(reportError);
  useEffect(() => forget(), [path]);
  // Before the frame is painted: its script is there already, or on its way.
  useLayoutEffect(() => {
    if (there.has(page)) return undefined;
    let isWanted = true;
    const tell = (isThere: boolean) => isWanted && setTried({ page, isThere });
    loadPage(page).then(
      () => tell(true),
      () => tell(false),
    );
    return () => {
      isWanted = false;
    };
  }, [page, attempt]);
  const Page = there.get(page);
  const hasFailed = fault !== undefined || (Page === undefined && tried?.page === page && !tried.isThere);
  if (Page !== undefined && !hasFailed) return <Page key={id ?? ''} id={id} />;
  if (!hasFailed) return <p class="lead">{t('shell.loading')}</p>;
  const again = () => {
    forget();
    setTried(undefined);
    setAttempt(attempt + 1);
  };
  return (
    <div class="empty" role="alert">
      <p>{t('shell.pageFailed')}</p>
      <button type="button" class="primary" onClick={again}>
        {t('shell.tryAgain')}
      </button>
    </div>
  );
}

/** Where the reader is: the address bar as a store. Everything that makes a page what it is stands in it, so that going back works. */
import { DEFAULT_RANGE, type Range, rangeOf, withRange } from '../range-address.ts';
import { Store } from './store.ts';

export interface Place {
  path: string;
  /** `?from=…` or empty. */
  query: string;
}

export const placeStore = new Store<Place>({ path: '/', query: '' });

export function startPlace(): void {
  const take = () => placeStore.set({ path: location.pathname, query: location.search });
  take();
  addEventListener('popstate', take);
  document.addEventListener('click', followInside);
}

export function goTo(address: string, how: 'push' | 'replace' = 'push'): void {
  const { pathname, search, hash } = new URL(address, location.href);
  const before = placeStore.get();
  if (how === 'push') history.pushState(null, '', pathname + search + hash);
  else history.replaceState(null, '', pathname + search + hash);
  placeStore.set({ path: pathname, query: search });
  if (pathname !== before.path) scrollTo(0, 0);
}

export function currentRange(): Range {
  return rangeOf(new URLSearchParams(placeStore.get().query));
}

/** The same page in another range. */
export function goToRange(range: Range, how: 'push' | 'replace' = 'push'): void {
  const { path, query } = placeStore.get();
  goTo(address(path, withRange(new URLSearchParams(query), range)), how);
}

/** The address of another page with the range of this one: a reader who follows a thing through the pages stays in its time. */
export function addressOf(path: string, more: Readonly<Record<string, string>> = {}): string {
  const query = withRange(new URLSearchParams(more), { ...DEFAULT_RANGE, ...currentRange() });
  return address(path, query);
}

/** Changes own parameters of the page (`''` removes one); the range stays. */
export function goToQuery(change: Readonly<Record<string, string>>, how: 'push' | 'replace' = 'push'): void {
  const { path, query } = placeStore.get();
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(change)) {
    if (value === '') next.delete(name);
    else next.set(name, value);
  }
  goTo(address(path, next), how);
}

function address(path: string, query: URLSearchParams): string {
  // Colons and slashes are allowed in a query and easier to read there.
  const text = query.toString().replaceAll('%3A', ':').replaceAll('%2F', '/').replaceAll('%2C', ',');
  return text === '' ? path : `${path}?${text}`;
}

/** Links between the pages change the address without a new document; what a modifier key or the server serves is the browser's. */
function followInside(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  if (link === null || link.target !== '' || link.hasAttribute('download') || link.origin !== location.origin) return;
  if (/^\/(api|docs|metrics|readyz|livez|login|meter-usage)(\/|$)/.test(link.pathname)) return;
  // A jump inside the document is the browser's.
  if (link.hash !== '' && link.pathname === location.pathname && link.search === location.search) return;
  event.preventDefault();
  goTo(link.href);
}

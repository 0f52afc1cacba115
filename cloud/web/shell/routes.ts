/** Pure: which page an address is. */

export type PageName = 'overview' | 'states' | 'households' | 'explore' | 'fleet' | 'not-found';

export interface Route {
  page: PageName;
  /** The state's code, the household's or the edge's id of `/states/:code` and so on. */
  id: string | undefined;
}

/** In the order of the navigation, with the key after `g`. */
export const NAVIGATION = [
  { page: 'overview', path: '/', key: 'o' },
  { page: 'states', path: '/states', key: 's' },
  { page: 'households', path: '/households', key: 'h' },
  { page: 'explore', path: '/explore', key: 'e' },
  { page: 'fleet', path: '/fleet', key: 'f' },
] as const;

/** Whether what a page shows has event time, so that range, comparison and export mean something on it. */
export function hasRange(page: PageName): boolean {
  return page !== 'fleet' && page !== 'not-found';
}

const WITH_ID: ReadonlySet<string> = new Set(['states', 'households', 'fleet']);

export function routeOf(path: string): Route {
  const [first = '', second, ...more] = path.split('/').slice(1);
  const nowhere: Route = { page: 'not-found', id: undefined };
  if (first === '') return second === undefined ? { page: 'overview', id: undefined } : nowhere;
  const known = NAVIGATION.find(({ path: its }) => its === `/${first}`);
  if (known === undefined || more.length > 0) return nowhere;
  if (second === undefined || second === '') return { page: known.page, id: undefined };
  const id = decoded(second);
  return WITH_ID.has(first) && id !== undefined ? { page: known.page, id } : nowhere;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/**
 * Pure: the one range of a page as it stands in the address: `?from=&to=&tz=&res=&compare=`. The default is the latest data,
 * not the wall clock: a recording of 2019 has nothing in the last 24 hours. No calendar here: a page's first question is put
 * together before that is loaded.
 */

/** Where the households are: all of them in Germany. The API's default is the same. */
export const SITE_ZONE = 'Europe/Berlin';

/** What the API takes as `from` or `to`: `latest-24h`, `latest`, `first`, `now-…`, ISO-8601 with zone or epoch ms. */
export interface Range {
  from: string;
  to: string;
  /** Undefined: by the reader's settings. */
  tz: string | undefined;
  /** `auto`, or a resolution of the API. */
  res: string;
  compare: Compare;
}

export type Compare = 'none' | 'previous' | 'year';

export const COMPARES: readonly Compare[] = ['none', 'previous', 'year'];
export const RESOLUTIONS = ['auto', 'raw', '10s', '1m', '5m', '15m', '30m', '1h', '3h', '6h', '1d', '1w', '1M', '1y'] as const;
export const DEFAULT_FROM = 'latest-24h';
export const DEFAULT_TO = 'latest';
export const DEFAULT_RANGE: Range = { from: DEFAULT_FROM, to: DEFAULT_TO, tz: undefined, res: 'auto', compare: 'none' };

export function rangeOf(query: URLSearchParams): Range {
  const compare = COMPARES.find((its) => its === query.get('compare')) ?? 'none';
  const res = RESOLUTIONS.find((its) => its === query.get('res')) ?? 'auto';
  return {
    from: query.get('from') ?? DEFAULT_FROM,
    to: query.get('to') ?? DEFAULT_TO,
    tz: isZone(query.get('tz')) ? (query.get('tz') ?? undefined) : undefined,
    res,
    compare,
  };
}

/** Puts the range into a query; what is the default is left out. Other parameters stay. */
export function withRange(query: URLSearchParams, range: Range): URLSearchParams {
  const next = new URLSearchParams(query);
  const put = (name: string, value: string | undefined, byDefault: string | undefined) => {
    if (value === undefined || value === byDefault) next.delete(name);
    else next.set(name, value);
  };
  put('from', range.from, DEFAULT_FROM);
  put('to', range.to, DEFAULT_TO);
  put('tz', range.tz, undefined);
  put('res', range.res, 'auto');
  put('compare', range.compare, 'none');
  return next;
}

/** Whether the browser knows the zone. */
function isZone(zone: string | null): boolean {
  if (zone === null || !/^[A-Za-z0-9_+/-]{1,64}$/.test(zone)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone }).format(0);
    return true;
  } catch {
    return false;
  }
}

/** The zone that times are shown in. */
export function zoneOf(range: Pick<Range, 'tz'>, chosen: 'site' | 'utc'): string {
  return range.tz ?? (chosen === 'utc' ? 'UTC' : SITE_ZONE);
}

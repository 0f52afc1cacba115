/** GET /api/v1: what there is, and what the words `first` and `latest` mean now. */
import { z } from 'zod';
import { isoTime } from '../../../../common/iso-time.ts';
import { VERSION } from '../../../../common/version.ts';
import { SITE_TIME_ZONE } from '../../analytics/local-time.ts';
import type { ApiRoute, RouteWords } from '../api-route.ts';
import type { MetaReply } from '../api-types.ts';
import { readQuery } from '../query.ts';
import { timeBases } from '../range.ts';
import { metaReply } from '../schemas/meta.ts';

const NO_QUERY = z.object({});

/** @param listed every route of the API: its links */
export function metaRoute(listed: () => readonly RouteWords[]): ApiRoute {
  return {
    path: '/api/v1',
    operationId: 'getMeta',
    group: 'Data',
    summary: 'Where everything is, the time of first and newest data, and what is kept',
    query: NO_QUERY,
    replies: { 'application/json': metaReply },
    example: '/api/v1',
    handler: (parts) => async (request, response) => {
      readQuery(request, NO_QUERY);
      const { overview, settings, store } = parts;
      const [{ households }, fields, kept, { firstMs, latestMs, nowMs }] = await Promise.all([
        overview.current(),
        store.fields(),
        store.kept(),
        timeBases(parts),
      ]);
      const reply: MetaReply = {
        name: 'fogline',
        version: VERSION,
        links: listed().map(({ operationId, path, summary }) => ({ rel: operationId, href: templateOf(path), summary })),
        firstAt: firstMs === null ? null : isoTime(firstMs),
        newestAt: latestMs === null ? null : isoTime(latestMs),
        nowAt: isoTime(nowMs),
        simulatedSpeed: overview.speed(),
        dataLabel: settings.dataLabel,
        tz: SITE_TIME_ZONE,
        windowSeconds: settings.windowMs / 1_000,
        households: households.size,
        fields,
        kept: kept.map(({ levelMs, fromMs }) => ({
          bucketSeconds: levelMs / 1_000,
          from: fromMs === Number.MIN_SAFE_INTEGER ? null : isoTime(fromMs),
        })),
        priceEurPerKwh: settings.priceEurPerKwh,
      };
      response.json(reply);
    },
  };
}

/** `:id` as `{id}`, which OpenAPI and URI templates write. */
export function templateOf(path: string): string {
  return path.replaceAll(/:([a-z]+)/g, '{$1}');
}

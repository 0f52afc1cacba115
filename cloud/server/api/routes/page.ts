/** The built page: `/` and its assets, from one folder. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import express, { Router } from 'express';
import type { ApiParts, ApiSettings } from '../api-parts.ts';

/** The bundler puts a hash into the name of everything in this folder, so a browser may keep it. */
const ASSETS = 'assets';

/** The style, script and mark of page and form; the figures are not in them. */
export function assetRoutes(settings: ApiSettings): Router {
  const routes = Router();
  routes.use(
    `/${ASSETS}`,
    express.static(join(settings.pageDir, ASSETS), { immutable: true, maxAge: '1y', index: false, redirect: false }),
  );
  return routes;
}

export function pageRoutes({ settings }: ApiParts): Router {
  const routes = Router();
  routes.get('/', (_request, response, next) => {
    if (existsSync(join(settings.pageDir, 'index.html'))) return next();
    response
      .status(503)
      .type('text/plain')
      .send('The page is not built. Run `npm ci` in the project and start again. The API is at /api/v1/states.\n');
  });
  routes.use(express.static(settings.pageDir, { setHeaders: (response) => response.set('Cache-Control', 'no-cache'), redirect: false }));
  return routes;
}

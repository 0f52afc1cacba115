/** The built pages: a document for each, their scripts and styles, from one folder. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import express, { type RequestHandler, Router } from 'express';
import { z } from 'zod';
import type { ApiParts, ApiSettings } from '../api-parts.ts';
import type { RouteWords } from '../api-route.ts';
import { householdId } from '../schemas/households.ts';
import { stateCode } from '../schemas/states.ts';

/** The bundler puts a hash into the name of everything in this folder, so a browser may keep it. */
const ASSETS = 'assets';
const FOR_GOOD = 'public, max-age=31536000, immutable';
/** Of a file in it: name and suffix. */
const FILE = /^\/([\w-][\w.-]*(\.[a-z]+))$/;
/** What the bundler also writes packed, as NAME.br. */
const TYPES: Readonly<Record<string, string>> = { '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8' };
/** For any page; that of a page by name, e.g. explore.html, also names what only this page needs. */
const DOCUMENT = 'index.html';
/** The addresses of programs: a browser that asks for one that is not there gets the same problem as they do. */
const PROGRAMS = /^\/(api|docs|assets|meter-usage)(\/|$)/;

/** Addresses of pages; the document's script knows what they are. */
export const PAGE_WORDS: readonly RouteWords[] = [
  pageAt('/', 'getPage', 'The page: what goes on now'),
  pageAt('/states', 'getStatesPage', 'The states as a page'),
  pageAt('/states/:code', 'getStatePage', 'One state as a page', z.object({ code: stateCode })),
  pageAt('/households', 'getHouseholdsPage', 'The households as a page'),
  pageAt('/households/:id', 'getHouseholdPage', 'One household as a page', z.object({ id: householdId })),
  pageAt('/explore', 'getExplorePage', 'Any series as a page'),
  pageAt('/fleet', 'getFleetPage', 'The edges as a page'),
  pageAt('/fleet/:edge', 'getEdgePage', 'One edge as a page', z.object({ edge: z.string().meta({ description: 'Id of an edge' }) })),
];

function pageAt(path: string, operationId: string, summary: string, params?: z.ZodObject): RouteWords {
  const words = {
    path,
    operationId,
    group: 'Page',
    summary,
    replies: { 'text/html': null },
    texts: { 503: 'The page is not built' },
  } as const;
  return params === undefined ? words : { ...words, params };
}

/** The style, script and mark of page and form; the figures are not in them. */
export function assetRoutes(settings: ApiSettings): Router {
  const routes = Router();
  const folder = join(settings.pageDir, ASSETS);
  routes.use(`/${ASSETS}`, packed(folder));
  routes.use(
    `/${ASSETS}`,
    express.static(folder, { setHeaders: (response) => response.set('Cache-Control', FOR_GOOD), index: false, redirect: false }),
  );
  return routes;
}

/**
 * What the bundler has packed, to who takes it so; the rest is answered by who comes next. Each file is read once and held, half a
 * megabyte in all: what a name stands for never changes.
 */
function packed(folder: string): RequestHandler {
  const held = new Map<string, Buffer>();
  const bytesOf = async (name: string): Promise<Buffer | undefined> => {
    const before = held.get(name);
    if (before !== undefined) return before;
    const bytes = await readFile(join(folder, `${name}.br`)).catch(() => undefined);
    if (bytes !== undefined) held.set(name, bytes);
    return bytes;
  };
  return async (request, response, next) => {
    const [, name = '', suffix = ''] = FILE.exec(request.path) ?? [];
    const type = TYPES[suffix];
    if (!/^(GET|HEAD)$/.test(request.method) || type === undefined || request.acceptsEncodings('br') !== 'br') return next();
    const bytes = await bytesOf(name);
    if (bytes === undefined) return next();
    response.set({ 'Content-Type': type, 'Content-Encoding': 'br', Vary: 'Accept-Encoding', 'Cache-Control': FOR_GOOD }).send(bytes);
  };
}

export function pageRoutes({ settings }: ApiParts): Router {
  const { pageDir } = settings;
  const routes = Router();
  const send = (response: express.Response, document: string) =>
    response.set('Cache-Control', 'no-cache').sendFile(document, { root: pageDir, cacheControl: false });
  const answerWith =
    (own: string): RequestHandler =>
    (_request, response) => {
      const document = [own, DOCUMENT].find((name) => existsSync(join(pageDir, name)));
      if (document !== undefined) return send(response, document);
      response
        .status(503)
        .type('text/plain')
        .send('The page is not built. Run `npm ci` in the project and start again. The API is at /api/v1/states.\n');
    };
  for (const { path } of PAGE_WORDS) routes.get(path, answerWith(documentOf(path)));
  routes.use(
    express.static(pageDir, { setHeaders: (response) => response.set('Cache-Control', 'no-cache'), redirect: false, index: false }),
  );
  // The document says in the reader's words that there is no such page; programs get a problem.
  routes.use((request, response, next) => {
    const isPerson = request.accepts(['json', 'html']) === 'html' && !PROGRAMS.test(request.path);
    if (!isPerson || !existsSync(join(pageDir, DOCUMENT))) return next();
    send(response.status(404), DOCUMENT);
  });
  return routes;
}

/** Of the page's address, as the build names it. */
function documentOf(path: string): string {
  const [, page = ''] = path.split('/');
  return `${page === '' ? 'overview' : page}.html`;
}

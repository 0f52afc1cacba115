/** GET /login: the form. POST /login: token for session. POST /logout. What the form looks like is no secret, so its files are open. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import express, { type Request, type RequestHandler, Router } from 'express';
import { type Doors, cookieName, sessionCookie } from '../doors.ts';
import type { RouteWords } from '../api-route.ts';
import { Problem } from '../problem.ts';
import { SESSION_AGE_MAX_MS, type Sessions } from '../sessions.ts';

/** Bytes of the form: a token. */
const FORM_BYTES_MAX = 1_024;
/** No other document of the page has a form. */
export const LOGIN_POLICY =
  "default-src 'self';base-uri 'none';form-action 'self';frame-ancestors 'none';object-src 'none';script-src 'none'";

export const LOGIN_WORDS: readonly RouteWords[] = [
  { path: '/login', operationId: 'getLogin', group: 'Page', summary: 'The form for a token', replies: { 'text/html': null }, isOpen: true },
  {
    path: '/login',
    method: 'post',
    operationId: 'login',
    group: 'Page',
    summary: 'Opens a session for a browser: a form with `token`',
    replies: {},
    status: 303,
    problems: [403, 413, 415],
    isOpen: true,
  },
  {
    path: '/logout',
    method: 'post',
    operationId: 'logout',
    group: 'Page',
    summary: 'Ends the session of a browser',
    replies: {},
    status: 303,
    problems: [403],
    isOpen: true,
  },
];

export interface LoginParts {
  doors: Doors;
  sessions: Sessions;
  pageDir: string;
  limit: RequestHandler;
}

export function loginRoutes({ doors, sessions, pageDir, limit }: LoginParts): Router {
  const routes = Router();
  const form = express.urlencoded({ extended: false, limit: FORM_BYTES_MAX, parameterLimit: 2 });
  routes.get('/login', (_request, response) => {
    response.set('Cache-Control', 'no-store');
    if (!doors.demandsToken) return response.redirect(303, '/');
    if (!existsSync(join(pageDir, 'login.html')))
      throw new Problem(503, 'page-not-built', 'the page is not built: run npm ci in the project');
    // With no referrer at all a browser would not say where its form comes from.
    response.set('Content-Security-Policy', LOGIN_POLICY).set('Referrer-Policy', 'same-origin');
    response.sendFile('login.html', { root: pageDir, cacheControl: false });
  });
  routes.post('/login', limit, onlyFromHere, onlyForms, form, (request, response) => {
    const { token } = (request.body ?? {}) as { token?: unknown };
    const id = typeof token === 'string' ? doors.tokens.idOf(token.trim()) : undefined;
    response.set('Cache-Control', 'no-store');
    if (id === undefined) return response.redirect(303, '/login#wrong');
    // A session that the browser had before is over: who knew its cookie gains nothing.
    const before = sessionCookie(request);
    if (before !== undefined) sessions.end(before);
    response.cookie(cookieName(request.secure), sessions.begin(id), { ...cookieOf(request), maxAge: SESSION_AGE_MAX_MS });
    response.redirect(303, '/');
  });
  routes.post('/logout', onlyFromHere, (request, response) => {
    const secret = sessionCookie(request);
    if (secret !== undefined) sessions.end(secret);
    response.set('Cache-Control', 'no-store').clearCookie(cookieName(request.secure), cookieOf(request));
    response.redirect(303, '/login#left');
  });
  return routes;
}

function cookieOf({ secure }: Request) {
  return { httpOnly: true, sameSite: 'strict', secure, path: '/' } as const;
}

/** A form on another site must not log anybody in or out. Programs that are no browser say nothing of where they come from. */
const onlyFromHere: RequestHandler = (request, _response, next) => {
  const site = request.get('sec-fetch-site');
  const origin = request.get('origin');
  const isForeign = site === undefined ? origin !== undefined && hostOf(origin) !== request.headers.host : !isOwn(site);
  if (!isForeign) return next();
  throw new Problem(403, 'wrong-origin', 'this form was sent by another site: open /login here');
};

const onlyForms: RequestHandler = (request, _response, next) => {
  if (request.is('application/x-www-form-urlencoded') !== false) return next();
  throw new Problem(415, 'unsupported-media-type', 'a token comes as a form: application/x-www-form-urlencoded, token=…');
};

function isOwn(site: string): boolean {
  return site === 'same-origin' || site === 'none';
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

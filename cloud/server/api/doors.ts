/**
 * Who may come in. On loopback everybody on this machine may, by a name of loopback only: a page of elsewhere whose name was
 * turned to 127.0.0.1 is refused. Everywhere else a token is demanded: as `Authorization: Bearer`, or as the cookie of a
 * session that was opened with one at /login.
 */
import type { Request, RequestHandler, Response } from 'express';
import { hostNameOf } from '../../../common/host-name.ts';
import { isLoopback } from '../../../common/link/open-link.ts';
import { Problem } from './problem.ts';
import type { Sessions, Tokens } from './sessions.ts';

export interface Doors {
  demandsToken: boolean;
  /** A proxy on this machine stands before us: what it says of the caller's address and of TLS is believed. */
  isBehindProxy: boolean;
  /** Names by which we may be asked for beside those of loopback, lower case, without port. */
  names: readonly string[];
  tokens: Tokens;
}

const METRICS_PATH = '/metrics';
const LOGIN_PATH = '/login';

/** Whether who was let in still may be; looked at while a stream is open. */
const admissions = new WeakMap<Response, { key: string; isGood: () => boolean }>();

/** True as long as the caller's token or session is good; always where none was demanded. */
export function isStillAdmitted(response: Response): boolean {
  return admissions.get(response)?.isGood() ?? true;
}

/** Of whom the caller's token is; undefined where none was shown. */
export function tokenIdOf(response: Response): string | undefined {
  return admissions.get(response)?.key;
}

/** A name that we are not called by, or none: the browser asks for another site. */
export function onlyByOurNames(doors: Doors): RequestHandler {
  return (request, _response, next) => {
    if (isOurName(request.headers.host, doors)) return next();
    throw new Problem(
      421,
      'wrong-host',
      'this server is not asked for by that name: use 127.0.0.1 or localhost, or let cloud.http_names name it',
    );
  };
}

/**
 * @param host the Host header
 * Where a token is demanded and no names are given, any name will do: cookies belong to the name that they were set for.
 */
export function isOurName(host: string | undefined, { demandsToken, names }: Pick<Doors, 'demandsToken' | 'names'>): boolean {
  const its = hostNameOf(host);
  if (its === '') return false;
  return isLoopback(its) || names.includes(its) || (demandsToken && names.length === 0);
}

/** Lets in whoever shows a token or has a session. A browser that asks for a page is sent to /login. */
export function admitted(doors: Doors, sessions: Sessions): RequestHandler {
  return (request, response, next) => {
    if (!doors.demandsToken) return next();
    const admission = admissionOf(request, doors, sessions);
    if (admission !== undefined) {
      admissions.set(response, admission);
      return next();
    }
    if (request.path === METRICS_PATH && !doors.isBehindProxy && isLoopback(request.socket.remoteAddress ?? '')) return next();
    if (!request.path.startsWith('/api/') && isForPerson(request)) return response.redirect(303, LOGIN_PATH);
    throw new Problem(401, 'no-token', `a token is demanded here: send "Authorization: Bearer TOKEN", or open ${LOGIN_PATH} in a browser`, {
      headers: { 'WWW-Authenticate': 'Bearer realm="fogline"' },
    });
  };
}

/** A browser that goes to an address; its scripts ask for JSON. */
function isForPerson(request: Request): boolean {
  return request.method === 'GET' && request.accepts(['json', 'html']) === 'html';
}

function admissionOf(request: Request, { tokens }: Doors, sessions: Sessions): { key: string; isGood: () => boolean } | undefined {
  const { authorization } = request.headers;
  if (authorization !== undefined) {
    const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
    const id = token === undefined ? undefined : tokens.idOf(token);
    return id === undefined ? undefined : { key: id, isGood: () => tokens.holds(id) };
  }
  const secret = sessionCookie(request);
  const id = secret === undefined ? undefined : sessions.use(secret);
  if (secret === undefined || id === undefined) return undefined;
  return { key: id, isGood: () => sessions.use(secret) !== undefined };
}

/** Browsers take a cookie of the first name only with Secure, from this host and for all of it. */
export function cookieName(isSecure: boolean): string {
  return isSecure ? '__Host-fogline' : 'fogline';
}

export function sessionCookie(request: Request): string | undefined {
  const name = cookieName(request.secure);
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const at = pair.indexOf('=');
    if (at !== -1 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return undefined;
}

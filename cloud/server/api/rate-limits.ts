/** The one door to express-rate-limit: how often an address, or the holder of a token, may ask. Beyond it 429 with a time to come back. */
import type { Request, RequestHandler, Response } from 'express';
import { ipKeyGenerator, rateLimit } from 'express-rate-limit';
import { MS_PER_MINUTE } from '../../../common/units.ts';
import { tokenIdOf } from './doors.ts';
import { PROBLEM_DETAILS } from './problem-details.ts';
import { Problem } from './problem.ts';

/** 100 a second: a script that walks the windows of some thousand households is let through, a flood is not. */
export const REQUESTS_PER_ADDRESS_PER_MINUTE = 6_000;
/** As much again for one token, from however many addresses it is shown: it may have leaked. */
export const REQUESTS_PER_TOKEN_PER_MINUTE = 6_000;
/** A person mistypes a few times; a program that tries has no chance anyway, and is not to fill the log. */
export const LOGINS_PER_ADDRESS_PER_MINUTE = 10;
/** Requests with no token or a wrong one: an open page whose session has ended, or somebody who tries. */
export const REFUSALS_PER_ADDRESS_PER_MINUTE = 60;

export interface RateLimits {
  perAddress: RequestHandler;
  perToken: RequestHandler;
  logins: RequestHandler;
  /** Counts what is answered 401; a caller with a good token is never held up by it. */
  refusals: RequestHandler;
}

export function rateLimits(): RateLimits {
  return {
    perAddress: limited('requests', REQUESTS_PER_ADDRESS_PER_MINUTE, addressOf),
    perToken: limited('requests with this token', REQUESTS_PER_TOKEN_PER_MINUTE, (_request, response) => tokenIdOf(response), {
      skip: (_request, response) => tokenIdOf(response) === undefined,
    }),
    logins: limited('tries', LOGINS_PER_ADDRESS_PER_MINUTE, addressOf),
    refusals: limited('requests without a good token', REFUSALS_PER_ADDRESS_PER_MINUTE, addressOf),
  };
}

function limited(
  what: string,
  limit: number,
  keyOf: (request: Request, response: Response) => string | undefined,
  more: { skip?: (request: Request, response: Response) => boolean } = {},
): RequestHandler {
  return rateLimit({
    windowMs: MS_PER_MINUTE,
    limit,
    keyGenerator: (request, response) => keyOf(request, response) ?? '',
    handler: (_request, response) => {
      throw new Problem(429, 'too-many-requests', PROBLEM_DETAILS.say('too-many-requests', { n: limit, what }), {
        headers: { 'Retry-After': String(response.getHeader('Retry-After') ?? MS_PER_MINUTE / 1_000) },
      });
    },
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    // Its checks of a request write to stderr, once, what a caller can bring about.
    validate: false,
    ...more,
  });
}

/** A network, for IPv6: a house has as many addresses as it likes. */
export function addressOf(request: Request): string {
  return ipKeyGenerator(request.ip ?? '');
}

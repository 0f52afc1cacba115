/** Errors of the API as application/problem+json (RFC 9457): what is wrong and how to mend it. */
import { STATUS_CODES } from 'node:http';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { OperatingError } from '../../../common/errors.ts';
import type { Logger } from '../../../common/logger.ts';
import type { ProblemReply } from './api-types.ts';
import { PROBLEM_DETAILS, type ProblemDetail } from './problem-details.ts';
import type { ProblemKind } from './schemas/problem.ts';

/** A caller's own text may stand in a detail: longer ones are not searched for their code. */
const DETAIL_READ_CHARACTERS_MAX = 2_000;

export type ProblemError = NonNullable<ProblemReply['errors']>[number];

export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: number;
  readonly kind: ProblemKind;
  readonly headers: Readonly<Record<string, string>>;
  readonly errors: ProblemReply['errors'];

  /** @param detail what is wrong and how to mend it, one or two sentences for the caller */
  constructor(
    status: number,
    kind: ProblemKind,
    detail: string,
    more: { headers?: Record<string, string>; errors?: ProblemReply['errors']; cause?: unknown } = {},
  ) {
    super(detail, { cause: more.cause });
    this.status = status;
    this.kind = kind;
    this.headers = more.headers ?? {};
    this.errors = more.errors;
  }
}

/** 404 for every path that no route took. */
export const noSuchPath: RequestHandler = (request) => {
  throw new Problem(
    404,
    'not-found',
    `there is nothing at ${shortened(request.path)}; the API begins at /api/v1 (and /api/v1/states), its description is at /docs`,
  );
};

/** The API only reads. HEAD is GET without the body. */
export const onlyGet: RequestHandler = (request, _response, next) => {
  if (request.method === 'GET' || request.method === 'HEAD') return next();
  throw new Problem(405, 'method-not-allowed', `${shortened(request.method)} is not possible, this API only reads: use GET`, {
    headers: { Allow: 'GET, HEAD' },
  });
};

/** The last handler. An answer that has begun can't become a problem: its connection is cut, so nobody takes it for whole. */
export function answerProblems(logger: Logger): (error: unknown, request: Request, response: Response, next: NextFunction) => void {
  return (error, request, response, _next) => {
    const problem = asProblem(error);
    if (problem.status >= 500 && problem.kind !== 'busy') {
      logger.error({ err: problem.cause ?? problem, path: shortened(request.path), status: problem.status }, 'request failed');
    }
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const figure = figureOf(problem);
    const body: ProblemReply = {
      type: problemType(problem.kind),
      title: STATUS_CODES[problem.status] ?? 'Error',
      status: problem.status,
      detail: problem.message,
      ...(figure === undefined ? {} : { figure }),
      instance: shortened(request.path),
      ...(problem.errors === undefined ? {} : { errors: problem.errors }),
    };
    response.status(problem.status).set(problem.headers).set('Cache-Control', 'no-store');
    response.type('application/problem+json').send(JSON.stringify(body));
  };
}

/** Sentences of several things, and very long ones, are told by their kind alone. */
function figureOf({ message, kind, errors }: Problem): ProblemDetail | undefined {
  if (message.length > DETAIL_READ_CHARACTERS_MAX || (kind === 'bad-parameter' && errors?.length !== 1)) return undefined;
  return PROBLEM_DETAILS.of(message);
}

/** The same over HTTP and gRPC. */
export function problemType(kind: ProblemKind): string {
  return `urn:fogline:problem:${kind}`;
}

/** What the caller may know of an error. A bug's words stay in the log. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof OperatingError && error.code === 'PART_DAMAGED')
    return new Problem(500, 'damaged', `${error.message}; what to do: ${error.hint}`, { cause: error });
  if (error instanceof OperatingError && error.code === 'FORGOTTEN')
    return new Problem(410, 'forgotten', `${error.message}; what to do: ${error.hint}`, { cause: error });
  if (error instanceof OperatingError) {
    const detail = `the store did not answer: ${error.message}; what to do: ${error.hint}`;
    return new Problem(503, 'store-unavailable', detail, { headers: { 'Retry-After': '5' }, cause: error });
  }
  const status = statusOf(error);
  if (status !== undefined)
    return new Problem(status, KIND_OF_STATUS[status] ?? 'bad-request', `the request can't be read: ${(error as Error).message}`, {
      cause: error,
    });
  return new Problem(500, 'internal', PROBLEM_DETAILS.say('server-fault'), { cause: error });
}

const KIND_OF_STATUS: Readonly<Record<number, ProblemKind>> = { 404: 'not-found', 413: 'too-large', 415: 'unsupported-media-type' };

/** Express and its parts mark what the caller did wrong (an unreadable path, a bad range) with a status below 500. */
function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('status' in error)) return undefined;
  return typeof error.status === 'number' && error.status >= 400 && error.status < 500 ? error.status : undefined;
}

/** Text from outside, cut so that an answer or a log line stays small. */
export function shortened(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 200)}…`;
}

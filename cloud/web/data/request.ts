/** One question to the API. */
import type { ProblemReply } from '../../server/api/api-types.ts';
import type { ProblemSaid } from '../live/problem-words.ts';
import { request, takeEarly } from './early.ts';

const LOGIN_PATH = '/login';
const UNAUTHORIZED = 401;

/** The API's answer that it can't: what is wrong and how to mend it (live/problem-words.ts words it); or that nobody answered. */
export class Refused extends Error {
  override readonly name = 'Refused';
  /** HTTP status, 0 when nobody answered. */
  readonly status: number;

  readonly problem: ProblemSaid;

  constructor(status: number, problem: ProblemSaid) {
    super(problem.detail);
    this.status = status;
    this.problem = problem;
  }
}

/**
 * @throws Refused
 * @throws DOMException AbortError when the signal ended it
 */
export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await ask(path, signal);
  if (response.ok) return (await response.json()) as T;
  if (response.status === UNAUTHORIZED) location.assign(LOGIN_PATH);
  const problem = await response.json().then(
    (body: Partial<ProblemReply>) => body,
    (): Partial<ProblemReply> => ({}),
  );
  throw new Refused(response.status, { ...problem, detail: problem.detail ?? `HTTP ${response.status}` });
}

async function ask(path: string, signal: AbortSignal | undefined): Promise<Response> {
  try {
    return await (takeEarly(path, signal) ?? request(path, signal));
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refused(0, { detail: '' });
  }
}

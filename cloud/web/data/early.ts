/**
 * A page's first question, asked before the page's own script is there. Whoever asks the same soon after takes the answer; what
 * nobody takes is given up.
 */
import { after } from '../page-clock.ts';

/** An answer grows old: one that was not taken by then is of no use. */
const KEPT_MS = 5_000;

interface Early {
  path: string;
  response: Promise<Response>;
  given: AbortController;
}

let held: Early | undefined;
let answered: Promise<unknown> = Promise.resolve();

/** How everything is asked. */
export function request(path: string, signal?: AbortSignal): Promise<Response> {
  return fetch(path, { headers: { Accept: 'application/json' }, ...(signal === undefined ? {} : { signal }) });
}

export function askEarly(path: string): void {
  const given = new AbortController();
  const its: Early = { path, given, response: request(path, given.signal).then(whole) };
  // A failure is told to who takes it.
  answered = its.response.catch(() => undefined);
  held = its;
  after(KEPT_MS, () => {
    if (held !== its) return;
    held = undefined;
    given.abort();
  });
}

/** With all of its body. */
async function whole(response: Response): Promise<Response> {
  const { status, statusText, headers } = response;
  return new Response(await response.arrayBuffer(), { status, statusText, headers });
}

/** The answer under way to the very same question, once; undefined when there is none. */
export function takeEarly(path: string, signal: AbortSignal | undefined): Promise<Response> | undefined {
  if (held?.path !== path) return undefined;
  const { response, given } = held;
  held = undefined;
  if (signal?.aborted === true) given.abort();
  signal?.addEventListener('abort', () => given.abort(), { once: true });
  return response;
}

/** Over when the early question is answered to the last byte, or at once where none was asked: what is less urgent waits for it. */
export function earlyAnswered(): Promise<unknown> {
  return answered;
}

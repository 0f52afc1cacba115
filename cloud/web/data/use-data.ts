/** What a component asks the API for: asked again when the question changes, what is no longer wanted is given up. */
import { useCallback, useEffect, useLayoutEffect, useState } from 'preact/hooks';
import { liveStore } from '../live/live.ts';
import { Refused } from './request.ts';

export interface Data<T> {
  /** The last answer to this question, also while it is asked again; undefined before the first. */
  value: T | undefined;
  /** Why the last try failed; the value is from before then. */
  failure: Refused | undefined;
  isLoading: boolean;
  retry: () => void;
}

interface Held<T> {
  question: string | null;
  value: T | undefined;
  failure: Refused | undefined;
}

/**
 * @param question what is asked, e.g. the address; another text asks anew, null asks nothing
 * @param ask the same for the same question
 * @param keeps true: the answer to the question before stays until the new one is there (a chart that zooms). Never for another
 *   subject: figures of one household must not stand under another's name.
 */
export function useData<T>(question: string | null, ask: (signal: AbortSignal) => Promise<T>, keeps = false): Data<T> {
  const [held, setHeld] = useState<Held<T>>({ question: null, value: undefined, failure: undefined });
  const [attempt, setAttempt] = useState(0);
  // Not after the painting: it would wait for the answer only then.
  useLayoutEffect(() => {
    if (question === null) return undefined;
    const given = new AbortController();
    const settle = (change: Partial<Held<T>>) => {
      if (given.signal.aborted) return;
      setHeld((before) => ({
        question,
        value: keeps || before.question === question ? before.value : undefined,
        failure: undefined,
        ...change,
      }));
    };
    ask(given.signal).then(
      (value) => settle({ value }),
      (error: unknown) => settle({ failure: error instanceof Refused ? error : new Refused(0, { detail: String(error) }) }),
    );
    return () => given.abort();
  }, [question, attempt]);
  const retry = useCallback(() => {
    setHeld((before) => ({ ...before, question: null, failure: undefined }));
    setAttempt((count) => count + 1);
  }, []);
  const isCurrent = held.question === question;
  useRetryAfterCut(isCurrent && held.failure?.status === 0, retry);
  return {
    value: isCurrent || keeps ? held.value : undefined,
    failure: isCurrent ? held.failure : undefined,
    isLoading: question !== null && !isCurrent,
    retry,
  };
}

/** What nobody answered because the cloud was away is asked again when the stream is back: without a reload, and once for each cut. */
function useRetryAfterCut(isUnanswered: boolean, retry: () => void): void {
  useEffect(() => {
    if (!isUnanswered) return undefined;
    let wasCut = !liveStore.get().connected;
    return liveStore.subscribe(() => {
      const { connected } = liveStore.get();
      if (connected && wasCut) retry();
      wasCut = !connected;
    });
  }, [isUnanswered]);
}

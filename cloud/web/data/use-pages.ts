/** A list that the API gives in pages: the first is loaded, the next ones when the reader wants more. */
import { useCallback, useEffect, useState } from 'preact/hooks';
import { getJson, Refused } from './request.ts';

interface Held<T> {
  address: string;
  rows: readonly T[];
  cursor: string | null;
  failure: Refused | undefined;
}

export interface Pages<T> {
  /** Undefined before the first page. */
  rows: readonly T[] | undefined;
  hasMore: boolean;
  isLoading: boolean;
  failure: Refused | undefined;
  /** The next page; the last one again after a failure. */
  more: () => void;
}

/** @param address without a cursor, with a `?`; null asks nothing */
export function usePages<T>(
  address: string | null,
  rowsOf: (reply: { nextCursor: string | null } & Record<string, unknown>) => readonly T[],
): Pages<T> {
  const [held, setHeld] = useState<Held<T> | undefined>(undefined);
  const [wanted, setWanted] = useState(0);
  const [isLoading, setLoading] = useState(false);
  useEffect(() => {
    if (address === null) return undefined;
    const given = new AbortController();
    const before = held?.address === address ? held : undefined;
    if (before !== undefined && before.cursor === null && before.failure === undefined) return undefined;
    const cursor = before?.cursor ?? null;
    setLoading(true);
    getJson<{ nextCursor: string | null } & Record<string, unknown>>(
      cursor === null ? address : `${address}&cursor=${encodeURIComponent(cursor)}`,
      given.signal,
    ).then(
      (reply) => {
        if (given.signal.aborted) return;
        setLoading(false);
        setHeld({ address, rows: [...(before?.rows ?? []), ...rowsOf(reply)], cursor: reply.nextCursor, failure: undefined });
      },
      (error: unknown) => {
        if (given.signal.aborted) return;
        setLoading(false);
        const failure = error instanceof Refused ? error : new Refused(0, { detail: String(error) });
        setHeld({ address, rows: before?.rows ?? [], cursor, failure });
      },
    );
    return () => given.abort();
  }, [address, wanted]);
  const more = useCallback(() => setWanted((count) => count + 1), []);
  const isIts = held !== undefined && held.address === address;
  const rows = isIts && (held.rows.length > 0 || held.failure === undefined) ? held.rows : undefined;
  return { rows, hasMore: isIts && held.cursor !== null, isLoading, failure: isIts ? held.failure : undefined, more };
}

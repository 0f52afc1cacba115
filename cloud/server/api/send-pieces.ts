/** Sends a body in pieces: the next is made when the one before was taken. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Response } from 'express';
import type { Clock, Timer } from '../../../common/clock.ts';

/** A client that takes nothing for so long gives its place back; a notebook in which somebody thinks keeps it. As for gRPC. */
export const TAKE_DEADLINE_MS = 300_000;

/** The whole again, when the first item was waited for: so that what fails at once is a problem with a status. */
export async function* rejoin<Item>(first: IteratorResult<Item>, rest: AsyncIterator<Item>): AsyncGenerator<Item> {
  for (let next = first; next.done !== true; next = await rest.next()) yield next.value;
}

/**
 * A failure cuts the connection, and so does a client that takes nothing: the missing end of the chunked body tells it that the export is
 * not whole.
 */
export async function sendPieces(pieces: AsyncIterable<string>, response: Response, clock: Clock): Promise<void> {
  let late: Timer | undefined;
  const taken = () => {
    late?.cancel();
    late = clock.timer('a piece is taken', TAKE_DEADLINE_MS, () => response.destroy());
  };
  taken();
  try {
    await pipeline(Readable.from(flushed(pieces, response, taken), { highWaterMark: 1 }), response);
  } catch (error) {
    if (!isClientGone(error)) throw error;
  } finally {
    late?.cancel();
  }
}

/** A gzipped piece goes out when the next is asked for: what the client has is never far behind what was read. */
async function* flushed(pieces: AsyncIterable<string>, response: Response, taken: () => void): AsyncGenerator<string> {
  for await (const piece of pieces) {
    yield piece;
    taken();
    response.flush();
  }
}

function isClientGone(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    (error.code === 'ERR_STREAM_PREMATURE_CLOSE' || error.code === 'ECONNRESET' || error.code === 'EPIPE')
  );
}

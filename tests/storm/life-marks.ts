/**
 * Whose life a request is of - which process of which edge -, carried from the link to where it is judged. Nothing in the request tells it
 * for sure: a wrong edge may use one claim in two lives. The mark is put on the payload that arrives, and from there on the request that is
 * read from it; whoever copies the request copies it too.
 */
import type { LinkRequest } from '../../common/messages.ts';
import type { CloudWire } from '../../common/wire.ts';

const LIFE: unique symbol = Symbol('life');

interface Marked {
  [LIFE]?: string;
}

/** @param life where the process dials from: no other one has the same address */
export function markPayload(payload: Buffer, life: string): void {
  (payload as Marked)[LIFE] = life;
}

export function withLife<T extends object>(request: T, life: string | undefined): T {
  const marked: T & Marked = { ...request };
  if (life !== undefined) marked[LIFE] = life;
  return marked;
}

/** Of a payload or a request; undefined when nobody marked it. */
export function lifeOf(marked: object): string | undefined {
  return (marked as Marked)[LIFE];
}

/** Reads what the other one reads, and hands on the mark of the payload. */
export function markingWire(wire: CloudWire): CloudWire {
  return { encode: (reply) => wire.encode(reply), decode: (payload) => markedRequest(wire.decode(payload), lifeOf(payload)) };
}

function markedRequest(request: LinkRequest, life: string | undefined): LinkRequest {
  if (request.kind === 'hello') return { kind: 'hello', hello: withLife(request.hello, life) };
  return request.kind === 'parts' ? { kind: 'parts', parts: withLife(request.parts, life) } : request;
}

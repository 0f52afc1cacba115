/**
 * Messages that go over a link as they are: what a link carries is an empty payload, and whoever has it is handed the message that it
 * stands for. For figures of what is left when nothing is laid out in bytes, packed and read again. Only for a link that hands over the
 * very payload that it was given: of a copy, or of one that was damaged, nothing is known.
 */
import assert from 'node:assert/strict';
import { type LinkReply, type LinkRequest, ROWS_PER_REQUEST_MAX, type ShippedRow } from '../../common/messages.ts';
import type { CloudWire, EdgeWire, RequestToSend } from '../../common/wire.ts';

/** On the payload itself: what a WeakMap holds for a young key outlives it for long, and the garbage collector would be in the figures. */
const REQUEST: unique symbol = Symbol('request');
const REPLY: unique symbol = Symbol('reply');

interface StandIn extends Buffer {
  [REQUEST]?: LinkRequest;
  [REPLY]?: LinkReply;
}

export class MessageWire {
  private readonly take: <T>(message: T) => T;

  /** @param take looks at each message before it is sent: a test freezes it, to see that nobody changes what is on its way */
  constructor(take = <T>(message: T): T => message) {
    this.take = take;
  }

  readonly edge: EdgeWire = {
    encode: (request) => Object.assign(Buffer.alloc(0), { [REQUEST]: this.take(asReceived(request)) }),
    decode: (reply) => this.replyOf(reply),
  };

  readonly cloud: CloudWire = {
    decode: (request) => this.requestOf(request),
    encode: (reply) => Object.assign(Buffer.alloc(0), { [REPLY]: this.take(reply) }),
  };

  requestOf(payload: StandIn): LinkRequest {
    const request = payload[REQUEST];
    assert(request !== undefined, 'the payload stands for no message');
    return request;
  }

  replyOf(payload: StandIn): LinkReply {
    const reply = payload[REPLY];
    assert(reply !== undefined, 'the payload stands for no message');
    return reply;
  }
}

/** What the codec would make of it, with its limit on rows. */
function asReceived(request: RequestToSend): LinkRequest {
  if (request.kind !== 'parts' && request.kind !== 'newest') return request;
  const { rows } = request.kind === 'parts' ? request.parts : request.newest;
  assert(rows.length <= ROWS_PER_REQUEST_MAX, `${rows.length} rows in a request`);
  for (const row of rows) assert(isReceived(row), 'statistics as text are read by the codec alone');
  return request as LinkRequest;
}

function isReceived(row: { kind: 'gap' } | { kind: 'part'; part: { stats: unknown } }): row is ShippedRow {
  return row.kind === 'gap' || typeof row.part.stats !== 'string';
}

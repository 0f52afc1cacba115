/**
 * Requests and replies in both directions over one socket, as mosaik's protocol has them: `[type, id, content]`, each side counts its own
 * requests. Replies may come in any order.
 *
 * A channel breaks once: the socket closes, or the peer sends what is no message of this protocol. Then every open request is rejected,
 * every later one too, and the socket is closed. A request never waits for ever because of what the peer sent; that it may never answer
 * is for the caller to limit.
 */
import type { Socket } from 'node:net';
import { FrameError, FrameReader, frameOf } from './message-frames.ts';
import { JsonError, parsePythonJson, printPythonJson } from './python-json.ts';

const REQUEST = 0;
const SUCCESS = 1;
const FAILURE = 2;

/** The peer could not do what it was asked for. */
export class FailureReply extends Error {
  override readonly name = 'FailureReply';
  /** Name of the peer's exception. */
  readonly type: string;
  /** Where it happened, as the peer tells; empty when it does not. */
  readonly traceback: string;

  constructor(content: unknown) {
    const lines = Array.isArray(content) ? content.map(String) : content === null || content === undefined ? [] : [textOf(content)];
    const [type, message, ...traceback] = Array.isArray(content) ? lines : ['', ...lines];
    super(message ?? 'it did not say why');
    this.type = type ?? '';
    this.traceback = traceback.join('').trimEnd();
  }
}

/** A step's answer such as 60.0: a whole number is wanted, and written as one. */
export class NotWholeError extends Error {
  override readonly name = 'NotWholeError';
}

/** Nothing more can be exchanged. */
export class ChannelBroken extends Error {
  override readonly name = 'ChannelBroken';
  /** closed: the peer is gone; garbled: it sent what is no message; ended: this side has closed. */
  readonly how: 'closed' | 'garbled' | 'ended';

  constructor(how: ChannelBroken['how'], message: string) {
    super(message);
    this.how = how;
  }
}

export interface IncomingRequest {
  readonly call: string;
  readonly args: readonly unknown[];
  readonly named: Readonly<Record<string, unknown>>;
  succeed(result: unknown): void;
  /** @param type name of the exception, as Python would call it */
  fail(type: string, message: string, traceback?: string): void;
}

export interface ChannelOptions {
  onRequest: (request: IncomingRequest) => void;
  onBroken?: (broken: ChannelBroken) => void;
}

interface Waiting {
  resolve: (content: unknown) => void;
  reject: (error: Error) => void;
  /** Refuses 60.0 where 60 is wanted; a number does not tell them apart any more. */
  whole: boolean;
}

/** A reply whose content is a number with a point or an exponent. */
const FLOAT_REPLY = /[\d][.eE][-+\deE]*\s*\]\s*$/;

export class RemoteChannel {
  /** Whether the peer lays out its messages as Python's library does, with a space after each comma. Undefined before the first one. */
  looksLikePython: boolean | undefined;
  private readonly socket: Socket;
  private readonly options: ChannelOptions;
  private readonly reader = new FrameReader();
  private readonly waiting = new Map<number, Waiting>();
  private nextId = 0;
  private broken: ChannelBroken | undefined;
  private fault: Error | undefined;

  constructor(socket: Socket, options: ChannelOptions) {
    this.socket = socket;
    this.options = options;
  }

  start(): void {
    this.socket.setNoDelay(true);
    this.socket.on('data', (chunk) => this.take(chunk));
    this.socket.on('error', (error) => {
      this.fault = error;
    });
    this.socket.on('close', () => this.breaks(new ChannelBroken('closed', this.closedText())));
  }

  get isBroken(): boolean {
    return this.broken !== undefined;
  }

  /** @param whole the reply must be a whole number, written as one. Rejects with FailureReply, ChannelBroken, NotWholeError or JsonError */
  request(call: string, args: readonly unknown[], named: object = {}, whole = false): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.broken !== undefined) {
        reject(this.broken);
        return;
      }
      const id = this.nextId++;
      this.write([REQUEST, id, [call, args, named]]);
      this.waiting.set(id, { resolve, reject, whole });
    });
  }

  /** Sends what `body` sends in one go. */
  together(body: () => void): void {
    this.socket.cork();
    try {
      body();
    } finally {
      this.socket.uncork();
    }
  }

  /** A request that gets no reply. */
  tell(call: string): void {
    if (this.broken === undefined) this.write([REQUEST, this.nextId++, [call, [], {}]]);
  }

  /** Closes this side; what was written is sent first. */
  end(): void {
    this.breaks(new ChannelBroken('ended', 'the connection was closed by this side'), false);
    this.socket.end();
  }

  destroy(): void {
    this.breaks(new ChannelBroken('ended', 'the connection was closed by this side'));
  }

  private write(message: readonly unknown[]): void {
    this.socket.write(frameOf(printPythonJson(message)));
  }

  private take(chunk: Buffer): void {
    if (this.broken !== undefined) return;
    try {
      for (const text of this.reader.push(chunk)) this.message(text);
    } catch (error) {
      if (!(error instanceof FrameError || error instanceof JsonError)) throw error;
      this.breaks(new ChannelBroken('garbled', error.message));
    }
  }

  private message(text: string): void {
    this.looksLikePython ??= text.startsWith(', ', 2);
    const message = parsePythonJson(text);
    const [type, id, content] = Array.isArray(message) ? (message as unknown[]) : [];
    if (typeof id !== 'number' || !Array.isArray(message) || message.length !== 3) throw notOne(text);
    if (type === REQUEST) {
      this.options.onRequest(this.incoming(id, content, text));
      return;
    }
    if (type !== SUCCESS && type !== FAILURE) throw notOne(text);
    const waiting = this.waiting.get(id);
    if (waiting === undefined) throw new JsonError(`a reply to request ${id}, which was not made or has been answered`);
    this.waiting.delete(id);
    if (type === FAILURE) waiting.reject(new FailureReply(content));
    else if (waiting.whole && typeof content === 'number' && FLOAT_REPLY.test(text))
      waiting.reject(new NotWholeError(`${lastItem(text)} is not written as a whole number`));
    else waiting.resolve(content);
  }

  private incoming(id: number, content: unknown, text: string): IncomingRequest {
    const [call, args = [], named = {}] = Array.isArray(content) ? (content as unknown[]) : [];
    if (typeof call !== 'string' || !Array.isArray(args) || typeof named !== 'object' || named === null) throw notOne(text);
    const reply = (type: number, answer: unknown) => {
      if (this.broken === undefined) this.write([type, id, answer]);
    };
    const fail = (type: string, message: string, traceback = '') => reply(FAILURE, [type, message, traceback]);
    return {
      call,
      args,
      named: named as Readonly<Record<string, unknown>>,
      succeed: (result) => {
        try {
          reply(SUCCESS, result);
        } catch (error) {
          fail('TypeError', `the answer can't be sent: ${(error as Error).message}`);
        }
      },
      fail,
    };
  }

  private breaks(broken: ChannelBroken, destroy = true): void {
    if (destroy) this.socket.destroy();
    if (this.broken !== undefined) return;
    this.broken = broken;
    for (const { reject } of this.waiting.values()) reject(broken);
    this.waiting.clear();
    this.options.onBroken?.(broken);
  }

  private closedText(): string {
    const { unfinished } = this.reader;
    const how = this.fault === undefined ? 'the connection was closed by the peer' : `the connection broke (${this.fault.message})`;
    return unfinished === undefined ? how : `${how} in the middle of a message, after ${unfinished}`;
  }
}

function notOne(text: string): JsonError {
  return new JsonError(`${text.slice(0, 60)} is not [type, id, content]`);
}

function lastItem(list: string): string {
  return list.slice(list.lastIndexOf(',') + 1, list.lastIndexOf(']')).trim();
}

function textOf(content: unknown): string {
  return typeof content === 'string' ? content : printPythonJson(content);
}

/**
 * The live stream: to each client the whole picture at once, then what changed, at most once a second. What is told is made into bytes
 * once, for all. Who comes back with the id of the last event it heard gets what came after, each once; where that is not held any
 * more an event `gap` says so, and the whole picture follows. A client that does not read is cut off instead of buffered for.
 */
import type { Request, Response } from 'express';
import type { Counter } from '../../../common/metrics.ts';
import { randomId } from '../../../common/random.ts';
import type { ApiParts, StreamServer } from './api-parts.ts';
import type { LiveMessage, StreamGap } from './api-types.ts';
import { isStillAdmitted } from './doors.ts';
import { EventRing } from './event-ring.ts';
import { livePicture } from './live-picture.ts';
import { PROBLEM_DETAILS } from './problem-details.ts';
import { Problem } from './problem.ts';
import { addressOf } from './rate-limits.ts';

/** Open streams. Each costs a socket and 6 kB a second; browsers hold one per page. */
export const STREAM_CLIENTS_MAX = 200;
/** Of these, from one address: the people of one office, or one who opens a page in every window. */
export const STREAMS_PER_ADDRESS_MAX = 50;
/** Least time between two live messages to a client. */
export const LIVE_EVERY_MS = 1_000;
/** A client hears so often even when nothing changed, so that a page can tell a quiet cloud from a cut line. */
export const LIVE_IDLE_EVERY_MS = 10_000;
/** After so long without a word a comment goes out: proxies close quiet connections, and a dead one is noticed by writing. */
export const HEARTBEAT_EVERY_MS = 3_000;
/** What the browser is asked to wait before it comes back. */
const RETRY_MS = 1_000;
/** Bytes waiting for a client that does not read; above it the connection is cut. They are shared with the other clients. */
export const CLIENT_BUFFER_BYTES_MAX = 1 << 20;
/** Events held for who comes back: four minutes of a message a second … */
export const RING_EVENTS_MAX = 256;
/** … and less of them when they are large. */
const RING_BYTES_MAX = 4 << 20;

const EVENT_ID = /^([A-Za-z0-9_]{1,40})-(\d{1,15})$/;
const COMMENT = Buffer.from(':heartbeat\n\n');

type Topic = 'live' | 'edge' | 'alert';

interface Client {
  response: Response;
  topics: ReadonlySet<string>;
  /** The next live message is to be the whole picture. */
  needsWhole: boolean;
  wordAtMs: number;
}

export class LiveStream implements StreamServer {
  private readonly parts: Omit<ApiParts, 'live'>;
  /** Another one in every process: an id of an earlier start names nothing that is held here. */
  private readonly startId = randomId().replaceAll('-', '').slice(0, 12);
  private readonly ring = new EventRing(RING_EVENTS_MAX, RING_BYTES_MAX);
  private readonly clients = new Set<Client>();
  private readonly cutOff: Counter;
  /** Open and opening streams by address. */
  private readonly byAddress = new Map<string, number>();
  private unsubscribe: (() => void)[] = [];
  private newestNumber = 0;
  private isTicking = false;
  /** Row as JSON by state, and the rest without time and age: what was told last. */
  private toldStates = new Map<string, string>();
  private toldWords = '';
  private toldAtMs = Number.NEGATIVE_INFINITY;
  private making: Promise<Buffer | undefined> | undefined;
  private whole: { bytes: Buffer; number: number; madeAtMs: number } | undefined;

  constructor(parts: Omit<ApiParts, 'live'>) {
    this.parts = parts;
    parts.metrics.gauge('fogline_stream_clients', 'Open live streams.', [], (gauge) => gauge.set(this.clients.size));
    this.cutOff = parts.metrics.counter('fogline_stream_cut_off_total', 'Live streams cut because the client did not read.');
  }

  start(): void {
    this.unsubscribe = [
      this.parts.liveness.onChange((edge) => this.tell('edge', edge)),
      this.parts.watch.onChange((event) => this.tell('alert', event)),
    ];
  }

  /** Ends every stream; the pages come back by themselves. */
  stop(): void {
    for (const end of this.unsubscribe) end();
    this.unsubscribe = [];
    for (const { response } of this.clients) response.end();
  }

  async serve(request: Request, response: Response, topics: readonly string[]): Promise<void> {
    const address = addressOf(request);
    const others = this.byAddress.get(address) ?? 0;
    this.refuseBeyond(others);
    response.writeHead(200, HEADERS);
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    this.byAddress.set(address, others + 1);
    const client: Client = { response, topics: new Set(topics), needsWhole: topics.includes('live'), wordAtMs: this.nowMs() };
    this.clients.add(client);
    const gone = new Promise<void>((resolve) => response.once('close', resolve));
    try {
      this.begin(client, request.get('last-event-id'));
      await this.tellWholeTo(client);
      void this.tickOn();
      await gone;
    } finally {
      this.clients.delete(client);
      const left = (this.byAddress.get(address) ?? 1) - 1;
      if (left === 0) this.byAddress.delete(address);
      else this.byAddress.set(address, left);
    }
  }

  private refuseBeyond(others: number): void {
    if (this.clients.size >= STREAM_CLIENTS_MAX) {
      throw new Problem(503, 'busy', PROBLEM_DETAILS.say('streams-taken', { n: STREAM_CLIENTS_MAX }), {
        headers: { 'Retry-After': '10' },
      });
    }
    if (others >= STREAMS_PER_ADDRESS_MAX) {
      throw new Problem(429, 'too-many-requests', `${STREAMS_PER_ADDRESS_MAX} live streams are open from this address: close some pages`, {
        headers: { 'Retry-After': '10' },
      });
    }
  }

  /**
   * What it missed, or that it can't be told. An id is told after what it stands for, never before: a line that is cut in between must not
   * make its client come back with the id of something that it has not heard.
   */
  private begin(client: Client, lastEventId: string | undefined): void {
    this.write(client, Buffer.from(`retry:${RETRY_MS}\n\n`));
    if (lastEventId !== undefined && lastEventId !== '') this.resume(client, lastEventId);
    if (!client.needsWhole) this.write(client, Buffer.from(`id:${this.idOf(this.newestNumber)}\n\n`));
  }

  private resume(client: Client, lastEventId: string): void {
    const [, start, number] = EVENT_ID.exec(lastEventId) ?? [];
    const isOurs = start === this.startId && Number(number) <= this.newestNumber;
    const missed = isOurs ? this.ring.after(Number(number)) : undefined;
    if (missed === undefined) {
      const gap: StreamGap = { lastEventId: lastEventId.slice(0, 100), reason: isOurs ? 'older' : 'restarted' };
      this.write(client, eventBytes(client.needsWhole ? '' : this.idOf(this.newestNumber), 'gap', JSON.stringify(gap)));
      return;
    }
    for (const { topic, bytes } of missed) if (client.topics.has(topic)) this.write(client, bytes);
    client.needsWhole = false;
  }

  /** Goes on as long as somebody listens. */
  private async tickOn(): Promise<void> {
    if (this.isTicking) return;
    this.isTicking = true;
    const { clock, signal } = this.parts;
    while (this.clients.size > 0 && !signal.aborted) {
      await clock.sleep(LIVE_EVERY_MS, signal);
      if (!signal.aborted) await this.tick();
    }
    this.isTicking = false;
  }

  private async tick(): Promise<void> {
    for (const { response } of this.clients) if (!isStillAdmitted(response)) response.end();
    const picture = await this.picture();
    if (picture !== undefined) {
      this.tellChanges(picture);
      for (const client of this.clients) await this.tellWholeTo(client);
    }
    const nowMs = this.nowMs();
    for (const client of this.clients) if (nowMs - client.wordAtMs >= HEARTBEAT_EVERY_MS) this.write(client, COMMENT);
  }

  private tellChanges(picture: LiveMessage): void {
    const rows = new Map(picture.states.map((row) => [row.state, JSON.stringify(row)]));
    const changed = picture.states.filter(({ state }) => this.toldStates.get(state) !== rows.get(state));
    const words = wordsOf(picture);
    const isDue = this.nowMs() - this.toldAtMs >= LIVE_IDLE_EVERY_MS;
    if (changed.length === 0 && words === this.toldWords && !isDue) return;
    this.toldStates = rows;
    this.toldWords = words;
    this.toldAtMs = this.nowMs();
    this.tell('live', { ...picture, states: changed });
  }

  private tell(topic: Topic, data: unknown): void {
    const number = ++this.newestNumber;
    const json = JSON.stringify(data);
    const bytes = eventBytes(this.idOf(number), topic, json);
    this.ring.add({ number, topic, bytes });
    for (const client of this.clients) {
      if (!client.topics.has(topic) || (topic === 'live' && client.needsWhole)) continue;
      // Its first id comes with the whole picture, which it still lacks.
      this.write(client, client.needsWhole ? eventBytes('', topic, json) : bytes);
    }
  }

  private async tellWholeTo(client: Client): Promise<void> {
    if (!client.needsWhole) return;
    const bytes = await this.wholeBytes();
    if (bytes === undefined || !client.needsWhole) return;
    client.needsWhole = false;
    this.write(client, bytes);
  }

  /** Made once for all who come within a second. */
  private wholeBytes(): Promise<Buffer | undefined> {
    const { whole } = this;
    const isFresh = whole !== undefined && whole.number === this.newestNumber && this.nowMs() - whole.madeAtMs < LIVE_EVERY_MS;
    if (isFresh) return Promise.resolve(whole.bytes);
    this.making ??= this.makeWhole().finally(() => {
      this.making = undefined;
    });
    return this.making;
  }

  private async makeWhole(): Promise<Buffer | undefined> {
    const picture = await this.picture();
    if (picture === undefined) return undefined;
    if (this.toldWords === '') this.remember(picture);
    const number = ++this.newestNumber;
    this.whole = { bytes: eventBytes(this.idOf(number), 'live', JSON.stringify(picture)), number, madeAtMs: this.nowMs() };
    return this.whole.bytes;
  }

  /** Everybody here has this picture. */
  private remember(picture: LiveMessage): void {
    this.toldStates = new Map(picture.states.map((row) => [row.state, JSON.stringify(row)]));
    this.toldWords = wordsOf(picture);
    this.toldAtMs = this.nowMs();
  }

  private async picture(): Promise<LiveMessage | undefined> {
    try {
      return await livePicture(this.parts);
    } catch (error) {
      this.parts.logger.error({ err: error }, 'live stream: the store did not answer');
      return undefined;
    }
  }

  private write(client: Client, bytes: Buffer): void {
    const { response } = client;
    if (response.destroyed || response.writableEnded) return;
    if (response.writableLength > CLIENT_BUFFER_BYTES_MAX) {
      this.cutOff.add();
      response.destroy();
      return;
    }
    response.write(bytes);
    client.wordAtMs = this.nowMs();
  }

  private idOf(number: number): string {
    return `${this.startId}-${number}`;
  }

  private nowMs(): number {
    return this.parts.clock.monotonicMs();
  }
}

const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
};

/** JSON has no line's end in it. @param id empty: the client keeps the one it has */
function eventBytes(id: string, event: string, data: string): Buffer {
  return Buffer.from(`${id === '' ? '' : `id:${id}\n`}event:${event}\ndata:${data}\n\n`);
}

/** What of a picture is news when it changes. */
function wordsOf(picture: LiveMessage): string {
  return JSON.stringify({ ...picture, states: [], sentAt: '', newestAgeSeconds: 0 });
}

/**
 * `latest` shared by several cloud processes through Redis. Everything is answered from this process's memory; Redis only carries
 * windows between processes (latest-mirror.ts), so nothing here waits for it.
 *
 * The one door to ioredis. Its own reconnecting, resending and queueing are off: what was not answered is told anew by the refill.
 */
import { readFileSync } from 'node:fs';
import { type ChainableCommander, Redis, type RedisOptions } from 'ioredis';
import { type Clock, yieldToEventLoop } from '../../../common/clock.ts';
import { ConfigError } from '../../../common/errors.ts';
import type { Logger } from '../../../common/logger.ts';
import type { Metrics } from '../../../common/metrics.ts';
import type { AheadWindow, Latest } from './latest.ts';
import { decodeMessage, decodeWindow, encodeMessage, encodeWindow } from './latest-codec.ts';
import { LatestMirror, type MirrorConnection, type MirrorListener, MirrorRefusal } from './latest-mirror.ts';
import { MemoryLatest } from './memory-latest.ts';
import type { Bucket } from './series-store.ts';

export interface RedisLatestOptions {
  /** redis://[user]:password@host[:port][/db], or rediss:// for TLS. Never logged. */
  url: string;
  /** Where the URL has none; empty = none. Never logged. */
  password?: string;
  /** PEM of who signed the server's certificate; empty = whom the system trusts. */
  caFile: string;
  keyPrefix: string;
  /** A household that says nothing for so long leaves Redis, never this memory. */
  expireMs: number;
  /** New per process start. */
  processId: string;
  /** Which series store the windows are of: those of another one are never mixed in. Asked at start. */
  storeId: () => string;
  newest: () => Promise<Bucket[]>;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
  /** Told once of each way into trouble, beside the log. */
  onTrouble?: ((message: string, hint: string) => void) | undefined;
}

const DEFAULT_PORT = 6_379;
/** A server that takes longer to answer is out; one that is 2 s slow is not. */
const COMMAND_DEADLINE_MS = 5_000;
/** Connecting is a few round trips. */
const CONNECT_DEADLINE_MS = 10_000;
/** This process's mark outlives a few missed renewals, not a day. */
const MARK_EXPIRE_MS = 60_000;
/** Households read in one round trip. */
const HOUSEHOLDS_PER_PAGE = 100;
/** Series read of one household; the store tells those beyond. */
const SERIES_PER_HOUSEHOLD = 1_000;
/** Of a message; a full one is below 100 kB. */
const MESSAGE_CHARACTERS_MAX = 1 << 20;

export class RedisLatest implements Latest {
  private readonly options: RedisLatestOptions;
  private readonly memory: MemoryLatest;
  private mirror: LatestMirror | undefined;

  constructor(options: RedisLatestOptions) {
    this.options = options;
    this.memory = new MemoryLatest(options.clock);
  }

  /** Does not wait for Redis. @throws ConfigError for a URL that is none */
  start(): Promise<void> {
    const { options, memory } = this;
    const server = redisServer(options);
    if (!server.isProtected) {
      const hint = 'write rediss://, or give the processes a network of their own';
      options.logger.warn({ hint }, 'redis.url sends the password and the windows in plain text to another machine');
    }
    const { newest, clock, logger, metrics, onTrouble } = options;
    const connect = (listener: MirrorListener, signal: AbortSignal) => connectRedis(server.options, options, listener, signal);
    this.mirror = new LatestMirror({ memory, connect, newest, clock, logger, metrics, onTrouble });
    this.mirror.start();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    // First, so that nobody is told of anything while the mirror ends.
    await this.memory.stop();
    await this.mirror?.stop();
  }

  put(windows: readonly Bucket[]): void {
    this.memory.put(windows);
    this.mirror?.add(windows);
  }

  show(windows: readonly AheadWindow[]): { series: number } {
    const { series, kept } = this.memory.show(windows);
    this.mirror?.add(kept);
    return { series };
  }

  all(): Promise<Bucket[]> {
    return this.memory.all();
  }

  shared(): 'up' | 'down' {
    return this.mirror?.isUp === true ? 'up' : 'down';
  }

  subscribe(everyMs: number, onWindows: (windows: readonly Bucket[]) => void): () => void {
    return this.memory.subscribe(everyMs, onWindows);
  }
}

type ServerOptions = RedisOptions & { replyMapping: 'legacy' };

/** The options for ioredis, and whether nobody between can listen. The URL is never repeated: it holds the password. */
function redisServer({ url, password: given = '', caFile }: RedisLatestOptions): { options: ServerOptions; isProtected: boolean } {
  const remedy = 'write redis://:PASSWORD@HOST:PORT or rediss://:PASSWORD@HOST:PORT; other characters than letters and digits as %XX';
  let parsed: URL;
  let username: string;
  let password: string;
  try {
    parsed = new URL(url);
    username = decodeURIComponent(parsed.username);
    password = decodeURIComponent(parsed.password);
  } catch {
    // Without the cause: its text repeats the URL.
    throw new ConfigError('redis.url is no URL', remedy);
  }
  if (password !== '' && given !== '')
    throw new ConfigError('redis.url has a password, and redis.password is another way to give it', 'leave one of the two out');
  password ||= given;
  const db = parsed.pathname.slice(1);
  if (!/^rediss?:$/.test(parsed.protocol) || parsed.hostname === '' || !/^\d{0,4}$/.test(db) || parsed.search + parsed.hash !== '') {
    throw new ConfigError('redis.url is not the address of a Redis server', remedy);
  }
  const isTls = parsed.protocol === 'rediss:';
  const host = parsed.hostname.replace(/^\[(.*)\]$/, '$1');
  const options: ServerOptions = {
    host,
    port: parsed.port === '' ? DEFAULT_PORT : Number(parsed.port),
    db: Number(db),
    ...(username === '' ? {} : { username }),
    ...(password === '' ? {} : { password }),
    ...(isTls ? { tls: caFile === '' ? {} : { ca: readCa(caFile) } } : {}),
    protocol: 2,
    replyMapping: 'legacy',
    lazyConnect: true,
    enableReadyCheck: false,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    connectTimeout: COMMAND_DEADLINE_MS,
    commandTimeout: COMMAND_DEADLINE_MS,
    disableClientInfo: true,
  };
  return { options, isProtected: isTls || /^(localhost|127\.\d+\.\d+\.\d+|::1)$/.test(host) };
}

function readCa(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new ConfigError(`redis.ca_file: ${file} can't be read`, 'name a PEM file that can be read, or leave it empty', { cause });
  }
}

/** Two connections: one that subscribes can do nothing else. @throws MirrorRefusal for a wrong password */
async function connectRedis(
  server: ServerOptions,
  options: RedisLatestOptions,
  listener: MirrorListener,
  signal: AbortSignal,
): Promise<MirrorConnection> {
  const names = keyNames(options);
  const commands = new Redis(server);
  const subscriber = new Redis(server);
  let cause: Error | undefined;
  let isClosed = false;
  const close = () => {
    isClosed = true;
    for (const client of [commands, subscriber]) client.disconnect();
  };
  const lose = (error: Error) => {
    // What follows the first one says less.
    cause ??= isReply(error) ? new MirrorRefusal(error.message) : error;
    if (!isClosed) listener.onLost(cause);
  };
  for (const client of [commands, subscriber]) {
    // Also so that ioredis does not print it.
    client.on('error', lose);
    client.on('close', () => lose(new Error('the connection was closed')));
    client.on('connecting', () => void hushLaterErrors(client));
  }
  subscriber.on('message', (_channel: string, text: string) => hear(text, options.processId, listener));
  const giveUp = new AbortController();
  const stop = () => giveUp.abort();
  signal.addEventListener('abort', stop, { once: true });
  try {
    const late = options.clock.sleep(CONNECT_DEADLINE_MS, giveUp.signal).then(() => {
      throw new Error(`no answer within ${CONNECT_DEADLINE_MS} ms`);
    });
    const ready = Promise.all([commands.connect(), subscriber.connect()]).then(() => ask(subscriber.subscribe(names.channel)));
    await Promise.race([ready, late]);
    return new RedisConnection(commands, subscriber, names, options, close);
  } catch (error) {
    close();
    throw cause ?? error;
  } finally {
    giveUp.abort();
    signal.removeEventListener('abort', stop);
  }
}

/**
 * ioredis hears only the first error of a socket. A second one (a refused certificate, then the server's alert about it) would be heard by
 * nobody and end the process. The socket is there one turn of the event loop after 'connecting', before it can have any.
 */
async function hushLaterErrors(client: Redis): Promise<void> {
  await yieldToEventLoop();
  (client.stream as Redis['stream'] | undefined)?.on('error', () => {});
}

interface KeyNames {
  /** Sorted set of households, all of score 0: read in pages by name. */
  index: string;
  household(name: string): string;
  mark: string;
  channel: string;
}

function keyNames({ keyPrefix, storeId, processId }: RedisLatestOptions): KeyNames {
  const top = `${keyPrefix}:${storeId()}`;
  return {
    index: `${top}:latest`,
    household: (name) => `${top}:latest:${name}`,
    mark: `${top}:mark:${processId}`,
    channel: `${top}:live`,
  };
}

function hear(text: string, processId: string, listener: MirrorListener): void {
  const message = text.length > MESSAGE_CHARACTERS_MAX ? undefined : decodeMessage(text);
  if (message === undefined) listener.onWindows([], 1);
  else if (message.from !== processId) listener.onWindows(message.windows, message.unusable);
}

/**
 * KEYS: the index, then the hash of each household. ARGV: ms until they expire, then per household its name, how many series, and
 * series and text of each. One window is newer than another by its start, then by its readings. A key of another kind is replaced:
 * below our prefix it is damage.
 */
const WRITE_SCRIPT = `
local function oursOnly(key, kind)
  local held = redis.call('TYPE', key).ok
  if held ~= kind and held ~= 'none' then redis.call('UNLINK', key) end
end
local function age(text)
  local start, count = string.match(text or '', '^%[(%-?%d+),(%d+),')
  return tonumber(start), tonumber(count)
end
oursOnly(KEYS[1], 'zset')
local at = 2
for i = 2, #KEYS do
  oursOnly(KEYS[i], 'hash')
  local household, series = ARGV[at], tonumber(ARGV[at + 1])
  at = at + 2
  for _ = 1, series do
    local start, count = age(ARGV[at + 1])
    local heldStart, heldCount = age(redis.call('HGET', KEYS[i], ARGV[at]))
    if not heldStart or heldStart < start or (heldStart == start and heldCount <= count) then
      redis.call('HSET', KEYS[i], ARGV[at], ARGV[at + 1])
    end
    at = at + 2
  end
  redis.call('PEXPIRE', KEYS[i], ARGV[1])
  redis.call('ZADD', KEYS[1], 0, household)
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 'OK'`;

class RedisConnection implements MirrorConnection {
  private readonly commands: Redis;
  private readonly subscriber: Redis;
  private readonly names: KeyNames;
  private readonly options: RedisLatestOptions;
  readonly close: () => void;

  constructor(commands: Redis, subscriber: Redis, names: KeyNames, options: RedisLatestOptions, close: () => void) {
    this.commands = commands;
    this.subscriber = subscriber;
    this.names = names;
    this.options = options;
    this.close = close;
  }

  async renewMark(): Promise<boolean> {
    const { mark } = this.names;
    const [before] = await Promise.all([
      ask(this.commands.set(mark, '1', 'PX', MARK_EXPIRE_MS, 'GET')),
      this.publish([]),
      // A subscriber sends nothing by itself, so a dead connection would look like a quiet one.
      ask(this.subscriber.ping()),
    ]);
    return before !== null;
  }

  async write(windows: readonly Bucket[]): Promise<void> {
    const households = new Map<string, string[]>();
    for (const window of windows) {
      const { series, text } = encodeWindow(window);
      const its = households.get(window.household) ?? [];
      households.set(window.household, its);
      its.push(series, text);
    }
    const keys = [this.names.index, ...[...households.keys()].map((name) => this.names.household(name))];
    const args = [...households].flatMap(([household, its]) => [household, its.length / 2, ...its]);
    await ask(this.commands.eval(WRITE_SCRIPT, keys.length, ...keys, this.options.expireMs, ...args));
  }

  async publish(windows: readonly Bucket[]): Promise<void> {
    await ask(this.commands.publish(this.names.channel, encodeMessage(this.options.processId, windows)));
  }

  async readPage(after: string | undefined): Promise<{ windows: Bucket[]; unusable: number; next: string | undefined }> {
    const from = after === undefined ? '-' : `(${after}`;
    const households = await this.householdsFrom(from);
    if (households === undefined) return { windows: [], unusable: 1, next: undefined };
    const pipeline = this.commands.pipeline();
    for (const household of households) pipeline.hscan(this.names.household(household), 0, 'COUNT', SERIES_PER_HOUSEHOLD);
    const replies = households.length === 0 ? [] : await repliesOf(pipeline);
    const windows: Bucket[] = [];
    let unusable = 0;
    for (const [i, household] of households.entries()) {
      const [, hash = []] = (replies[i] ?? []) as [cursor?: string, hash?: string[]];
      for (let at = 0; at + 1 < hash.length; at += 2) {
        const window = decodeWindow(household, hash[at] as string, hash[at + 1] as string);
        if (window === undefined) unusable++;
        else windows.push(window);
      }
    }
    return { windows, unusable, next: households.length < HOUSEHOLDS_PER_PAGE ? undefined : households.at(-1) };
  }

  /** @returns undefined for an index of another kind; the next write replaces it */
  private async householdsFrom(from: string): Promise<string[] | undefined> {
    try {
      return await ask(this.commands.zrangebylex(this.names.index, from, '+', 'LIMIT', 0, HOUSEHOLDS_PER_PAGE));
    } catch (error) {
      if (error instanceof MirrorRefusal && error.code === 'WRONGTYPE') return undefined;
      throw error;
    }
  }
}

/** An error of one command of the pipeline leaves undefined in its place: the key is not ours. */
async function repliesOf(pipeline: ChainableCommander): Promise<unknown[]> {
  const replies = (await pipeline.exec()) ?? [];
  return replies.map(([error, reply]) => {
    if (error === null) return reply;
    if (!isReply(error)) throw error;
    return undefined;
  });
}

async function ask<T>(command: Promise<T>): Promise<T> {
  try {
    return await command;
  } catch (error) {
    throw isReply(error) ? new MirrorRefusal((error as Error).message) : error;
  }
}

/** The server answered; everything else is ioredis saying that nobody did. */
function isReply(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}

/**
 * The tokens that open the page and the API, in STATE/cloud/tokens.json, readable by its owner alone. Of a token only the
 * SHA-256 is kept: it has 256 random bits, so nobody finds it by trying, and a slow hash made for people's passwords would
 * protect nothing more. A running cloud sees a new or a revoked token within CHECK_EVERY_MS.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { FOGLINE } from '../../common/installation.ts';
import type { Clock } from '../../common/clock.ts';
import { ConfigError } from '../../common/errors.ts';
import { makeFolder } from '../../common/folders.ts';
import { writeDurably } from '../../common/link/private-file.ts';
import { randomId, randomSecret } from '../../common/random.ts';
import type { Tokens } from './api/sessions.ts';

export const TOKENS_FILE = join('cloud', 'tokens.json');
/** A token is known by these when it lies about: people and scanners of leaked secrets look for such a word. */
const PREFIX = 'fogline_';
/** The file is looked at no more often. */
export const CHECK_EVERY_MS = 1_000;
/** Each is compared with at every request. */
export const TOKENS_MAX = 100;
/** Characters of a token that are looked at; ours have 51. */
const TOKEN_CHARACTERS_MAX = 200;
const OWNER_ONLY = 0o600;
const OTHERS = 0o077;

export interface KeptToken {
  id: string;
  /** SHA-256 of the token, 64 hex digits. */
  sha256: string;
  /** ISO-8601. */
  madeAt: string;
}

export class TokenFile implements Tokens {
  readonly path: string;
  private readonly clock: Clock;
  private kept: readonly KeptToken[] = [];
  private lookedAtMs = Number.NEGATIVE_INFINITY;
  /** Inode, size and time of change of what was read. */
  private seen = '';

  constructor(stateDir: string, clock: Clock) {
    this.path = join(stateDir, TOKENS_FILE);
    this.clock = clock;
  }

  /** @throws ConfigError when the file can't be read, is no list of tokens, or others may open it */
  list(): readonly KeptToken[] {
    const text = this.read();
    return text === undefined ? [] : parse(this.path, text);
  }

  /** @returns the new token, which is kept nowhere */
  add(): { id: string; token: string } {
    const kept = this.list();
    if (kept.length >= TOKENS_MAX) throw new ConfigError(`there are ${TOKENS_MAX} tokens`, `revoke one first: ${FOGLINE} token revoke ID`);
    const token = PREFIX + randomSecret();
    const id = randomId();
    this.write([...kept, { id, sha256: hashOf(token).toString('hex'), madeAt: new Date(this.clock.nowMs()).toISOString() }]);
    return { id, token };
  }

  /** @throws ConfigError for an id that there is not */
  revoke(id: string): void {
    const kept = this.list();
    const left = kept.filter((token) => token.id !== id);
    if (left.length === kept.length) throw new ConfigError(`there is no token ${id}`, `${FOGLINE} token list names all`);
    this.write(left);
  }

  idOf(token: string): string | undefined {
    if (token.length > TOKEN_CHARACTERS_MAX) return undefined;
    const hash = hashOf(token);
    let id: string | undefined;
    // Every one is compared, whichever fits: the time tells nothing.
    for (const kept of this.current()) if (timingSafeEqual(hash, Buffer.from(kept.sha256, 'hex'))) id = kept.id;
    return id;
  }

  holds(id: string): boolean {
    return this.current().some((kept) => kept.id === id);
  }

  /** A file that can't be used lets nobody in. */
  private current(): readonly KeptToken[] {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.lookedAtMs < CHECK_EVERY_MS) return this.kept;
    this.lookedAtMs = nowMs;
    try {
      const status = statSync(this.path, { throwIfNoEntry: false });
      const seen = status === undefined ? '' : `${status.ino} ${status.size} ${status.ctimeMs}`;
      if (seen !== this.seen) this.kept = this.list();
      this.seen = seen;
    } catch {
      this.kept = [];
      this.seen = '';
    }
    return this.kept;
  }

  /** Undefined where there is no file. */
  private read(): string | undefined {
    try {
      if ((statSync(this.path).mode & OTHERS) === 0) return readFileSync(this.path, 'utf8');
    } catch (cause) {
      // Not by throwIfNoEntry: from Node 22 on that takes a file on the way there for no entry too.
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      const message = `${this.path} can't be read: ${(cause as Error).message}`;
      throw new ConfigError(message, 'give --state a folder that this user may read and write', { cause });
    }
    throw new ConfigError(`${this.path} is open to other users`, `chmod 600 ${this.path}`);
  }

  /** Whole or not at all, and never readable by others in between. */
  private write(tokens: readonly KeptToken[]): void {
    makeFolder(dirname(this.path));
    const partial = `${this.path}.${randomId()}`;
    writeDurably(partial, `${JSON.stringify({ tokens }, null, 2)}\n`, OWNER_ONLY);
    renameSync(partial, this.path);
  }
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

function parse(path: string, text: string): KeptToken[] {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    // Told below, without a word of what stands in it.
  }
  const tokens = (content as { tokens?: unknown } | null | undefined)?.tokens;
  if (Array.isArray(tokens) && tokens.length <= TOKENS_MAX && tokens.every(isKept)) return tokens;
  throw new ConfigError(`${path} is no list of tokens`, `move it away and make new ones: ${FOGLINE} token new`);
}

function isKept(token: unknown): token is KeptToken {
  const { id, sha256, madeAt } = (token ?? {}) as Record<string, unknown>;
  return typeof id === 'string' && typeof madeAt === 'string' && typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256);
}

/**
 * Browsers that showed a token. In the memory of this process alone: after a restart the page asks for the token again. A session
 * ends by its age, by being idle, by leaving, and with the token it was opened with.
 */
import { createHash } from 'node:crypto';
import { MS_PER_HOUR } from '../../../common/units.ts';
import type { Clock } from '../../../common/clock.ts';
import { randomSecret } from '../../../common/random.ts';

export interface Tokens {
  /** Id of the token; undefined when it is none. */
  idOf(token: string): string | undefined;
  /** False once it was revoked. */
  holds(id: string): boolean;
}

/** A working day; then the token is asked for again. */
export const SESSION_AGE_MAX_MS = 12 * MS_PER_HOUR;
/** A page that is open keeps its session busy; one that was closed is forgotten soon. */
export const SESSION_IDLE_MAX_MS = 30 * 60_000;
/** Sessions at once; beyond it the one idle longest ends. */
export const SESSIONS_MAX = 200;

interface Session {
  tokenId: string;
  openedAtMs: number;
  usedAtMs: number;
}

export class Sessions {
  private readonly tokens: Tokens;
  private readonly clock: Clock;
  /** By SHA-256 of the cookie, the one idle longest first: what is in memory opens nothing. */
  private readonly open = new Map<string, Session>();

  constructor(tokens: Tokens, clock: Clock) {
    this.tokens = tokens;
    this.clock = clock;
  }

  /** @returns the cookie's value, always a new one */
  begin(tokenId: string): string {
    const secret = randomSecret();
    const nowMs = this.clock.monotonicMs();
    this.open.set(keyOf(secret), { tokenId, openedAtMs: nowMs, usedAtMs: nowMs });
    const longestIdle = this.open.keys().next();
    if (this.open.size > SESSIONS_MAX && !longestIdle.done) this.open.delete(longestIdle.value);
    return secret;
  }

  /** Id of the token that the session was opened with; undefined when there is no such session any more. Counts as use. */
  use(secret: string): string | undefined {
    const key = keyOf(secret);
    const session = this.open.get(key);
    if (session === undefined) return undefined;
    this.open.delete(key);
    const nowMs = this.clock.monotonicMs();
    const isOver = nowMs - session.openedAtMs >= SESSION_AGE_MAX_MS || nowMs - session.usedAtMs >= SESSION_IDLE_MAX_MS;
    if (isOver || !this.tokens.holds(session.tokenId)) return undefined;
    session.usedAtMs = nowMs;
    this.open.set(key, session);
    return session.tokenId;
  }

  end(secret: string): void {
    this.open.delete(keyOf(secret));
  }
}

/** Looked up by its hash, so that no comparison of secrets takes a time that tells of them. */
function keyOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64');
}

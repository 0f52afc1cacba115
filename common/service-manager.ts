/**
 * Tells systemd how this process is: ready, alive, stopping. Where no manager asked for it (no NOTIFY_SOCKET) nothing happens.
 *
 * The word is sent by `systemd-notify`, a child, for Node has no datagram sockets of this kind; the unit needs NotifyAccess=all. The child
 * is not told to hurry (--no-block): it stays until systemd has read the word, otherwise systemd could not tell any more whose it is.
 * The sign of life comes out of the event loop: one that is stuck sends none, and systemd starts the process anew.
 */
import { execFile } from 'node:child_process';
import type { Clock, Timer } from './clock.ts';
import type { Logger } from './logger.ts';

/** Three signs within the time that systemd waits: one that gets lost, or a busy second, ends nobody. */
const SIGNS_PER_WATCHDOG = 3;
/** systemd-notify itself gives up after five seconds. */
const WORD_DEADLINE_MS = 10_000;
/** A start that goes on for long says so this often, and is given so much longer each time. */
const STARTING_EVERY_MS = 60_000;
const STARTING_FOR_MS = 600_000;

export interface ManagerWishes {
  /** A manager wants to be told. */
  wantsWord: boolean;
  /** It ends a process that was silent for so long; undefined when it does not. */
  watchdogMs: number | undefined;
}

export class ServiceManager {
  private readonly wishes: ManagerWishes;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private timer: Timer | undefined;
  private hasFailed = false;
  private startingAgainMs = Number.NEGATIVE_INFINITY;

  constructor(wishes: ManagerWishes, clock: Clock, logger: Logger) {
    this.wishes = wishes;
    this.clock = clock;
    this.logger = logger;
  }

  /**
   * From now on signs of life are due, too.
   * @param stop when it aborts, stopping is told and no sign of life any more: how long stopping may take is the manager's to judge
   */
  ready(stop: AbortSignal): void {
    if (!this.wishes.wantsWord || stop.aborted) return;
    stop.addEventListener('abort', () => this.stopping(), { once: true });
    this.say(['--ready'], () => this.live(stop));
  }

  /** To be called now and then while a start takes long and gets on: else it would be ended and begun again. */
  starting(): void {
    const nowMs = this.clock.monotonicMs();
    if (!this.wishes.wantsWord || nowMs < this.startingAgainMs) return;
    this.startingAgainMs = nowMs + STARTING_EVERY_MS;
    this.say([`EXTEND_TIMEOUT_USEC=${STARTING_FOR_MS * 1_000}`], () => {});
  }

  private live(stop: AbortSignal): void {
    const { watchdogMs } = this.wishes;
    if (watchdogMs === undefined || stop.aborted) return;
    this.say(['WATCHDOG=1'], () => {
      if (stop.aborted) return;
      this.timer = this.clock.timer('sign of life', watchdogMs / SIGNS_PER_WATCHDOG, () => this.live(stop));
    });
  }

  private stopping(): void {
    this.timer?.cancel();
    this.say(['STOPPING=1'], () => {});
  }

  /** Goes on also where it could not be said: the manager will find out by itself, and this log says why. */
  private say(words: readonly string[], then: () => void): void {
    execFile('systemd-notify', words, { timeout: WORD_DEADLINE_MS }, (error) => {
      if (error !== null && !this.hasFailed) {
        this.hasFailed = true;
        const hint = 'install systemd-notify (package systemd), and set NotifyAccess=all in the unit';
        this.logger.error({ words, cause: error.message, hint }, 'the service manager could not be told');
      }
      then();
    });
  }
}

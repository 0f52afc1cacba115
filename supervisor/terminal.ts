/** Where `fogline run` speaks: lines that stay, and one line that is drawn over. */
import type { Clock } from '../common/clock.ts';
import { plainLine, plainText } from '../common/plain-text.ts';

/** Without a terminal the status is an ordinary line, this seldom. */
const PLAIN_STATUS_MS = 10_000;
const ERASE_LINE = '\r\u001b[K';

export interface Screen {
  write(text: string): unknown;
  isTTY?: boolean | undefined;
  columns?: number | undefined;
}

export class Terminal {
  private readonly out: Screen;
  private readonly err: Screen;
  private readonly json: boolean;
  private readonly clock: Clock;
  private drawn = '';
  private nextPlainMs = Number.NEGATIVE_INFINITY;

  /** @param json nothing but JSON goes to `out`; what people read goes to `err`, without the status */
  constructor(screens: { out: Screen; err: Screen }, json: boolean, clock: Clock) {
    this.out = screens.out;
    this.err = screens.err;
    this.json = json;
    this.clock = clock;
  }

  /** A line for people that stays. What parts and edges say may stand in it, so it is made plain. */
  say(text: string): void {
    const line = plainText(text);
    if (this.json) return void this.err.write(`${line}\n`);
    const status = this.drawn;
    this.erase();
    this.out.write(`${line}\n`);
    if (status !== '') this.draw(status);
  }

  /** A JSON line; nothing without --json. */
  emit(value: object): void {
    if (this.json) this.out.write(`${JSON.stringify(value)}\n`);
  }

  status(text: string): void {
    const line = plainLine(text);
    if (this.json) return;
    if (this.out.isTTY === true) return this.draw(line);
    const nowMs = this.clock.monotonicMs();
    if (nowMs < this.nextPlainMs) return;
    this.nextPlainMs = nowMs + PLAIN_STATUS_MS;
    this.out.write(`${line}\n`);
  }

  /** Takes the drawn line away. */
  erase(): void {
    if (this.drawn !== '') this.out.write(ERASE_LINE);
    this.drawn = '';
  }

  private draw(line: string): void {
    // A terminal that does not know its width says 0.
    const columns = this.out.columns || 80;
    const fitting = line.length < columns ? line : `${line.slice(0, columns - 2)}…`;
    if (fitting === this.drawn) return;
    this.out.write(ERASE_LINE + fitting);
    this.drawn = fitting;
  }
}

/**
 * Days of a time zone, pure. A day begins at local midnight and has 23, 24 or 25 hours. Right for zones that change their
 * clocks at another hour than midnight and whose days begin at a multiple of 15 minutes UTC, as Germany's do.
 */

/** The German states' own time zone. */
export const SITE_TIME_ZONE = 'Europe/Berlin';

/** From a day's start into the middle of the next: more than the longest day, less than two short ones. */
const INTO_NEXT_DAY_MS = 26 * 3_600_000;

export class LocalDays {
  private readonly format: Intl.DateTimeFormat;
  private startMs = Number.NaN;
  private endMs = Number.NaN;

  constructor(timeZone: string) {
    this.format = new Intl.DateTimeFormat('en-GB', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
  }

  /** Start of the day that holds the instant. */
  startOf(timeMs: number): number {
    // Callers walk through time: most questions are about the day of the last one.
    if (!(timeMs >= this.startMs && timeMs < this.endMs)) {
      this.startMs = this.findStart(timeMs);
      this.endMs = this.findStart(this.startMs + INTO_NEXT_DAY_MS);
    }
    return this.startMs;
  }

  /** Start of the day after the one that holds the instant. */
  endOf(timeMs: number): number {
    this.startOf(timeMs);
    return this.endMs;
  }

  /** The first start of a day at or after the instant. */
  startAtOrAfter(timeMs: number): number {
    const startMs = this.startOf(timeMs);
    return startMs === timeMs ? startMs : this.endMs;
  }

  private findStart(timeMs: number): number {
    const local = this.localAsUtc(timeMs);
    const midnight = Math.floor(local / 86_400_000) * 86_400_000;
    const nearby = midnight - (local - timeMs);
    // The clocks may have changed between midnight and the instant.
    return midnight - (this.localAsUtc(nearby) - nearby);
  }

  /** What the clocks show, as if it were UTC. */
  private localAsUtc(timeMs: number): number {
    const field: Record<string, number> = {};
    for (const { type, value } of this.format.formatToParts(timeMs)) field[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = field;
    const wholeMs = timeMs - Math.floor(timeMs / 1_000) * 1_000;
    return Date.UTC(year, month - 1, day, hour, minute, second) + wholeMs;
  }
}

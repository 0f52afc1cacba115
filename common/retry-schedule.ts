import type { Random } from './random.ts';

/**
 * Waits with full jitter: the n-th is uniform in [0, min(capMs, baseMs · 2ⁿ)). Full jitter keeps a fleet that was
 * refused together from coming back together.
 */
export class RetrySchedule {
  private attempt = 0;
  private readonly baseMs: number;
  private readonly capMs: number;
  private readonly random: Random;

  constructor(baseMs: number, capMs: number, random: Random) {
    this.baseMs = baseMs;
    this.capMs = capMs;
    this.random = random;
  }

  nextMs(): number {
    const limit = Math.min(this.capMs, this.baseMs * 2 ** Math.min(this.attempt, 30));
    this.attempt++;
    return this.random.next() * limit;
  }

  reset(): void {
    this.attempt = 0;
  }
}

/** How much of something may be taken over time; pure: the caller gives the time. */
export interface Rate {
  perSecond: number;
  /** What may be taken at once after a quiet time. */
  burst: number;
}

export class TokenBucket {
  private readonly rate: Rate;
  private tokens: number;
  private atMs: number;

  /** Full at first. */
  constructor(rate: Rate, nowMs: number) {
    this.rate = rate;
    this.tokens = rate.burst;
    this.atMs = nowMs;
  }

  /** Takes one if there is one. What is refused costs nothing: who is told to wait is not put back further by asking. */
  take(nowMs: number): boolean {
    this.refill(nowMs);
    if (this.tokens < 1) return false;
    this.tokens--;
    return true;
  }

  /** Takes what has been used already; may go below zero, and is paid back by time. */
  spend(amount: number, nowMs: number): void {
    this.refill(nowMs);
    this.tokens -= amount;
  }

  isOverdrawn(nowMs: number): boolean {
    this.refill(nowMs);
    return this.tokens < 0;
  }

  /** As new: it may be forgotten. */
  isFull(nowMs: number): boolean {
    this.refill(nowMs);
    return this.tokens >= this.rate.burst;
  }

  private refill(nowMs: number): void {
    const { perSecond, burst } = this.rate;
    this.tokens = Math.min(burst, this.tokens + (Math.max(0, nowMs - this.atMs) / 1_000) * perSecond);
    this.atMs = Math.max(this.atMs, nowMs);
  }
}

/**
 * Watches whether the cloud tells silence and return of its edges as it must (P7), from the arrival of heartbeats alone: an edge that
 * was not heard for the time that is allowed is silent, one that was heard is not.
 */
import type { Clock } from '../../common/clock.ts';

/** What of the cloud's liveness is looked at. */
export interface TellsEdges {
  edges(): { edge: string; state: 'live' | 'silent' }[];
}

export class SilenceWitness {
  private readonly clock: Clock;
  private readonly silentAfterMs: number;
  /** Of the cloud that is up now: monotonic time, by edge. */
  private readonly heardMs = new Map<string, number>();
  private liveness: TellsEdges | undefined;
  readonly findings: string[] = [];
  /** How often an edge was rightly told silent. */
  silences = 0;

  constructor(clock: Clock, silentAfterMs: number) {
    this.clock = clock;
    this.silentAfterMs = silentAfterMs;
  }

  /** A cloud began; what the one before had heard is not known to it. */
  watch(liveness: TellsEdges): void {
    this.liveness = liveness;
    this.heardMs.clear();
  }

  heard(edge: string): void {
    this.heardMs.set(edge, this.clock.monotonicMs());
  }

  /** To be called between two events while the cloud is up and is not stopped. */
  look(): void {
    const told = new Map(this.liveness?.edges().map(({ edge, state }) => [edge, state]));
    for (const [edge, heardMs] of this.heardMs) {
      const quietMs = this.clock.monotonicMs() - heardMs;
      const state = told.get(edge) ?? 'unknown';
      // The rule's timer is set to whole milliseconds.
      if (quietMs > this.silentAfterMs + 1) {
        if (state === 'silent') this.silences++;
        else this.findings.push(`${edge} was not heard for ${Math.round(quietMs)} ms and is told to be ${state}`);
      } else if (quietMs < this.silentAfterMs && state !== 'live') {
        this.findings.push(`${edge} was heard ${Math.round(quietMs)} ms ago and is told to be ${state}`);
      }
    }
  }
}

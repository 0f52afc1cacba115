/**
 * Sees two live edges with one id (a copied disk, a stolen bundle): parts under a claim that another claim has taken over. An edge that was
 * restarted ships nothing under its old claim any more. In memory only: after a start of the cloud each edge says hello first.
 */
const EDGES_MAX = 10_000;
const TOLD_AGAIN_MS = 60_000;

export class CloneWatch {
  /** Claim of the newest hello, by edge. */
  private readonly claims = new Map<string, string>();
  private readonly toldMs = new Map<string, number>();

  hello({ edge, claim }: { edge: string; claim: string }): void {
    this.claims.delete(edge);
    this.claims.set(edge, claim);
    const [oldest] = this.claims.keys();
    if (this.claims.size <= EDGES_MAX || oldest === undefined) return;
    this.claims.delete(oldest);
    this.toldMs.delete(oldest);
  }

  isFenced({ edge, claim }: { edge: string; claim: string }): boolean {
    const newest = this.claims.get(edge);
    return newest !== undefined && newest !== claim;
  }

  /** Once a minute per edge. */
  mayTell(edge: string, nowMs: number): boolean {
    if (nowMs - (this.toldMs.get(edge) ?? Number.NEGATIVE_INFINITY) < TOLD_AGAIN_MS) return false;
    this.toldMs.set(edge, nowMs);
    return true;
  }
}

/** How much totals grew lately. The first value that is seen counts as no growth: what was before is not known. */

/** Between two remembered values; more in between are passed over. */
const REMEMBER_EVERY_MS = 10_000;

export class Growth {
  private readonly overMs: number;
  /** By name, the oldest first. */
  private readonly values = new Map<string, { atMs: number; total: number }[]>();

  constructor(overMs: number) {
    this.overMs = overMs;
  }

  /** @returns by how much the total grew within `overMs`; a total that fell began anew at 0 */
  of(name: string, total: number, nowMs: number): number {
    const before = this.values.get(name);
    if (before === undefined) {
      this.values.set(name, [{ atMs: nowMs, total }]);
      return 0;
    }
    const last = before.at(-1);
    if (last !== undefined && total < last.total) before.splice(0, before.length, { atMs: nowMs - this.overMs, total: 0 });
    while (before.length > 1 && nowMs - (before[1]?.atMs ?? nowMs) >= this.overMs) before.shift();
    const grown = total - (before[0]?.total ?? total);
    if (last === undefined || nowMs - last.atMs >= REMEMBER_EVERY_MS || total < last.total) before.push({ atMs: nowMs, total });
    return grown;
  }

  /** Names that are not there any more are forgotten. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const name of this.values.keys()) if (!names.has(name)) this.values.delete(name);
  }
}

/**
 * Which sources may be shipped (R1). The cloud refuses a source of a device that begins before another one of it has ended,
 * so it must hear of a device's sources in the order in which they were recorded.
 */
export interface QueuedSource {
  /** Grows in the order in which the edge first saw its sources. */
  id: number;
  /** household/device */
  device: string;
}

/** Of each device the source that was seen first; a later one waits until nothing of the earlier is left to acknowledge. */
export function earliestOfDevices(queued: Iterable<QueuedSource>): number[] {
  const earliest = new Map<string, number>();
  for (const { id, device } of queued) {
    const known = earliest.get(device);
    if (known === undefined || id < known) earliest.set(device, id);
  }
  return [...earliest.values()];
}

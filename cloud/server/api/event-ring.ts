/**
 * The newest events of the stream, each as the bytes that every client gets, so that one who comes back hears what it missed. Bounded by
 * number and by size: what is dropped is known to be, and never taken for nothing.
 */

export interface RingEvent {
  /** Grows with every event, also with those that are not kept here. */
  number: number;
  topic: string;
  bytes: Buffer;
}

export class EventRing {
  private readonly eventsMax: number;
  private readonly bytesMax: number;
  private events: RingEvent[] = [];
  private bytes = 0;
  /** Number of the newest event dropped. */
  private dropped = 0;

  constructor(eventsMax: number, bytesMax: number) {
    this.eventsMax = eventsMax;
    this.bytesMax = bytesMax;
  }

  add(event: RingEvent): void {
    this.events.push(event);
    this.bytes += event.bytes.length;
    while (this.events.length > this.eventsMax || (this.bytes > this.bytesMax && this.events.length > 1)) {
      const eldest = this.events.shift() as RingEvent;
      this.bytes -= eldest.bytes.length;
      this.dropped = eldest.number;
    }
  }

  /** All events after the one of this number; undefined where some of them are not held any more. */
  after(number: number): RingEvent[] | undefined {
    return number < this.dropped ? undefined : this.events.filter((event) => event.number > number);
  }
}

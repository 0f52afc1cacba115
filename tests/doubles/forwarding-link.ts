/** A link that does as the one behind it; subclasses say what they do beside that, or instead. */
import type { LinkClient } from '../../common/link/link.ts';

export class ForwardingLink implements LinkClient {
  protected readonly link: LinkClient;

  constructor(link: LinkClient) {
    this.link = link;
  }

  get inFlightMax(): number {
    return this.link.inFlightMax;
  }

  get isOrdered(): boolean {
    return this.link.isOrdered;
  }

  get transport(): string {
    return this.link.transport;
  }

  start(): Promise<void> {
    return this.link.start();
  }

  stop(): Promise<void> {
    return this.link.stop();
  }

  request(payload: Buffer, deadlineMs: number): Promise<Buffer> {
    return this.link.request(payload, deadlineMs);
  }
}

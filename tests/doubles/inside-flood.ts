/**
 * Whoever has a certificate that the cloud takes, and asks without end: as many connections as one identity may have, as many requests on
 * each as the cloud reads, every one of them sound and with work to do. It heeds no `busy`.
 */
import type { Socket } from 'node:net';
import { systemClock } from '../../common/clock.ts';
import { SpLinkClient } from '../../common/link/sp-link.ts';
import { silentLogger } from '../../common/logger.ts';
import { seededRandom } from '../../common/random.ts';
import { decodeReply, encodeRequest } from '../../common/wire.ts';

const CONNECTIONS = 8;
const IN_FLIGHT = 32;
const DEADLINE_MS = 10_000;

export class InsideFlood {
  /** How long the requests took that were served. */
  readonly servedMs: number[] = [];
  turnedAway = 0;
  private readonly edge: string;
  private readonly clients: SpLinkClient[];
  private isOn = false;
  private turn = 0;

  constructor(edge: string, port: number, dial: (port: number) => Socket) {
    this.edge = edge;
    const common = { host: '127.0.0.1', port, clock: systemClock, logger: silentLogger, limits: { inFlightMax: IN_FLIGHT } };
    this.clients = Array.from(
      { length: CONNECTIONS },
      (_, i) => new SpLinkClient({ ...common, random: seededRandom(i), dial: (_host, to) => dial(to) }),
    );
  }

  async start(): Promise<void> {
    this.isOn = true;
    await Promise.all(this.clients.map((client) => client.start()));
    for (const client of this.clients) for (let i = 0; i < IN_FLIGHT; i++) void this.keepAsking(client);
  }

  async stop(): Promise<void> {
    this.isOn = false;
    await Promise.all(this.clients.map((client) => client.stop()));
  }

  private async keepAsking(client: SpLinkClient): Promise<void> {
    while (this.isOn) {
      const beganMs = systemClock.monotonicMs();
      const kind = await client.request(this.hello(), DEADLINE_MS).then(
        (reply) => decodeReply(reply).kind,
        () => 'lost' as const,
      );
      if (kind === 'hello') this.servedMs.push(systemClock.monotonicMs() - beganMs);
      else this.turnedAway++;
    }
  }

  /** Another claim each time: the store writes it down, with an fsync. */
  private hello(): Buffer {
    const households = [{ household: floodedHome(this.edge), generation: 0 }];
    return encodeRequest({ kind: 'hello', hello: { edge: this.edge, epoch: 'e', claim: `c-${this.turn++}`, windowMs: 5_000, households } });
  }
}

export function floodedHome(edge: string): string {
  return `home-of-${edge}`;
}

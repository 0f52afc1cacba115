/**
 * Appends a fleet's produces when they are due: per partition one after the other, each again and again until it is acknowledged.
 * So a lost acknowledgement puts the same produce into the topic twice, as the topic writer does.
 */
import { type NewRecord, POWER_TOPIC } from '../../common/broker/broker.ts';
import type { Clock } from '../../common/clock.ts';
import type { Random } from '../../common/random.ts';
import type { VirtualBroker } from '../doubles/virtual-broker.ts';
import type { Fleet, Produce } from './virtual-fleet.ts';

const RETRY_MS = 500;

export class VirtualProducer {
  private readonly fleet: Fleet;
  private readonly connect: () => VirtualBroker;
  private readonly clock: Clock;
  private readonly random: Random;
  /** Of the last beginning; what an earlier one has under way never arrives. */
  private broker: VirtualBroker | undefined;
  private beganMs: number | undefined;
  private partitionsLeft = 0;

  constructor(fleet: Fleet, connect: () => VirtualBroker, clock: Clock, random: Random) {
    this.fleet = fleet;
    this.connect = connect;
    this.clock = clock;
    this.random = random;
  }

  get isDone(): boolean {
    return this.partitionsLeft === 0;
  }

  /** From the first produce on; again when the log was lost, then without waiting for what is overdue. */
  begin(): void {
    this.broker?.cut();
    const broker = this.connect();
    this.broker = broker;
    this.beganMs ??= this.clock.monotonicMs();
    this.partitionsLeft = this.fleet.produces.length;
    this.fleet.produces.forEach((produces, partition) => void this.run(broker, partition, produces));
  }

  private async run(broker: VirtualBroker, partition: number, produces: readonly Produce[]): Promise<void> {
    for (const { dueMs, records: make } of produces) {
      await this.clock.sleep((this.beganMs ?? 0) + dueMs - this.clock.monotonicMs());
      const records = make();
      while (broker === this.broker && !(await this.append(broker, partition, records))) {
        await this.clock.sleep(this.random.next() * RETRY_MS);
      }
    }
    if (broker === this.broker) this.partitionsLeft--;
  }

  private async append(broker: VirtualBroker, partition: number, records: NewRecord[]): Promise<boolean> {
    try {
      await broker.append(POWER_TOPIC, partition, records);
      return true;
    } catch {
      return false;
    }
  }
}

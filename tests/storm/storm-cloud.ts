/** The cloud of a storm: the production receiver and liveness on a store, killed, stopped, restarted and set back to earlier copies. */
import { Liveness } from '../../cloud/server/liveness.ts';
import { Receiver, type ReceiverOptions } from '../../cloud/server/receiver.ts';
import { Registry } from '../../cloud/server/registry.ts';
import type { Latest } from '../../cloud/server/storage/latest.ts';
import { MemoryLatest } from '../../cloud/server/storage/memory-latest.ts';
import type { SeriesStore } from '../../cloud/server/storage/series-store.ts';
import type { WorkLimits } from '../../cloud/server/work-queue.ts';
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/logger.ts';
import { Metrics } from '../../common/metrics.ts';
import { type CloudWire, cloudWire } from '../../common/wire.ts';
import type { VirtualNetwork } from '../doubles/virtual-link.ts';
import { type Death, Killed, Life, type LifeOptions } from './life.ts';
import { markingWire, markPayload } from './life-marks.ts';
import type { RefusalWitness } from './refusal-witness.ts';
import type { SilenceWitness } from './silence-witness.ts';
import type { StormDisk } from './storm-disk.ts';
import type { CloudPlace, Opened } from './storm-stores.ts';
import type { Said, Witness } from './witness.ts';

/** As cloud.silent_after_seconds is by default. */
export const SILENT_AFTER_MS = 15_000;

export interface CloudLife {
  life: Life;
  clock: Clock;
  disk: StormDisk;
  stateDir: string;
}

export interface StormCloudOptions {
  place: CloudPlace;
  windowMs: number;
  clock: Clock;
  logger: Logger;
  network: VirtualNetwork;
  witness: Witness;
  silence?: SilenceWitness;
  refusals?: RefusalWitness;
  /** A planted fault puts another store in the place of the right one. */
  wrapStore?: (store: SeriesStore, life: CloudLife) => SeriesStore;
  silentAfterMs?: number;
  wire?: CloudWire | undefined;
  /** The process is dead, in whatever way. */
  onDeath: () => void;
  onTouch?: LifeOptions['onTouch'];
  /** Before a commit, now and then: the disk is slow, and other requests come in. */
  delayMs: () => number;
  workLimits?: Partial<WorkLimits>;
  spreadMs?: (edge: string) => number;
  onHeartbeat?: ReceiverOptions['onHeartbeat'];
}

export class StormCloud {
  private readonly options: StormCloudOptions;
  private readonly registry = new Registry('');
  private life: Life | undefined;
  private opened: Opened<SeriesStore> | undefined;
  private liveness: Liveness | undefined;
  /** What pages show, since the last start. */
  latest: Latest | undefined;
  /** The receiver since the last start. */
  receiver: Receiver | undefined;
  private starts = 0;
  private isFull = false;
  private readonly backups: Said[] = [];

  constructor(options: StormCloudOptions) {
    this.options = options;
  }

  get isUp(): boolean {
    return this.life !== undefined;
  }

  get place(): CloudPlace {
    return this.options.place;
  }

  /** State directory, of a cloud on files. */
  get stateDir(): string {
    return this.place.stateDir;
  }

  get backupCount(): number {
    return this.backups.length;
  }

  /** Begins to serve. */
  async start(death?: Death): Promise<void> {
    const { clock, network, place, windowMs, witness, onDeath, onTouch } = this.options;
    if (this.starts++ === 0) this.registry.start();
    else witness.compareWithFile(place.held());
    let store: SeriesStore | undefined;
    const life: Life = new Life(clock, {
      onDeath: () => {
        network.handler = undefined;
        this.life = undefined;
        this.liveness?.stop();
        this.liveness = undefined;
        // Closes its connections in the calling turn, and a transaction with them.
        void store?.stop();
        onDeath();
      },
      ...(onTouch === undefined ? {} : { onTouch: (what, deadly) => onTouch(`cloud ${what}`, deadly) }),
    });
    life.arm(death);
    const opened = place.open({ windowMs, postalCodes: this.registry, clock: life.clock });
    const { wrapStore = (its: SeriesStore) => its } = this.options;
    store = wrapStore(opened.store, { life, clock: life.clock, disk: place.disk, stateDir: place.stateDir });
    opened.setFull(this.isFull);
    await store.start();
    opened.setFull(this.isFull);
    this.opened = { ...opened, store };
    this.life = life;
    await this.serve(store, life);
  }

  kill(): void {
    this.life?.end();
  }

  cutPower(): void {
    this.place.disk.cutPower(() => this.kill());
  }

  setFull(isFull: boolean): void {
    this.isFull = isFull;
    if (this.isUp) this.opened?.setFull(isFull);
  }

  /** A copy of the database as it lies on the disk now. */
  backUp(): void {
    this.place.disk.copy(`backup-${this.backups.length}`);
    this.backups.push(this.options.witness.copy());
  }

  /** Puts a backup in the place of the database; the cloud must be down. */
  restore(backup: number): void {
    const said = this.backups[backup];
    if (said === undefined || this.isUp) throw new Error('no backup, or the cloud is up');
    this.place.disk.restore(`backup-${backup}`);
    this.options.witness.restore(said);
  }

  /** The store, to be read when the storm is over. */
  get reading(): SeriesStore {
    if (this.opened === undefined || !this.isUp) throw new Error('the cloud is down');
    return this.opened.store;
  }

  private async serve(store: SeriesStore, life: Life): Promise<void> {
    const { workLimits, wire = cloudWire(''), spreadMs = () => 0, onHeartbeat } = this.options;
    const { logger, network, witness, silence, refusals, delayMs, silentAfterMs = SILENT_AFTER_MS } = this.options;
    const liveness = new Liveness({ clock: life.clock, logger, metrics: new Metrics(), silentAfterMs });
    this.liveness = liveness;
    silence?.watch(liveness);
    const latest = new MemoryLatest(life.clock);
    latest.put(await store.newest());
    this.latest = latest;
    const receiver = new Receiver({
      store: life.touching('store', witness.watch(store), ['hello', 'append']),
      latest,
      clock: life.clock,
      logger,
      site: '',
      startId: `start-${this.starts}`,
      spreadMs,
      legacy: true,
      ...(workLimits === undefined ? {} : { workLimits }),
      wire: markingWire(wire),
      onHeartbeat: (edge, status, atMs, sentMs) => {
        silence?.heard(edge);
        liveness.seen(edge, status, atMs, sentMs);
        onHeartbeat?.(edge, status, atMs, sentMs);
      },
      postalCodeOf: (household) => this.registry.assign(household).postalCode,
    });
    this.receiver = receiver;
    liveness.start();
    network.handler = (payload, peer) =>
      life.run(async () => {
        const waitMs = delayMs();
        if (waitMs > 0) await life.clock.sleep(waitMs);
        markPayload(payload, peer.remote);
        try {
          const reply = await receiver.handle(payload, peer);
          refusals?.saw(payload, reply);
          return life.touch('reply, before') ? reply : await new Promise<never>(() => {});
        } catch (error) {
          if (error instanceof Killed || life.isOver) return new Promise<never>(() => {});
          throw error;
        }
      });
  }
}

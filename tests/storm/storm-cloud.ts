/** The cloud of a storm: the production receiver on the production store, killed, restarted and set back to earlier copies. */
import { join } from 'node:path';
import { Receiver, type ReceiverOptions } from '../../cloud/server/receiver.ts';
import { Registry } from '../../cloud/server/registry.ts';
import type { Latest } from '../../cloud/server/storage/latest.ts';
import { MemoryLatest } from '../../cloud/server/storage/memory-latest.ts';
import type { SeriesStore } from '../../cloud/server/storage/series-store.ts';
import type { SqliteSeriesStoreOptions } from '../../cloud/server/storage/sqlite-series-store.ts';
import type { WorkLimits } from '../../cloud/server/work-queue.ts';
import type { Clock } from '../../common/clock.ts';
import type { Failpoint } from '../../common/failpoints.ts';
import type { Logger } from '../../common/logger.ts';
import type { VirtualNetwork } from '../doubles/virtual-link.ts';
import { readCloudFile } from './cloud-file.ts';
import { Killed, Life } from './life.ts';
import { copyFolder } from './storm-files.ts';
import type { Statements, Witness } from './witness.ts';

export interface StormCloudOptions {
  folder: string;
  windowMs: number;
  clock: Clock;
  logger: Logger;
  network: VirtualNetwork;
  witness: Witness;
  /** Makes the store; a planted fault gives another one. `life` ends when the cloud is killed. */
  openStore: (options: SqliteSeriesStoreOptions, life: Life) => SeriesStore;
  /** The process is dead, in whatever way. */
  onDeath: () => void;
  /** Before a commit, now and then: the disk is slow, and other requests come in. */
  delayMs: () => number;
  workLimits?: WorkLimits;
  spreadMs?: (edge: string) => number;
  onHeartbeat?: ReceiverOptions['onHeartbeat'];
}

export class StormCloud {
  private readonly options: StormCloudOptions;
  private readonly registry = new Registry('');
  private life: Life | undefined;
  private store: SeriesStore | undefined;
  /** What pages show, since the last start. */
  latest: Latest | undefined;
  /** The receiver since the last start. */
  receiver: Receiver | undefined;
  private starts = 0;
  private readonly backups: { folder: string; said: Statements }[] = [];

  constructor(options: StormCloudOptions) {
    this.options = options;
  }

  get isUp(): boolean {
    return this.life !== undefined;
  }

  get stateDir(): string {
    return join(this.options.folder, 'state');
  }

  get backupCount(): number {
    return this.backups.length;
  }

  /** Begins to serve. @param dies the failpoint of this life */
  async start(dies?: { name: Failpoint; times: number }): Promise<void> {
    const { clock, logger, network, openStore, windowMs, witness, delayMs, onDeath } = this.options;
    if (this.starts === 0) this.registry.start();
    else witness.compareWithFile(readCloudFile(this.stateDir));
    const life: Life = new Life(clock, () => {
      network.handler = undefined;
      this.life = undefined;
      // Closes its connections in the calling turn, and a transaction with them.
      void this.store?.stop();
      onDeath();
    });
    if (dies !== undefined) life.arm(dies.name, dies.times);
    const store = openStore({ stateDir: this.stateDir, windowMs, postalCodes: this.registry, clock: life.clock }, life);
    await store.start();
    this.store = store;
    this.life = life;
    const latest = new MemoryLatest(life.clock);
    latest.put(await store.newest());
    this.latest = latest;
    const receiver = new Receiver({
      store: witness.watch(store),
      latest,
      clock: life.clock,
      logger,
      site: '',
      startId: `start-${++this.starts}`,
      spreadMs: this.options.spreadMs ?? (() => 0),
      legacy: true,
      ...(this.options.workLimits === undefined ? {} : { workLimits: this.options.workLimits }),
      onHeartbeat: this.options.onHeartbeat ?? (() => undefined),
      postalCodeOf: (household) => this.registry.assign(household).postalCode,
    });
    this.receiver = receiver;
    network.handler = (payload, peer) =>
      life.run(async () => {
        const waitMs = delayMs();
        if (waitMs > 0) await life.clock.sleep(waitMs);
        try {
          const reply = await receiver.handle(payload, peer);
          return life.isOver ? await new Promise<never>(() => {}) : reply;
        } catch (error) {
          if (error instanceof Killed || life.isOver) return new Promise<never>(() => {});
          throw error;
        }
      });
  }

  kill(): void {
    this.life?.end();
  }

  /** A copy of the database as it lies on the disk now. */
  backUp(): void {
    const folder = join(this.options.folder, `backup-${this.backups.length}`);
    copyFolder(join(this.stateDir, 'cloud'), folder);
    this.backups.push({ folder, said: this.options.witness.copy() });
  }

  /** Puts a backup in the place of the database; the cloud must be down. */
  restore(backup: number): void {
    const held = this.backups[backup];
    if (held === undefined || this.isUp) throw new Error('no backup, or the cloud is up');
    copyFolder(held.folder, join(this.stateDir, 'cloud'));
    this.options.witness.restore(copyOf(held.said));
  }

  /** The store, to be read when the storm is over. */
  get reading(): SeriesStore {
    if (this.store === undefined || !this.isUp) throw new Error('the cloud is down');
    return this.store;
  }
}

function copyOf(said: Statements): Statements {
  return new Map([...said].map(([key, { stored, declared }]) => [key, { stored: new Set(stored), declared: new Set(declared) }]));
}

/** Edge stores that do as the production one, but for one thing. */
import { EdgeStore, type EdgeStoreOptions } from '../../edge/server/edge-store.ts';
import { OutboxFull } from '../../edge/server/outbox.ts';
import type { StormDisk } from './storm-disk.ts';

/** One claim for ever: nobody can tell a clone, a copy that was set back or a database made anew from the edge that there was. */
export class ClaimForEver extends EdgeStore {
  override start(): void {
    super.start();
    this.claim = 'the-only-one';
  }
}

/** Does not save open parts. */
export class OpenPartsForgotten extends EdgeStore {
  override start(): void {
    super.start();
    const { ledger } = this.ledgerStore;
    for (const entries of ledger.open.values()) for (const entry of [...entries.values()]) ledger.forgetOpen(entry);
  }
}

/** Goes on as if rows were saved that the quota had no room for. */
export class QuotaIgnored extends EdgeStore {
  override commit(grows: boolean, change: () => void): void {
    const { ledger } = this.ledgerStore;
    try {
      super.commit(grows, change);
    } catch (error) {
      if (!(error instanceof OutboxFull) || !grows) throw error;
      // What was to be saved is taken for saved: the rows are gone, and nobody looks for them.
      this.ledgerStore.ledger = ledger;
    }
  }
}

/** Marks every row that is put in as acked: it is kept, and never sent. */
export class AckedAtOnce extends EdgeStore {
  private rows = 0;

  override commit(grows: boolean, change: () => void): void {
    super.commit(grows, () => {
      const before = this.outbox.highestId();
      change();
      if (this.outbox.highestId() === before || ++this.rows % 10 > 0) return;
      for (const sourceId of this.outbox.unackedSources()) {
        const ids = this.outbox.queuedOf(sourceId, 0, 1).map(({ id }) => ({ id, sourceId }));
        this.outbox.acknowledge(ids, 0);
      }
    });
  }
}

const SYNC_EVERY = 6;

/** Syncs now and then only: what came since is gone when the power is cut. */
export function tailLostEdge(options: EdgeStoreOptions, disk: StormDisk): EdgeStore {
  let commits = 0;
  disk.cutPower = (kill) => {
    kill();
    if (commits > 0) disk.restore('synced last');
  };
  const store = new EdgeStore(options);
  const commitRows = store.commitRows.bind(store);
  // What every commit comes to.
  store.commitRows = (grows, change) => {
    if (commits++ % SYNC_EVERY === 0) disk.copy('synced last');
    commitRows(grows, change);
  };
  return store;
}

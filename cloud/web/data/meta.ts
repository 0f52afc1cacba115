/** What the cloud says of its data as a whole, asked when the first window is there: where it begins, how long a window is. */
import type { MetaReply } from '../../server/api/api-types.ts';
import { learnEnds } from '../live/data-ends.ts';
import { liveStore, speedStore } from '../live/live.ts';
import { Store } from '../shell/store.ts';
import { getJson } from './request.ts';

const ADDRESS = '/api/v1';

/** Undefined before the first answer. */
export const metaStore = new Store<MetaReply | undefined>(undefined);

/** Asked again with every new connection until it is known where the data begins. */
export function startMeta(): void {
  let isAsked = false;
  liveStore.subscribe(() => {
    const { connected, live } = liveStore.get();
    if (!connected) isAsked = false;
    if (isAsked || live === null || live.newestAt === null || hasBeginning(metaStore.get())) return;
    isAsked = true;
    getJson<MetaReply>(ADDRESS).then(take, () => {
      // What hangs on it is left out until the next connection.
    });
  });
}

function hasBeginning(meta: MetaReply | undefined): boolean {
  return meta !== undefined && meta.firstAt !== null;
}

function take(meta: MetaReply): void {
  metaStore.set(meta);
  if (meta.firstAt !== null) learnEnds({ firstMs: Date.parse(meta.firstAt) });
  // The page can tell it by itself only after a while.
  if (speedStore.get() === null) speedStore.set(meta.simulatedSpeed);
}

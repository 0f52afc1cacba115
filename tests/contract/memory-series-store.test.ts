import { MemorySeriesFile, MemorySeriesStore } from '../doubles/memory-series-store.ts';
import { type StoreHarness, WINDOW_MS } from './series-store-probes.ts';
import { seriesStoreSuite } from './series-store-suite.ts';

async function openMemory(): Promise<StoreHarness> {
  const file = new MemorySeriesFile();
  let assigned = 0;
  const postalCodes = { assign: () => ({ postalCode: String(++assigned).padStart(5, '0'), state: 'DE-BB', from: 'drawn' as const }) };
  const another = async () => {
    const store = new MemorySeriesStore({ file, windowMs: WINDOW_MS, postalCodes });
    await store.start();
    return store;
  };
  return { store: await another(), another, reopen: another, cleanup: async () => undefined };
}

seriesStoreSuite('in memory', openMemory);

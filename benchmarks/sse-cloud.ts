/** The cloud of sse-clients.ts, in a process of its own: fifty households, a new window of each every second. Sends its port. */
import { STATE_NAMES } from '../cloud/server/postal-codes.ts';
import { systemClock } from '../common/clock.ts';
import { runCloud, T0_MS, WINDOW_MS } from '../tests/doubles/running-cloud.ts';

const HOUSEHOLDS = 50;
const EVERY_MS = 1_000;

const codes = [...STATE_NAMES.keys()];
const households = Array.from({ length: HOUSEHOLDS }, (_, i) => `h${i}`);
const states = Object.fromEntries(households.map((household, i) => [household, codes[i % codes.length] as string]));
const cloud = await runCloud({ states });
const stopping = new AbortController();
process.on('disconnect', () => stopping.abort());
process.send?.({ port: cloud.port });
for (let window = 0; !stopping.signal.aborted; window++) {
  for (const [i, household] of households.entries()) await cloud.shipPower(household, 100 + i + window, 1, T0_MS + window * WINDOW_MS);
  cloud.heartbeat('edge-1', { queued: window });
  await systemClock.sleep(EVERY_MS, stopping.signal);
}
await cloud.stop();

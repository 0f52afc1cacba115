/** A heartbeat on its own over the virtual network, for tests of what it says and when. */
import { edgeWire } from '../../common/wire.ts';
import { silentLogger } from '../../common/logger.ts';
import { seededRandom } from '../../common/random.ts';
import { Heartbeat, type HeartbeatOptions } from '../../edge/server/heartbeat.ts';
import { QUIET_EDGE } from './edge-status.ts';
import type { VirtualClock } from './virtual-clock.ts';
import type { VirtualNetwork } from './virtual-link.ts';

/** @param more in place of an edge `edge-1` that is quiet, beats every 3 s and hears nothing */
export async function dialledHeartbeat(
  clock: VirtualClock,
  network: VirtualNetwork,
  more: Partial<HeartbeatOptions> = {},
): Promise<Heartbeat> {
  const link = network.dial({ request: () => [1], reply: () => [1] }, 1);
  await link.start();
  return new Heartbeat({
    edge: 'edge-1',
    wire: edgeWire(''),
    epoch: () => 'epoch',
    link,
    clock,
    random: seededRandom(3),
    logger: silentLogger,
    intervalMs: 3_000,
    deadlineMs: 1_400,
    status: () => QUIET_EDGE,
    onAnswer: () => undefined,
    onReached: () => undefined,
    onLink: () => undefined,
    ...more,
  });
}

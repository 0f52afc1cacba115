/**
 * A bad way between real edge and cloud processes, in plaintext and over mutual TLS: half open, slow, cut inside frames, flipping bits,
 * saying things twice. The black hole is in outages.test.ts. Afterwards the audit agrees, and no part was started again.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemClock } from '../../common/clock.ts';
import { type FaultyProxy, type ProxyCounters, type ProxyFault, startFaultyProxy } from '../doubles/faulty-proxy.ts';
import { FleetLink, type LinkKind } from '../doubles/fleet-link.ts';
import { writeMeteredData } from '../truth/metered-data.ts';
import { ensureBuilt, Fleet } from './fleet.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'fogline-links-'));
/** Each fault anew after so long: a connection that it killed is dialled again, and hurt again. */
const FAULT_MS = 500;
const ROUNDS = 3;
/** A fault of so many bytes may take some rounds until each of the two connections has met it. */
const ROUNDS_MAX = 20;

before(() => {
  ensureBuilt();
  writeMeteredData(dataDir, { households: 3, seconds: 1_200, seed: 31 });
});
after(() => rmSync(dataDir, { recursive: true }));

const KINDS = ['sp', 'nanomsg', 'tls'] as const satisfies LinkKind[];
const FAULTS: [what: string, fault: (round: number, kind: LinkKind) => ProxyFault, counter: keyof ProxyCounters][] = [
  ['half open: replies are lost', () => ({ kind: 'swallow', direction: 'to_client' }), 'swallowedBytes'],
  ['half open: requests are lost', () => ({ kind: 'swallow', direction: 'to_target' }), 'swallowedBytes'],
  ['flipping bits', (round) => ({ kind: 'flip', everyBytes: 300, seed: round }), 'flippedBits'],
  ['slow', () => ({ kind: 'delay', ms: 250 }), 'delayedBytes'],
  // Over TLS in the first round inside the handshake, in the next behind it.
  ['cut inside frames', (round, kind) => ({ kind: 'cut', afterBytes: kind === 'tls' ? 200 + 2_500 * round : 40 + 97 * round }), 'cuts'],
  ['saying things twice', () => ({ kind: 'double', everyChunks: 3 }), 'doubledChunks'],
];
const LINKS = KINDS.flatMap((kind) => FAULTS.map(([what, fault, counter]) => ({ kind, what, fault, counter })));

for (const { kind, what, fault, counter } of LINKS) {
  test(`${kind}, ${what}`, async () => {
    using link = await FleetLink.of(kind);
    const fleet = new Fleet({ dataDir, speed: '300', sets: [...link.sets, 'link.data_deadline_seconds=1'] });
    const { heartbeatPort, dataPort } = await fleet.open();
    const proxies = [await startFaultyProxy({ targetPort: heartbeatPort }), await startFaultyProxy({ targetPort: dataPort })];
    const [heartbeats, data] = proxies as [FaultyProxy, FaultyProxy];
    fleet.dial({ heartbeatPort: heartbeats.port, dataPort: data.port });
    try {
      fleet.startAll();
      await fleet.until('rows are acknowledged', ({ acked }) => acked > 20);
      // Heartbeats are too few for a fault of every so many chunks.
      const isMet = (proxy: FaultyProxy) => proxy.counters[counter] > 0 || (proxy === heartbeats && counter === 'doubledChunks');
      const met = () => proxies.every(isMet);
      for (let round = 0; round < ROUNDS || (!met() && round < ROUNDS_MAX); round++) {
        // On a slow machine a link whose heartbeats suffer may ship nothing that could: then one way suffers alone.
        const suffering = round < ROUNDS ? proxies : proxies.filter((proxy) => !isMet(proxy));
        for (const proxy of suffering) proxy.setFault(fault(round % ROUNDS, kind));
        await systemClock.sleep(FAULT_MS);
        for (const proxy of proxies) proxy.setFault({ kind: 'pass' });
        await systemClock.sleep(FAULT_MS / 4);
      }
      assert.ok(met(), `the fault was met: ${JSON.stringify([data.counters, heartbeats.counters])}`);
      await fleet.untilDone();
      for (const part of ['simulate', 'edge', 'cloud'] as const) assert.equal(fleet.starts[part], 1, `${part} lived through it`);
      assert.deepEqual([...fleet.assertAudited()], []);
    } finally {
      await fleet.stop();
      for (const proxy of proxies) await proxy.stop();
    }
  });
}

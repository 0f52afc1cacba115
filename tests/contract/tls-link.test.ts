import { after } from 'node:test';
import { systemClock } from '../../common/clock.ts';
import { CloudTrust } from '../../common/link/cloud-trust.ts';
import { EdgeCredentials } from '../../common/link/edge-credentials.ts';
import { LinkGate } from '../../common/link/link-gate.ts';
import { LinkRefusals } from '../../common/link/link-refusals.ts';
import { openLinkClient, openLinkServer } from '../../common/link/open-link.ts';
import { silentLogger } from '../../common/logger.ts';
import { testCerts } from '../doubles/test-certs.ts';
import { linkSuite } from './link-suite.ts';

const certs = await testCerts();
const bundle = await certs.bundle('edge-1');
const trust = new CloudTrust({ folder: certs.dir, clock: systemClock, logger: silentLogger });
trust.start();
after(() => {
  trust.stop();
  certs[Symbol.dispose]();
});

/** Wrong bits cost a connection each: more of them a second than the gate lets in. */
const MANY = { perSecond: 10_000, burst: 10_000 };
const RATES = { identityConnections: MANY, addressConnections: MANY, allConnections: MANY };

linkSuite({
  name: 'sp client and sp server over mutual TLS',
  peerId: 'edge-1',
  openClient: ({ port, clock, random }) =>
    openLinkClient({
      kind: 'auto',
      host: '127.0.0.1',
      port,
      clock,
      random,
      logger: silentLogger,
      tls: new EdgeCredentials(bundle, systemClock, silentLogger),
    }),
  openServer: ({ port }) => {
    const refusals = new LinkRefusals(systemClock, silentLogger);
    const tls = { trust, gate: new LinkGate(systemClock, RATES) };
    return openLinkServer({ host: '127.0.0.1', port, clock: systemClock, logger: silentLogger, refusals, tls });
  },
});

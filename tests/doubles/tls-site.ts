/** A cloud's port with mutual TLS for the tests of who is let in, and peers that come as they should not. */
import assert from 'node:assert/strict';
import type { connect as connectPlain } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { systemClock } from '../../common/clock.ts';
import { CloudTrust } from '../../common/link/cloud-trust.ts';
import { EdgeCredentials } from '../../common/link/edge-credentials.ts';
import { type GateLimits, LinkGate } from '../../common/link/link-gate.ts';
import { LinkRefusals, type RefusalReason } from '../../common/link/link-refusals.ts';
import type { LinkHandler } from '../../common/link/link.ts';
import { SpLinkClient, SpLinkServer } from '../../common/link/sp-link.ts';
import { TlsListener } from '../../common/link/tls-listener.ts';
import { silentLogger } from '../../common/logger.ts';
import { seededRandom } from '../../common/random.ts';
import { type TestCerts, testCerts } from './test-certs.ts';

const PATIENT_MS = 30_000;
const SHORT_MS = 700;

/** Says who asks; whoever is refused with words hears them. */
export const whoAsks: LinkHandler = async (_payload, { id, refusal }) => Buffer.from(refusal ?? `you are ${id}`);

interface Logged {
  message: string;
  fields: object;
}

export class Site implements AsyncDisposable {
  readonly certs: TestCerts;
  readonly refusals = new LinkRefusals(systemClock, silentLogger);
  readonly trust: CloudTrust;
  readonly logged: Logged[] = [];
  readonly gate: LinkGate;
  readonly server: SpLinkServer;
  /** Requests that reached the handler from somebody let in. */
  taken = 0;
  throttled = 0;
  port = 0;
  private readonly clients: { stop(): Promise<void> }[] = [];

  constructor(certs: TestCerts, limits: Partial<GateLimits>, handler: LinkHandler, handshakeMs: number) {
    this.certs = certs;
    this.gate = new LinkGate(systemClock, limits, () => this.throttled++);
    this.trust = new CloudTrust({ folder: certs.dir, clock: systemClock, logger: silentLogger });
    this.trust.start();
    const { trust, gate, refusals } = this;
    const listener = new TlsListener({ trust, gate, refusals, clock: systemClock, logger: silentLogger, handshakeMs });
    this.server = new SpLinkServer({
      host: '127.0.0.1',
      port: 0,
      clock: systemClock,
      logger: silentLogger,
      listener: listener.listen,
      peerOf: listener.peerOf,
      meterOf: listener.meterOf,
      onRefused: () => refusals.add('frame'),
    });
    this.handler = handler;
  }
  private readonly handler: LinkHandler;

  static async open(limits: Partial<GateLimits> = {}, handler = whoAsks, handshakeMs = 5_000): Promise<Site> {
    const site = new Site(await testCerts(), limits, handler, handshakeMs);
    site.port = await site.server.start((payload, peer) => {
      if (peer.refusal === undefined) site.taken++;
      return site.handler(payload, peer);
    });
    return site;
  }

  get logger() {
    const note = (fields: object, message: string) => void this.logged.push({ fields, message });
    return { ...silentLogger, error: note, warn: note };
  }

  client(bundle: string, host?: string): Promise<SpLinkClient> {
    return this.clientOf(new EdgeCredentials(bundle, systemClock, this.logger), host);
  }

  async clientOf({ dial }: EdgeCredentials, host = '127.0.0.1'): Promise<SpLinkClient> {
    const client = new SpLinkClient({ host, port: this.port, clock: systemClock, random: seededRandom(3), logger: silentLogger, dial });
    this.clients.push(client);
    await client.start();
    return client;
  }

  /** What the bundle's edge is answered, undefined when nobody answers. */
  asked(bundle: string, host?: string): Promise<string | undefined> {
    return this.askedBy(new EdgeCredentials(bundle, systemClock, this.logger), host);
  }

  async askedBy(credentials: EdgeCredentials, host?: string): Promise<string | undefined> {
    const client = await this.clientOf(credentials, host);
    const reply = await client.request(Buffer.from('who'), SHORT_MS).then(String, (error: { code: string }) => {
      assert.equal(error.code, 'LINK_TIMEOUT');
      return undefined;
    });
    await client.stop();
    return reply;
  }

  async assertRefused(bundle: string, reason: RefusalReason): Promise<void> {
    const { taken } = this;
    const before = this.refusals.count(reason);
    assert.equal(await this.asked(bundle), undefined);
    assert.ok(this.refusals.count(reason) > before, `nothing is counted as ${reason}`);
    assert.equal(this.taken, taken);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.clients) await client.stop();
    await this.server.stop();
    this.trust.stop();
    this.certs[Symbol.dispose]();
  }
}

export function identity(site: Site, edge: string) {
  const { serial, until: untilText } = site.certs.folder.register().issued.find((entry) => entry.edge === edge)!;
  return { edge, serial, expiresMs: Date.parse(untilText) };
}

export function rawSocket(site: Site, cert: string, key: string, maxVersion: 'TLSv1.2' | 'TLSv1.3' = 'TLSv1.3') {
  return connectTls({ host: '127.0.0.1', port: site.port, cert, key, maxVersion, rejectUnauthorized: false }).on('error', () => {});
}

/** Whether the server says hello to it. */
export function rawAsk(site: Site, cert: string, key: string, maxVersion?: 'TLSv1.2' | 'TLSv1.3'): Promise<'greeted' | 'ended'> {
  const socket = rawSocket(site, cert, key, maxVersion);
  return new Promise((resolve) => {
    socket.once('data', () => {
      resolve('greeted');
      socket.destroy();
    });
    socket.once('close', () => resolve('ended'));
  });
}

export function withoutCertificate(site: Site): Promise<'greeted' | 'ended'> {
  return rawAsk(site, undefined as unknown as string, undefined as unknown as string);
}

export function closedOf(socket: ReturnType<typeof connectPlain>): Promise<void> {
  socket.on('error', () => {});
  socket.resume();
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

/** Waits until the server shows a certificate for this name (undefined: for none). */
export async function nextConnectionSees(site: Site, name: string | undefined): Promise<void> {
  const endMs = systemClock.monotonicMs() + PATIENT_MS;
  for (;;) {
    const socket = connectTls({ host: '127.0.0.1', port: site.port, rejectUnauthorized: false }).on('error', () => {});
    const names = await new Promise<string | undefined>((resolve) => {
      socket.once('secureConnect', () => resolve(socket.getPeerCertificate().subjectaltname));
      socket.once('close', () => resolve(''));
    });
    socket.destroy();
    if (name === undefined ? names === undefined : names?.includes(name) === true) return;
    assert.ok(systemClock.monotonicMs() < endMs, `waited in vain for a certificate of ${name}`);
    await systemClock.sleep(50);
  }
}

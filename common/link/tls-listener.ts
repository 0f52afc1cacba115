/**
 * Mutual TLS in front of an SpLinkServer. A connection is handed over when its certificate was verified and its identity is let in; before
 * that no byte of it reaches the codec. What one address can hold before the handshake is bounded (link-gate.ts), and so is its time.
 *
 * One exception to "refused is ended": a connection whose certificate is ours but revoked or unknown to edges.json is handed over with
 * `refusal` set. It gets one reply, which says who must act, and is ended; nothing it sends is read as a request.
 */
import { constants, type X509Certificate } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { MS_PER_DAY } from '../units.ts';
import { type Clock, type Timer, yieldToEventLoop } from '../clock.ts';
import type { Logger } from '../logger.ts';
import { type Credentials, edgeOf, EXPIRY_WARNING_MS, expiryMs } from './cert-files.ts';
import { ClientHello } from './client-hello.ts';
import type { CloudTrust, Identity } from './cloud-trust.ts';
import type { LinkGate, Meter } from './link-gate.ts';
import type { LinkRefusals, RefusalReason } from './link-refusals.ts';
import type { LinkPeer } from './link.ts';

/** Three round trips of a slow satellite, and a slow edge's signature. */
const HANDSHAKE_MS = 10_000;
/**
 * Within so long all edges meet a new certificate of the cloud: one that has not takes the old one from a thief. They dial again one
 * after the other, at most so far apart.
 */
const RENEW_MS = 30_000;
const RENEW_EACH_MS = 100;
/** Above so many connections without a hello, those are ended that are older than this: an honest edge speaks first and at once. */
export const SILENT_MAX = 512;
const SILENT_CROWDED_MS = 1_000;

/** What to tell a peer that is ours and not let in. */
const WORDS: Partial<Record<RefusalReason, (edge: string) => string>> = {
  revoked: (edge) =>
    `the certificate of edge ${edge} is revoked: if this edge is still to be trusted, the operator of the cloud makes a new bundle ` +
    `(fogline certs edge ${edge}), which takes the place of link.bundle_file here`,
  unknown_edge: (edge) =>
    `the cloud's edges.json does not name edge ${edge}: the operator of the cloud copies the folder of fogline certs there again`,
};

interface Live extends Identity {
  socket: TLSSocket;
}

export interface TlsListenerOptions {
  trust: CloudTrust;
  gate: LinkGate;
  refusals: LinkRefusals;
  clock: Clock;
  logger: Logger;
  handshakeMs?: number;
}

export class TlsListener {
  private readonly options: TlsListenerOptions;
  private readonly peers = new WeakMap<Socket, LinkPeer>();
  private readonly meters = new WeakMap<Socket, Meter>();
  /** What tells the gate that a connection has an identity or is gone, by its remote address and port. */
  private readonly unproved = new Map<string, () => void>();
  /** Handshakes that wait to be begun; the first is being begun. */
  private readonly beginning: (() => void)[] = [];
  /** Ends a connection that has not said hello, since when, the oldest first. */
  private readonly silent = new Map<() => void, number>();
  /** Connections let in, by edge, the oldest first. */
  private readonly live = new Map<string, Set<Live>>();
  /** Ends of connections that were made under an older certificate of the cloud. */
  private renewals: Timer[] = [];
  private readonly warned = new Set<string>();

  constructor(options: TlsListenerOptions) {
    this.options = options;
  }

  /** For SpServerOptions.listener. */
  readonly listen = (onConnection: (socket: Socket) => void): Server => {
    const { trust, gate, refusals, handshakeMs } = this.options;
    // Certificates are judged below, so that a refusal has its reason. No session is resumed: each connection proves itself anew.
    const tls = createTlsServer(
      {
        ...contextOf(trust.credentials),
        requestCert: true,
        rejectUnauthorized: false,
        handshakeTimeout: handshakeMs ?? HANDSHAKE_MS,
      },
      (socket) => this.prove(socket, onConnection),
    );
    tls.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      const reason = error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT' ? 'handshake_time' : 'handshake';
      refusals.add(reason, { remote: socket.remoteAddress, error: error.code ?? error.message });
      socket.destroy();
    });
    let { credentials } = trust;
    const forget = trust.onLook(() => {
      if (!isSame(credentials, trust.credentials)) {
        tls.setSecureContext(contextOf(trust.credentials));
        this.renew();
      }
      credentials = trust.credentials;
      this.endRefused();
    });
    const front = createServer((socket) => {
      const address = socket.remoteAddress;
      if (address === undefined) {
        // It has gone already.
        socket.destroy();
        return;
      }
      const refusal = gate.admitAddress(address);
      if (refusal !== undefined) {
        socket.destroy();
        refusals.add(refusal, { remote: address });
        return;
      }
      socket.on('error', () => {});
      const remote = remoteOf(socket);
      this.unproved.set(remote, () => gate.proved(address));
      socket.once('close', () => this.settle(remote));
      this.awaitHello(socket, () => tls.emit('connection', socket));
    });
    front.on('drop', () => refusals.add('connections'));
    front.once('close', () => {
      forget();
      for (const timer of this.renewals) timer.cancel();
    });
    return front;
  };

  readonly peerOf = (socket: Socket): LinkPeer => this.peers.get(socket) ?? { id: null, remote: '' };

  readonly meterOf = (socket: Socket): Meter | undefined => this.meters.get(socket);

  /**
   * A connection that says nothing costs a socket and no TLS, a third of the memory; and so does one that says something else than the
   * first message of TLS, or not all of it. So two limits of `handshakeMs` follow each other, for this message and for the handshake.
   */
  private awaitHello(socket: Socket, begin: () => void): void {
    const { gate, refusals, clock, handshakeMs } = this.options;
    const remote = socket.remoteAddress;
    const hello = new ClientHello();
    const refuse = (reason: RefusalReason, error?: string) => {
      settle();
      refusals.add(reason, error === undefined ? { remote } : { remote, error });
      socket.destroy();
    };
    const crowdedOut = () => refuse('handshake_time', 'no hello came, and many wait');
    const limit = clock.timer('hello', handshakeMs ?? HANDSHAKE_MS, () => refuse('handshake_time', 'no hello came'));
    const goneEarly = () => refuse('handshake', 'closed before its hello');
    const take = (bytes: Buffer) => {
      const found = hello.push(bytes);
      if (found === 'more') return;
      if (found === 'not') {
        refuse('handshake', 'what it says is not TLS');
        return;
      }
      const refusal = gate.admitHandshake();
      if (refusal !== undefined) {
        refuse(refusal);
        return;
      }
      settle();
      socket.pause();
      this.beginLater(() => {
        if (socket.destroyed) return;
        // TLS takes what was read first.
        socket.unshift(hello.bytes);
        begin();
      });
    };
    const settle = () => {
      limit.cancel();
      this.silent.delete(crowdedOut);
      socket.off('close', goneEarly);
      socket.off('data', take);
    };
    this.silent.set(crowdedOut, clock.monotonicMs());
    this.endOldestSilent();
    socket.once('close', goneEarly);
    socket.on('data', take);
  }

  /** One handshake is begun in a turn of the event loop: however many come at once, who is in is read between two. */
  private beginLater(begin: () => void): void {
    this.beginning.push(begin);
    if (this.beginning.length === 1) void this.beginInTurn();
  }

  private async beginInTurn(): Promise<void> {
    while (this.beginning.length > 0) {
      await yieldToEventLoop();
      this.beginning[0]?.();
      this.beginning.shift();
    }
  }

  private endOldestSilent(): void {
    const sinceMs = this.options.clock.monotonicMs() - SILENT_CROWDED_MS;
    for (const [end, fromMs] of this.silent) {
      if (this.silent.size <= SILENT_MAX || fromMs > sinceMs) return;
      this.silent.delete(end);
      end();
    }
  }

  /** The handshake is done. Nothing was read of the peer beyond it. */
  private prove(socket: TLSSocket, onConnection: (socket: Socket) => void): void {
    const { trust, gate, refusals } = this.options;
    const address = socket.remoteAddress ?? '';
    const remote = remoteOf(socket);
    socket.on('error', () => {});
    const identity = identityOf(socket);
    if (typeof identity === 'string') {
      socket.destroy();
      refusals.add(identity, { remote: address, error: String(socket.authorizationError ?? '') });
      return;
    }
    this.settle(remote);
    const { edge, serial } = identity;
    const untrusted = trust.refusalOf(identity);
    // A revoked certificate must not use up what the edge's new one may take.
    const refusal = gate.admitIdentity(untrusted === undefined ? edge : serial) ?? untrusted;
    if (refusal !== undefined) refusals.add(refusal, { remote: address, edge, serial });
    const words = refusal === undefined ? undefined : WORDS[refusal]?.(edge);
    if (refusal !== undefined && words === undefined) {
      socket.destroy();
      return;
    }
    this.peers.set(socket, words === undefined ? { id: edge, remote } : { id: edge, remote, refusal: words });
    this.meters.set(socket, gate.meter(untrusted === undefined ? edge : serial, address));
    if (words === undefined) this.remember({ ...identity, socket });
    onConnection(socket);
  }

  private settle(remote: string): void {
    this.unproved.get(remote)?.();
    this.unproved.delete(remote);
  }

  private remember(live: Live): void {
    const { gate, refusals } = this.options;
    const { edge, socket } = live;
    const lives = this.live.get(edge) ?? new Set();
    this.live.set(edge, lives.add(live));
    socket.once('close', () => {
      lives.delete(live);
      if (lives.size === 0 && this.live.get(edge) === lives) this.live.delete(edge);
    });
    this.options.trust.letIn(live);
    this.warnOfExpiry(live);
    const [oldest] = lives;
    if (lives.size <= gate.identityOpenMax || oldest === undefined) return;
    lives.delete(oldest);
    oldest.socket.destroy();
    refusals.add('identity_connections', { remote: oldest.socket.remoteAddress, edge });
  }

  /** Whoever is revoked, expired or taken off the list since it was let in. */
  private endRefused(): void {
    const { trust, refusals } = this.options;
    for (const live of [...this.live.values()].flatMap((lives) => [...lives])) {
      const refusal = trust.refusalOf(live);
      if (refusal === undefined) continue;
      live.socket.destroy();
      refusals.add(refusal, { edge: live.edge, serial: live.serial, was: 'connected' });
    }
  }

  /** Whoever is in dials again, and no request is lost: the edge sends it again on its next connection. */
  private renew(): void {
    for (const timer of this.renewals) timer.cancel();
    const lives = [...this.live.values()].flatMap((each) => [...each]);
    const apartMs = Math.min(RENEW_EACH_MS, RENEW_MS / lives.length);
    this.renewals = lives.map(({ socket }, i) => this.options.clock.timer('renewal', i * apartMs, () => socket.destroy()));
  }

  private warnOfExpiry({ edge, serial, expiresMs }: Identity): void {
    const leftMs = expiresMs - this.options.clock.nowMs();
    if (leftMs > EXPIRY_WARNING_MS || this.warned.has(serial)) return;
    this.warned.add(serial);
    const days = Math.floor(leftMs / MS_PER_DAY);
    this.options.logger.warn({ edge, days }, "an edge's certificate expires soon: fogline certs rotate --edge makes a new bundle");
  }
}

function contextOf({ ca, certificate, key }: Credentials) {
  return { ca, cert: certificate, key, minVersion: 'TLSv1.3', secureOptions: constants.SSL_OP_NO_TICKET } as const;
}

function isSame(a: Credentials, b: Credentials): boolean {
  return a.ca === b.ca && a.certificate === b.certificate && a.key === b.key;
}

function remoteOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress}:${remotePort}`;
}

/** Who the peer is, or why that can't be said. */
function identityOf(socket: TLSSocket): Identity | RefusalReason {
  const certificate: X509Certificate | undefined = socket.getPeerX509Certificate();
  if (certificate === undefined) return 'no_certificate';
  if (!socket.authorized || socket.isSessionReused()) return refusalOfCode(String(socket.authorizationError));
  const edge = edgeOf(certificate);
  if (edge === undefined) return 'unusable_certificate';
  return { edge, serial: certificate.serialNumber, expiresMs: expiryMs(certificate) };
}

/** Codes of OpenSSL's verification. */
function refusalOfCode(code: string): RefusalReason {
  if (code === 'CERT_HAS_EXPIRED') return 'expired';
  if (/SELF_SIGNED|UNABLE_TO|CERT_SIGNATURE_FAILURE|CERT_UNTRUSTED/.test(code)) return 'unknown_ca';
  return 'unusable_certificate';
}

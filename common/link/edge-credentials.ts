/**
 * The edge's bundle, and its way to the cloud over TLS. The file is read again before each dial, so a new one takes effect without a
 * restart; one that can't be used leaves the last good one in use. A certificate of the cloud that has been replaced is refused. Says what
 * is wrong, and who must act, once a minute at most.
 */
import { isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import { MS_PER_HOUR } from '../units.ts';
import type { Clock } from '../clock.ts';
import { isoTime } from '../iso-time.ts';
import type { Logger } from '../logger.ts';
import { type Bundle, EXPIRY_WARNING_MS, fromMs, readBundle } from './cert-files.ts';
import { NewestCloud, REPLACED_CODE } from './newest-cloud.ts';

const TOLD_AGAIN_MS = 60_000;
const EXPIRY_TOLD_AGAIN_MS = 24 * MS_PER_HOUR;

export class EdgeCredentials {
  private readonly file: string;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly toldMs = new Map<string, number>();
  private readonly newest: NewestCloud;
  /** Connections whose cloud was verified, and since when its certificate counts. */
  private readonly live = new Map<TLSSocket, number>();
  private held: Bundle;

  /**
   * @param seenFile remembers the newest certificate of the cloud; without it that is as long as this process lives
   * @throws ConfigError for a bundle that is missing, damaged or readable by others, and for a damaged seenFile
   */
  constructor(file: string, clock: Clock, logger: Logger, seenFile?: string) {
    this.file = file;
    this.clock = clock;
    this.logger = logger;
    this.newest = new NewestCloud(seenFile);
    this.newest.load();
    this.held = readBundle(file);
    this.meet(this.held.cloudSinceMs);
  }

  /** As read last. */
  get bundle(): Bundle {
    return this.held;
  }

  /** Opens a connection; its handshake may still be under way. */
  readonly dial = (host: string, port: number): Socket => {
    this.look();
    const { ca, certificate, key } = this.held;
    const name = isIP(host) === 0 ? { servername: host } : {};
    const socket = connect({ host, port, ca, cert: certificate, key, minVersion: 'TLSv1.3', ...name, checkServerIdentity: this.judge });
    let isProved = false;
    let isAnswered = false;
    socket.once('secureConnect', () => {
      isProved = true;
      const since = socket.getPeerX509Certificate();
      if (since === undefined) return;
      this.live.set(socket, fromMs(since));
      this.meet(fromMs(since));
    });
    socket.once('data', () => {
      isAnswered = true;
    });
    socket.once('error', (error: NodeJS.ErrnoException) => this.explain(host, error));
    socket.once('close', () => {
      this.live.delete(socket);
      if (isProved && !isAnswered) this.tell('refused', { host, port }, REFUSED);
    });
    return socket;
  };

  /** Is called when the chain holds, before a byte of ours is sent. */
  private readonly judge = (name: string, peer: PeerCertificate): Error | undefined => {
    const fault = checkServerIdentity(name, peer);
    if (fault !== undefined || !this.newest.isReplaced(Date.parse(peer.valid_from))) return fault;
    return Object.assign(new Error(`certificate ${peer.serialNumber} of the cloud has been replaced`), { code: REPLACED_CODE });
  };

  /** What is older than the newest is ended: the same edge may be led to the cloud with one connection, to a thief with another. */
  private meet(cloudFromMs: number): void {
    try {
      if (!this.newest.meet(cloudFromMs)) return;
    } catch (error) {
      this.tell('not kept', { error: (error as Error).message }, "the cloud's new certificate can't be remembered beyond this process");
    }
    for (const [socket, sinceMs] of this.live) if (this.newest.isReplaced(sinceMs)) socket.destroy();
  }

  private look(): void {
    const { edge } = this.held;
    try {
      const read = readBundle(this.file);
      if (read.edge === edge) {
        this.held = read;
        this.meet(read.cloudSinceMs);
      } else
        this.tell('other edge', { edge, other: read.edge }, 'the bundle is of another edge now: restart this edge, or put its own back');
    } catch (error) {
      this.tell('unreadable', { error: (error as Error).message }, 'the bundle can not be read again: the last good one is used');
    }
    const { expiresMs } = this.held;
    const leftMs = expiresMs - this.clock.nowMs();
    const at = isoTime(expiresMs);
    if (leftMs <= 0) this.tell('expired', { edge, at }, `this edge's certificate has expired: ${NEW_BUNDLE}`);
    else if (leftMs <= EXPIRY_WARNING_MS) {
      this.tell('expires', { edge, at }, `this edge's certificate expires soon: ${NEW_BUNDLE}`, EXPIRY_TOLD_AGAIN_MS);
    }
  }

  private explain(host: string, error: NodeJS.ErrnoException): void {
    const code = error.code ?? '';
    if (code === REPLACED_CODE) {
      this.tell(code, { host, error: error.message }, REPLACED);
    } else if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
      this.tell(
        code,
        { host, error: error.message },
        "the cloud's certificate is not for this name: fogline certs rotate --host NAME there",
      );
    } else if (code === 'CERT_HAS_EXPIRED') {
      this.tell(code, { host }, "the cloud's certificate has expired: its operator runs fogline certs rotate");
    } else if (/CERT|SELF_SIGNED|UNABLE_TO|ISSUER/.test(code)) {
      this.tell(code, { host, code }, 'whoever answers is not the cloud of this bundle: look at link.cloud_host, or ask for a new bundle');
    }
  }

  private tell(what: string, fields: object, message: string, againMs = TOLD_AGAIN_MS): void {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - (this.toldMs.get(what) ?? Number.NEGATIVE_INFINITY) < againMs) return;
    this.toldMs.set(what, nowMs);
    this.logger.error(fields, message);
  }
}

const NEW_BUNDLE = 'the operator of the cloud makes a new bundle (fogline certs rotate --edge ID), which takes the place of the file here';
const REPLACED =
  'whoever answers shows a certificate of the cloud that has been replaced: a thief on the way, or the cloud was given an old cloud.pem; ' +
  'then its operator runs fogline certs rotate';
const REFUSED =
  "the cloud ended the connection after the handshake: it takes this edge's certificate for expired, for another CA's, or for too many; " +
  'its operator finds the reason in its log and in fogline_link_refused_total';

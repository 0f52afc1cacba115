/**
 * The edge's bundle, and its way to the cloud over TLS. The file is read again before each dial, so a new one takes effect without a
 * restart; one that can't be used leaves the last good one in use. Says what is wrong, and who must act, once a minute at most.
 */
import { isIP, type Socket } from 'node:net';
import { connect } from 'node:tls';
import type { Clock } from '../clock.ts';
import { isoTime } from '../iso-time.ts';
import type { Logger } from '../logger.ts';
import { type Bundle, EXPIRY_WARNING_MS, readBundle } from './cert-files.ts';

const TOLD_AGAIN_MS = 60_000;
const EXPIRY_TOLD_AGAIN_MS = 24 * 3_600_000;

export class EdgeCredentials {
  private readonly file: string;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly toldMs = new Map<string, number>();
  private held: Bundle;

  /** @throws ConfigError for a bundle that is missing, damaged or readable by others */
  constructor(file: string, clock: Clock, logger: Logger) {
    this.file = file;
    this.clock = clock;
    this.logger = logger;
    this.held = readBundle(file);
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
    const socket = connect({ host, port, ca, cert: certificate, key, minVersion: 'TLSv1.3', ...name });
    let isProved = false;
    let isAnswered = false;
    socket.once('secureConnect', () => {
      isProved = true;
    });
    socket.once('data', () => {
      isAnswered = true;
    });
    socket.once('error', (error: NodeJS.ErrnoException) => this.explain(host, error));
    socket.once('close', () => {
      if (isProved && !isAnswered) this.tell('refused', { host, port }, REFUSED);
    });
    return socket;
  };

  private look(): void {
    const { edge } = this.held;
    try {
      const read = readBundle(this.file);
      if (read.edge === edge) this.held = read;
      else this.tell('other edge', { edge, other: read.edge }, 'the bundle is of another edge now: restart this edge, or put its own back');
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
    if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
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
const REFUSED =
  "the cloud ended the connection after the handshake: it takes this edge's certificate for expired, for another CA's, or for too many; " +
  'its operator finds the reason in its log and in fogline_link_refused_total';

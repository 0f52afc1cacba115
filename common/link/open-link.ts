/** Chooses the transport of a link. Plaintext leaves this machine only when the operator says so. */
import { isIPv4 } from 'node:net';
import type { Clock } from '../clock.ts';
import { ConfigError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { Random } from '../random.ts';
import type { EdgeCredentials } from './edge-credentials.ts';
import { LinkRefusals } from './link-refusals.ts';
import type { LinkClient, LinkPeer, LinkServer } from './link.ts';
import { openNanomsgLink } from './nanomsg-link.ts';
import { SpLinkClient, SpLinkServer } from './sp-link.ts';
import { TlsListener, type TlsListenerOptions } from './tls-listener.ts';

export interface LinkClientOptions {
  /** auto = nanomsg to loopback where it is installed, else sp. */
  kind: 'auto' | 'nanomsg' | 'sp';
  /** The cloud. */
  host: string;
  port: number;
  clock: Clock;
  random: Random;
  logger: Logger;
  allowPlaintext?: boolean;
  /** Given: mutual TLS, whatever the address. The addon never carries it: any local process may use the guard's port. */
  tls?: EdgeCredentials | undefined;
}

/**
 * @returns a client not yet started
 * @throws ConfigError for plaintext to another machine, or when nanomsg is asked for by name and can't be loaded, or with TLS
 */
export async function openLinkClient(options: LinkClientOptions): Promise<LinkClient> {
  const { kind, host, logger, tls } = options;
  if (tls !== undefined) {
    if (kind === 'nanomsg') throw new ConfigError('link.kind = nanomsg can not carry TLS', 'set link.kind = auto');
    return new SpLinkClient({ ...options, dial: tls.dial, transport: 'sp over TLS' });
  }
  if (!isLoopback(host)) refusePlaintext(`to ${host}`, 'link.cloud_host', options.allowPlaintext);
  const isNanomsgWanted = kind === 'nanomsg' || (kind === 'auto' && isLoopback(host));
  if (!isNanomsgWanted) return new SpLinkClient(options);
  const client = await openNanomsgLink(options);
  if (client !== undefined) return client;
  if (kind === 'nanomsg') {
    throw new ConfigError(
      'link.kind = nanomsg, but the npm package nanomsg can not be loaded',
      'set link.kind = auto, or install python3, make and g++ and run npm ci again (as one Node version compiles it, that one must run it)',
    );
  }
  noticeOnce(logger);
  return new SpLinkClient(options);
}

export interface LinkServerOptions {
  host: string;
  /** 0 = any free one. */
  port: number;
  clock: Clock;
  logger: Logger;
  allowPlaintext?: boolean;
  /** Given: mutual TLS, whatever the address. */
  tls?: Pick<TlsListenerOptions, 'trust' | 'gate'> | undefined;
  /** Counts whoever is refused; TLS needs it. */
  refusals?: LinkRefusals;
}

/**
 * @returns a server not yet started
 * @throws ConfigError for plaintext on an address other machines reach
 */
export function openLinkServer(options: LinkServerOptions): LinkServer {
  const { tls, clock, logger, refusals = new LinkRefusals(clock, logger) } = options;
  const onRefused = ({ id, remote }: LinkPeer, why: string) => refusals.add('frame', { edge: id, remote, why });
  if (tls !== undefined) {
    const { listen, peerOf, meterOf } = new TlsListener({ ...tls, refusals, clock, logger });
    return new SpLinkServer({ ...options, listener: listen, peerOf, meterOf, onRefused });
  }
  if (!isLoopback(options.host)) refusePlaintext(`on ${options.host}`, 'link.listen_host', options.allowPlaintext);
  return new SpLinkServer({ ...options, onRefused });
}

/**
 * The rule of link.tls: `auto` is on where certificates are given, whatever the address.
 * @param given link.certs_dir of a cloud, link.bundle_file of an edge; empty = none
 * @throws ConfigError for `on` without certificates
 */
export function wantsTls(tls: 'auto' | 'on' | 'off', given: string, setting: 'link.certs_dir' | 'link.bundle_file'): boolean {
  if (tls === 'on' && given === '') {
    throw new ConfigError(`link.tls = on, but ${setting} is empty`, `make certificates with fogline certs and name them in ${setting}`);
  }
  return tls !== 'off' && given !== '';
}

/** An address only this machine reaches. Names other than localhost are not looked up: what they mean may change. */
export function isLoopback(host: string): boolean {
  const address = host.toLowerCase().replace(/^::ffff:/, '');
  return address === 'localhost' || address === '::1' || (isIPv4(address) && address.startsWith('127.'));
}

function refusePlaintext(where: string, setting: string, allowPlaintext: boolean | undefined): void {
  if (allowPlaintext === true) return;
  throw new ConfigError(
    `the link ${where} would be plaintext: anybody on the way could read readings and forge acknowledgements`,
    'make certificates (fogline certs init, docs/certificates.md) and name them in link.certs_dir (cloud) and link.bundle_file (edge); ' +
      `or set ${setting} to 127.0.0.1, or link.allow_plaintext = true on a network where everybody is trusted`,
  );
}

let isNoticed = false;

/** An edge opens two links; one notice is enough. */
function noticeOnce(logger: Logger): void {
  if (isNoticed) return;
  isNoticed = true;
  logger.info({}, 'nanomsg is not installed: the link uses the built-in SP transport, which speaks the same bytes');
}

/** Chooses the transport of a link. Plaintext leaves this machine only when the operator says so. */
import { isIPv4 } from 'node:net';
import type { Clock } from '../clock.ts';
import { ConfigError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { Random } from '../random.ts';
import type { LinkClient, LinkServer } from './link.ts';
import { openNanomsgLink } from './nanomsg-link.ts';
import { SpLinkClient, SpLinkServer } from './sp-link.ts';

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
}

/**
 * @returns a client not yet started
 * @throws ConfigError for plaintext to another machine, or when nanomsg is asked for by name and can't be loaded
 */
export async function openLinkClient(options: LinkClientOptions): Promise<LinkClient> {
  const { kind, host, logger } = options;
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
}

/**
 * @returns a server not yet started
 * @throws ConfigError for plaintext on an address other machines reach
 */
export function openLinkServer(options: LinkServerOptions): LinkServer {
  if (!isLoopback(options.host)) refusePlaintext(`on ${options.host}`, 'link.listen_host', options.allowPlaintext);
  return new SpLinkServer(options);
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
    `set ${setting} to 127.0.0.1 (and carry it through a tunnel), or link.allow_plaintext = true on a network where everybody is trusted`,
  );
}

let isNoticed = false;

/** An edge opens two links; one notice is enough. */
function noticeOnce(logger: Logger): void {
  if (isNoticed) return;
  isNoticed = true;
  logger.info({}, 'nanomsg is not installed: the link uses the built-in SP transport, which speaks the same bytes');
}

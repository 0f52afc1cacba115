/** What the settings say of the page's doors, and the first token where one is demanded and there is none. */
import type { Clock } from '../../common/clock.ts';
import type { Config } from '../../common/config.ts';
import { ConfigError } from '../../common/errors.ts';
import { readCloudCredentials, readPair } from '../../common/link/cert-files.ts';
import { isLoopback } from '../../common/link/open-link.ts';
import type { Doors } from './api/doors.ts';
import { TokenFile } from './token-file.ts';

const HOST_NAME = /^[a-z0-9._:-]{1,253}$/;

export interface OpenedDoors {
  doors: Doors;
  /** The gRPC door asks for the same tokens. */
  grpcDemandsToken: boolean;
  /** Makes the first token where one is demanded and there is none: whoever starts the cloud is told it, once. */
  firstToken: () => string | undefined;
  /** What the operator should know; empty when there is nothing. */
  warning: string;
}

/** @throws ConfigError for a name that is none, or a file of tokens that can't be used */
export function openDoors({ cloud }: Pick<Config, 'cloud'>, stateDir: string, clock: Clock): OpenedDoors {
  const tokens = new TokenFile(stateDir, clock);
  const demandsToken = cloud.http_token === 'always' || cloud.http_proxy || !isLoopback(cloud.http_host);
  const grpcDemandsToken = cloud.grpc_port !== null && (cloud.http_token === 'always' || cloud.http_proxy || !isLoopback(cloud.grpc_host));
  const isFirst = (demandsToken || grpcDemandsToken) && tokens.list().length === 0;
  const isPlain = !isLoopback(cloud.http_host);
  return {
    doors: { demandsToken, isBehindProxy: cloud.http_proxy, names: namesOf(cloud.http_names), tokens },
    grpcDemandsToken,
    firstToken: () => (isFirst ? tokens.add().token : undefined),
    warning: isPlain ? `the page listens on ${cloud.http_host} without TLS: tokens can be read on the way` : '',
  };
}

export const TLS_HINT = 'let it listen on 127.0.0.1 behind a proxy with TLS, with cloud.http_proxy = true';

/**
 * Certificate and key of the gRPC door: those of the settings, else the cloud's own of link.certs_dir; undefined for plaintext.
 * @throws ConfigError for a pair that can't be used, and for plaintext beyond loopback that nobody allowed
 */
export function grpcTls({ cloud, link }: Pick<Config, 'cloud' | 'link'>): { certificate: string; key: string } | undefined {
  const { grpc_tls_cert: certFile, grpc_tls_key: keyFile, grpc_host: host } = cloud;
  if ((certFile === '') !== (keyFile === ''))
    throw new ConfigError('of cloud.grpc_tls_cert and cloud.grpc_tls_key one is empty', 'give both, or neither');
  if (certFile !== '') return readPair(certFile, keyFile);
  if (link.certs_dir !== '') return readCloudCredentials(link.certs_dir);
  if (isLoopback(host) || link.allow_plaintext) return undefined;
  throw new ConfigError(
    `gRPC would listen on ${host} without TLS`,
    'set cloud.grpc_tls_cert and cloud.grpc_tls_key, or cloud.grpc_host = 127.0.0.1 (or link.allow_plaintext = true)',
  );
}

function namesOf(text: string): string[] {
  const names = text.split(',').flatMap((name) => (name.trim() === '' ? [] : [name.trim().toLowerCase()]));
  const wrong = names.find((name) => !HOST_NAME.test(name));
  if (wrong === undefined) return names;
  throw new ConfigError(
    `cloud.http_names: ${JSON.stringify(wrong)} is no name of a host`,
    'write for example fogline.example.org, without port',
  );
}

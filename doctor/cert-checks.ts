/** Certificates of the link and of gRPC, where the settings name any: usable, private, and valid for long enough. */
import { MS_PER_DAY } from '../common/units.ts';
import { FOGLINE } from '../common/installation.ts';
import type { Config } from '../common/config.ts';
import { ConfigError } from '../common/errors.ts';
import { EXPIRY_WARNING_MS, readBundle, readCloudCredentials, readEdges, readPair, readRevoked } from '../common/link/cert-files.ts';
import { type Check, missing, ok, warn } from './check.ts';

export function certChecks({ link, cloud }: Config, nowMs: number): Check[] {
  const checks: Check[] = [];
  if (cloud.grpc_port !== null && cloud.grpc_tls_cert !== '') {
    checks.push(
      attempt('grpc cert', () => {
        const { expiresMs } = readPair(cloud.grpc_tls_cert, cloud.grpc_tls_key);
        return expiryCheck('grpc cert', cloud.grpc_tls_cert, expiresMs - nowMs, 'put a new one in its place and start the cloud again');
      }),
    );
  }
  if (link.certs_dir !== '') {
    checks.push(
      attempt('cloud cert', () => {
        const { expiresMs } = readCloudCredentials(link.certs_dir);
        const { edges } = readEdges(link.certs_dir);
        const says = `${Object.keys(edges).length} edges, ${readRevoked(link.certs_dir).length} revoked certificates`;
        return expiryCheck('cloud cert', says, expiresMs - nowMs, `${FOGLINE} certs rotate; no restart is needed`);
      }),
    );
  }
  if (link.bundle_file !== '') {
    checks.push(
      attempt('bundle', () => {
        const { edge, expiresMs } = readBundle(link.bundle_file);
        const remedy = `${FOGLINE} certs rotate --edge ${edge} at the CA; put the file in the place of this one`;
        return expiryCheck('bundle', `edge ${edge}`, expiresMs - nowMs, remedy);
      }),
    );
  }
  return checks;
}

function attempt(name: string, look: () => Check): Check {
  try {
    return look();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return missing(name, error.message, error.remedy);
  }
}

function expiryCheck(name: string, says: string, leftMs: number, remedy: string): Check {
  const days = Math.floor(leftMs / MS_PER_DAY);
  if (leftMs <= 0) return missing(name, `${says}, expired`, remedy);
  return leftMs <= EXPIRY_WARNING_MS ? warn(name, `${says}, ${days} days left`, remedy) : ok(name, `${says}, ${days} days left`);
}

/** Who this edge is and where it finds the cloud: from the settings, or from its bundle. */
import { join } from 'node:path';
import type { Clock } from '../../common/clock.ts';
import type { Config } from '../../common/config.ts';
import { ConfigError } from '../../common/errors.ts';
import { EdgeCredentials } from '../../common/link/edge-credentials.ts';
import { wantsTls } from '../../common/link/open-link.ts';
import type { Logger } from '../../common/logger.ts';
import { SETTINGS } from '../../common/settings.ts';

export interface WayToCloud {
  edge: string;
  host: string;
  heartbeatPort: number;
  dataPort: number;
  /** Undefined: plaintext. */
  credentials?: EdgeCredentials;
}

/** In the edge's folder. */
const SEEN_FILE = 'cloud-certificate.json';

/**
 * A setting that is not at its default counts; else the bundle's. The edge's id is the certificate's.
 * @param folder the edge's, which is there
 * @throws ConfigError for a bundle that can't be used, or another id than its
 */
export function wayToCloud({ edge, link }: Config, folder: string, clock: Clock, logger: Logger): WayToCloud {
  const { cloud_host: host, heartbeat_port: heartbeatPort, data_port: dataPort } = link;
  if (!wantsTls(link.tls, link.bundle_file, 'link.bundle_file')) return { edge: edge.id, host, heartbeatPort, dataPort };
  const credentials = new EdgeCredentials(link.bundle_file, clock, logger, join(folder, SEEN_FILE));
  const { edge: id, cloud } = credentials.bundle;
  if (edge.id !== id && edge.id !== SETTINGS.edge.id.default) {
    throw new ConfigError(
      `edge.id = ${edge.id}, but ${link.bundle_file} is the bundle of edge ${id}`,
      `leave edge.id out, or use the bundle of ${edge.id}`,
    );
  }
  const isDefault = (value: string | number, setting: { default: string }) => String(value) === setting.default;
  return {
    edge: id,
    host: isDefault(host, SETTINGS.link.cloud_host) ? cloud.host : host,
    heartbeatPort: isDefault(heartbeatPort, SETTINGS.link.heartbeat_port) ? cloud.heartbeatPort : heartbeatPort,
    dataPort: isDefault(dataPort, SETTINGS.link.data_port) ? cloud.dataPort : dataPort,
    credentials,
  };
}

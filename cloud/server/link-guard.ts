/** The cloud's ports for edges, and who may speak there: nobody is checked on plaintext, certificates decide with TLS. */
import type { Clock } from '../../common/clock.ts';
import type { Config } from '../../common/config.ts';
import { CloudTrust } from '../../common/link/cloud-trust.ts';
import { LinkGate } from '../../common/link/link-gate.ts';
import { LinkRefusals } from '../../common/link/link-refusals.ts';
import { openLinkServer, wantsTls } from '../../common/link/open-link.ts';
import type { Logger } from '../../common/logger.ts';
import type { Metrics } from '../../common/metrics.ts';

/** @throws ConfigError for plaintext to other machines, or TLS without certificates */
export function openLinkGuard({ link }: Config, clock: Clock, logger: Logger, metrics: Metrics) {
  const refusals = new LinkRefusals(clock, logger);
  refusals.register(metrics);
  const common = { host: link.listen_host, clock, logger, refusals, allowPlaintext: link.allow_plaintext };
  if (!wantsTls(link.tls, link.certs_dir, 'link.certs_dir')) {
    return { refusals, listen: (port: number) => openLinkServer({ ...common, port }) };
  }
  const trust = new CloudTrust({ folder: link.certs_dir, clock, logger });
  trust.register(metrics);
  const throttled = metrics.counter('fogline_link_throttled_total', 'Times that an edge was made to wait for its rate.');
  throttled.add(0);
  /** Each port has a gate of its own: heartbeats are not held up by what the data takes. */
  const listen = (port: number) =>
    openLinkServer({ ...common, port, tls: { trust, gate: new LinkGate(clock, {}, () => throttled.add()) } });
  return { refusals, trust, listen, mayOwn: (edge: string, household: string) => trust.mayOwn(edge, household) };
}

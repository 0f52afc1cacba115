/** Who may speak to this cloud: nobody is checked on plaintext, certificates decide with TLS. */
import type { Clock } from '../../common/clock.ts';
import type { Config } from '../../common/config.ts';
import { CloudTrust } from '../../common/link/cloud-trust.ts';
import { LinkGate } from '../../common/link/link-gate.ts';
import { LinkRefusals } from '../../common/link/link-refusals.ts';
import { wantsTls } from '../../common/link/open-link.ts';
import type { Logger } from '../../common/logger.ts';
import type { Metrics } from '../../common/metrics.ts';

/** @throws ConfigError */
export function openLinkGuard({ link }: Config, clock: Clock, logger: Logger, metrics: Metrics) {
  const refusals = new LinkRefusals(clock, logger);
  refusals.register(metrics);
  if (!wantsTls(link.tls, link.certs_dir, 'link.certs_dir')) return { refusals };
  const trust = new CloudTrust({ folder: link.certs_dir, clock, logger });
  trust.register(metrics);
  const throttled = metrics.counter('fogline_link_throttled_total', 'Times that an edge was made to wait for its rate.');
  throttled.add(0);
  /** For one listener: heartbeats are not held up by what the data takes. */
  const tls = () => ({ trust, gate: new LinkGate(clock, {}, () => throttled.add()), refusals });
  return { refusals, trust, tls, mayOwn: (edge: string, household: string) => trust.mayOwn(edge, household) };
}

/** A process that a service manager watches and whose event loop gets stuck when it is told to by a signal. */
import { systemClock } from '../../common/clock.ts';
import { processEnvironment } from '../../common/config.ts';
import { silentLogger } from '../../common/logger.ts';
import { ServiceManager } from '../../common/service-manager.ts';

new ServiceManager(processEnvironment().manager, systemClock, silentLogger).ready(new AbortController().signal);
process.on('SIGUSR2', () => {
  for (;;);
});
setInterval(() => {}, 1_000);

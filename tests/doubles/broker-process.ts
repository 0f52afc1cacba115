/**
 * Opens an embedded broker, says what it was told of damage, and ends: `node broker-process.ts FOLDER [FAILPOINT[:NTH]]`. Dies by kill -9
 * at the failpoint.
 */
import { QUOTA_BYTES_MIN, EmbeddedBroker } from '../../common/broker/embedded-broker.ts';
import { systemClock } from '../../common/clock.ts';
import { armKill } from '../../common/failpoints.ts';
import { silentLogger } from '../../common/logger.ts';

const [, , folder = '', failpoint] = process.argv;
if (failpoint !== undefined) armKill(failpoint, () => undefined);
const told: object[] = [];
const logger = { ...silentLogger, error: (fields: object) => told.push(fields) };
const broker = new EmbeddedBroker({ folder, quotaBytes: QUOTA_BYTES_MIN, clock: systemClock, logger });
await broker.start();
process.stdout.write(`${JSON.stringify(told)}\n`);
await broker.stop();

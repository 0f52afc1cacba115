/**
 * A process of its own: the production edge server on real files, into whose topic a window of every home is put in even steps, and
 * which says how long its requests took. Its parent sends orders and gets an answer to each.
 */
import { join } from 'node:path';
import { type NewRecord, POWER_TOPIC } from '../../common/broker/broker.ts';
import { EmbeddedBroker } from '../../common/broker/embedded-broker.ts';
import { systemClock } from '../../common/clock.ts';
import { makeFolder } from '../../common/folders.ts';
import { EdgeCredentials } from '../../common/link/edge-credentials.ts';
import { openLinkClient } from '../../common/link/open-link.ts';
import { openLogger } from '../../common/logger.ts';
import { seededRandom } from '../../common/random.ts';
import { encodeMark, encodeReading } from '../../common/topic-codec.ts';
import { EdgeServer } from '../../edge/server/edge-server.ts';
import { ForwardingLink } from './forwarding-link.ts';
import type { HonestAnswer, HonestOptions, HonestOrder } from './honest-process.ts';

const WINDOW_MS = 5_000;
/** 2019-12-24T00:00:00Z */
const BASE_MS = 1_577_145_600_000;
const MS_PER_DAY = 86_400_000;
const LOOK_MS = 20;
/** Of a backlog, in one append. */
const WINDOWS_AT_ONCE = 50;

const options = JSON.parse(process.argv[2] ?? '{}') as HonestOptions;
const logger = openLogger('edge', 'warn');
const random = seededRandom(options.seed);

/** Counts what a request took, and keeps the first payloads for those who replay them. */
class TimedLink extends ForwardingLink {
  durationsMs: number[] = [];
  readonly payloads: string[] = [];

  override async request(payload: Buffer, deadlineMs: number): Promise<Buffer> {
    if (this.payloads.length < options.payloadsKept) this.payloads.push(payload.toString('base64'));
    const fromMs = systemClock.monotonicMs();
    try {
      return await super.request(payload, deadlineMs);
    } finally {
      // One that got no answer took its whole deadline.
      this.durationsMs.push(systemClock.monotonicMs() - fromMs);
    }
  }
}

const tls = options.bundleFile === '' ? undefined : new EdgeCredentials(options.bundleFile, systemClock, logger);
const dial = (port: number) => openLinkClient({ kind: 'sp', host: '127.0.0.1', port, clock: systemClock, random, logger, tls });
const { folder } = options;
makeFolder(join(folder, 'edge'));
const broker = new EmbeddedBroker({ folder: join(folder, 'broker'), quotaBytes: 1 << 30, clock: systemClock, logger });
const dataLink = new TimedLink(await dial(options.dataPort));
const ending = new AbortController();
const server = new EdgeServer({
  edge: options.edge,
  site: '',
  broker,
  topic: { partitions: 1, retentionMs: MS_PER_DAY },
  dataLink,
  heartbeatLink: await dial(options.heartbeatPort),
  clock: systemClock,
  random,
  logger,
  folder: join(folder, 'edge'),
  quotaBytes: 1 << 30,
  windowMs: WINDOW_MS,
  keepMs: MS_PER_DAY,
  idleCloseMs: MS_PER_DAY,
  publishAverages: false,
  heartbeatMs: 1_000,
  heartbeatDeadlineMs: 3_000,
  dataDeadlineMs: 10_000,
});

let windows = options.windowsBefore;
let isProducing = true;

/** The next window of every home, and the mark that closes it. */
function nextWindow(): NewRecord[] {
  const seq = ++windows;
  const timeMs = BASE_MS + seq * WINDOW_MS;
  const reading = (household: string) => ({ household, device: 'meter', src: 'src1', seq, timeMs, values: { power: seq % 1_000 } });
  const records = options.homes.map((home) => ({ key: home, value: encodeReading(reading(home)) }));
  return [...records, { key: null, value: encodeMark({ timeMs: timeMs + WINDOW_MS, run: 'run-1', end: false, last: [] }) }];
}

async function produce(): Promise<void> {
  const { backlogWindows, everyMs } = options;
  for (let left = backlogWindows; left > 0; left -= WINDOWS_AT_ONCE) {
    const batch = Array.from({ length: Math.min(left, WINDOWS_AT_ONCE) }, nextWindow);
    await broker.append(POWER_TOPIC, 0, batch.flat());
  }
  while (!ending.signal.aborted) {
    await systemClock.sleep(everyMs, ending.signal);
    if (isProducing && !ending.signal.aborted) await broker.append(POWER_TOPIC, 0, nextWindow());
  }
}

/** Nothing new comes, and everything is acknowledged. */
async function drained(): Promise<void> {
  isProducing = false;
  while (server.store.outbox.ackedCount !== windows * options.homes.length) await systemClock.sleep(LOOK_MS);
}

async function obey(order: HonestOrder): Promise<HonestAnswer> {
  if (order === 'end') {
    await drained();
    ending.abort();
  }
  const { durationsMs } = dataLink;
  dataLink.durationsMs = [];
  const { parked } = server.status();
  return { windows, durationsMs, payloads: dataLink.payloads, parked };
}

await server.start();
const working = Promise.all([server.run(ending.signal), produce()]);
process.on('message', (order: HonestOrder) => {
  void obey(order).then((answer) => process.send?.(answer));
});
// The parent is gone: so is the reason to be here.
process.on('disconnect', () => process.exit(0));
await working;
await server.stop();
process.disconnect();

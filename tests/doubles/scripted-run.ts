/**
 * `fogline run` with the real supervisor, whose parts are played by this same file: they do what SCRIPTED_PARTS says, a JSON object
 * with an entry per part, e.g. {"edge":"killed_once"}. Without an entry a part is well-behaved.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type ChildEvent, printEvent } from '../../common/child-events.ts';
import type { CommandOptions } from '../../common/command.ts';
import { ConfigError, EXIT, OperatingError } from '../../common/errors.ts';
import { type CommonFlags, runCommand } from '../../common/run-command.ts';
import { main } from '../../supervisor/main.ts';

type Part = 'cloud' | 'edge' | 'simulate' | 'sample';
const script = JSON.parse(process.env['SCRIPTED_PARTS'] ?? '{}') as Partial<Record<Part, string>>;
const RUN_ID = 'run-1';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    config: { type: 'string' },
    set: { type: 'string', multiple: true },
    json: { type: 'boolean' },
    state: { type: 'string' },
    fresh: { type: 'boolean' },
    'exit-when-done': { type: 'boolean' },
  },
});
const subcommand = positionals[0] as Part | 'run';
const flags = values as CommonFlags;
process.exit(await runCommand(flags, [], subcommand === 'run' ? run : (options) => play(subcommand, options)));

function run(options: CommandOptions, { origins }: { origins: Parameters<typeof main>[0]['origins'] }): Promise<number> {
  return main({
    ...options,
    entry: [process.execPath, ...process.execArgv, fileURLToPath(import.meta.url)],
    passedOn: (flags.set ?? []).flatMap((set) => ['--set', set]),
    origins,
    fresh: values.fresh === true,
    exitWhenDone: values['exit-when-done'] === true,
    open: false,
  });
}

async function play(part: Part, options: CommandOptions): Promise<number> {
  process.stderr.write('{"level":"info","msg":"a log record"}\n');
  mkdirSync(options.stateDir, { recursive: true });
  appendFileSync(marker(options, `${part}-starts`), `${process.env['FOGLINE_FAILPOINT'] ?? 'no failpoint'}\n`);
  const behaviour = script[part];
  if (behaviour === 'refuses') throw new ConfigError(`${part} belongs to another data set`, '--fresh keeps the old one aside');
  if (behaviour === 'no_data') throw new OperatingError('DATA_UNREADABLE', 'nothing to read', { retryable: false, hint: 'give data' });
  if (behaviour === 'damaged') throw new OperatingError('STORE_DAMAGED', `${part}.db is damaged`, { retryable: false, hint: 'look at it' });
  if (behaviour === 'unreached') throw new OperatingError('BROKER_UNREACHABLE', 'no Kafka', { retryable: true, hint: 'start it' });
  if (behaviour === 'never_starts') return 1;
  // By somebody who was quicker, on the first ports that were chosen or on any.
  if (behaviour === 'port_always_taken' || (behaviour === 'port_taken' && startsOf(part, options) <= 2))
    throw new OperatingError('PORT_TAKEN', 'a port is taken', { retryable: false, hint: 'stop what listens there' });
  await ready(part, options);
  if (behaviour === 'killed_once' && !existsSync(marker(options, `${part}-was-killed`))) {
    writeFileSync(marker(options, `${part}-was-killed`), '');
    process.kill(process.pid, 'SIGKILL');
  }
  if (part === 'sample' || (part === 'simulate' && behaviour !== 'goes_on')) return behaviour === 'parks' ? EXIT.failed : EXIT.ok;
  if (behaviour === 'does_not_stop') await new Promise(() => {});
  if (!options.signal.aborted) await new Promise((resolve) => options.signal.addEventListener('abort', resolve));
  writeFileSync(marker(options, `${part}-stopped`), `${process.hrtime.bigint()}`);
  return 0;
}

function marker(options: CommandOptions, name: string): string {
  return join(options.stateDir, name);
}

async function ready(part: Part, options: CommandOptions): Promise<void> {
  if (part === 'sample') process.stdout.write(`${JSON.stringify({ event: 'sample', dir: sampleFolder(options) })}\n`);
  if (part === 'cloud') {
    const page = { households: [{ readings: 20 }, { readings: 22 }], nextCursor: null };
    const httpPort = await serve(options.config.cloud.http_port, () => page);
    writeFileSync(marker(options, 'cloud-settings'), JSON.stringify(options.config));
    const { heartbeat_port: heartbeatPort, data_port: dataPort } = options.config.link;
    const { grpc_port: grpcPort } = options.config.cloud;
    const grpc = grpcPort === null ? {} : { grpcPort };
    printEvent({ event: 'ready', part, url: `http://127.0.0.1:${httpPort}`, httpPort, heartbeatPort, dataPort, ...grpc });
  }
  if (part === 'edge') {
    const port = await serve(0, () => edgeStatus(options));
    printEvent({ event: 'ready', part, statusUrl: `http://127.0.0.1:${port}/status`, transport: 'none' });
  }
  if (part === 'simulate') for (const event of replayEvents()) printEvent(event);
  if (part === 'simulate' && script.simulate !== 'goes_on') writeFileSync(marker(options, 'all-arrived'), '');
}

function sampleFolder(options: CommandOptions): string {
  const dir = join(options.stateDir, 'sample');
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'households.json'), '{}');
  return dir;
}

function replayEvents(): ChildEvent[] {
  const t0 = '2019-12-24T00:00:00Z';
  const events: ChildEvent[] = [
    { event: 'ready', part: 'simulate', run: RUN_ID, households: 2, dataLabel: 'synthetic', t0, startSeconds: 0, untilSeconds: 60 },
  ];
  const counts = { published: 42, quarantined: 1 };
  events.push({ event: 'progress', part: 'simulate', simulatedSeconds: 30, untilSeconds: 60, speed: 60, etaSeconds: 1, ...counts });
  const parked = script.simulate === 'parks' ? [{ household: 'h2', reason: 'h2.csv can not be opened' }] : [];
  if (script.simulate !== 'goes_on') events.push({ event: 'finished', part: 'simulate', run: RUN_ID, ...counts, parked });
  return events;
}

function edgeStatus(options: CommandOptions): object {
  const done =
    existsSync(marker(options, 'all-arrived')) &&
    Object.entries(script).every(([part, how]) => how !== 'killed_once' || hasRestarted(part, options));
  const parked = script.edge === 'parks' ? [{ household: 'h1', reason: 'second source' }] : [];
  return {
    queued: 0,
    sent: 0,
    acked: 9,
    parked,
    waitingFor: [],
    runs: [{ run: RUN_ID, ended: done, done }],
    unreadable: 0,
    outboxFull: false,
  };
}

/** A run must not be over before the part that was to be killed is there again. */
function hasRestarted(part: string, options: CommandOptions): boolean {
  return startsOf(part, options) > 1;
}

function startsOf(part: string, options: CommandOptions): number {
  const starts = marker(options, `${part}-starts`);
  return existsSync(starts) ? readFileSync(starts, 'utf8').trim().split('\n').length : 0;
}

function serve(port: number, answer: () => object): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer((_request, response) => response.end(JSON.stringify(answer())));
    server.on('error', reject).listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

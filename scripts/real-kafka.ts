/**
 * A real Kafka broker without docker: one node, its class path from Maven Central, data in a folder. For tests, and by hand:
 *
 *   node --import tsx scripts/real-kafka.ts start DIR PORT   starts it (controller on PORT + 1) and prints its address; more lines of
 *                                                            server.properties may follow, as key=value
 *   node --import tsx scripts/real-kafka.ts stop DIR         stops it cleanly
 *   node --import tsx scripts/real-kafka.ts kill DIR         kill -9; a later start in the same DIR finds its data
 *
 * Needs java (17 or newer) and, until the class path lies in the cache folder, mvn.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, openSync, closeSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../common/clock.ts';
import { processVariables } from '../common/config.ts';

/** Runs on Java 17. */
const KAFKA_VERSION = '4.3.1';
/** Without a binding for slf4j the broker says nothing, not even why it ends. */
const LOGGING_VERSION = '2.25.4';
const COPY_PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
const PATIENT_MS = 120_000;
const STOP_MS = 30_000;
const LOOK_MS = 50;
const HOST = '127.0.0.1';

export interface RealKafkaOptions {
  /** Made if missing; holds settings, logs and data. */
  folder: string;
  /** The controller takes the next one. */
  port: number;
  /** How clients connect; PLAINTEXT unless told. */
  listener?: 'PLAINTEXT' | 'SASL_SSL' | 'SSL';
  /** More lines of server.properties; they win. */
  properties?: Readonly<Record<string, string>>;
  /** More arguments of the format tool, such as `--add-scram`. */
  formatArgs?: readonly string[];
  heapMb?: number;
}

/** False where it can run, else why not. */
export const noKafka: string | false = reasonAgainst();

function reasonAgainst(): string | false {
  const runs = (program: string, argument: string) => spawnSync(program, [argument], { stdio: 'ignore' }).status === 0;
  if (!runs('java', '-version')) return 'java is not installed (package openjdk-17-jre-headless)';
  if (!existsSync(classPathFolder()) && !runs('mvn', '--version')) return 'mvn is not installed (package maven)';
  return false;
}

export class RealKafka {
  private readonly options: RealKafkaOptions;
  private readonly folder: string;

  constructor(options: RealKafkaOptions) {
    this.options = options;
    this.folder = resolve(options.folder);
  }

  get address(): string {
    return `${HOST}:${this.options.port}`;
  }

  /** Also again after stop() or kill(), on the same data. @throws with the end of its log when it does not come up */
  async start(): Promise<void> {
    mkdirSync(this.folder, { recursive: true });
    assert(!isAlive(pidIn(this.folder)), `a broker runs in ${this.folder}`);
    const classPath = join(resolveClassPath(), '*');
    writeFileSync(this.file('server.properties'), this.properties());
    writeFileSync(this.file('log4j2.yaml'), LOGGING);
    const java = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', `-Dlog4j2.configurationFile=${this.file('log4j2.yaml')}`];
    if (!existsSync(this.file('data/meta.properties'))) this.format([...java, '-cp', classPath]);
    writeFileSync(this.file('broker.log'), '');
    const log = openSync(this.file('broker.log'), 'a');
    const heap = [`-Xmx${this.options.heapMb ?? 512}m`, '-Xms64m'];
    const args = [...java, ...heap, '-cp', classPath, 'kafka.Kafka', this.file('server.properties')];
    // Of its own group: a Ctrl-C for the test run lets the test stop it.
    const child = spawn('java', args, { detached: true, stdio: ['ignore', log, log] });
    closeSync(log);
    child.unref();
    assert(child.pid !== undefined, 'java can not be started');
    writeFileSync(this.file('pid'), String(child.pid));
    await this.untilReady(child.pid);
  }

  async stop(): Promise<void> {
    await endProcess(this.folder, 'SIGTERM');
  }

  /** kill -9. What the operating system holds of its files stays. */
  async kill(): Promise<void> {
    await endProcess(this.folder, 'SIGKILL');
  }

  /** Neither answers nor closes a connection. */
  freeze(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  thaw(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  private get pid(): number {
    const pid = pidIn(this.folder);
    assert(pid !== undefined, 'no broker runs');
    return pid;
  }

  private file(name: string): string {
    return join(this.folder, name);
  }

  private properties(): string {
    const { port, listener = 'PLAINTEXT', properties } = this.options;
    const all = { ...propertiesOf(port, listener, this.file('data')), ...properties };
    return `${Object.entries(all)
      .map(([key, value]) => `${key}=${value}`)
      .join('\n')}\n`;
  }

  private format(java: readonly string[]): void {
    const id = randomBytes(16).toString('base64url').replace(/^-/, 'A');
    const args = ['kafka.tools.StorageTool', 'format', '-t', id, '-c', this.file('server.properties'), ...(this.options.formatArgs ?? [])];
    const { status, stdout, stderr } = spawnSync('java', [...java, ...args], { encoding: 'utf8' });
    assert(status === 0, `the data folder can not be formatted: ${stdout}${stderr}`);
  }

  private async untilReady(pid: number): Promise<void> {
    const endMs = systemClock.monotonicMs() + PATIENT_MS;
    for (;;) {
      const log = readFileSync(this.file('broker.log'), 'utf8');
      if (log.includes('Kafka Server started') && (await answers(this.options.port))) return;
      const tail = log.split('\n').slice(-15).join('\n');
      assert(isAlive(pid), `the broker ended while it started:\n${tail}`);
      assert(systemClock.monotonicMs() < endMs, `the broker does not answer:\n${tail}`);
      await systemClock.sleep(LOOK_MS);
    }
  }
}

/** Small, quick to start, and back soon after kill -9: its old session ends after 2 s. */
function propertiesOf(port: number, listener: string, data: string): Record<string, string> {
  const single = ['offsets.topic', 'transaction.state.log', 'share.coordinator.state.topic'];
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@${HOST}:${port + 1}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `${listener}://${HOST}:${port},CONTROLLER://${HOST}:${port + 1}`,
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL,SASL_PLAINTEXT:SASL_PLAINTEXT',
    'inter.broker.listener.name': listener,
    'log.dirs': data,
    'auto.create.topics.enable': 'false',
    ...Object.fromEntries(single.map((topic) => [`${topic}.replication.factor`, '1'])),
    'transaction.state.log.min.isr': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'offsets.topic.num.partitions': '4',
    'num.io.threads': '4',
    'num.network.threads': '2',
    'log.cleaner.dedupe.buffer.size': '16777216',
    'broker.heartbeat.interval.ms': '500',
    'broker.session.timeout.ms': '2000',
  };
}

const LOGGING = `Configuration:
  Appenders:
    Console:
      name: out
      PatternLayout:
        pattern: "%d %p %c{1} %m%n"
  Loggers:
    Root:
      level: WARN
      AppenderRef:
        ref: out
    Logger:
      - name: kafka.server.KafkaRaftServer
        level: INFO
`;

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>fogline</groupId>
  <artifactId>real-kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${KAFKA_VERSION}</version></dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>${LOGGING_VERSION}</version>
    </dependency>
  </dependencies>
</project>
`;

function classPathFolder(): string {
  const cache = processVariables()['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  return join(cache, 'fogline-kafka', KAFKA_VERSION);
}

/** The folder of the jars. Resolved beside its place and renamed: it is there whole or not at all. */
function resolveClassPath(): string {
  const folder = classPathFolder();
  if (existsSync(folder)) return folder;
  const parent = join(folder, '..');
  mkdirSync(parent, { recursive: true });
  const making = mkdtempSync(join(parent, 'making-'));
  const pom = join(making, 'pom.xml');
  const jars = join(making, 'jars');
  writeFileSync(pom, POM);
  const args = ['-q', '-B', '-f', pom, COPY_PLUGIN, '-DincludeScope=runtime', `-DoutputDirectory=${jars}`];
  const { status, stdout, stderr } = spawnSync('mvn', args, { encoding: 'utf8' });
  try {
    assert(status === 0, `mvn can not get Kafka ${KAFKA_VERSION}: ${stdout}${stderr}`);
    if (!existsSync(folder)) renameSync(jars, folder);
  } catch (error) {
    // Another start may have been quicker.
    if (!existsSync(folder)) throw error;
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  return folder;
}

function answers(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, HOST);
    const end = (isOpen: boolean) => {
      socket.destroy();
      done(isOpen);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}

function pidIn(folder: string): number | undefined {
  const path = join(folder, 'pid');
  return existsSync(path) ? Number(readFileSync(path, 'utf8')) : undefined;
}

/** A process that ended but was not yet reaped by us is not alive. */
function isAlive(pid: number | undefined): boolean {
  if (pid === undefined) return false;
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const stat = `/proc/${pid}/stat`;
  return !existsSync(stat) || !/\) Z /.test(readFileSync(stat, 'utf8'));
}

async function endProcess(folder: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const pid = pidIn(folder);
  if (pid === undefined) return;
  if (isAlive(pid)) process.kill(pid, signal);
  const endMs = systemClock.monotonicMs() + STOP_MS;
  while (isAlive(pid)) {
    if (systemClock.monotonicMs() > endMs) process.kill(pid, 'SIGKILL');
    await systemClock.sleep(LOOK_MS);
  }
  rmSync(join(folder, 'pid'), { force: true });
}

async function main([verb, folder, port, ...lines]: readonly string[]): Promise<number> {
  if (verb === 'start' && folder !== undefined && /^\d+$/.test(port ?? '')) {
    const properties = Object.fromEntries(lines.map((line) => [line.split('=', 1)[0]!, line.slice(line.indexOf('=') + 1)]));
    const kafka = new RealKafka({ folder, port: Number(port), properties });
    await kafka.start();
    process.stdout.write(`${kafka.address}\n`);
  } else if (verb === 'stop' && folder !== undefined) await endProcess(resolve(folder), 'SIGTERM');
  else if (verb === 'kill' && folder !== undefined) await endProcess(resolve(folder), 'SIGKILL');
  else {
    process.stderr.write('real-kafka.ts start DIR PORT | stop DIR | kill DIR\n');
    return 2;
  }
  return 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main(process.argv.slice(2));

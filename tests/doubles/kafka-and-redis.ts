/** A real Kafka and a real Redis for the whole way: the settings that use both, what proves that they were used, and the truth. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { POWER_TOPIC } from '../../common/broker/broker.ts';
import { openBroker } from '../../common/broker/open-broker.ts';
import { systemClock } from '../../common/clock.ts';
import { configWith } from '../../common/config.ts';
import { silentLogger } from '../../common/logger.ts';
import { noKafka } from '../../scripts/real-kafka.ts';
import { ensureBuilt } from '../crash/fleet.ts';
import { compareExport, describeComparison, isClean, type Range, trueWindows } from '../truth/truth.ts';
import { writeMeteredData } from '../truth/metered-data.ts';
import type { Report } from './audited-run.ts';
import { noRedis, RedisServer } from './redis-server.ts';
import { TestKafka } from './test-kafka.ts';

const ROOT = join(import.meta.dirname, '../..');
const ENTRY = join(ROOT, 'dist/fogline.js');
export const REAL_DATA = join(ROOT, '../shared/data/gem-house');
const TRUTH_TOOL = join(ROOT, '../shared/tools/truth.py');
export const HOMES = 12;
export const HOUR_SECONDS = 3_600;

/** False where both can run, else why the test is skipped. */
export const notBoth: string | false = noKafka === false ? noRedis : noKafka;

interface AuditedRun {
  /** Of the cloud, when it runs: what it shows is looked at too. */
  url?: string;
  edgeBeganLater?: boolean;
}

export class KafkaAndRedis {
  readonly folder = mkdtempSync(join(tmpdir(), 'fogline-kafka-and-redis-'));
  readonly kafka = new TestKafka();
  readonly redis = new RedisServer();
  private readonly urlFile = join(this.folder, 'redis-url');
  private prefixes = 0;
  private exports = 0;

  async start(): Promise<void> {
    ensureBuilt();
    await this.redis.start();
    writeFileSync(this.urlFile, this.redis.url());
    await this.kafka.start();
  }

  async stop(): Promise<void> {
    await this.redis.stop();
    await this.kafka.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** For topics and keys of one state. */
  newPrefix(): string {
    return `state${++this.prefixes}-`;
  }

  /** `section.key=value` for every part. */
  sets(prefix: string): string[] {
    const settings = { ...this.kafka.settings(prefix), 'redis.url': `file:${this.urlFile}`, 'redis.key_prefix': prefix };
    return Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  }

  /** An hour of twelve households: real ones where they are, else made up. */
  hourOfHomes(): { dataDir: string; range: Range } {
    if (existsSync(REAL_DATA)) return { dataDir: REAL_DATA, range: { untilSeconds: HOUR_SECONDS } };
    const dataDir = join(this.folder, 'made-up');
    // The audit looks at energy registers too, so they must be the integral of the power.
    writeMeteredData(dataDir, { households: HOMES, seconds: HOUR_SECONDS, seed: 12 });
    return { dataDir, range: {} };
  }

  fogline(...args: string[]) {
    return spawnSync(process.execPath, [ENTRY, ...args], { encoding: 'utf8', maxBuffer: 1 << 30, cwd: this.folder });
  }

  /**
   * What the cloud holds is the truth, by our own checker and by the tool that shares nothing with this project.
   * @returns the export
   */
  assertTruth(state: string, dataDir: string, range: Range): string {
    const file = join(this.folder, `export-${++this.exports}.csv`);
    const { status, stderr } = this.fogline('export', '--state', state, '--output', file);
    assert.equal(status, 0, stderr);
    const csv = readFileSync(file, 'utf8');
    const comparison = compareExport(csv, trueWindows(dataDir, range));
    assert.ok(isClean(comparison), describeComparison(comparison));
    if (!existsSync(TRUTH_TOOL)) return csv;
    const limits = range.untilSeconds === undefined ? [] : ['--until', String(range.untilSeconds)];
    const result = spawnSync('python3', [TRUTH_TOOL, 'compare', file, dataDir, ...limits], { encoding: 'utf8' });
    assert.equal(result.status, 0, result.stdout + result.stderr);
    return csv;
  }

  /**
   * `fogline audit` with the same settings as the run says yes, and it has looked into the topic.
   * @param options.edgeBeganLater the edge took over, and holds only what it has shipped itself
   */
  assertAudited(state: string, dataDir: string, prefix: string, { url, edgeBeganLater = false }: AuditedRun = {}): void {
    const args = [...this.sets(prefix).flatMap((set) => ['--set', set]), ...(url === undefined ? [] : ['--url', url])];
    const { status, stdout, stderr } = this.fogline('audit', '--state', state, '--data', dataDir, '--json', ...args);
    assert.equal(status, 0, `${stdout.slice(0, 4_000)}\n${stderr}`);
    const { agrees, run, devices } = JSON.parse(stdout) as Report;
    assert.deepEqual([agrees, run, devices.length], [true, 'ended', HOMES]);
    for (const { household, source, topic, edge, cloud } of devices) {
      assert.ok((source?.readings ?? 0) > 100, household);
      for (const stage of [topic, cloud]) assert.deepEqual(stage, source, household);
      if (edgeBeganLater) assert.ok((edge?.readings ?? 0) < (source?.readings ?? 0), household);
      else assert.deepEqual(edge, source, household);
    }
  }

  /** Records that the Kafka itself says to have of the prefix's power_topic. */
  async recordsInKafka(prefix: string): Promise<number> {
    const broker = openBroker(configWith(this.kafka.settings(prefix)), this.folder, systemClock, silentLogger);
    await broker.start();
    try {
      let records = 0;
      for (let partition = 0; partition < (await broker.partitionCount(POWER_TOPIC)); partition++) {
        const { earliestOffset, endOffset } = await broker.logState(POWER_TOPIC, partition);
        records += endOffset - earliestOffset;
      }
      return records;
    } finally {
      await broker.stop();
    }
  }

  /** Every reading went through the Kafka, and none through the embedded broker. @param readings at least so many */
  async assertThroughKafka(state: string, prefix: string, readings: number): Promise<void> {
    const records = await this.recordsInKafka(prefix);
    assert.ok(readings > 0 && records >= readings, `${records} records in Kafka, ${readings} readings`);
    assert.ok(!existsSync(join(state, 'broker')), 'there is no embedded broker');
  }

  /** The cloud has told Redis of every household, and published. Counts are of the Redis since it started. */
  async assertThroughRedis(prefix: string): Promise<void> {
    const counts = await this.redis.commandCounts();
    for (const name of ['eval', 'publish']) assert.ok((counts.get(name) ?? 0) > 0, `${name} was called`);
    assert.ok((counts.get('hset') ?? 0) >= HOMES, `${counts.get('hset')} calls of hset`);
    const [, keys] = await this.redis.client.scan('0', 'MATCH', `${prefix}*`, 'COUNT', 100_000);
    assert.ok(keys.length > HOMES, `${keys.length} keys of ${prefix}`);
  }
}

/** Readings that a CSV export is made of: the counts of its power windows. */
export function readingsIn(csv: string): number {
  const [head = '', ...lines] = csv.trimEnd().split('\n');
  const [field, count] = ['field', 'count'].map((name) => head.split(',').indexOf(name)) as [number, number];
  return lines.reduce((sum, line) => {
    const cells = line.split(',');
    return cells[field] === 'power' ? sum + Number(cells[count]) : sum;
  }, 0);
}

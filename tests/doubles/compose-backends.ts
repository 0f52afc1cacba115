/**
 * Kafka and Redis of docker-compose.yml, the real ones of this machine, in the networks of the file and with its settings: the variables of
 * Kafka become its properties as its image makes them, the start script of Redis runs as it stands there but for two paths.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Compose, filledIn } from './compose-file.ts';
import type { ComposeNetworks } from './compose-networks.ts';

const KAFKA = fileURLToPath(new URL('../../scripts/real-kafka.ts', import.meta.url));
const TSX = import.meta.resolve('tsx');
const HOST_PORT = '9092';
const PATIENT_MS = 180_000;
const NOT_PROPERTIES = ['KAFKA_HEAP_OPTS', 'KAFKA_LOG_DIRS'];

export class ComposeBackends implements AsyncDisposable {
  readonly password = 'b0a1c2d3e4f5';
  private readonly folder = mkdtempSync(join(tmpdir(), 'fogline-backends-'));
  private readonly compose: Compose;
  private readonly networks: ComposeNetworks;
  private redis: ChildProcess | undefined;

  constructor(compose: Compose, networks: ComposeNetworks) {
    this.compose = compose;
    this.networks = networks;
  }

  async start(): Promise<void> {
    const { environment = {} } = this.compose.services['kafka']!;
    const properties = Object.entries(environment)
      .filter(([name]) => name.startsWith('KAFKA_') && !NOT_PROPERTIES.includes(name))
      .map(([name, value]) => `${name.slice('KAFKA_'.length).toLowerCase().replaceAll('_', '.')}=${value}`);
    await this.kafka('start', HOST_PORT, ...properties);
    await this.startRedis();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kafka('stop');
    const { redis } = this;
    if (redis !== undefined && redis.exitCode === null) {
      const exited = new Promise((resolve) => redis.once('exit', resolve));
      redis.kill('SIGTERM');
      await exited;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async kafka(verb: string, ...more: readonly string[]): Promise<void> {
    const network = `--net=/proc/${await this.networks.attach('kafka')}/ns/net`;
    const args = [network, process.execPath, '--import', TSX, KAFKA, verb, join(this.folder, 'kafka'), ...more];
    const { status, stderr } = spawnSync('nsenter', args, { encoding: 'utf8', timeout: PATIENT_MS });
    assert.equal(status, 0, stderr);
  }

  private async startRedis(): Promise<void> {
    const secret = join(this.folder, 'redis-password');
    writeFileSync(secret, this.password);
    const [shell = '', ...words] = (this.compose.services['redis']?.command ?? []).map((word) =>
      filledIn(word).replaceAll('/run/secrets/redis_password', secret).replace('dir /data', `dir ${this.folder}`),
    );
    const network = `--net=/proc/${await this.networks.attach('redis')}/ns/net`;
    this.redis = spawn('nsenter', [network, shell, ...words], { stdio: ['ignore', 'ignore', 'inherit'] });
  }
}

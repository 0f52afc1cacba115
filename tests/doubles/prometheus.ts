/** A real Prometheus on a free loopback port, and promtool, as Debian's package brings both. Nothing of it stays on the disk. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './free-port.ts';

const PATIENT_MS = 60_000;

/** False where the real one can run, else why the test is skipped. */
export const noPrometheus: string | false = ['prometheus', 'promtool'].every((program) => spawnSync(program, ['--version']).status === 0)
  ? false
  : 'prometheus and promtool are not installed (package prometheus)';

export interface Sample {
  metric: Readonly<Record<string, string>>;
  /** Times in seconds with values as text. */
  values: readonly (readonly [number, string])[];
}

export interface FiringAlert {
  labels: Readonly<Record<string, string>>;
  annotations: Readonly<Record<string, string>>;
  state: 'pending' | 'firing';
}

export interface RuleHealth {
  name: string;
  health: string;
  lastError?: string;
  alerts: FiringAlert[];
}

export interface Target {
  labels: Readonly<Record<string, string>>;
  health: string;
  lastError: string;
}

/** @returns what promtool says, and whether it is content */
export function promtool(...args: readonly string[]): { isGood: boolean; text: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8', timeout: PATIENT_MS });
  return { isGood: status === 0, text: stdout + stderr };
}

export class Prometheus {
  private readonly configFile: string;
  private readonly dataDir: string;
  private child: ChildProcess | undefined;
  private url = '';
  private log = '';

  /** @param folder where its files are written; the caller removes it */
  constructor(folder: string, config: string) {
    mkdirSync(folder, { recursive: true });
    this.configFile = join(folder, 'prometheus.yml');
    this.dataDir = join(folder, 'prometheus-data');
    writeFileSync(this.configFile, config);
  }

  async start(): Promise<void> {
    const address = `127.0.0.1:${await freePort()}`;
    this.url = `http://${address}`;
    const args = [`--config.file=${this.configFile}`, `--storage.tsdb.path=${this.dataDir}`, `--web.listen-address=${address}`];
    const child = spawn('prometheus', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.on('data', (bytes: Buffer) => {
      this.log = (this.log + bytes.toString()).slice(-8_000);
    });
    this.child = child;
    await this.until('it is ready', async () => (await fetch(`${this.url}/-/ready`).catch(() => undefined))?.ok === true);
  }

  /** What a panel would draw of the last `seconds`. @throws with what Prometheus says when it does not take the query */
  async range(query: string, seconds: number, stepSeconds: number): Promise<Sample[]> {
    const end = Math.floor(Date.now() / 1_000);
    const { result } = await this.ask<{ result: Sample[] }>('query_range', { query, start: end - seconds, end, step: stepSeconds });
    return result;
  }

  labelValues(label: string, of: string): Promise<string[]> {
    return this.ask<string[]>(`label/${label}/values`, { 'match[]': of });
  }

  async targets(): Promise<Target[]> {
    return (await this.ask<{ activeTargets: Target[] }>('targets', {})).activeTargets;
  }

  async rules(): Promise<RuleHealth[]> {
    const { groups } = await this.ask<{ groups: { rules: RuleHealth[] }[] }>('rules', {});
    return groups.flatMap(({ rules }) => rules);
  }

  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const endMs = performance.now() + PATIENT_MS;
    while (!(await holds())) {
      assert.equal(this.child?.exitCode, null, `prometheus has ended:\n${this.log}`);
      assert(performance.now() < endMs, `not reached: ${what}\n${this.log}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  async stop(): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await exited;
  }

  private async ask<Answer>(path: string, query: Readonly<Record<string, string | number>>): Promise<Answer> {
    const text = new URLSearchParams(Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]));
    const response = await fetch(`${this.url}/api/v1/${path}?${text}`);
    const reply = (await response.json()) as { status: string; data: Answer; error?: string; warnings?: string[] };
    assert.equal(reply.status, 'success', `${query['query'] ?? path}: ${reply.error}`);
    assert.deepEqual(reply.warnings ?? [], [], String(query['query']));
    return reply.data;
  }
}

/** The command lines of the parts: what `fogline run` adds to the operator's own options. Pure but for looking for files. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { RunOptions } from '../common/command.ts';
import { processVariables } from '../common/config.ts';
import type { ChildPlan } from './child.ts';
import type { PartName } from './child-rules.ts';
import type { ChosenPort } from './ports.ts';

const HOUSEHOLDS_FILE = 'households.json';

/** What the readings of a run come from. */
export type DataOfRun = { kind: 'folder' | 'synthetic'; dir: string } | { kind: 'simulated' };

/**
 * Settings of this run beyond the operator's, as `section.key=value`: ports, and what belongs to the data.
 * @param site a word of this run's own
 */
export function addedSettings(options: RunOptions, ports: readonly ChosenPort[], data: DataOfRun, site: string): string[] {
  const sets = ports.map(({ name, port }) => `${name}=${port}`);
  const isFree = (name: string) => options.origins.get(name)?.origin === 'default';
  // Another run may have found the same ports free: its cloud must not take our rows.
  if (isFree('link.site')) sets.push(`link.site=${site}`);
  // All parts are on this machine, whatever address the bundle names; not the default, which would leave it to the bundle.
  if (isFree('link.cloud_host') && options.config.link.bundle_file !== '') sets.push('link.cloud_host=localhost');
  const codes = data.kind === 'simulated' ? undefined : join(data.dir, HOUSEHOLDS_FILE);
  if (codes !== undefined && isFree('cloud.households_file') && existsSync(codes)) sets.push(`cloud.households_file=${codes}`);
  if (data.kind !== 'folder' && isFree('dashboard.data_label')) sets.push(`dashboard.data_label=${data.kind}`);
  return sets;
}

/**
 * True at the first start of a state on a Kafka: the simulator must say first that its topics hold nothing of another run, before an
 * edge takes that in.
 */
export function mayFindForeignRecords({ config, stateDir }: RunOptions): boolean {
  return config.broker.kind === 'kafka' && !existsSync(join(stateDir, 'simulator', 'identity.json'));
}

/** Ports that all parts must agree on, and the page's. */
export function wishedPorts({ config }: RunOptions) {
  const { cloud, link } = config;
  return [
    { name: 'cloud.http_port', host: cloud.http_host, preferred: cloud.http_port },
    { name: 'link.heartbeat_port', host: link.listen_host, preferred: link.heartbeat_port },
    { name: 'link.data_port', host: link.listen_host, preferred: link.data_port },
  ];
}

/** `node … fogline SUBCOMMAND --state … --json` with the operator's options and these settings. */
export function commandOf(options: RunOptions, subcommand: string, settings: readonly string[]): string[] {
  const sets = settings.flatMap((setting) => ['--set', setting]);
  return [...options.entry, subcommand, '--state', options.stateDir, '--json', ...options.passedOn, ...sets];
}

export function planOf(options: RunOptions, part: PartName, settings: readonly string[]): ChildPlan {
  return {
    part,
    command: commandOf(options, part, settings),
    env: processVariables(),
    logFile: join(options.stateDir, 'logs', `${part}.log`),
    mayFinish: part === 'simulate',
  };
}

/** docker-compose.yml as data, and what we promise of it as rules: each says what it finds wrong, by service. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SETTINGS, type Setting } from '../../common/settings.ts';
import { pythonWith } from './python-with.ts';

export interface ComposeService {
  image: string;
  build?: { context: string; target: string };
  user?: string;
  profiles?: string[];
  restart: string;
  command?: string[];
  entrypoint?: string[];
  working_dir?: string;
  ports?: string[];
  volumes?: string[];
  networks?: string[];
  network_mode?: string;
  environment?: Record<string, string>;
  secrets?: string[];
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test?: string[]; disable?: boolean; interval?: string; retries?: number };
  cap_drop?: string[];
  cap_add?: string[];
  security_opt?: string[];
  privileged?: boolean;
  read_only?: boolean;
  tmpfs?: string[];
  mem_limit?: string;
  cpus?: number;
  pids_limit?: number;
  logging?: { options?: Record<string, string> };
}

export interface Compose {
  services: Record<string, ComposeService>;
  networks: Record<string, unknown>;
  volumes: Record<string, unknown>;
  secrets: Record<string, { file?: string }>;
}

export const COMPOSE_FILE = join(import.meta.dirname, '../../docker-compose.yml');
/** Empty where none has what reads YAML and knows the schema. */
export const COMPOSE_PYTHON = pythonWith('check_jsonschema', 'ruamel.yaml') ?? '';
export const noComposeChecker =
  COMPOSE_PYTHON === '' && 'no Python with check-jsonschema: pip install check-jsonschema, or set FOGLINE_PYTHON';
const TO_JSON = 'import json, sys; from ruamel.yaml import YAML; json.dump(YAML(typ="safe").load(sys.stdin), sys.stdout)';

/** @throws when it is no YAML */
export function parseCompose(yaml = readFileSync(COMPOSE_FILE, 'utf8')): Compose {
  const { status, stdout, stderr } = spawnSync(COMPOSE_PYTHON, ['-c', TO_JSON], { input: yaml, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Compose;
}

/** `${NAME:-default}` as compose fills it in, and `$$` as it hands it on. */
export function filledIn(text: string, variables: Readonly<Record<string, string>> = {}): string {
  return text.replaceAll(/\$\$|\$\{(\w+)(?::-([^}]*))?\}/g, (all, name: string | undefined, otherwise: string | undefined) =>
    name === undefined ? '$' : (variables[name] ?? otherwise ?? `no value for ${all}`),
  );
}

type Rule = (service: ComposeService, name: string, compose: Compose) => string | false;

/**
 * Where a root can't be read-only. Kafka: the image writes its settings into /opt/kafka/config when it starts, beside files that its own
 * tools need.
 */
const WRITES_ITS_ROOT = ['kafka'];
const PINNED = /^[a-z0-9./-]+:\d+\.\d+\.\d+(-[a-z0-9.]+)?(@sha256:[0-9a-f]{64})?$/;
const LOOPBACK_PORT = /^127\.0\.0\.1:\d+:\d+$/;
const SECRET_WORD = /PASS|SECRET|TOKEN|PRIVATE/;
/** Runs once: it must end, so it has nothing that can be healthy. */
const isOnce = ({ restart }: ComposeService) => restart === 'no';
const isOurs = ({ image }: ComposeService) => image.startsWith('fogline');
const mounts = ({ volumes = [] }: ComposeService) =>
  volumes.map((volume) => {
    const [source = '', target = '', mode = ''] = volume.split(':');
    return { source, target, mode };
  });

const RULES: readonly Rule[] = [
  ({ image }) => !PINNED.test(image) && `image ${image} is not pinned`,
  ({ ports = [] }) => ports.some((port) => !LOOPBACK_PORT.test(filledIn(port))) && `a port is not on loopback: ${ports.join(' ')}`,
  ({ cap_drop, cap_add }) => (cap_drop?.join() !== 'ALL' || cap_add !== undefined) && 'keeps rights of root',
  ({ security_opt, privileged }) => (!security_opt?.includes('no-new-privileges:true') || privileged !== undefined) && 'may gain rights',
  ({ mem_limit, cpus, pids_limit, logging }) =>
    (mem_limit === undefined || cpus === undefined || pids_limit === undefined || logging?.options?.['max-size'] === undefined) &&
    'has no limit of memory, cores, processes or log',
  ({ cpus = 0 }) => cpus > 1 && 'wants more cores than every machine has',
  ({ read_only }, name) => (read_only !== true) !== WRITES_ITS_ROOT.includes(name) && 'its root is not as the list of exceptions says',
  (service, name) => ownUser(service, name),
  ({ network_mode, networks }, name) =>
    (network_mode === 'none' ? networks !== undefined : networks === undefined || network_mode !== undefined) && `${name}: which networks?`,
  (service) => isOnce(service) && service.network_mode !== 'none' && 'runs once and reaches a network',
  ({ networks = [] }, _name, { networks: all }) =>
    networks.some((network) => !Object.hasOwn(all, network)) && 'a network that there is not',
  (service, _name, { volumes }) =>
    mounts(service).some(({ source }) => !source.startsWith('./') && !Object.hasOwn(volumes, source)) && 'a volume that there is not',
  (service) => mounts(service).some(({ source, mode }) => source.startsWith('./') && mode !== 'ro') && 'writes into the sources',
  ({ environment = {} }) => secretIn(environment),
  ({ secrets = [] }, _name, { secrets: all }) => secrets.some((secret) => all[secret]?.file === undefined) && 'a secret that is no file',
  (service) => !isOnce(service) && !isChecked(service) && 'no health check',
  ({ depends_on = {} }, _name, { services }) => dependsWrongly(depends_on, services),
  ({ profiles = [], depends_on = {} }, _name, { services }) =>
    Object.keys(depends_on).some((other) => {
      const its = services[other]?.profiles;
      return its !== undefined && !profiles.every((profile) => its.includes(profile));
    }) && 'needs what its profile does not start',
  (service, name, compose) => (isOurs(service) ? unreachable(service, name, compose) : false),
  ({ environment = {} }) => unknownSetting(environment),
];

/** What is wrong with the file, as `service: what`; empty when nothing is. */
export function composeFaults(compose: Compose): string[] {
  const faults = Object.entries(compose.services).flatMap(([name, service]) =>
    RULES.flatMap((rule) => {
      const fault = rule(service, name, compose);
      return fault === false ? [] : [`${name}: ${fault}`];
    }),
  );
  return [...faults, ...sharedFaults(compose)];
}

/** Ours have the image's, Kafka's image has one of its own (appuser). */
function ownUser({ user, image }: ComposeService, name: string): string | false {
  if (user !== undefined) return /^(root|0)(:|$)/.test(user) && 'runs as root';
  return !image.startsWith('fogline:') && name !== 'kafka' && 'runs as root';
}

function secretIn(environment: Record<string, string>): string | false {
  for (const [key, value] of Object.entries(environment)) {
    if (SECRET_WORD.test(key) && !key.endsWith('_FILE')) return `${key} is a secret in the environment`;
    if (/:\/\/[^/]*:[^/]*@/.test(value)) return `${key} has a password in it`;
    if (key.endsWith('_FILE') && SECRET_WORD.test(key) && !value.startsWith('/run/secrets/')) return `${key} is not among the secrets`;
  }
  return false;
}

function isChecked({ healthcheck }: ComposeService): boolean {
  return healthcheck?.disable !== true && (healthcheck?.test?.length ?? 0) > 1 && (healthcheck?.retries ?? 0) > 0;
}

function dependsWrongly(needs: Record<string, { condition: string }>, services: Record<string, ComposeService>): string | false {
  for (const [name, { condition }] of Object.entries(needs)) {
    const other = services[name];
    if (other === undefined) return `depends on ${name}, which is not there`;
    const wanted = isOnce(other) ? 'service_completed_successfully' : 'service_healthy';
    if (condition !== wanted) return `does not wait until ${name} is ${wanted}`;
  }
  return false;
}

/** Every name in a setting is a service with a network in common, and is waited for. */
function unreachable(service: ComposeService, name: string, { services }: Compose): string | false {
  const { environment = {}, networks = [], depends_on = {} } = service;
  for (const key of ['FOGLINE_BROKER_KAFKA_BROKERS', 'FOGLINE_REDIS_URL']) {
    const host = /^(?:redis:\/\/)?([a-z-]+):\d+$/.exec(environment[key] ?? '')?.[1];
    if (host === undefined) continue;
    if (services[host]?.networks?.some((network) => networks.includes(network)) !== true) return `${name} can not reach ${host}`;
    if (depends_on[host] === undefined) return `${name} does not wait for ${host}`;
  }
  return false;
}

function unknownSetting(environment: Record<string, string>): string | false {
  const sections: Readonly<Record<string, Readonly<Record<string, Setting>>>> = SETTINGS;
  const known = new Set(
    Object.entries(sections).flatMap(([section, keys]) => Object.keys(keys).map((key) => `FOGLINE_${section}_${key}`.toUpperCase())),
  );
  const others = ['FOGLINE_STATE_DIR', 'FOGLINE_LOG_LEVEL'];
  const isKnown = (key: string) => known.has(key) || known.has(key.replace(/_FILE$/, '')) || others.includes(key);
  const unknown = Object.keys(environment).find((key) => key.startsWith('FOGLINE_') && !isKnown(key));
  return unknown !== undefined && `${unknown} is no setting`;
}

const EDGES = ['edge', 'demo-edge'];
const CLOUDS = ['cloud', 'demo-cloud'];

/** Edge and cloud meet on the link alone; the edge sees its bundle and neither the cloud's key nor that of the CA. */
function sharedFaults({ services }: Compose): string[] {
  const faults: string[] = [];
  for (const edge of EDGES) {
    for (const cloud of CLOUDS) {
      const shared = (services[edge]?.networks ?? []).filter((network) => services[cloud]?.networks?.includes(network));
      if (shared.join() !== 'link') faults.push(`${edge} and ${cloud} share ${shared.join(' and ') || 'no network'}`);
      const both = mounts(services[edge]!).filter(({ source }) => mounts(services[cloud]!).some((its) => its.source === source));
      if (both.length > 0) faults.push(`${edge} and ${cloud} share a volume`);
    }
  }
  for (const [name, { networks = [] }] of Object.entries(services)) {
    if (networks.includes('link') && ![...EDGES, ...CLOUDS].includes(name)) faults.push(`${name} is on the link's network`);
  }
  for (const [name, service] of Object.entries(services)) {
    for (const { source, mode } of mounts(service).filter((its) => !its.source.startsWith('./'))) {
      if (source.endsWith('ca-key') && !isOnce(service)) faults.push(`${name} sees the key of the CA`);
      if (source.endsWith('certs') && !isOnce(service) && !CLOUDS.includes(name)) faults.push(`${name} sees the cloud's certificate`);
      if (/(certs|bundle)$/.test(source) && !isOnce(service) && mode !== 'ro') faults.push(`${name} may write ${source}`);
    }
  }
  for (const name of [...EDGES, ...CLOUDS])
    if (services[name]?.environment?.['FOGLINE_LINK_TLS'] !== 'on') faults.push(`${name}: no mutual TLS`);
  return faults;
}

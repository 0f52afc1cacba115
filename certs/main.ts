/** `fogline certs init|edge|revoke|rotate|list`: a private CA, the cloud's certificate, edges' bundles. */
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { MS_PER_SECOND } from '../common/units.ts';
import { FOGLINE } from '../common/installation.ts';
import { type Clock, systemClock } from '../common/clock.ts';
import type { CommandOptions } from '../common/command.ts';
import type { Config } from '../common/config.ts';
import { ConfigError, EXIT } from '../common/errors.ts';
import { makeFolder } from '../common/folders.ts';
import { isId } from '../common/ids.ts';
import { isoTime } from '../common/iso-time.ts';
import { bundleText, type Households } from '../common/link/cert-files.ts';
import { readPublicFile, writeNewFile } from '../common/link/private-file.ts';
import { BACKDATED_MS, issue, makeAuthority } from './authority.ts';
import { CaFolder, type RegisterEntry } from './ca-folder.ts';

const DEFAULT_DIR = '.fogline/certs';
const AUTHORITY_DAYS = 20 * 365;
/** More often than this nobody renews by hand; the cloud renews without a restart. */
const CLOUD_DAYS = 397;
const EDGE_DAYS = 730;
const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '::1'];
const HOST = /^[A-Za-z0-9.:_-]{1,253}$/;

export interface CertsOptions extends CommandOptions {
  dir?: string | undefined;
  days?: number | undefined;
  clock?: Clock;
}

export interface CloudCertOptions extends CertsOptions {
  /** Names and addresses under which edges find the cloud. */
  host?: readonly string[] | undefined;
}

export interface EdgeCertOptions extends CertsOptions {
  edge: string;
  out?: string | undefined;
  households?: string | undefined;
  householdsFile?: string | undefined;
  anyHousehold?: boolean | undefined;
  group?: string | undefined;
}

export async function init(options: CloudCertOptions): Promise<number> {
  const folder = folderOf(options);
  const hosts = hostsOf(options.host ?? [hostname()]);
  makeFolder(folder.path);
  folder.create(await makeAuthority(nowOf(options), AUTHORITY_DAYS), hosts);
  await folder.exclusive(() => renewCloud(folder, hosts, options));
  say(options, { folder: folder.path, hosts }, [
    `CA and the cloud's certificate for ${hosts.join(', ')} are in ${folder.path}`,
    `cloud: link.certs_dir = ${folder.path} (on another machine: copy the folder there without private/)`,
    `next: ${FOGLINE} certs edge edge-1 --any-household --out edge-1.pem --dir ${folder.path}`,
  ]);
  return EXIT.ok;
}

/** A bundle for an edge that has none. */
export async function edge(options: EdgeCertOptions): Promise<number> {
  const folder = folderOf(options);
  const name = idOf(options.edge);
  return folder.exclusive(async () => {
    const held = validOf(folder, name, nowOf(options));
    if (held.length > 0) {
      const remedy = `${FOGLINE} certs rotate --edge ${name} makes another, and both hold; ${FOGLINE} certs revoke ${name} ends the old`;
      throw new ConfigError(`edge ${name} has a certificate until ${held[0]?.until}`, remedy);
    }
    refuseExisting(options.out);
    bind(folder, name, options);
    await makeBundle(folder, name, options);
    return EXIT.ok;
  });
}

/** More that an edge's group may own, or another group; no certificate is made. */
export async function allow(options: EdgeCertOptions): Promise<number> {
  const folder = folderOf(options);
  const name = idOf(options.edge);
  return folder.exclusive(async () => {
    if (!Object.hasOwn(folder.edges().edges, name)) throw new ConfigError(`there is no edge ${name}`, `${FOGLINE} certs edge ${name}`);
    const households = householdsOf(options);
    if (households === undefined && options.group === undefined) throw sayWhat(name);
    folder.bind(name, groupOf(folder, name, options), households);
    const { group, households: may, inWords } = mayOwn(folder, name);
    say(options, { edge: name, group, households: may }, [
      `edge ${name} ${inWords}`,
      'a running cloud takes it by itself; what the edge has parked goes on with fogline parked resume there',
    ]);
    return EXIT.ok;
  });
}

export async function revoke(options: CertsOptions & { edge: string; old: boolean }): Promise<number> {
  const folder = folderOf(options);
  const name = idOf(options.edge);
  return folder.exclusive(async () => {
    const held = validOf(folder, name, nowOf(options));
    const ended = options.old ? held.slice(0, -1) : held;
    if (ended.length === 0)
      throw new ConfigError(`edge ${name} has no ${options.old ? 'older ' : ''}certificate to revoke`, `${FOGLINE} certs list`);
    const at = new Date(nowOf(options)).toISOString();
    folder.saveRevoked([...folder.revoked(), ...ended.map(({ serial }) => ({ edge: name, serial, at }))]);
    say(options, { edge: name, serials: ended.map(({ serial }) => serial) }, [
      `${ended.length} of edge ${name}'s certificates revoked; a cloud that reads this folder ends its connections within a minute`,
      'on another machine: copy revoked.json there now',
    ]);
    return EXIT.ok;
  });
}

/**
 * The cloud's new certificate: an edge that has met it refuses the older ones. Or an edge's: its old one holds until it expires, so that an
 * edge which was away is not shut out.
 */
export async function rotate(options: CloudCertOptions & { edge?: string | undefined; out?: string | undefined }): Promise<number> {
  const folder = folderOf(options);
  return folder.exclusive(async () => {
    if (options.edge === undefined) {
      const hosts = options.host === undefined ? folder.register().hosts : hostsOf(options.host);
      await renewCloud(folder, hosts, options);
      say(options, { folder: folder.path, hosts }, [
        `the cloud's new certificate for ${hosts.join(', ')} is in ${folder.path}; a running cloud takes it by itself, edges need nothing`,
        'each edge refuses the old one as soon as it has met the new',
      ]);
      return EXIT.ok;
    }
    const name = idOf(options.edge);
    if (!Object.hasOwn(folder.edges().edges, name)) throw new ConfigError(`there is no edge ${name}`, `${FOGLINE} certs edge ${name}`);
    refuseExisting(options.out);
    await makeBundle(folder, name, { ...options, edge: name });
    return EXIT.ok;
  });
}

export async function list(options: CertsOptions): Promise<number> {
  const folder = folderOf(options);
  const { hosts, issued } = folder.register();
  const revoked = new Set(folder.revoked().map(({ serial }) => serial));
  const { edges, groups } = folder.edges();
  const [nowMs, sinceMs] = [nowOf(options), cloudSinceMs(folder)];
  const stateOf = ({ serial, edge: name, from, until }: RegisterEntry) => {
    if (revoked.has(serial)) return 'revoked';
    if (Date.parse(until) <= nowMs) return 'expired';
    // Edges refuse an older certificate of the cloud as soon as they have met the newest.
    return name === '' && Date.parse(from) < sinceMs ? 'replaced' : 'valid';
  };
  const rows = issued.map((entry) => {
    const state = stateOf(entry);
    const group = entry.edge === '' ? null : (edges[entry.edge] ?? null);
    const may = group === null ? null : groups[group];
    return { ...entry, state, group, households: may === 'any' ? 'any' : (may?.length ?? null) };
  });
  const lines = rows.map(({ edge: name, state, until, serial, group, households }) =>
    [
      name === '' ? 'cloud' : name,
      state,
      `until ${until.slice(0, 10)}`,
      group === null ? hosts.join(',') : `${group}: ${households}`,
      serial,
    ].join('\t'),
  );
  say(options, { folder: folder.path, hosts, certificates: rows }, lines);
  return EXIT.ok;
}

async function renewCloud(folder: CaFolder, hosts: readonly string[], options: CertsOptions): Promise<void> {
  const days = options.days ?? CLOUD_DAYS;
  // Edges take the certificate that begins last, so each begins after the one before, whatever became of this machine's clock.
  const nowMs = Math.max(nowOf(options), cloudSinceMs(folder) + MS_PER_SECOND + BACKDATED_MS);
  if (nowMs - nowOf(options) > BACKDATED_MS) {
    const remedy = 'set the clock of this machine right; if it is right, that certificate must be waited for';
    throw new ConfigError(`the cloud's last certificate begins later than now, at ${isoTime(cloudSinceMs(folder))}`, remedy);
  }
  const issued = await issue(folder.authority(), { role: { kind: 'cloud', hosts }, nowMs, days });
  folder.enter('', issued, hosts);
  folder.saveCloud(issued);
}

/** First moment of the cloud's newest certificate. */
function cloudSinceMs(folder: CaFolder): number {
  const of = folder.register().issued.filter(({ edge: name }) => name === '');
  return Math.max(0, ...of.map(({ from }) => Date.parse(from)));
}

async function makeBundle(folder: CaFolder, name: string, options: EdgeCertOptions): Promise<void> {
  const { config, out, json } = options;
  const authority = folder.authority();
  const issued = await issue(authority, { role: { kind: 'edge', edge: name }, nowMs: nowOf(options), days: options.days ?? EDGE_DAYS });
  folder.enter(name, issued);
  const text = bundleText({ ...issued, ca: authority.certificate, cloud: addressOf(folder, config), cloudSinceMs: cloudSinceMs(folder) });
  const { group, inWords } = mayOwn(folder, name);
  const about = { edge: name, group, serial: issued.serial, until: new Date(issued.untilMs).toISOString() };
  if (out === undefined) {
    process.stdout.write(json ? `${JSON.stringify({ ...about, bundle: text })}\n` : text);
    return;
  }
  writeNewFile(out, text, 0o600);
  say(options, { ...about, file: out }, [
    `bundle of edge ${name} (until ${about.until.slice(0, 10)}) is in ${out}; its key is nowhere else`,
    `edge ${name} ${inWords}`,
    `edge: link.bundle_file = ${out}`,
  ]);
}

function bind(folder: CaFolder, name: string, options: EdgeCertOptions): void {
  const households = householdsOf(options);
  if (households !== undefined || options.group !== undefined) {
    folder.bind(name, groupOf(folder, name, options), households);
    return;
  }
  if (Object.hasOwn(folder.edges().edges, name)) return;
  throw sayWhat(name);
}

/** An edge leaves its group only by word: what its group may own would be lost to it. */
function groupOf(folder: CaFolder, name: string, { group }: EdgeCertOptions): string {
  if (group !== undefined) return idOf(group);
  const { edges } = folder.edges();
  return (Object.hasOwn(edges, name) ? edges[name] : undefined) ?? name;
}

function mayOwn(folder: CaFolder, name: string) {
  const { edges, groups } = folder.edges();
  const group = edges[name] ?? '';
  const households = groups[group] ?? [];
  return {
    group,
    households,
    inWords: `(group ${group}) may own ${households === 'any' ? 'every household' : `${households.length} households`}`,
  };
}

function sayWhat(name: string): ConfigError {
  const remedy = '--households H1,H2, --households-file FILE (one a line), --group NAME of another edge, or --any-household';
  return new ConfigError(`say what edge ${name} may own`, remedy);
}

function householdsOf({ households, householdsFile, anyHousehold }: EdgeCertOptions): Households | undefined {
  if ([households, householdsFile, anyHousehold].filter((given) => given !== undefined).length > 1)
    throw new ConfigError('what the edge may own is said twice', 'give one of --households, --households-file and --any-household');
  if (anyHousehold === true) return 'any';
  const text = householdsFile === undefined ? households : readPublicFile(resolve(householdsFile), 'the list of households');
  const ids = text?.split(/[\s,]+/).filter((id) => id !== '');
  const bad = ids?.find((id) => !isId(id));
  if (bad !== undefined) throw new ConfigError(`${JSON.stringify(bad)} is no household`, 'ids have letters, digits, - and _, up to 128');
  if (ids?.length === 0) throw new ConfigError('the list of households is empty', 'name at least one');
  return ids;
}

function addressOf(folder: CaFolder, { link }: Config) {
  const [host = 'localhost'] = folder.register().hosts;
  return { host, heartbeatPort: link.heartbeat_port, dataPort: link.data_port };
}

/** Neither revoked nor expired, the oldest first. */
function validOf(folder: CaFolder, name: string, nowMs: number): RegisterEntry[] {
  const revoked = new Set(folder.revoked().map(({ serial }) => serial));
  return folder.register().issued.filter((entry) => entry.edge === name && !revoked.has(entry.serial) && Date.parse(entry.until) > nowMs);
}

/** This machine's own names are always among them: a cloud is also asked from where it runs. */
function hostsOf(hosts: readonly string[]): string[] {
  const bad = hosts.find((host) => !HOST.test(host));
  if (bad !== undefined) throw new ConfigError(`${JSON.stringify(bad)} is no name or address`, 'for example --host cloud.example.org');
  return [...new Set([...hosts, ...LOOPBACK_NAMES])];
}

function refuseExisting(out: string | undefined): void {
  if (out !== undefined && existsSync(out))
    throw new ConfigError(`${out} is there already`, 'name a file that is not there: a key is never written over');
}

function idOf(text: string): string {
  if (!isId(text)) throw new ConfigError(`${JSON.stringify(text)} is no id`, 'ids have letters, digits, - and _, up to 128');
  return text;
}

function folderOf({ dir, config }: CertsOptions): CaFolder {
  return new CaFolder(resolve(dir ?? (config.link.certs_dir === '' ? DEFAULT_DIR : config.link.certs_dir)));
}

function nowOf({ clock }: CertsOptions): number {
  return (clock ?? systemClock).nowMs();
}

function say({ json }: CertsOptions, result: object, lines: readonly string[]): void {
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : lines.map((line) => `${line}\n`).join(''));
}

/**
 * The CA's folder: the files that the cloud reads (common/link/cert-files.ts), and in `private/` the CA's key and the register of what was
 * issued. A certificate stands in the register before anybody can have it, so whatever exists can be revoked.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { FOGLINE } from '../common/installation.ts';
import { ConfigError } from '../common/errors.ts';
import {
  CA_FILE,
  CLOUD_FILE,
  type Edges,
  EDGES_FILE,
  type Households,
  readEdges,
  readRevoked,
  type Revocation,
  REVOKED_FILE,
} from '../common/link/cert-files.ts';
import { readPrivateFile, readPublicFile, replaceFile, writeNewFile } from '../common/link/private-file.ts';
import type { Issued } from './authority.ts';

const PRIVATE = 'private';
const KEY_FILE = 'ca.key';
const REGISTER_FILE = 'issued.json';
const LOCK_FILE = 'lock';
const OWNER_ONLY = 0o600;
const FOR_ALL = 0o644;

export interface RegisterEntry {
  /** Edge id; empty for the cloud. */
  edge: string;
  serial: string;
  /** ISO-8601. */
  from: string;
  until: string;
}

export interface Register {
  /** Names and addresses of the cloud, the first for bundles. */
  hosts: readonly string[];
  issued: readonly RegisterEntry[];
}

export class CaFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** @throws ConfigError when a CA is there already */
  create(authority: Issued, hosts: readonly string[]): void {
    const key = this.in(PRIVATE, KEY_FILE);
    if (existsSync(key)) {
      const remedy = `${FOGLINE} certs list shows it, certs rotate renews what it has issued; another CA needs another folder (--dir)`;
      throw new ConfigError(`${this.path} holds a CA already`, remedy);
    }
    mkdirSync(this.in(PRIVATE), { recursive: true, mode: 0o700 });
    writeNewFile(this.in(CA_FILE), authority.certificate, FOR_ALL);
    this.saveEdges({ groups: {}, edges: {} });
    this.saveRevoked([]);
    this.saveRegister({ hosts, issued: [] });
    // Last: with it the CA exists.
    writeNewFile(key, authority.key, OWNER_ONLY);
  }

  /** One command at a time: two would lose each other's entries. */
  async exclusive<T>(work: () => Promise<T>): Promise<T> {
    const lock = this.in(PRIVATE, LOCK_FILE);
    try {
      writeNewFile(lock, `${process.pid}\n`, OWNER_ONLY);
    } catch (cause) {
      if (!(cause instanceof ConfigError)) throw this.noCa(cause);
      throw new ConfigError(`another fogline certs works in ${this.path}`, `wait for it; if none runs, remove ${lock}`, { cause });
    }
    try {
      return await work();
    } finally {
      rmSync(lock, { force: true });
    }
  }

  authority(): Pick<Issued, 'certificate' | 'key'> {
    if (!existsSync(this.in(PRIVATE, KEY_FILE))) throw this.noCa();
    return {
      certificate: readPublicFile(this.in(CA_FILE), "the CA's certificate"),
      key: readPrivateFile(this.in(PRIVATE, KEY_FILE), "the CA's key"),
    };
  }

  register(): Register {
    const path = this.in(PRIVATE, REGISTER_FILE);
    if (!existsSync(path)) throw this.noCa();
    const { v, ...register } = JSON.parse(readFileSync(path, 'utf8')) as Register & { v: number };
    if (v !== 1) throw new ConfigError(`${path} is of another version`, 'use the program that made it');
    return register;
  }

  enter(edge: string, { serial, fromMs, untilMs }: Issued, hosts?: readonly string[]): void {
    const register = this.register();
    const entry = { edge, serial, from: new Date(fromMs).toISOString(), until: new Date(untilMs).toISOString() };
    this.saveRegister({ hosts: hosts ?? register.hosts, issued: [...register.issued, entry] });
  }

  saveCloud({ certificate, key }: Issued): void {
    replaceFile(this.in(CLOUD_FILE), `${certificate}${key}`, OWNER_ONLY);
  }

  edges(): Edges {
    return readEdges(this.path);
  }

  /** Puts the edge into the group; with households they become what the group may own beside what it may already. */
  bind(edge: string, group: string, households: Households | undefined): void {
    const { groups, edges } = this.edges();
    const before = Object.hasOwn(groups, group) ? groups[group] : undefined;
    if (before === undefined && households === undefined) {
      const remedy = 'say what it may own: --households H1,H2, --households-file FILE or --any-household';
      throw new ConfigError(`there is no group ${group}`, remedy);
    }
    const together = households === 'any' || before === 'any' ? 'any' : [...new Set([...(before ?? []), ...(households ?? [])])];
    this.saveEdges({ groups: { ...groups, [group]: together }, edges: { ...edges, [edge]: group } });
  }

  revoked(): Revocation[] {
    return readRevoked(this.path);
  }

  saveRevoked(revoked: readonly Revocation[]): void {
    replaceFile(this.in(REVOKED_FILE), `${JSON.stringify({ v: 1, revoked }, null, 1)}\n`, FOR_ALL);
  }

  private saveEdges(edges: Edges): void {
    replaceFile(this.in(EDGES_FILE), `${JSON.stringify({ v: 1, ...edges }, null, 1)}\n`, FOR_ALL);
  }

  private saveRegister(register: Register): void {
    replaceFile(this.in(PRIVATE, REGISTER_FILE), `${JSON.stringify({ v: 1, ...register }, null, 1)}\n`, OWNER_ONLY);
  }

  private in(...names: string[]): string {
    return join(this.path, ...names);
  }

  private noCa(cause?: unknown): ConfigError {
    return new ConfigError(`${this.path} holds no CA`, `make one with ${FOGLINE} certs init, or name its folder with --dir`, { cause });
  }
}

/**
 * The files of mutual TLS, as `fogline certs` writes them and the link reads them.
 *
 *   FOLDER/ca.pem        the CA's certificate
 *   FOLDER/cloud.pem     the cloud's certificate and key; private
 *   FOLDER/edges.json    {"v":1,"groups":{"G":["H1","H2"] or "any"},"edges":{"edge-1":"G"}}
 *   FOLDER/revoked.json  {"v":1,"revoked":[{"edge":"edge-1","serial":"0A…","at":"2026-…Z"}]}
 *   FOLDER/private/      the CA's key and its register: the cloud does not need them
 *
 * A bundle is one PEM file: `name: value` lines with the cloud's address and age, the edge's certificate, the CA's, the edge's key.
 * Private.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { MS_PER_HOUR } from '../units.ts';
import { ConfigError } from '../errors.ts';
import { isId } from '../ids.ts';
import { isoTime } from '../iso-time.ts';
import { readPrivateFile, readPublicFile } from './private-file.ts';

export const CA_FILE = 'ca.pem';
export const CLOUD_FILE = 'cloud.pem';
export const EDGES_FILE = 'edges.json';
export const REVOKED_FILE = 'revoked.json';
/** Before this is left, everybody concerned is warned. */
export const EXPIRY_WARNING_MS = 30 * 24 * MS_PER_HOUR;

/** A certificate with its key, and whom it trusts. */
export interface Credentials {
  ca: string;
  certificate: string;
  key: string;
  expiresMs: number;
}

export interface Bundle extends Credentials {
  edge: string;
  /** First moment of the cloud's newest certificate when the bundle was made: an older one is not the cloud. 0 = not said. */
  cloudSinceMs: number;
  cloud: { host: string; heartbeatPort: number; dataPort: number };
}

/** What a group may own. */
export type Households = readonly string[] | 'any';

export interface Edges {
  groups: Readonly<Record<string, Households>>;
  /** Group, by edge. */
  edges: Readonly<Record<string, string>>;
}

export interface Revocation {
  edge: string;
  /** Upper-case hex, as node gives it. */
  serial: string;
  /** ISO-8601. */
  at: string;
}

/** The edge id that a certificate names, undefined when it names none or something else beside. */
export function edgeOf(certificate: X509Certificate): string | undefined {
  const match = /^CN=([A-Za-z0-9_-]+)$/.exec(certificate.subject);
  return isId(match?.[1]) ? match[1] : undefined;
}

/** First moment at which it counts, by the CA's clock, a day early. */
export function fromMs(certificate: Pick<X509Certificate, 'validFrom'>): number {
  return Date.parse(certificate.validFrom);
}

export function expiryMs(certificate: X509Certificate): number {
  return Date.parse(certificate.validTo);
}

/** @throws ConfigError */
export function readCloudCredentials(folder: string): Credentials {
  const ca = readPublicFile(join(folder, CA_FILE), "the CA's certificate");
  const path = join(folder, CLOUD_FILE);
  const text = readPrivateFile(path, "the cloud's certificate");
  return { ca: caOf(pemBlocks(ca), join(folder, CA_FILE)), ...pairOf(text, path) };
}

/** A certificate and its key in files of their own, as other programs have them. @throws ConfigError */
export function readPair(certFile: string, keyFile: string): { certificate: string; key: string; expiresMs: number } {
  const certificate = readPublicFile(certFile, 'the certificate');
  const { key, expiresMs } = pairOf(`${certificate}\n${readPrivateFile(keyFile, 'the key')}`, certFile);
  // With what follows the first one: a chain is shown whole.
  return { certificate, key, expiresMs };
}

/** @throws ConfigError */
export function readBundle(path: string): Bundle {
  const text = readPrivateFile(path, "the edge's bundle");
  const pair = pairOf(text, path);
  const ca = caOf(pemBlocks(text), path);
  const edge = edgeOf(new X509Certificate(pair.certificate));
  if (edge === undefined) throw notUsable(path, 'its certificate names no edge');
  const head = new Map([...text.slice(0, text.indexOf('-----BEGIN')).matchAll(/^([a-z_]+): (.*)$/gm)].map((m) => [m[1], m[2]]));
  const [host, heartbeatPort, dataPort] = [head.get('host') ?? '', Number(head.get('heartbeat_port')), Number(head.get('data_port'))];
  if (host === '' || !isPort(heartbeatPort) || !isPort(dataPort)) throw notUsable(path, "the cloud's address is missing in it");
  const since = head.get('cloud_since');
  const cloudSinceMs = since === undefined ? 0 : Date.parse(since);
  if (Number.isNaN(cloudSinceMs)) throw notUsable(path, 'cloud_since in it is no time');
  return { edge, ca, ...pair, cloudSinceMs, cloud: { host, heartbeatPort, dataPort } };
}

export function bundleText({ ca, certificate, key, cloud, cloudSinceMs }: Omit<Bundle, 'edge' | 'expiresMs'>): string {
  const address = `host: ${cloud.host}\nheartbeat_port: ${cloud.heartbeatPort}\ndata_port: ${cloud.dataPort}\n`;
  const head = cloudSinceMs === 0 ? address : `${address}cloud_since: ${isoTime(cloudSinceMs)}\n`;
  return [head, certificate, ca, key].map((block) => `${block.trim()}\n`).join('');
}

/** @throws ConfigError; a file that is not there is not an empty one */
export function readEdges(folder: string): Edges {
  const path = join(folder, EDGES_FILE);
  const { groups, edges } = jsonOf(path, 'the list of edges');
  if (!isRecord(groups) || !isRecord(edges)) throw notUsable(path, 'groups or edges are missing in it');
  for (const [group, households] of Object.entries(groups)) {
    if (!isId(group)) throw notUsable(path, `${JSON.stringify(group)} is no name of a group`);
    if (households !== 'any' && !(Array.isArray(households) && households.every(isId)))
      throw notUsable(path, `what group ${group} may own is neither a list of households nor "any"`);
  }
  for (const [edge, group] of Object.entries(edges)) {
    if (!isId(edge) || typeof group !== 'string' || !Object.hasOwn(groups, group))
      throw notUsable(path, `edge ${JSON.stringify(edge)} is in no group of the file`);
  }
  return { groups, edges } as unknown as Edges;
}

/** @throws ConfigError; a file that is not there is not an empty one */
export function readRevoked(folder: string): Revocation[] {
  const path = join(folder, REVOKED_FILE);
  const { revoked } = jsonOf(path, 'the list of revoked certificates');
  if (!Array.isArray(revoked)) throw notUsable(path, 'the list is missing in it');
  for (const entry of revoked as unknown[]) {
    if (!isRecord(entry) || !isId(entry['edge']) || typeof entry['serial'] !== 'string' || !/^[0-9A-F]+$/.test(entry['serial']))
      throw notUsable(path, `${JSON.stringify(entry)} names no certificate`);
  }
  return revoked as Revocation[];
}

function jsonOf(path: string, what: string): Record<string, unknown> {
  const text = readPublicFile(path, what);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw notUsable(path, 'it is not JSON', cause);
  }
  if (!isRecord(value) || value['v'] !== 1) throw notUsable(path, 'its version is not known');
  return value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65_536;
}

function pemBlocks(text: string): string[] {
  return [...text.matchAll(/-----BEGIN ([A-Z ]+)-----[\s\S]*?-----END \1-----/g)].map(([block]) => `${block}\n`);
}

/** The first certificate and its key. */
function pairOf(text: string, path: string): { certificate: string; key: string; expiresMs: number } {
  const blocks = pemBlocks(text);
  const certificate = blocks.find((block) => block.includes('BEGIN CERTIFICATE'));
  const key = blocks.find((block) => block.includes('PRIVATE KEY'));
  if (certificate === undefined || key === undefined) throw notUsable(path, 'certificate or key are missing in it');
  try {
    const parsed = new X509Certificate(certificate);
    if (!parsed.checkPrivateKey(createPrivateKey(key))) throw new Error('the key is not that of the certificate');
    return { certificate, key, expiresMs: expiryMs(parsed) };
  } catch (cause) {
    throw notUsable(path, (cause as Error).message, cause);
  }
}

function caOf(blocks: readonly string[], path: string): string {
  try {
    const all = blocks.filter((block) => block.includes('BEGIN CERTIFICATE')).filter((block) => new X509Certificate(block).ca);
    if (all.length === 0) throw new Error("no CA's certificate is in it");
    return all.join('');
  } catch (cause) {
    throw notUsable(path, (cause as Error).message, cause);
  }
}

function notUsable(path: string, why: string, cause?: unknown): ConfigError {
  return new ConfigError(`${path} can't be used: ${why}`, 'make it again with fogline certs, or copy it again whole', { cause });
}

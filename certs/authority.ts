/** Makes certificates. The one door to `@peculiar/x509`; keys come from node's own webcrypto. Keeps nothing and writes nothing. */
import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';
import { MS_PER_DAY } from '../common/units.ts';

/** P-256: every TLS library takes it; NNG's peers (mbedTLS) have no Ed25519 (docs/decisions/0012-…). */
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
/** An edge's clock may be behind ours. */
export const BACKDATED_MS = MS_PER_DAY;
const SERIAL_BYTES = 16;

export interface Issued {
  /** PEM. */
  certificate: string;
  /** PEM, PKCS #8. */
  key: string;
  /** Upper-case hex. */
  serial: string;
  fromMs: number;
  untilMs: number;
}

export interface Wish {
  /** `cloud`: may be served under these names and addresses. `edge`: may ask as this edge. Neither can do the other's. */
  role: { kind: 'cloud'; hosts: readonly string[] } | { kind: 'edge'; edge: string };
  nowMs: number;
  days: number;
}

export async function makeAuthority(nowMs: number, days: number): Promise<Issued> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const times = timesOf(nowMs, days);
  const serial = newSerial();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serial,
      // A name of its own: two CAs are never taken for each other.
      name: `CN=Fogline CA ${serial.slice(0, 8)}`,
      ...times.dates,
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return { certificate: `${certificate.toString('pem')}\n`, key: await keyText(keys), serial, ...times.span };
}

/** @param authority as makeAuthority gave it */
export async function issue(authority: Pick<Issued, 'certificate' | 'key'>, { role, nowMs, days }: Wish): Promise<Issued> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const ca = new x509.X509Certificate(authority.certificate);
  const der = Buffer.from(authority.key.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const signingKey = await webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
  const times = timesOf(nowMs, days);
  const serial = newSerial();
  const isCloud = role.kind === 'cloud';
  const extensions = [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([isCloud ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth], true),
    await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
    await x509.AuthorityKeyIdentifierExtension.create(ca.publicKey, false, webcrypto),
    ...(isCloud
      ? [new x509.SubjectAlternativeNameExtension(role.hosts.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })))]
      : []),
  ];
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: serial,
      subject: isCloud ? 'CN=fogline cloud' : `CN=${role.edge}`,
      issuer: ca.subject,
      ...times.dates,
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey,
      extensions,
    },
    webcrypto,
  );
  return { certificate: `${certificate.toString('pem')}\n`, key: await keyText(keys), serial, ...times.span };
}

function timesOf(nowMs: number, days: number) {
  // Certificates count whole seconds.
  const [fromMs, untilMs] = [nowMs - BACKDATED_MS, nowMs + days * MS_PER_DAY].map((ms) => Math.floor(ms / 1_000) * 1_000) as [
    number,
    number,
  ];
  return { dates: { notBefore: new Date(fromMs), notAfter: new Date(untilMs) }, span: { fromMs, untilMs } };
}

/** Positive and without leading zeros, so that it is written alike everywhere. */
function newSerial(): string {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes[0] = 0x40 | ((bytes[0] ?? 0) & 0x3f);
  return bytes.toString('hex').toUpperCase();
}

async function keyText({ privateKey }: { privateKey: webcrypto.CryptoKey }): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', privateKey)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${(der.match(/.{1,64}/g) ?? []).join('\n')}\n-----END PRIVATE KEY-----\n`;
}

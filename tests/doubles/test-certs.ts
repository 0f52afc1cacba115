/** A CA in a folder of its own, with certificates good and bad. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { issue, type Issued, makeAuthority } from '../../certs/authority.ts';
import { CaFolder } from '../../certs/ca-folder.ts';
import { systemClock } from '../../common/clock.ts';
import { bundleText, type Households } from '../../common/link/cert-files.ts';

const YEAR_DAYS = 365;
const DAY_MS = 86_400_000;

export interface TestCerts extends Disposable {
  /** For link.certs_dir. */
  dir: string;
  folder: CaFolder;
  /** The file of a new bundle; the edge is let in unless `isNamed` is false. */
  bundle(
    edge: string,
    wish?: { ageDays?: number; days?: number; households?: Households; isNamed?: boolean; cloudSinceMs?: number },
  ): Promise<string>;
  /** A bundle that says the same and comes from another CA; it trusts ours. */
  foreignBundle(edge: string): Promise<string>;
  /** A bundle with another's certificate and key and the rest as in a good one. */
  withPair(name: string, pair: Pick<Issued, 'certificate' | 'key'>): string;
  /** Of the cloud's newest certificate. */
  cloudFromMs(): number;
  renewCloud(wish?: { hosts?: string[]; ageDays?: number; days?: number }): Promise<Issued>;
  /** All certificates of the edge. */
  revoke(edge: string): void;
  /** In the folder that is removed at the end. */
  path(name: string): string;
}

export async function testCerts(): Promise<TestCerts> {
  const top = mkdtempSync(join(tmpdir(), 'fogline-certs-'));
  const dir = join(top, 'ca');
  const folder = new CaFolder(dir);
  const nowMs = systemClock.nowMs();
  const authority = await makeAuthority(nowMs, YEAR_DAYS);
  folder.create(authority, ['127.0.0.1']);
  let files = 0;
  const cloud = { host: '127.0.0.1', heartbeatPort: 63_270, dataPort: 63_271 };
  let newestFromMs = 0;
  const withPair = (name: string, pair: Pick<Issued, 'certificate' | 'key'>, cloudSinceMs = 0): string => {
    const path = join(top, `${name}-${++files}.pem`);
    writeFileSync(path, bundleText({ ...pair, ca: authority.certificate, cloud, cloudSinceMs }), { mode: 0o600 });
    return path;
  };
  const certs: TestCerts = {
    dir,
    folder,
    withPair,
    async bundle(edge, { ageDays = 0, days = YEAR_DAYS, households = 'any', isNamed = true, cloudSinceMs = 0 } = {}) {
      if (isNamed) folder.bind(edge, edge, households);
      const issued = await issue(authority, { role: { kind: 'edge', edge }, nowMs: nowMs - ageDays * DAY_MS, days });
      folder.enter(edge, issued);
      return withPair(edge, issued, cloudSinceMs);
    },
    cloudFromMs: () => newestFromMs,
    async foreignBundle(edge) {
      const other = await makeAuthority(nowMs, YEAR_DAYS);
      return withPair(edge, await issue(other, { role: { kind: 'edge', edge }, nowMs, days: YEAR_DAYS }));
    },
    async renewCloud({ hosts = ['localhost', '127.0.0.1', '::1'], ageDays = 0, days = YEAR_DAYS } = {}) {
      const issued = await issue(authority, { role: { kind: 'cloud', hosts }, nowMs: nowMs - ageDays * DAY_MS, days });
      folder.saveCloud(issued);
      newestFromMs = issued.fromMs;
      return issued;
    },
    revoke(edge) {
      const at = new Date(systemClock.nowMs()).toISOString();
      const ended = folder.register().issued.filter((entry) => entry.edge === edge);
      folder.saveRevoked([...folder.revoked(), ...ended.map(({ serial }) => ({ edge, serial, at }))]);
    },
    path: (name) => join(top, name),
    [Symbol.dispose]: () => rmSync(top, { recursive: true, force: true }),
  };
  await certs.renewCloud();
  return certs;
}

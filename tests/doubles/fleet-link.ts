/** Settings of a fleet's link, by its kind; with TLS on a CA, a cloud's certificate and an edge's bundle of their own. */
import { type TestCerts, testCerts } from './test-certs.ts';

/** `auto` is what a plaintext link on this machine is when nobody chooses. */
export type LinkKind = 'auto' | 'sp' | 'nanomsg' | 'tls';

const EDGE = 'edge-1';

export class FleetLink implements Disposable {
  /** For FleetOptions.sets. */
  readonly sets: readonly string[];
  /** The edge's bundle, undefined on plaintext. */
  readonly bundleFile: string | undefined;
  private readonly certs: TestCerts | undefined;

  private constructor(sets: readonly string[], bundleFile?: string, certs?: TestCerts) {
    this.sets = sets;
    this.bundleFile = bundleFile;
    this.certs = certs;
  }

  static async of(kind: LinkKind): Promise<FleetLink> {
    if (kind !== 'tls') return new FleetLink([`link.kind=${kind}`]);
    const certs = await testCerts();
    const bundleFile = await certs.bundle(EDGE);
    return new FleetLink([`link.certs_dir=${certs.dir}`, `link.bundle_file=${bundleFile}`], bundleFile, certs);
  }

  /** Removes the certificates. */
  [Symbol.dispose](): void {
    this.certs?.[Symbol.dispose]();
  }
}

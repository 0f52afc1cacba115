/**
 * The newest certificate of the cloud that this edge has met, and that no older one is taken again. A certificate's first moment is signed
 * by the CA and grows with each `fogline certs rotate`; so to rotate is to shut out whoever has stolen the one before, as soon as an
 * edge has met the new one. Kept in a file: an edge that is started anew knows it still.
 */
import { existsSync } from 'node:fs';
import { ConfigError } from '../errors.ts';
import { isoTime } from '../iso-time.ts';
import { readPublicFile, replaceFile } from './private-file.ts';

export const REPLACED_CODE = 'ERR_CLOUD_CERT_REPLACED';
const FOR_ALL = 0o644;

export class NewestCloud {
  private readonly file: string | undefined;
  private heldMs = 0;

  /** @param file undefined: kept as long as this process lives */
  constructor(file: string | undefined) {
    this.file = file;
  }

  /** @throws ConfigError for a file that can't be read: it is not taken for none */
  load(): void {
    if (this.file === undefined || !existsSync(this.file)) return;
    const text = readPublicFile(this.file, "what is known of the cloud's certificates");
    const fromMs = Date.parse(/^\{"v":1,"newestFrom":"([0-9TZ:.-]+)"\}\n$/.exec(text)?.[1] ?? '');
    if (Number.isNaN(fromMs)) {
      const remedy = "put a copy back, or remove it when the cloud's certificate has not been stolen: the next one met begins it anew";
      throw new ConfigError(`${this.file} can't be used: it does not say which certificate of the cloud is the newest`, remedy);
    }
    this.heldMs = Math.max(this.heldMs, fromMs);
  }

  /** First moment of the newest, 0 when none was met. */
  get fromMs(): number {
    return this.heldMs;
  }

  isReplaced(certificateFromMs: number): boolean {
    return certificateFromMs < this.heldMs;
  }

  /**
   * One was met that the CA has signed, or a bundle has named it.
   * @returns true when it is newer than all before
   * @throws what writing throws; it counts all the same, as long as this process lives
   */
  meet(certificateFromMs: number): boolean {
    if (certificateFromMs <= this.heldMs) return false;
    this.heldMs = certificateFromMs;
    if (this.file !== undefined) replaceFile(this.file, `{"v":1,"newestFrom":"${isoTime(certificateFromMs)}"}\n`, FOR_ALL);
    return true;
  }
}

/**
 * Reads a zip archive entry by entry, of any size. The one door to yauzl.
 *
 * What does not happen: no entry is unpacked to the disk, so its name can lead nowhere; no entry ends without its size and checksum
 * having been compared.
 */
import { type Entry, openPromise, type ZipFile } from 'yauzl';
import { OperatingError } from '../../common/errors.ts';

export interface ZipEntry {
  name: string;
  /** Unpacked. */
  bytes: number;
  read(): AsyncIterable<Buffer>;
}

export interface ZipArchive {
  /** Without folders. */
  entries: readonly ZipEntry[];
  close(): void;
}

/** @throws OperatingError DATA_UNREADABLE for what is no zip archive, or is encrypted */
export async function openZip(path: string): Promise<ZipArchive> {
  try {
    const zip = await openPromise(path, { autoClose: false });
    const entries: ZipEntry[] = [];
    for await (const entry of zip.eachEntry()) {
      if (entry.fileName.endsWith('/')) continue;
      if (entry.isEncrypted()) throw new Error(`${entry.fileName} is encrypted`);
      entries.push({ name: entry.fileName, bytes: entry.uncompressedSize, read: () => readEntry(path, zip, entry) });
    }
    return { entries, close: () => zip.close() };
  } catch (cause) {
    throw damaged(path, cause);
  }
}

async function* readEntry(path: string, zip: ZipFile, entry: Entry): AsyncGenerator<Buffer> {
  let checksum = 0;
  try {
    const stream = await zip.openReadStreamPromise(entry);
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      checksum = crc32(chunk, checksum);
      yield chunk;
    }
    if (checksum !== entry.crc32) throw new Error('its checksum is wrong');
  } catch (cause) {
    throw damaged(`${path}, ${entry.fileName}`, cause);
  }
}

function damaged(what: string, cause: unknown): OperatingError {
  return new OperatingError('DATA_UNREADABLE', `${what} can not be unpacked: ${(cause as Error).message}`, {
    retryable: false,
    hint: 'download it again; unpack an encrypted one yourself and name the folder',
    cause,
  });
}

const CRC_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** The checksum of zip, going on from the one before. Node has its own from version 22 on. */
function crc32(bytes: Buffer, before: number): number {
  let value = ~before;
  for (let i = 0; i < bytes.length; i++) value = (value >>> 8) ^ (CRC_TABLE[(value ^ (bytes[i] as number)) & 0xff] as number);
  return ~value >>> 0;
}

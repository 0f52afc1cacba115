/**
 * Frames of mosaik's protocol: four bytes of length, the highest first, then that many bytes of UTF-8. Pure.
 *
 * A frame that announces more than is allowed is refused at its header: nothing of it is kept.
 */

/** Bytes of one message. A step of 100,000 entities with 10 values each stays below it. */
export const FRAME_BYTES_MAX = 256 * 1024 * 1024;

const HEADER_BYTES = 4;

export class FrameError extends Error {
  override readonly name = 'FrameError';
}

export function frameOf(text: string): Buffer {
  const bytes = Buffer.byteLength(text);
  if (bytes > FRAME_BYTES_MAX) throw new FrameError(`a message of ${bytes} bytes is not sent, ${FRAME_BYTES_MAX} are allowed`);
  const frame = Buffer.allocUnsafe(HEADER_BYTES + bytes);
  frame.writeUInt32BE(bytes, 0);
  frame.write(text, HEADER_BYTES);
  return frame;
}

/** Cuts what arrives into messages. */
export class FrameReader {
  private readonly bytesMax: number;
  private chunks: Buffer[] = [];
  private bytes = 0;
  /** Bytes of the frame at hand with its header; undefined until the header is there. */
  private frameBytes: number | undefined;

  constructor(bytesMax = FRAME_BYTES_MAX) {
    this.bytesMax = bytesMax;
  }

  /** @returns the texts that are complete now. @throws FrameError for one that is too long; the reader is of no use afterwards */
  push(chunk: Buffer): string[] {
    this.chunks.push(chunk);
    this.bytes += chunk.length;
    const texts: string[] = [];
    if (this.bytes < (this.frameBytes ?? HEADER_BYTES)) return texts;
    const all = this.chunks.length === 1 ? chunk : Buffer.concat(this.chunks, this.bytes);
    let at = 0;
    for (;;) {
      this.frameBytes = all.length - at < HEADER_BYTES ? undefined : HEADER_BYTES + this.checked(all.readUInt32BE(at));
      if (this.frameBytes === undefined || all.length - at < this.frameBytes) break;
      texts.push(all.toString('utf8', at + HEADER_BYTES, at + this.frameBytes));
      at += this.frameBytes;
    }
    this.bytes = all.length - at;
    this.chunks = this.bytes === 0 ? [] : [all.subarray(at)];
    return texts;
  }

  /** Undefined between two frames, else how much of the frame at hand is there. */
  get unfinished(): string | undefined {
    if (this.bytes === 0) return undefined;
    const whole = this.frameBytes === undefined ? `${HEADER_BYTES} of its length` : String(this.frameBytes);
    return `${this.bytes} bytes of ${whole}`;
  }

  private checked(bytes: number): number {
    if (bytes <= this.bytesMax) return bytes;
    this.chunks = [];
    throw new FrameError(`a frame of ${bytes} bytes is announced, ${this.bytesMax} are allowed`);
  }
}

/**
 * Whether a stranger's first bytes begin a TLS handshake, told before TLS sees them: a TLS connection that comes to nothing costs ten times
 * what it costs to end a socket, and its memory. Pure; keeps what has come until the first message is whole.
 */

/** Content type, version, length; then the message's type and length. */
const RECORD_HEAD_BYTES = 5;
const HEAD_BYTES = RECORD_HEAD_BYTES + 4;
const HANDSHAKE_RECORD = 0x16;
const VERSION_MAJOR = 3;
const CLIENT_HELLO = 1;
/** Version, random, and the shortest of each list. */
const HELLO_BYTES_MIN = 2 + 32 + 1 + 2 + 2 + 1 + 1;
/** Edges say some 300 bytes, with keys of the newest kinds 1,800. The message must be in one record, as everybody sends it. */
const RECORD_BYTES_MAX = 4_096;

export class ClientHello {
  private held: Buffer = Buffer.alloc(0);
  private pieces: Buffer[] = [];
  private length = 0;

  /** Everything that has come, in order. */
  get bytes(): Buffer {
    if (this.pieces.length > 0) this.held = Buffer.concat([this.held, ...this.pieces.splice(0)]);
    return this.held;
  }

  /** `whole`: TLS may begin. `not`: it never will; nothing more is kept. */
  push(chunk: Buffer): 'more' | 'whole' | 'not' {
    this.pieces.push(chunk);
    this.length += chunk.length;
    // Joined only when it matters: one who sends single bytes must not have all of them copied each time.
    if (this.held.length < HEAD_BYTES) void this.bytes;
    const wantedBytes = recordBytes(this.held);
    if (wantedBytes === undefined) return 'not';
    return this.length >= wantedBytes ? 'whole' : 'more';
  }
}

/** How long the record is that begins so, as far as that can be told; undefined when it is no client's hello. */
function recordBytes(head: Buffer): number | undefined {
  const [type, major, , , , message] = head;
  if (type !== HANDSHAKE_RECORD || (major ?? VERSION_MAJOR) !== VERSION_MAJOR) return undefined;
  if ((message ?? CLIENT_HELLO) !== CLIENT_HELLO) return undefined;
  if (head.length < HEAD_BYTES) return HEAD_BYTES;
  const recordLength = head.readUInt16BE(3);
  const helloLength = head.readUIntBE(RECORD_HEAD_BYTES + 1, 3);
  const isPlausible = recordLength <= RECORD_BYTES_MAX && helloLength >= HELLO_BYTES_MIN && helloLength + 4 <= recordLength;
  return isPlausible ? RECORD_HEAD_BYTES + recordLength : undefined;
}

/**
 * Kafka's Metadata request, version 10: brokers, leaders, and the id of a topic, which changes when the topic is deleted and
 * made again. kafkajs speaks it up to version 6, without the id; so it is laid out here and sent over kafkajs' connection.
 */
import assert from 'node:assert/strict';

export interface Address {
  host: string;
  port: number;
}

export interface TopicView {
  /** 32 hex digits. */
  id: string;
  /** Leader of each partition, undefined while there is none. */
  leaders: (number | undefined)[];
}

export interface ClusterView {
  brokers: ReadonlyMap<number, Address>;
  controller: number;
  /** Undefined when there is no such topic. */
  topic: TopicView | undefined;
}

/** What kafkajs sends and how it reads the answer. */
export interface ProtocolRequest<T> {
  request: { apiKey: number; apiVersion: number; apiName: string; encode(): Promise<{ buf: Buffer; buffer: Buffer }> };
  response: { decode(payload: Buffer): Promise<T>; parse(decoded: T): Promise<T> };
}

export const METADATA_KEY = 3;
export const METADATA_VERSION = 10;

/** Kafka's numbers of errors. */
const UNKNOWN_TOPIC = 3;
const LEADER_NOT_AVAILABLE = 5;
const NO_ID = '0'.repeat(32);

/** Errors of the topic are thrown by Kafka's number, as `kafkaErrorCode`. */
export function metadataRequest(topic: string): ProtocolRequest<ClusterView> {
  const bytes = encode(topic);
  return {
    request: {
      apiKey: METADATA_KEY,
      apiVersion: METADATA_VERSION,
      apiName: 'Metadata',
      encode: async () => ({ buf: bytes, buffer: bytes }),
    },
    response: { decode: async (payload) => decodeMetadata(payload, topic), parse: async (view) => view },
  };
}

/** Begins with the tags of the request's header: this version's is the flexible one. */
function encode(topic: string): Buffer {
  const name = Buffer.from(topic);
  assert(name.length < 127, 'the length has one byte');
  const headerTags = [0];
  const topics = [2, ...Buffer.alloc(16), name.length + 1, ...name, 0];
  const [autoCreate, clusterOperations, topicOperations, tags] = [0, 0, 0, 0];
  return Buffer.from([...headerTags, ...topics, autoCreate, clusterOperations, topicOperations, tags]);
}

export function decodeMetadata(payload: Buffer, topic: string): ClusterView {
  const reader = new Reader(payload);
  reader.tags();
  reader.skip(4);
  const brokers = new Map<number, Address>();
  reader.array(() => {
    const node = reader.int32();
    brokers.set(node, { host: reader.text(), port: reader.int32() });
    reader.text();
    reader.tags();
  });
  reader.text();
  const controller = reader.int32();
  const [found] = reader.array(() => topicOf(reader, topic));
  return { brokers, controller, topic: found };
}

function topicOf(reader: Reader, wanted: string): TopicView | undefined {
  const error = reader.int16();
  const name = reader.text();
  const id = reader.take(16).toString('hex');
  reader.skip(1);
  const leaders: (number | undefined)[] = [];
  reader.array(() => {
    const partitionError = reader.int16();
    const partition = reader.int32();
    const leader = reader.int32();
    leaders[partition] = partitionError === 0 && leader >= 0 ? leader : undefined;
    reader.skip(4);
    for (let i = 0; i < 3; i++) reader.array(() => reader.int32());
    reader.tags();
  });
  reader.skip(4);
  reader.tags();
  assert(name === wanted, `asked for the topic ${wanted}, told of ${name}`);
  if (error === UNKNOWN_TOPIC) return undefined;
  if (error !== 0 && error !== LEADER_NOT_AVAILABLE) throw new TopicRefused(topicErrorName(error), wanted);
  assert(id !== NO_ID, 'this Kafka gives topics no id');
  return { id, leaders };
}

function topicErrorName(error: number): string {
  if (error === 29) return 'TOPIC_AUTHORIZATION_FAILED';
  if (error === 17) return 'INVALID_TOPIC_EXCEPTION';
  return `error ${error}`;
}

class TopicRefused extends Error {
  override readonly name = 'TopicRefused';
  readonly type: string;
  constructor(type: string, topic: string) {
    super(`${type} for the topic ${topic}`);
    this.type = type;
  }
}

/** Kafka's compact layout: lengths are varints, one too high, 0 for null. */
class Reader {
  private readonly bytes: Buffer;
  private at = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  skip(count: number): void {
    this.at += count;
  }

  take(count: number): Buffer {
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  int16(): number {
    return this.take(2).readInt16BE();
  }

  int32(): number {
    return this.take(4).readInt32BE();
  }

  varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.take(1).readUInt8();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }

  text(): string {
    return this.take(Math.max(0, this.varint() - 1)).toString();
  }

  array<T>(read: () => T): T[] {
    return Array.from({ length: Math.max(0, this.varint() - 1) }, read);
  }

  tags(): void {
    for (let left = this.varint(); left > 0; left--) {
      this.varint();
      this.skip(this.varint());
    }
  }
}

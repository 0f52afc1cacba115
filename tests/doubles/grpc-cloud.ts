/** The gRPC door of a running cloud on a free loopback port, and clients of it as anybody makes them: from the files of proto/. */
import { join } from 'node:path';
import {
  type ChannelCredentials,
  type ClientReadableStream,
  credentials,
  loadPackageDefinition,
  type Metadata,
  type ServiceClientConstructor,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { GrpcServer } from '../../cloud/server/grpc/grpc-server.ts';
import { PROTO_DIR } from '../../cloud/server/grpc/proto-files.ts';
import { type CloudOptions, type RunningCloud, runCloud } from './running-cloud.ts';

export type Message = Record<string, unknown>;
export type Stream = ClientReadableStream<Message>;
type Call = (request: object, metadata?: Metadata | object, options?: object) => Stream;
export interface Clients {
  readData: Call;
  listHouseholds: Call;
  readSeries: Call;
  tailWindows: Call;
  close(): void;
}

export interface GrpcCloud extends RunningCloud {
  grpc: GrpcServer;
  grpcPort: number;
  clients(more?: { credentials?: ChannelCredentials; options?: object }): Clients;
}

export async function runGrpcCloud(
  options: CloudOptions,
  { demandsToken = false, tls }: { demandsToken?: boolean; tls?: { certificate: string; key: string } } = {},
): Promise<GrpcCloud> {
  const cloud = await runCloud(options);
  const grpc = new GrpcServer({ parts: cloud.api.parts, demandsToken, tls });
  const grpcPort = await grpc.start('127.0.0.1', 0);
  const open: Clients[] = [];
  return {
    ...cloud,
    grpc,
    grpcPort,
    clients(more) {
      const its = clientsOf(`localhost:${grpcPort}`, more);
      open.push(its);
      return its;
    },
    async stop() {
      for (const its of open) its.close();
      await grpc.stop();
      await cloud.stop();
    },
  };
}

function clientsOf(address: string, more: { credentials?: ChannelCredentials; options?: object } = {}): Clients {
  const definition = loadSync(['meterusage.proto', 'fogline/v1/fogline.proto'], {
    longs: Number,
    defaults: true,
    includeDirs: [PROTO_DIR],
  });
  const made = ['meterusage.MeterUsage', 'fogline.v1.HouseholdService', 'fogline.v1.SeriesService'].map((name) => {
    const words = name.split('.');
    let at = loadPackageDefinition(definition) as unknown as Record<string, unknown>;
    for (const word of words.slice(0, -1)) at = at[word] as Record<string, unknown>;
    const Service = at[words.at(-1) as string] as ServiceClientConstructor;
    return new Service(address, more.credentials ?? credentials.createInsecure(), more.options ?? {});
  });
  const [usage, households, series] = made.map((its) => its as unknown as Record<string, Call>);
  const call = (its: Record<string, Call> | undefined, name: string): Call => ((its ?? {})[name] as Call).bind(its);
  return {
    readData: call(usage, 'ReadData'),
    listHouseholds: call(households, 'ListHouseholds'),
    readSeries: call(series, 'ReadSeries'),
    tailWindows: call(series, 'TailWindows'),
    close: () => made.forEach((its) => its.close()),
  };
}

/** Everything that the stream brings. Rejects with its error. */
export async function all(stream: Stream): Promise<Message[]> {
  const messages: Message[] = [];
  for await (const message of stream) messages.push(message as Message);
  return messages;
}

/** Path of the proto files, for who makes code of them. */
export function protoPath(name: string): string {
  return join(PROTO_DIR, name);
}

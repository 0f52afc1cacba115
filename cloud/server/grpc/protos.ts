/** The definitions of the services, read from proto/ beside this file: what clients download is what is served. */
import type { ServiceDefinition } from '@grpc/grpc-js';
import { loadSync, type MessageTypeDefinition, type PackageDefinition } from '@grpc/proto-loader';
import { protoPath as HEALTH_PROTO } from 'grpc-health-check';
import { PROTO_DIR, PROTO_NAMES } from './proto-files.ts';

/** Times and counts are below 2^53. */
const OPTIONS = { longs: Number, enums: String, defaults: true, oneofs: true } as const;

export interface Protos {
  meterUsage: ServiceDefinition;
  households: ServiceDefinition;
  series: ServiceDefinition;
  /** What reflection tells of: our services and health. */
  reflected: PackageDefinition;
  /** A problem as the bytes of grpc-status-details-bin. */
  statusDetails(code: number, message: string, problem: { type: string; status: number; detail: string }): Buffer;
}

export function loadProtos(): Protos {
  const ours = loadSync([...PROTO_NAMES], { ...OPTIONS, includeDirs: [PROTO_DIR] });
  const reflected = loadSync([...PROTO_NAMES, HEALTH_PROTO], { ...OPTIONS, includeDirs: [PROTO_DIR] });
  const rpc = loadSync('google/rpc/status.proto', { ...OPTIONS, includeDirs: [PROTO_DIR] });
  const problemType = ours['fogline.v1.Problem'] as MessageTypeDefinition<object, object>;
  const statusType = rpc['google.rpc.Status'] as MessageTypeDefinition<object, object>;
  return {
    meterUsage: ours['meterusage.MeterUsage'] as ServiceDefinition,
    households: ours['fogline.v1.HouseholdService'] as ServiceDefinition,
    series: ours['fogline.v1.SeriesService'] as ServiceDefinition,
    reflected,
    statusDetails: (code, message, problem) => {
      const value = problemType.serialize(problem);
      return statusType.serialize({ code, message, details: [{ type_url: 'type.googleapis.com/fogline.v1.Problem', value }] });
    },
  };
}

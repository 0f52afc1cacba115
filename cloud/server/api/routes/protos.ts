/** GET /api/protos/…: the definitions of the gRPC services, of which clients make their code. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ApiRoute } from '../api-route.ts';
import { PROTO_DIR, PROTO_NAMES } from '../../grpc/proto-files.ts';

export const PROTO_ROUTES: readonly ApiRoute[] = PROTO_NAMES.map((name) => ({
  path: `/api/protos/${name}`,
  operationId: `getProto_${name.replaceAll(/[^a-z0-9]/g, '_')}`,
  group: 'Operations',
  summary: `Definition of the gRPC services in ${name}, to make a client of`,
  replies: { 'text/plain': null },
  example: `/api/protos/${name}`,
  handler: () => (_request, response) => {
    response.type('text/plain').send(readFileSync(join(PROTO_DIR, name), 'utf8'));
  },
}));

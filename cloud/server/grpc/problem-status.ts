/** A problem of the API as a gRPC status: the same type, words and cause. */
import { Metadata, type ServerErrorResponse, status } from '@grpc/grpc-js';
import { asProblem, type Problem, problemType } from '../api/problem.ts';
import type { Protos } from './protos.ts';

/** Codes that say more than their HTTP status does. */
const CODE_OF_KIND: Readonly<Record<string, status>> = {
  damaged: status.DATA_LOSS,
  forgotten: status.OUT_OF_RANGE,
  busy: status.RESOURCE_EXHAUSTED,
  'too-many-requests': status.RESOURCE_EXHAUSTED,
};
const CODE_OF_STATUS: Readonly<Record<number, status>> = {
  400: status.INVALID_ARGUMENT,
  401: status.UNAUTHENTICATED,
  404: status.NOT_FOUND,
  503: status.UNAVAILABLE,
};

export function codeOf({ kind, status: its }: Problem): status {
  return CODE_OF_KIND[kind] ?? CODE_OF_STATUS[its] ?? status.INTERNAL;
}

/** With the problem in grpc-status-details-bin. A bug's words stay in the log. */
export function statusOf(error: unknown, protos: Protos): { problem: Problem; reply: Partial<ServerErrorResponse> & { code: status } } {
  const problem = asProblem(error);
  const code = codeOf(problem);
  const details = problem.message;
  const metadata = new Metadata();
  const its = { type: problemType(problem.kind), status: problem.status, detail: details };
  metadata.set('grpc-status-details-bin', protos.statusDetails(code, details, its));
  return { problem, reply: { code, details, metadata } };
}

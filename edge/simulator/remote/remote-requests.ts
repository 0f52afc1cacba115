/** Answers what a simulator at the other end asks the world for, with the names of failures that mosaik's users know. */
import { CosimError, type CosimErrorCode } from '../cosim/errors.ts';
import { isPromise, type MaybePromise, type OutputRequest, type Requests } from '../cosim/simulator.ts';
import { PythonFloat } from './python-json.ts';
import type { IncomingRequest } from './remote-channel.ts';
import { isObject } from './remote-meta.ts';

/** By the code of a refusal. */
const FAILURE_NAMES: Readonly<Partial<Record<CosimErrorCode, string>>> = {
  ENTITY_UNKNOWN: 'KeyError',
  ASYNC_NOT_CONNECTED: 'AsyncRequestsNotConnectedError',
  ASYNC_NOT_ENABLED: 'AsyncRequestsNotEnabledError',
};

/** The code of a refusal that somebody else's world names so. */
export function refusalCodeOf(failureName: string): CosimErrorCode {
  const known = Object.entries(FAILURE_NAMES).find(([, name]) => name === failureName);
  return known === undefined ? 'REQUEST_REFUSED' : (known[0] as CosimErrorCode);
}

class BadArguments extends Error {}

export function answerRequest(request: IncomingRequest, requests: Requests): void {
  const failed = (error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    const hint = error instanceof CosimError ? `what to do: ${error.hint}` : '';
    request.fail(failureName(error, request), message, hint);
  };
  try {
    const result = resultOf(request, requests);
    if (isPromise(result)) result.then((value) => request.succeed(value), failed);
    else request.succeed(result ?? null);
  } catch (error) {
    failed(error);
  }
}

function resultOf(request: IncomingRequest, requests: Requests): MaybePromise<unknown> {
  const { call } = request;
  switch (call) {
    case 'get_progress':
      return asFloat(requests.progress());
    case 'get_related_entities':
      return relatedEntities(argument(request, 'entities'), requests);
    case 'get_data':
      return requests.getData(objectOf(argument(request, 'attrs'), call) as OutputRequest);
    case 'set_data':
      return requests.setData(objectOf(argument(request, 'data'), call) as Parameters<Requests['setData']>[0]);
    case 'set_event':
      return requests.setEvent(argument(request, 'event_time') as number);
    default:
      throw new BadArguments(`there is no request ${call}`);
  }
}

/** mosaik's is a float, also where it is whole. */
function asFloat(value: MaybePromise<number>): MaybePromise<PythonFloat> {
  return isPromise(value) ? value.then((its) => new PythonFloat(its)) : new PythonFloat(value);
}

/** Of all, of one, or of each of some. */
function relatedEntities(asked: unknown, requests: Requests): MaybePromise<unknown> {
  if (asked === undefined || asked === null) return requests.relatedGraph();
  if (typeof asked === 'string') {
    const related = requests.relatedTo([asked]);
    return isPromise(related) ? related.then((its) => its[asked]) : related[asked];
  }
  if (Array.isArray(asked) && asked.every((id) => typeof id === 'string')) return requests.relatedTo(asked);
  throw new BadArguments('get_related_entities wants nothing, a full id, or a list of them');
}

function argument({ args, named }: IncomingRequest, name: string): unknown {
  return args.length > 0 ? args[0] : named[name];
}

function objectOf(value: unknown, call: string): object {
  if (!isObject(value)) throw new BadArguments(`${call} wants an object`);
  for (const inner of Object.values(value)) {
    const isFit = call === 'get_data' ? Array.isArray(inner) : isObject(inner) && Object.values(inner).every(isObject);
    if (!isFit) throw new BadArguments(`${call} got ${JSON.stringify(value).slice(0, 100)}, which is not of the form it wants`);
  }
  return value;
}

function failureName(error: unknown, { call, args }: IncomingRequest): string {
  if (error instanceof BadArguments) return 'TypeError';
  if (!(error instanceof CosimError)) return 'SimulationError';
  if (call === 'set_event' && error.code === 'REQUEST_REFUSED')
    return typeof args[0] === 'number' ? 'EventInNonRealTimeModeError' : 'TypeError';
  return FAILURE_NAMES[error.code] ?? 'SimulationError';
}

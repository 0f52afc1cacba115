/** Answers what a simulator at the other end asks the world for, with the names of failures that mosaik's users know. */
import { CosimError } from '../cosim/errors.ts';
import { isPromise, type MaybePromise, type OutputRequest, type Requests } from '../cosim/simulator.ts';
import type { IncomingRequest } from './remote-channel.ts';
import { isObject } from './remote-meta.ts';

class BadArguments extends Error {}

export function answerRequest(request: IncomingRequest, sid: string, requests: Requests): void {
  const failed = (error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    const hint = error instanceof CosimError ? `what to do: ${error.hint}` : '';
    request.fail(failureName(error, request, sid, requests), message, hint);
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
      return requests.progress();
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

function failureName(error: unknown, { call, args }: IncomingRequest, sid: string, requests: Requests): string {
  if (error instanceof BadArguments) return 'TypeError';
  if (!(error instanceof CosimError) || error.code !== 'REQUEST_REFUSED') return 'SimulationError';
  if (call === 'set_event') return typeof args[0] === 'number' ? 'EventInNonRealTimeModeError' : 'TypeError';
  if (call !== 'get_data' && call !== 'set_data') return 'KeyError';
  const asked = sidsIn(call, args[0]);
  const graph = requests.relatedGraph();
  if (isPromise(graph)) return 'AsyncRequestsNotConnectedError';
  const known = new Set(Object.values(graph.nodes).map((node) => node.sid));
  if ([...asked].some((its) => !known.has(its))) return 'KeyError';
  const isConnected = graph.edges.some(([a, b]) => {
    const [from, to] = [sidOf(a), sidOf(b)];
    return (from === sid && asked.has(to)) || (to === sid && asked.has(from));
  });
  return isConnected ? 'AsyncRequestsNotEnabledError' : 'AsyncRequestsNotConnectedError';
}

function sidsIn(call: string, argument: unknown): Set<string> {
  const ids =
    call === 'get_data'
      ? Object.keys(argument as object)
      : Object.values(argument as object).flatMap((dests) => Object.keys(dests as object));
  return new Set(ids.map(sidOf));
}

function sidOf(fullId: string): string {
  return fullId.split('.', 1)[0] as string;
}

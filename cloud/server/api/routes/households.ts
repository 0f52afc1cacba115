/** GET /api/v1/households: who reports, in pages. GET /api/v1/households/:id and …/devices: one of them. */
import { z } from 'zod';
import { isoTime } from '../../../../common/iso-time.ts';
import { FIELD_UNITS } from '../../../../common/units.ts';
import type { Bucket, HouseholdRow } from '../../storage/series-store.ts';
import type { ApiParts } from '../api-parts.ts';
import type { ApiRoute } from '../api-route.ts';
import type { DeviceField, DevicesReply, HouseholdDetailReply, HouseholdReply, HouseholdsReply } from '../api-types.ts';
import type { HouseholdPower } from '../figures.ts';
import { checkKnown } from '../known.ts';
import { badParameters, cursorOf, encodeCursor, id, LIMIT_DEFAULT, limit, linkNext, pathWord, readQuery } from '../query.ts';
import { devicesReply, householdDetailReply, householdId, householdsReply } from '../schemas/households.ts';

/** Series of one household in one answer: a hundred devices with ten fields. */
const SERIES_OF_HOUSEHOLD_MAX = 1_000;

const QUERY = z.object({
  state: z.string().optional().meta({ description: 'Only those of this state (ISO 3166-2)', example: 'DE-BB' }),
  limit: limit.optional(),
  cursor: cursorOf(id).optional(),
});
const NO_QUERY = z.object({});
const PARAMS = z.object({ id: householdId });

export const HOUSEHOLDS: ApiRoute = {
  path: '/api/v1/households',
  operationId: 'listHouseholds',
  group: 'Places',
  summary: 'Households with their newest power, in pages',
  query: QUERY,
  replies: { 'application/json': householdsReply },
  example: '/api/v1/households?limit=10',
  handler: (parts) => async (request, response) => {
    const { state, limit: rowsMax = LIMIT_DEFAULT, cursor } = readQuery(request, QUERY);
    const { overview, watch, settings, stateNames, store } = parts;
    if (state !== undefined && !stateNames.has(state))
      throw badParameters([{ parameter: 'state', detail: `is not a state: one of ${[...stateNames.keys()].join(', ')}` }]);
    const { households, powers } = await overview.current();
    const page: HouseholdRow[] = [];
    for (const row of households.values()) {
      if (cursor !== undefined && row.household <= cursor) continue;
      if (state !== undefined && row.state !== state) continue;
      page.push(row);
      if (page.length > rowsMax) break;
    }
    const shown = page.slice(0, rowsMax);
    const missingOf = watch.missing();
    const owners = await store.owners();
    const moreOf = (id: string) => ({
      intervalMs: parts.intervalMsOf(id),
      edge: owners.get(id),
      power: powers.get(id),
      windowsMissing: missingOf(id),
    });
    const reply: HouseholdsReply = {
      households: shown.map((row) => householdReply(row, moreOf(row.household), settings.windowMs)),
      nextCursor: page.length > rowsMax ? encodeCursor(shown.at(-1)?.household) : null,
      dataLabel: settings.dataLabel,
    };
    linkNext(request, response, reply.nextCursor);
    response.json(reply);
  },
};

export const HOUSEHOLD: ApiRoute = {
  path: '/api/v1/households/:id',
  operationId: 'getHousehold',
  group: 'Places',
  summary: 'One household, and the edge that brings its readings',
  params: PARAMS,
  query: NO_QUERY,
  replies: { 'application/json': householdDetailReply },
  problems: [404],
  example: '/api/v1/households/{id}',
  handler: (parts) => async (request, response) => {
    readQuery(request, NO_QUERY);
    const its = pathWord(request);
    await checkKnown(parts, its);
    const { overview, watch, settings, stateNames, store } = parts;
    const { households, powers } = await overview.current();
    const row = households.get(its);
    if (row === undefined) throw new Error(`household ${its} is known and has no row`);
    const edge = (await store.owners()).get(its);
    const reply: HouseholdDetailReply = {
      household: householdReply(
        row,
        { intervalMs: parts.intervalMsOf(its), edge, power: powers.get(its), windowsMissing: watch.missing()(its) },
        settings.windowMs,
      ),
      edge: edge ?? null,
      stateName: stateNames.get(row.state) ?? row.state,
      dataLabel: settings.dataLabel,
    };
    response.json(reply);
  },
};

export const DEVICES: ApiRoute = {
  path: '/api/v1/households/:id/devices',
  operationId: 'listDevices',
  group: 'Places',
  summary: 'Devices of a household and their fields, with the first and the newest window of each',
  params: PARAMS,
  query: NO_QUERY,
  replies: { 'application/json': devicesReply },
  problems: [404],
  example: '/api/v1/households/{id}/devices',
  handler: (parts) => async (request, response) => {
    readQuery(request, NO_QUERY);
    const its = pathWord(request);
    await checkKnown(parts, its);
    const fieldsOf = new Map<string, DeviceField[]>();
    const newest = await newestOf(parts, its);
    for await (const { device, field, startMs } of firstWindows(parts, its)) {
      const lastMs = newest.get(`${device}.${field}`);
      const fields = fieldsOf.get(device) ?? [];
      fieldsOf.set(device, fields);
      fields.push({
        field,
        unit: FIELD_UNITS[field] ?? '',
        series: `${its}/${device}.${field}`,
        firstAt: isoTime(startMs),
        lastAt: lastMs === undefined ? null : isoTime(lastMs),
      });
    }
    const devices = [...fieldsOf].map(([device, fields]) => ({ device, fields }));
    const intervalSeconds = parts.intervalMsOf(its) / 1_000;
    const reply: DevicesReply = { household: its, intervalSeconds, devices, dataLabel: parts.settings.dataLabel };
    response.json(reply);
  },
};

/** The first window of each series: one short read per series, whatever it holds. */
async function* firstWindows({ store }: ApiParts, household: string): AsyncGenerator<Bucket> {
  let after: Bucket | undefined;
  for (let count = 0; count < SERIES_OF_HOUSEHOLD_MAX; count++) {
    const beyond = after === undefined ? {} : { after: { ...after, startMs: Number.MAX_SAFE_INTEGER } };
    let first: Bucket | undefined;
    for await (const bucket of store.range({ household, resolution: 'raw', ...beyond })) {
      first = bucket;
      break;
    }
    if (first === undefined) return;
    yield first;
    after = first;
  }
}

/** Start of the newest window by device and field. */
async function newestOf({ latest }: ApiParts, household: string): Promise<ReadonlyMap<string, number>> {
  const its = (await latest.all()).filter((bucket) => bucket.household === household);
  return new Map(its.map(({ device, field, startMs }) => [`${device}.${field}`, startMs]));
}

interface MoreOfHousehold {
  intervalMs: number;
  edge: string | undefined;
  power: HouseholdPower | undefined;
  windowsMissing: number | null;
}

function householdReply(row: HouseholdRow, { intervalMs, edge, power, windowsMissing }: MoreOfHousehold, windowMs: number): HouseholdReply {
  return {
    household: row.household,
    postalCode: row.postalCode,
    postalCodeFrom: row.postalCodeFrom,
    state: row.state,
    edge: edge ?? null,
    firstAt: row.firstMs === null ? null : isoTime(row.firstMs),
    lastAt: row.lastMs === null ? null : isoTime(row.lastMs),
    readings: row.readings,
    declaredMissing: row.declared,
    intervalSeconds: intervalMs / 1_000,
    windowsMissing,
    powerW: power?.powerW ?? null,
    powerAt: power === undefined ? null : isoTime(power.startMs + windowMs),
  };
}

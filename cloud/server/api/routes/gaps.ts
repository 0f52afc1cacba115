/** GET /api/v1/households/:id/gaps: where windows are missing between two of a device, in pages. GET /api/v1/gaps: of all households. */
import { z } from 'zod';
import { isoTime } from '../../../../common/iso-time.ts';
import type { GapRow } from '../../storage/series-store.ts';
import type { ApiParts } from '../api-parts.ts';
import type { ApiRoute } from '../api-route.ts';
import type { AllGapsReply, GapReply, GapsReply } from '../api-types.ts';
import { gapsOf } from '../intervals.ts';
import { checkKnown } from '../known.ts';
import { cursorOf, encodeCursor, id, LIMIT_DEFAULT, limit, linkNext, pathWord, readQuery, time } from '../query.ts';
import { type AskedRange, askedRange } from '../range.ts';
import { allGapsReply, gapsReply } from '../schemas/gaps.ts';
import { householdId } from '../schemas/households.ts';

/** Households looked at for one page of the gaps of all: each is a walk through its windows. */
export const GAP_HOUSEHOLDS_MAX = 50;

/** The last gap given: [device, from]. */
const POSITION = z.tuple([id, z.int()]);
/** The household, and the last gap of it that was given; all of its gaps were given without one. */
const POSITION_OF_ALL = z.tuple([id, POSITION.nullable()]);

const RANGE = { from: time.optional(), to: time.optional(), limit: limit.optional() };
const QUERY = z.object({ ...RANGE, cursor: cursorOf(POSITION).optional() });
const QUERY_OF_ALL = z.object({ ...RANGE, cursor: cursorOf(POSITION_OF_ALL).optional() });

export const GAPS: ApiRoute = {
  path: '/api/v1/households/:id/gaps',
  operationId: 'listGaps',
  group: 'Data',
  summary: 'Where windows of one household are missing, in pages',
  description: 'In order of device, from; gaps that reach into from ≤ t < to.',
  params: z.object({ id: householdId }),
  query: QUERY,
  replies: { 'application/json': gapsReply },
  problems: [404],
  example: '/api/v1/households/{id}/gaps',
  handler: (parts) => async (request, response) => {
    const household = pathWord(request);
    const { limit: rowsMax = LIMIT_DEFAULT, cursor, ...query } = readQuery(request, QUERY);
    const range = await askedRange(parts, query);
    await checkKnown(parts, household);
    const rows = await rowsOf(parts, household, range, cursor ?? null, rowsMax + 1);
    const shown = rows.slice(0, rowsMax);
    const last = shown.at(-1);
    const reply: GapsReply = {
      gaps: shown.map(gapReply),
      nextCursor: rows.length > rowsMax && last !== undefined ? encodeCursor([last.device, last.fromMs]) : null,
      dataLabel: parts.settings.dataLabel,
    };
    linkNext(request, response, reply.nextCursor);
    response.json(reply);
  },
};

export const ALL_GAPS: ApiRoute = {
  path: '/api/v1/gaps',
  operationId: 'listAllGaps',
  group: 'Data',
  summary: 'Where windows of any household are missing, in pages',
  description:
    `In order of household, device, from. A page looks at ${GAP_HOUSEHOLDS_MAX} households at most, so it may have fewer gaps than ` +
    '`limit`, or none, before the end: go on until `nextCursor` is null.',
  query: QUERY_OF_ALL,
  replies: { 'application/json': allGapsReply },
  example: '/api/v1/gaps?from=latest-24h',
  handler: (parts) => async (request, response) => {
    const { limit: rowsMax = LIMIT_DEFAULT, cursor, ...query } = readQuery(request, QUERY_OF_ALL);
    const range = await askedRange(parts, query);
    const { gaps, next } = await gapsOfAll(parts, range, cursor, rowsMax);
    const reply: AllGapsReply = { gaps, nextCursor: next === null ? null : encodeCursor(next), dataLabel: parts.settings.dataLabel };
    linkNext(request, response, reply.nextCursor);
    response.json(reply);
  },
};

type PositionOfAll = z.output<typeof POSITION_OF_ALL>;

async function gapsOfAll(
  parts: ApiParts,
  range: AskedRange,
  cursor: PositionOfAll | undefined,
  rowsMax: number,
): Promise<{ gaps: AllGapsReply['gaps']; next: PositionOfAll | null }> {
  const all = [...(await parts.overview.current()).households.keys()];
  const left = all.filter((household) => cursor === undefined || (cursor[1] === null ? household > cursor[0] : household >= cursor[0]));
  const gaps: AllGapsReply['gaps'] = [];
  let before: string | undefined;
  for (const household of left.slice(0, GAP_HOUSEHOLDS_MAX)) {
    const after = household === cursor?.[0] ? cursor[1] : null;
    const free = rowsMax - gaps.length;
    if (free === 0 && before !== undefined) return { gaps, next: [before, null] };
    const rows = await rowsOf(parts, household, range, after, free + 1);
    const shown = rows.slice(0, free);
    gaps.push(...shown.map((row) => ({ household, ...gapReply(row) })));
    const last = shown.at(-1);
    if (rows.length > free && last !== undefined) return { gaps, next: [household, [last.device, last.fromMs]] };
    before = household;
  }
  const seen = left[GAP_HOUSEHOLDS_MAX - 1];
  return { gaps, next: left.length > GAP_HOUSEHOLDS_MAX && seen !== undefined ? [seen, null] : null };
}

async function rowsOf(
  parts: ApiParts,
  household: string,
  { from, to }: AskedRange,
  after: z.output<typeof POSITION> | null,
  rowsMax: number,
): Promise<GapRow[]> {
  const rows: GapRow[] = [];
  const asked = {
    household,
    ...(from === undefined ? {} : { fromMs: from }),
    ...(to === undefined ? {} : { toMs: to }),
    ...(after === null ? {} : { after: { device: after[0], fromMs: after[1] } }),
  };
  for await (const gap of gapsOf(parts, asked)) {
    rows.push(gap);
    if (rows.length >= rowsMax) break;
  }
  return rows;
}

function gapReply({ device, fromMs, toMs, reason, declared, missingMs }: GapRow): GapReply {
  const exact = missingMs === toMs - fromMs;
  return { device, from: isoTime(fromMs), to: isoTime(toMs), seconds: missingMs / 1_000, exact, reason, declared };
}

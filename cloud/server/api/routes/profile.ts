/** GET /api/v1/households/:id/profile: load duration, base load, peak and the usual week of one household. */
import { z } from 'zod';
import { isoTime } from '../../../../common/iso-time.ts';
import { FIELD_UNITS, MS_PER_HOUR, MS_PER_WEEK } from '../../../../common/units.ts';
import { bucketEdges } from '../../analytics/bucket-edges.ts';
import { SITE_TIME_ZONE } from '../../analytics/local-time.ts';
import { type Profile, profileOf } from '../../analytics/profile.ts';
import type { ApiParts } from '../api-parts.ts';
import type { ApiRoute } from '../api-route.ts';
import type { ProfileReply } from '../api-types.ts';
import { windowsIn } from '../bucket-range.ts';
import { POWER_FIELD } from '../figures.ts';
import { gapsOf } from '../intervals.ts';
import { checkField, checkKnown } from '../known.ts';
import { PROBLEM_DETAILS } from '../problem-details.ts';
import { Problem } from '../problem.ts';
import { badParameter, id, pathWord, readQuery, time, timeZone } from '../query.ts';
import { readSums } from '../read-sums.ts';
import { askedRange, cacheControl, timeBases } from '../range.ts';
import { householdId } from '../schemas/households.ts';
import { profileReply } from '../schemas/profile.ts';
import type { TimeWord } from '../time-word.ts';

/** Quarters of an hour looked at: a leap year and a day. */
const QUARTERS_MAX = 367 * 96;

const QUERY = z.object({
  field: id.optional().meta({ description: 'A field in W; `power` when left out', example: 'power' }),
  from: time.optional(),
  to: time.optional(),
  tz: timeZone.optional(),
});

export const PROFILE: ApiRoute = {
  path: '/api/v1/households/:id/profile',
  operationId: 'getProfile',
  group: 'Data',
  summary: 'Load duration, base load, peak and the usual week of a household',
  description: `The last 7 days of the data when no range is given; a year at most. Made of quarter-hour means, all devices added.`,
  params: z.object({ id: householdId }),
  query: QUERY,
  replies: { 'application/json': profileReply },
  problems: [404, 410],
  example: '/api/v1/households/{id}/profile?from=latest-7d',
  handler: (parts) => async (request, response) => {
    const household = pathWord(request);
    const { field = POWER_FIELD, tz = SITE_TIME_ZONE, ...query } = readQuery(request, QUERY);
    const from: TimeWord = query.from ?? { base: 'latest', offsetMs: -MS_PER_WEEK };
    const to: TimeWord = query.to ?? { base: 'latest', offsetMs: 0 };
    const { from: fromMs = 0, to: toMs = 0 } = await askedRange(parts, { from, to });
    await checkKnown(parts, household);
    await checkField(parts, field);
    if (FIELD_UNITS[field] !== 'W') throw badParameter(PROBLEM_DETAILS.worded('not-a-power', { parameter: 'field' }));
    const { windowMs } = parts.settings;
    const edges = bucketEdges({ resolution: '15m', fromMs, toMs, timeZone: tz, windowMs });
    if (edges === undefined || edges.length - 1 > QUARTERS_MAX)
      throw badParameter(PROBLEM_DETAILS.worded('over-a-year', { parameter: 'from' }));
    const isEmpty = edges.length < 2;
    const read = isEmpty ? [0, windowMs] : edges;
    const [series] = await readSums(parts, [[{ household, field }]], read);
    if (series === undefined || series.devices === 0)
      throw new Problem(404, 'no-such-series', PROBLEM_DETAILS.say('field-of-another', { household, field }));
    const profile = profileOf(series, read, tz, windowMs);
    const range = { from: edges[0] ?? fromMs, to: edges.at(-1) ?? toMs };
    const gaps = await gapsIn(parts, household, range);
    const hours = isEmpty ? 0 : (profile.coverage * windowsIn(edges, windowMs) * windowMs) / MS_PER_HOUR;
    const words = { household, field, from: isoTime(range.from), to: isoTime(range.to), tz, dataLabel: parts.settings.dataLabel };
    const reply: ProfileReply = { ...words, ...figuresOf(profile), hours, ...gaps };
    const { latestMs } = await timeBases(parts);
    response.set('Cache-Control', cacheControl(from.base === 'fixed' && to.base === 'fixed', toMs, latestMs)).json(reply);
  },
};

function figuresOf(profile: Profile) {
  const timeOf = (timeMs: number | null) => (timeMs === null ? null : isoTime(timeMs));
  const { energyKwh, meanW, minW, maxW, peakW, baseLoadW, coverage, quarters } = profile;
  return {
    energyKwh,
    meanW,
    minW,
    maxW,
    maxAt: timeOf(profile.maxAtMs),
    peakW,
    peakAt: timeOf(profile.peakAtMs),
    baseLoadW,
    coverage,
    quarters,
    loadDuration: profile.loadDurationW.map((w, percent) => ({ percent, w })),
    hourByDay: profile.hourByDayW,
  };
}

/** What of the household's gaps lies in the range. */
async function gapsIn(parts: ApiParts, household: string, { from, to }: { from: number; to: number }) {
  let gapCount = 0;
  let gapMs = 0;
  for await (const gap of gapsOf(parts, { household, fromMs: from, toMs: to })) {
    gapCount++;
    const inRangeMs = Math.max(0, Math.min(to, gap.toMs) - Math.max(from, gap.fromMs));
    // Of a gap that is known only as a sum, its share of the range.
    gapMs += (inRangeMs * gap.missingMs) / (gap.toMs - gap.fromMs);
  }
  return { gapCount, gapSeconds: gapMs / 1_000 };
}

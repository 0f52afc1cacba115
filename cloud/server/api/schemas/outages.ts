/** When edges could not be heard. Times are wall clock, not event time: an outage is of the line and not of the data. */
import { z } from 'zod';
import { OUTAGE_DETAILS } from '../../outage-details.ts';
import { edge } from './edges.ts';
import { quotingFigureOf } from './figure.ts';
import { isoTimeText, nextCursor } from './time.ts';

const share = z.number().min(0).max(1).nullable();

export const outage = z
  .object({
    id: z.string(),
    edge: z.string().nullable().meta({ description: "Null: the cloud's own, so of all edges" }),
    from: isoTimeText.meta({ description: 'Wall clock' }),
    to: isoTimeText.nullable().meta({ description: 'Null while it lasts' }),
    seconds: z.number().meta({ description: 'So far, while it lasts' }),
    cause: z.enum(['silent', 'late', 'parked', 'cloud down']).meta({
      description:
        'silent: edge or link is away; late: heartbeats come, but nothing of what waits is stored; parked: the edge says that it holds ' +
        'households back; cloud down: the cloud itself was away',
    }),
    detail: z.string().meta({ description: 'What more is known, in words; may be empty', example: 'ended without a word' }),
    figure: quotingFigureOf(OUTAGE_DETAILS.codes, 'no-word')
      .nullable()
      .meta({ description: '`detail` for who words it in another language; null where it is empty or another program has written it' }),
    openNow: z.boolean(),
  })
  .meta({ id: 'Outage' });

/** GET /api/v1/outages?edge&from&to&limit&cursor, newest first. */
export const outagesReply = z.object({ outages: z.array(outage), nextCursor }).meta({ id: 'OutagesReply' });

const shares = {
  upShare: share.meta({ description: 'Of the time that the cloud was there; null when nothing is known' }),
  lateShare: share.meta({ description: 'Heard, but nothing was stored of what waited, or households were held back' }),
  cloudDownShare: share.meta({ description: 'Of all the time: the cloud was away, so nobody could be heard' }),
};

export const availabilityOfEdge = z
  .object({
    edge: z.string(),
    ...shares,
    silentSeconds: z.number(),
    cloudDownSeconds: z.number(),
    outages: z.int().meta({ description: 'Silences that reach into the range' }),
    mtbfSeconds: z.number().nullable().meta({ description: 'Mean time between failures: time heard by silence; null without one' }),
    slots: z.array(z.object({ start: isoTimeText, ...shares }).meta({ id: 'AvailabilitySlot' })),
  })
  .meta({ id: 'EdgeAvailability' });

/** GET /api/v1/availability?edge&from&to&limit&cursor, in order of edge, slots of the same length. */
export const availabilityReply = z
  .object({ from: isoTimeText, to: isoTimeText, slotSeconds: z.number(), edges: z.array(availabilityOfEdge), nextCursor })
  .meta({ id: 'AvailabilityReply' });

/** GET /api/v1/edges/:id */
export const edgeDetailReply = z
  .object({
    edge,
    ownedCount: z.int().meta({ description: 'Households that it owns now' }),
    owned: z.array(z.string()).meta({ description: 'Their ids in order, the first 1,000 of `ownedCount`' }),
    outages: z.array(outage).meta({ description: 'The newest 20, those of the cloud among them' }),
    silentAfterSeconds: z
      .number()
      .meta({ description: 'Setting cloud.silent_after_seconds: without a heartbeat for so long it is offline' }),
    unstoredAfterSeconds: z.number().meta({ description: 'It is late when nothing of what waits is stored for so long' }),
  })
  .meta({ id: 'EdgeDetailReply' });

/** GET /api/v1/edges/:id/outbox: the most of each slot. */
export const outboxReply = z
  .object({
    edge: z.string(),
    from: isoTimeText,
    to: isoTimeText,
    slotSeconds: z.number(),
    starts: z.array(isoTimeText),
    maxParts: z.array(z.int().nullable()).meta({ description: 'Null where the edge was not heard, or nothing was recorded' }),
    maxAgeSeconds: z.array(z.number().nullable()).meta({ description: 'Event time; null where nothing waited' }),
  })
  .meta({ id: 'OutboxReply' });

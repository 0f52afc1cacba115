/** Shapes of what is decoded from the link whole: an edge's status, and replies (wire.ts). */
import { z } from 'zod';
import { isId } from './ids.ts';
import { HOUSEHOLDS_PER_HELLO_MAX, ROWS_PER_REQUEST_MAX } from './messages.ts';

const count = z.int().nonnegative();
const id = z.string().refine(isId);
const timeMs = z.int().nullable();
export const edgeStatus = z.object({
  queued: count,
  sent: count,
  acked: count,
  newestMs: timeMs,
  oldestUnackedMs: timeMs,
  households: count,
  parked: z.array(z.object({ household: id, reason: z.string() })),
  waitingFor: z.array(id),
  runs: z.array(z.object({ run: id, ended: z.boolean(), done: z.boolean() })),
  trimmedEarly: count,
  unreadable: count,
  outboxFull: z.boolean(),
  damaged: count.optional(),
  leftOut: count.optional(),
  topicDamage: count.optional(),
  version: z.string().optional(),
});

const interval = z.tuple([z.int().positive(), z.int().positive()]).refine(([from, to]) => from <= to);
/** What the edge takes out of a reply. A verdict that it doesn't know makes it say hello. */
export const replies = {
  parts: z.object({
    verdicts: z.array(z.object({ verdict: z.string(), reason: z.string().optional() })).max(ROWS_PER_REQUEST_MAX),
    postalCodes: z.record(id, z.string()),
    generations: z.record(id, count),
    inFlightMax: z.int().positive().optional(),
  }),
  newest: z.object({ notOwned: count }),
  busy: z.object({ retryAfterMs: z.number().nonnegative() }),
  hello: z.object({
    claim: z.string(),
    households: z
      .array(
        z.object({
          household: id,
          generation: count,
          postalCode: z.string(),
          sources: z.array(z.object({ device: id, src: id, covered: z.array(interval), declared: z.array(interval), greatestMs: z.int() })),
        }),
      )
      .max(HOUSEHOLDS_PER_HELLO_MAX),
    refused: z
      .array(z.object({ household: id, reason: z.string() }))
      .max(HOUSEHOLDS_PER_HELLO_MAX)
      .optional(),
    unusable: z
      .array(z.object({ at: count, reason: z.string() }))
      .max(HOUSEHOLDS_PER_HELLO_MAX)
      .optional(),
  }),
  heartbeat: z.object({ spreadMs: z.number().nonnegative() }),
  hello_first: z.object({}),
};

/** Edges, as they say of themselves and as they are heard. */
import { z } from 'zod';
import { parkedReasonFigure } from './figure.ts';
import { isoTimeText } from './time.ts';

export const edge = z
  .object({
    edge: z.string(),
    state: z.enum(['live', 'silent']).meta({ description: 'silent: no heartbeat for longer than expected' }),
    health: z.enum(['online', 'late', 'offline', 'never']).meta({
      description:
        'online: heard, and what waits is stored; late: its heartbeat is overdue, or heartbeats come but nothing of what waits is ' +
        'stored; offline: silent; never: it has households, but was never heard',
    }),
    lastHeartbeatAt: isoTimeText.nullable().meta({ description: 'Null when none came since the cloud server started' }),
    queued: z.number().meta({ description: 'Depth of the outbox: parts not yet acknowledged' }),
    oldestUnackedAt: isoTimeText.nullable().meta({ description: 'Start of the oldest window not yet acknowledged, event time' }),
    outboxAgeSeconds: z
      .number()
      .nullable()
      .meta({ description: 'Event time between its newest reading and the oldest window not yet acknowledged; null when none waits' }),
    households: z.number(),
    windowsMissing: z
      .number()
      .nullable()
      .meta({ description: 'Windows expected and not there, of all households that it owns; null when nothing is expected of any' }),
    parked: z
      .array(
        z
          .object({
            household: z.string(),
            reason: z.string(),
            figure: parkedReasonFigure
              .nullable()
              .meta({ description: '`reason` for who words it in another language; null where it is of no known kind' }),
          })
          .meta({ id: 'Parked' }),
      )
      .meta({ description: 'Households held back, the first 20 of `parkedCount`' }),
    parkedCount: z.number(),
    waitingFor: z
      .array(z.string())
      .meta({ description: 'Households for which the edge waits until the cloud assigns them, the first 20 of `waitingCount`' }),
    waitingCount: z.number(),
    outboxFull: z.boolean(),
    unreadable: z.number().meta({ description: 'Topic records it has set aside as unreadable' }),
    outboxDamage: z
      .number()
      .meta({ description: 'Places of its outbox found damaged since it was started, each set aside or mended, and asked for anew' }),
    namesLeftOut: z
      .number()
      .meta({ description: 'Households left out of its hellos, because their names are no ids: their rows are kept and not sent' }),
    topicDamage: z
      .number()
      .meta({ description: 'Damaged files of its embedded topic that lie set aside on its host, until somebody deletes them' }),
    replayFinished: z.boolean().meta({ description: 'True when every run the edge knows is done' }),
    firstSeenAt: isoTimeText.nullable().meta({ description: 'First heartbeat of all, wall clock as all times here but the oldest window' }),
    lastConnectAt: isoTimeText
      .nullable()
      .meta({ description: 'First heartbeat, and the first after each silence and each start of the cloud' }),
    lastDisconnectAt: isoTimeText.nullable().meta({ description: 'When it was last found silent' }),
    lastActivityAt: isoTimeText.nullable().meta({ description: 'Last heartbeat, also of before a start of the cloud' }),
    lastAckAt: isoTimeText.nullable().meta({ description: 'When parts of it were last acknowledged' }),
    connects: z.int().meta({ description: 'How often it connected' }),
    storedParts: z.int().meta({ description: 'Parts stored since it was first seen' }),
    duplicateParts: z.int().meta({ description: 'Parts that were there already and were dropped, acknowledged again' }),
    refusedRows: z.int().meta({ description: 'Rows refused since the cloud server started; the edge keeps or parks them' }),
    declaredReadings: z.int().meta({ description: 'Readings that it has declared missing (gaps) since the cloud server started' }),
    droppedEarly: z
      .int()
      .meta({ description: 'Acknowledged rows that its full outbox let go before their time: a restored cloud would lack them' }),
    storedPerMinute: z.int().meta({ description: 'Parts stored in the last minute' }),
    clockSkewSeconds: z
      .number()
      .nullable()
      .meta({ description: "Cloud's clock minus the edge's at its last heartbeat, the way included; null when none came since the start" }),
    version: z.string().nullable().meta({ description: 'Of its program, as it says; null when it says none' }),
  })
  .meta({ id: 'Edge' });

/** GET /api/v1/edges */
export const edgesReply = z.object({ edges: z.array(edge) }).meta({ id: 'EdgesReply' });

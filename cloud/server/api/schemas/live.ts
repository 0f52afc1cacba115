/** Data of the server-sent events of /api/v1/stream; `edge` events carry an edge, `alert` events an alert event. */
import { z } from 'zod';
import { alert } from './alerts.ts';
import { edge } from './edges.ts';
import { stateRow } from './states.ts';
import { dataLabel, isoTimeText } from './time.ts';

export const TOPICS = ['live', 'edge', 'alert'] as const;

export const liveMessage = z
  .object({
    totalPowerW: z
      .number()
      .nullable()
      .meta({ description: 'Sum of the newest power windows of all current households; one silent for minutes is not added' }),
    households: z.int().meta({ description: 'Households known' }),
    current: z
      .int()
      .meta({ description: 'Households in the total: their newest window is no older than 12 windows against the newest of all' }),
    newestAt: isoTimeText.nullable().meta({ description: "Event time of the newest window's end" }),
    newestAgeSeconds: z.number().nullable().meta({
      description: "Seconds since a window newer than all before came in, null before the first; a page opened late can't know it",
    }),
    edges: z.array(edge).meta({ description: 'Silent ones first, then by id; the first 100 of `edgeCount`' }),
    edgeCount: z.int(),
    alerts: z.array(alert).meta({ description: 'The first 20 of `alertCount` that are raised' }),
    alertCount: z.int(),
    dataLabel,
    priceEurPerKwh: z.number(),
    sentAt: isoTimeText.meta({ description: 'Cloud time when this was made; the page judges staleness by its own arrival clock' }),
    staleAfterSeconds: z.number().meta({ description: 'The figures are stale when no newer window came for so long' }),
    firstWindowInSeconds: z
      .number()
      .nullable()
      .meta({ description: "Seconds until the first window can be there, null when there is one or when it can't be told" }),
    states: z.array(stateRow).meta({ description: 'Changed rows; all of them in the first message and after an event `gap`' }),
  })
  .meta({ id: 'LiveMessage', description: 'Data of each event `live`' });

export const streamGap = z
  .object({
    lastEventId: z.string().meta({ description: 'The id that the client came back with, or the last it can have got' }),
    reason: z.enum(['older', 'restarted']).meta({
      description:
        'older: what came after it is no longer held; restarted: it is of another start of the server. The whole picture follows',
    }),
  })
  .meta({ id: 'StreamGap', description: 'Data of an event `gap`: events were lost to this client' });

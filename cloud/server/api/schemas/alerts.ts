/** Alerts that are raised, and the events of raising and clearing. */
import { z } from 'zod';
import { DETAIL_CODES } from '../../alert-details.ts';
import { quotingFigureOf } from './figure.ts';
import { isoTimeText, nextCursor } from './time.ts';

const ALERT = {
  alert: z.string().meta({ description: 'Name of its rule', example: 'edge-silent' }),
  severity: z.enum(['critical', 'warning']),
  about: z.enum(['edge', 'household', 'cloud']).meta({ description: 'What `subject` is the id of; for the cloud it is empty' }),
  subject: z.string(),
  title: z.string().meta({ description: 'After the subject, a sentence: "is silent"' }),
  detail: z.string().meta({ description: 'The figure in words' }),
  figure: quotingFigureOf(DETAIL_CODES, 'parts-wait')
    .nullable()
    .meta({ description: '`detail` for who words it in another language; null where another program has written it' }),
};
const REMEDY = {
  runbook: z.string().meta({ description: 'What to do, one line' }),
  doc: z.string().meta({ description: 'Where more of it stands in the project' }),
};

export const alert = z
  .object({ ...ALERT, since: isoTimeText, ...REMEDY })
  .meta({ id: 'Alert', description: 'An alert that is raised now' });

/** GET /api/v1/alerts: critical ones first. */
export const alertsReply = z.object({ alerts: z.array(alert) }).meta({ id: 'AlertsReply' });

export const alertEvent = z
  .object({
    id: z.int().meta({ description: 'Grows with every event' }),
    at: isoTimeText,
    change: z.enum(['raised', 'cleared']),
    ...ALERT,
    ...REMEDY,
  })
  .meta({ id: 'AlertEvent', description: 'An alert was raised or cleared. Also the data of each server-sent event `alert`' });

/** GET /api/v1/events?limit&cursor: newest first. */
export const eventsReply = z.object({ events: z.array(alertEvent), nextCursor }).meta({ id: 'EventsReply' });

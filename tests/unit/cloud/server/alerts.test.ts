import assert from 'node:assert/strict';
import { test } from 'node:test';
import { detail } from '../../../../cloud/server/alert-details.ts';
import type { Figure } from '../../../../cloud/server/alert-rules.ts';
import { Alerts, LOOK_EVERY_MS, OPEN_PER_KIND_MAX, UNSAVED_MAX } from '../../../../cloud/server/alerts.ts';
import type { EventReply } from '../../../../cloud/server/api/api-types.ts';
import type { AlertEvent, EventLog, NewEvent } from '../../../../cloud/server/storage/event-log.ts';
import type { Logger } from '../../../../common/logger.ts';
import { Metrics } from '../../../../common/metrics.ts';
import { VirtualClock } from '../../../doubles/virtual-clock.ts';

/** In memory, and can be told to take nothing, as on a full disk. */
class DialLog implements EventLog {
  readonly events: AlertEvent[] = [];
  isFull = false;
  async start() {}
  async stop() {}
  async append(events: readonly NewEvent[]) {
    if (this.isFull) throw new Error('disk full');
    const kept = events.map((event, i) => ({ ...event, id: this.events.length + 1 + i }));
    this.events.push(...kept);
    return kept;
  }
  async recent() {
    return [...this.events].reverse();
  }
  async open() {
    const last = new Map(this.events.map((event) => [`${event.alert} ${event.subject}`, event]));
    return [...last.values()].filter(({ change }) => change === 'raised');
  }
}

function setUp(log = new DialLog()) {
  const clock = new VirtualClock();
  const lines: string[] = [];
  const line = (level: string) => (_fields: object, message: string) => void lines.push(`${level} ${message}`);
  const logger: Logger = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
  const metrics = new Metrics();
  const held: { figures: Figure[] | Error } = { figures: [] };
  const opens: number[] = [];
  const alerts = new Alerts({
    figures: async () => {
      if (held.figures instanceof Error) throw held.figures;
      return held.figures;
    },
    log,
    clock,
    logger,
    metrics,
    onOpen: (open) => opens.push(open.length),
  });
  const heard: EventReply[] = [];
  alerts.onChange((event) => heard.push(event));
  /** The next look, with these figures. */
  const look = async (...figures: Figure[]) => {
    held.figures = figures;
    await clock.advance(LOOK_EVERY_MS);
  };
  return { alerts, clock, held, heard, lines, log, look, metrics, opens };
}

const seen = (value: number | null) => detail('parts-wait', { n: value ?? -1 });
const silent = (value: number | null, subject = 'edge-1'): Figure => ({ alert: 'edge-silent', subject, value, detail: seen(value) });

test('raised and cleared are each told once: event, log line, count, and the set that is open', async () => {
  const { alerts, heard, lines, log, look, metrics, opens } = setUp();
  await alerts.start();
  await look(silent(0));
  await look(silent(1));
  await look(silent(1));
  assert.deepEqual(
    alerts.open().map(({ alert, subject, severity, title }) => [alert, subject, severity, title]),
    [['edge-silent', 'edge-1', 'critical', 'is silent']],
  );
  assert.match(await metrics.text(), /fogline_alerts_open\{alert="edge-silent",severity="critical"\} 1/);
  await look(silent(0));
  await look(silent(0));
  assert.deepEqual(alerts.open(), []);
  assert.deepEqual(
    heard.map(({ id, change, alert, doc }) => [id, change, alert, doc]),
    [
      [1, 'raised', 'edge-silent', 'docs/operating.md#edge-silent'],
      [2, 'cleared', 'edge-silent', 'docs/operating.md#edge-silent'],
    ],
  );
  assert.deepEqual(lines, ['error alert raised: is silent', 'info alert cleared: is silent']);
  assert.equal(log.events.length, 2);
  assert.deepEqual(opens, [1, 0]);
  assert.match(await metrics.text(), /fogline_alert_changes_total\{alert="edge-silent",to="raised"\} 1/);
  await alerts.stop();
});

test('an alert outlives a restart: not raised again, cleared only when its figure is known, or its subject gone', async () => {
  const before = setUp();
  await before.alerts.start();
  await before.look(silent(1), silent(1, 'edge-2'));
  await before.alerts.stop();
  const after = setUp(before.log);
  await after.alerts.start();
  assert.equal(after.alerts.open().length, 2);
  await after.look(silent(null), silent(null, 'edge-2'));
  assert.equal(after.alerts.open()[0]?.since, before.alerts.open()[0]?.since);
  assert.deepEqual(after.heard, []);
  await after.look(silent(0));
  assert.deepEqual(
    after.heard.map(({ change, subject, detail }) => [change, subject, detail]),
    [
      ['cleared', 'edge-1', '0 parts wait'],
      ['cleared', 'edge-2', 'nothing is expected of it any more'],
    ],
  );
  await after.alerts.stop();
});

test('on a full disk alerts are shown all the same, and written when there is room', async () => {
  const { alerts, heard, log, look, metrics } = setUp();
  await alerts.start();
  log.isFull = true;
  await look(silent(1));
  assert.equal(alerts.open().length, 1);
  assert.equal(heard.length, 0);
  for (let i = 0; i < UNSAVED_MAX / 2 + 1; i++) {
    await look(silent(0));
    await look(silent(1));
  }
  log.isFull = false;
  await look(silent(1));
  assert.equal(log.events.length, UNSAVED_MAX);
  assert.equal(heard.length, UNSAVED_MAX);
  assert.equal(heard.at(-1)?.change, 'raised');
  assert.match(await metrics.text(), /fogline_events_lost_total 3/);
  await alerts.stop();
});

test('figures that can not be gathered clear nothing', async () => {
  const { alerts, held, look, clock, lines } = setUp();
  await alerts.start();
  await look(silent(1));
  held.figures = new Error('store');
  await clock.advance(LOOK_EVERY_MS);
  assert.equal(alerts.open().length, 1);
  assert.match(lines.at(-1) ?? '', /could not be gathered/);
  await alerts.stop();
});

test('of one kind only so many are raised at once, and the critical ones stand first', async () => {
  const { alerts, look } = setUp();
  await alerts.start();
  const owing = Array.from(
    { length: OPEN_PER_KIND_MAX + 5 },
    (_, i): Figure => ({ alert: 'household-silent', subject: `h${i}`, value: 3, detail: detail('windows-owed', { n: 3 }) }),
  );
  await look(...owing, silent(1));
  assert.equal(alerts.open().length, OPEN_PER_KIND_MAX + 1);
  assert.equal(alerts.open()[0]?.alert, 'edge-silent');
  await alerts.stop();
});

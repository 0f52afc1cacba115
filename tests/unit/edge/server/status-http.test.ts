import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StatusHttp } from '../../../../edge/server/status-http.ts';
import { rawRequest } from '../../../doubles/raw-get.ts';

const STATUS = {
  queued: 1,
  sent: 2,
  acked: 3,
  newestMs: 20_000,
  oldestUnackedMs: 5_000,
  households: 1,
  parked: [],
  waitingFor: ['h'],
  runs: [],
  trimmedEarly: 0,
  unreadable: 0,
  outboxFull: false,
};

test('the edge says how its link and outbox are, to this machine by its own names only', async (t) => {
  let [isUp, looks] = [true, 0];
  const page = new StatusHttp(
    'edge-1',
    () => ({ ...STATUS, acked: ++looks }),
    () => isUp,
  );
  const port = await page.start(0);
  t.after(() => page.stop());
  const { body } = await rawRequest(port, '/metrics');
  assert.match(body, /^fogline_edge_link_up\{edge="edge-1"\} 1$/m);
  assert.match(body, /^fogline_edge_outbox_age_seconds\{edge="edge-1"\} 15$/m);
  assert.match(body, /^fogline_edge_waiting_households\{edge="edge-1"\} 1$/m);
  assert.match(body, /^fogline_edge_outbox_acked_rows\{edge="edge-1"\} 1$/m);
  assert.equal(looks, 1, 'all figures are of one moment');
  isUp = false;
  assert.match(
    (await rawRequest(port, '/metrics', { headers: { host: `localhost:${port}` } })).body,
    /^fogline_edge_link_up\{edge="edge-1"\} 0$/m,
  );
  for (const path of ['/status', '/metrics', '/livez'])
    assert.equal((await rawRequest(port, path, { headers: { host: 'evil.test' } })).status, 421, path);
});

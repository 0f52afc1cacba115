import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metrics } from '../../../common/metrics.ts';

test('counters, gauges and histograms come out as Prometheus text', async () => {
  const metrics = new Metrics();
  const counter = metrics.counter('fogline_things_total', 'Things.', ['kind']);
  counter.add(1, { kind: 'a' });
  counter.add(2, { kind: 'a' });
  metrics.gauge('fogline_level', 'Level.').set(7);
  metrics.histogram('fogline_wait_seconds', 'Wait.', [0.1, 1]).observe(0.5);
  const text = await metrics.text();
  assert.match(text, /# HELP fogline_things_total Things\.\n# TYPE fogline_things_total counter\nfogline_things_total\{kind="a"\} 3/);
  assert.match(text, /fogline_level 7/);
  assert.match(text, /fogline_wait_seconds_bucket\{le="0\.1"\} 0/);
  assert.match(text, /fogline_wait_seconds_bucket\{le="1"\} 1/);
  assert.match(metrics.contentType, /^text\/plain/);
});

test('a gauge with a reader is read anew for each text', async () => {
  const metrics = new Metrics();
  let level = 1;
  metrics.gauge('fogline_level', 'Level.', ['of'], (gauge) => {
    gauge.reset();
    gauge.set(level, { of: `owner-${level}` });
  });
  assert.match(await metrics.text(), /fogline_level\{of="owner-1"\} 1/);
  level = 2;
  const text = await metrics.text();
  assert.match(text, /fogline_level\{of="owner-2"\} 2/);
  assert.doesNotMatch(text, /owner-1/);
});

test('registries do not share anything; process metrics are there on demand and keep nothing running', async () => {
  const first = new Metrics();
  const second = new Metrics();
  first.counter('fogline_things_total', 'Things.').add();
  second.addProcess();
  const before = process.getActiveResourcesInfo().length;
  const text = await second.text();
  assert.doesNotMatch(text, /fogline_things_total/);
  assert.match(text, /process_resident_memory_bytes \d{7,}/);
  assert.match(text, /process_cpu_seconds_total \d/);
  assert.equal(process.getActiveResourcesInfo().length, before);
});

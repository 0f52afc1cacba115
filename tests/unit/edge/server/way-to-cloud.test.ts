import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../../../common/clock.ts';
import { configWith, type SettingName } from '../../../../common/config.ts';
import { silentLogger } from '../../../../common/logger.ts';
import { wayToCloud } from '../../../../edge/server/way-to-cloud.ts';
import { testCerts } from '../../../doubles/test-certs.ts';

test('without a bundle the settings; with one its id and address, but for settings that are not at their default', async () => {
  using certs = await testCerts();
  const bundle = await certs.bundle('edge-5');
  const way = (changes: Partial<Record<SettingName, string>>) => {
    const { credentials, ...its } = wayToCloud(configWith(changes), certs.path('.'), systemClock, silentLogger);
    return { ...its, isTls: credentials !== undefined };
  };
  const plain = { edge: 'edge-1', host: '127.0.0.1', heartbeatPort: 63_270, dataPort: 63_271, isTls: false };
  assert.deepEqual(way({}), plain);
  assert.deepEqual(way({ 'link.bundle_file': bundle, 'link.tls': 'off' }), plain);
  assert.deepEqual(way({ 'link.bundle_file': bundle }), { ...plain, edge: 'edge-5', isTls: true });
  const changed = { 'link.bundle_file': bundle, 'link.cloud_host': 'localhost', 'link.data_port': '7', 'edge.id': 'edge-5' } as const;
  assert.deepEqual(way(changed), { edge: 'edge-5', host: 'localhost', heartbeatPort: 63_270, dataPort: 7, isTls: true });
  assert.throws(() => way({ 'link.bundle_file': bundle, 'edge.id': 'edge-6' }), { name: 'ConfigError', message: /bundle of edge edge-5/ });
  assert.throws(() => way({ 'link.tls': 'on' }), { name: 'ConfigError', remedy: /link\.bundle_file/ });
  assert.throws(() => way({ 'link.bundle_file': certs.path('none.pem') }), { name: 'ConfigError', message: /can't be read/ });
});

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { openDoors, grpcTls } from '../../../../cloud/server/open-doors.ts';
import { systemClock } from '../../../../common/clock.ts';
import { ConfigError } from '../../../../common/errors.ts';
import { testCerts } from '../../../doubles/test-certs.ts';

type Config = Parameters<typeof grpcTls>[0];

function configWith(cloud: Partial<Config['cloud']>, link: Partial<Config['link']> = {}): Config {
  const its = {
    grpc_port: 0,
    grpc_host: '127.0.0.1',
    grpc_tls_cert: '',
    grpc_tls_key: '',
    http_host: '127.0.0.1',
    http_names: '',
    ...cloud,
  };
  return { cloud: its, link: { certs_dir: '', allow_plaintext: false, ...link } } as unknown as Config;
}

test('plaintext on loopback; beyond it TLS, or leave to do without', async () => {
  using certs = await testCerts();
  assert.equal(grpcTls(configWith({})), undefined);
  assert.throws(() => grpcTls(configWith({ grpc_host: '0.0.0.0' })), ConfigError);
  assert.equal(grpcTls(configWith({ grpc_host: '0.0.0.0' }, { allow_plaintext: true })), undefined);
  assert.match(grpcTls(configWith({ grpc_host: '0.0.0.0' }, { certs_dir: certs.dir }))?.certificate ?? '', /BEGIN CERTIFICATE/);
});

test('certificate and key in files of their own, which must belong together', async () => {
  using certs = await testCerts();
  const text = readFileSync(`${certs.dir}/cloud.pem`, 'utf8');
  const [certificate = '', key = ''] = text.split(/(?=-----BEGIN (?:EC |RSA )?PRIVATE KEY)/);
  const [certFile, keyFile, otherKey] = [certs.path('a.pem'), certs.path('a.key'), certs.path('b.key')];
  writeFileSync(certFile, certificate);
  writeFileSync(keyFile, key, { mode: 0o600 });
  const read = grpcTls(configWith({ grpc_tls_cert: certFile, grpc_tls_key: keyFile }));
  assert.equal(read?.certificate.trim(), certificate.trim());
  await certs.renewCloud();
  const other = readFileSync(`${certs.dir}/cloud.pem`, 'utf8');
  writeFileSync(otherKey, other.slice(other.search(/-----BEGIN (?:EC |RSA )?PRIVATE KEY/)), { mode: 0o600 });
  assert.throws(() => grpcTls(configWith({ grpc_tls_cert: certFile, grpc_tls_key: otherKey })), ConfigError);
  assert.throws(() => grpcTls(configWith({ grpc_tls_cert: certFile })), ConfigError);
});

test('a token is demanded beyond loopback, also where the page demands none', () => {
  const demands = (cloud: Partial<Config['cloud']>) => openDoors(configWith(cloud), '/nowhere', systemClock);
  assert.equal(demands({}).grpcDemandsToken, false);
  assert.equal(demands({ grpc_host: '0.0.0.0' }).grpcDemandsToken, true);
  assert.equal(demands({ grpc_host: '0.0.0.0' }).doors.demandsToken, false);
  assert.equal(demands({ grpc_host: '0.0.0.0', grpc_port: null }).grpcDemandsToken, false);
  assert.equal(demands({ http_token: 'always' }).grpcDemandsToken, true);
});

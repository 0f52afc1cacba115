import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { configWith, loadConfig, loadSettings, processEnvironment, speedFactor } from '../../../common/config.ts';
import { ConfigError } from '../../../common/errors.ts';
import { SETTINGS } from '../../../common/settings.ts';
import { renderConfigIni } from '../../../scripts/config-ini.ts';

const folder = mkdtempSync(join(tmpdir(), 'fogline-config-'));
after(() => rmSync(folder, { recursive: true }));

function iniFile(text: string): string {
  const path = join(folder, 'config.ini');
  writeFileSync(path, text);
  return path;
}

/** The ConfigError that loading throws; its remedy and message as one text. */
function refused(sources: Parameters<typeof loadConfig>[0]): string {
  try {
    loadConfig(sources);
  } catch (error) {
    assert(error instanceof ConfigError, String(error));
    return `${error.message} | ${error.remedy}`;
  }
  return assert.fail('was accepted');
}

test('without any source every setting has its default and a value of its kind', () => {
  const { config, origins, notices } = loadConfig({});
  assert.equal(config.cloud.http_port, 5006);
  assert.equal(config.dashboard.price_eur_per_kwh, 0.3);
  assert.equal(config.link.legacy, true);
  assert.equal(config.simulation.until_seconds, null);
  assert.equal(config.broker.kind, 'embedded');
  assert.deepEqual(notices, []);
  const names = Object.entries(SETTINGS).flatMap(([section, keys]) => Object.keys(keys).map((key) => `${section}.${key}`));
  assert.deepEqual([...origins.keys()], names);
  for (const { origin } of origins.values()) assert.equal(origin, 'default');
});

test('defaults < config.ini < environment < command line, each value with its origin', () => {
  const file = iniFile('[cloud]\nhttp_port = 1001\nsilent_after_seconds = 11\nhttp_host = 0.0.0.0\n');
  const env = { FOGLINE_CLOUD_HTTP_PORT: '1002', FOGLINE_CLOUD_SILENT_AFTER_SECONDS: '12', HOME: '/nowhere' };
  const { config, origins } = loadConfig({ file, env, sets: ['cloud.http_port=1003', 'cloud.http_port=1004'] });
  assert.equal(config.cloud.http_port, 1004);
  assert.equal(config.cloud.silent_after_seconds, 12);
  assert.equal(config.cloud.http_host, '0.0.0.0');
  assert.equal(origins.get('cloud.http_port')?.origin, 'command line');
  assert.equal(origins.get('cloud.silent_after_seconds')?.origin, 'environment FOGLINE_CLOUD_SILENT_AFTER_SECONDS');
  assert.equal(origins.get('cloud.http_host')?.origin, file);
  assert.equal(origins.get('cloud.reconnect_spread_seconds')?.origin, 'default');
});

test('a relative path begins at its file, or at the working directory', () => {
  const file = iniFile('[simulation]\ndata_dir = homes\n');
  assert.equal(loadConfig({ file, cwd: '/elsewhere' }).config.simulation.data_dir, join(folder, 'homes'));
  assert.equal(loadConfig({ sets: ['simulation.data_dir=homes'], cwd: '/elsewhere' }).config.simulation.data_dir, '/elsewhere/homes');
  assert.equal(loadConfig({ sets: ['simulation.data_dir=/homes'], cwd: '/elsewhere' }).config.simulation.data_dir, '/homes');
});

test('an unknown name is refused and the nearest known one is named', () => {
  assert.match(
    refused({ sets: ['cloud.htp_port=1'] }),
    /unknown setting cloud\.htp_port \(from command line\).*did you mean cloud\.http_port\?/,
  );
  assert.doesNotMatch(refused({ sets: ['foo.bar=1'] }), /did you mean/);
  assert.match(refused({ file: iniFile('[clod]\nhttp_port = 1\n') }), /unknown section \[clod\].*did you mean cloud\?/);
  assert.match(refused({ env: { FOGLINE_CLOUD_PORT: '1' } }), /FOGLINE_CLOUD_PORT.*did you mean FOGLINE_CLOUD_HTTP_PORT\?/);
  assert.match(refused({ env: { FOGLINE_CLUOD_HTTP_PORT: '1' } }), /did you mean FOGLINE_CLOUD_HTTP_PORT\?/);
  assert.match(refused({ sets: ['__proto__.x=1'] }), /unknown section/);
  assert.match(refused({ sets: ['cloud.constructor=1'] }), /unknown setting/);
});

test('variables of somebody else are left alone', () => {
  loadConfig({ env: { FOGLINE_LOG_LEVEL: 'warn', FOGLINE_SOMETHING_ELSE: '1', FOGLINE_CHILD_OF_RUN: '1', CLOUD_HTTP_PORT: 'x' } });
});

test('a value that is not of its kind or out of bounds is refused, with what is allowed', () => {
  const cases: [string, RegExp][] = [
    ['cloud.http_port=http', /a whole number/],
    ['cloud.http_port=1.5', /a whole number/],
    ['cloud.http_port=0x10', /a whole number/],
    ['cloud.http_port=', /\(empty\).*a whole number/],
    ['cloud.http_port=65536', /between 0 and 65535/],
    ['cloud.http_port=-1', /between 0 and 65535/],
    ['broker.retention_hours=0', /at least 0\.01/],
    ['broker.retention_hours=Infinity', /a number/],
    ['link.legacy=maybe', /true or false/],
    ['link.kind=nanomgs', /one of auto, nanomsg, sp; did you mean nanomsg\?/],
    ['simulation.speed=fast', /a number above 0, or max/],
    ['simulation.speed=0', /a number above 0, or max/],
    ['nonsense', /is not section\.key=value/],
    ['cloud.http_port', /is not section\.key=value/],
  ];
  for (const [set, expected] of cases) assert.match(refused({ sets: [set] }), expected, set);
});

test('settings that contradict each other are refused', () => {
  assert.match(refused({ sets: ['simulation.start_seconds=60', 'simulation.until_seconds=60'] }), /is not after/);
  assert.match(refused({ sets: ['link.heartbeat_deadline_seconds=5'] }), /lower the deadline/);
  const kept = (raw: number, minutes: number, quarters: number) => ({
    sets: [`cloud.keep_raw_days=${raw}`, `cloud.keep_1m_days=${minutes}`, `cloud.keep_15m_days=${quarters}`],
  });
  assert.match(refused(kept(30, 20, 0)), /keep_1m_days = 20 is shorter than cloud.keep_raw_days = 30/);
  assert.match(refused(kept(0, 20, 0)), /shorter than cloud.keep_raw_days = 0 \(for ever\)/);
  assert.match(refused(kept(1, 0, 5)), /keep_15m_days = 5 is shorter than cloud.keep_1m_days/);
  assert.equal(loadConfig(kept(5, 5, 0)).config.cloud.keep_1m_days, 5);
});

test('speed is a factor, max is without end', () => {
  assert.equal(speedFactor(configWith({ 'simulation.speed': '2.5' })), 2.5);
  assert.equal(speedFactor(configWith({ 'simulation.speed': 'max' })), Number.POSITIVE_INFINITY);
});

test('the old names [Sim] and [Server] are read with a notice', () => {
  const file = iniFile(
    '[Sim]\nstart = 2019-12-24 00:00:00\nend = 100\nhousehold_data_dir = data/testing\n' +
      '[Server]\nkafka_address = localhost:9092\ngcp_node = 10.0.0.7\n',
  );
  const { config, notices } = loadConfig({ file });
  assert.equal(config.simulation.start_seconds, 0);
  assert.equal(config.simulation.until_seconds, 100);
  assert.equal(config.simulation.data_dir, join(folder, 'data/testing'));
  assert.equal(config.link.cloud_host, '10.0.0.7');
  assert.equal(config.broker.kafka_brokers, 'localhost:9092');
  assert.equal(notices.length, 5);
  assert.match(notices.join('\n'), /\[Sim\] start = 2019-12-24 00:00:00 is ignored/);
  assert.match(notices.join('\n'), /kafka_address is an old name, read as broker\.kafka_brokers/);
  assert.match(notices.join('\n'), /\[Sim\] end is an old name, read as simulation\.until_seconds/);
  assert.equal(loadConfig({ file: iniFile('[Sim]\nstart = 30\n') }).config.simulation.start_seconds, 30);
});

test('a settings file that is not one is refused', () => {
  assert.match(refused({ file: join(folder, 'none.ini') }), /can't be read/);
  assert.match(refused({ file: iniFile('http_port = 1\n') }), /outside a section/);
  assert.match(refused({ file: iniFile('[cloud]\nhttp_port[] = 1\n') }), /not a single value/);
  assert.match(refused({ file: iniFile('[cloud.more]\nhttp_port = 1\n') }), /unknown section|not a single value|unknown setting/);
});

test('a secret comes from the environment or a file, and is never shown', () => {
  const table = { auth: { token: { default: '', kind: 'secret', comment: '' } } } as const;
  const path = join(folder, 'token');
  writeFileSync(path, 'hush\n');
  const fromEnv = loadSettings(table, { env: { FOGLINE_AUTH_TOKEN: 'hush' } });
  assert.equal(fromEnv.values['auth']?.['token'], 'hush');
  assert.equal(fromEnv.origins.get('auth.token')?.text, '(secret)');
  assert.equal(loadSettings(table, { sets: [`auth.token=file:${path}`] }).values['auth']?.['token'], 'hush');
  assert.equal(loadSettings(table, { file: iniFile('[auth]\ntoken = file:token\n') }).values['auth']?.['token'], 'hush');
  assert.throws(() => loadSettings(table, { sets: ['auth.token=hush'] }), /must not stand in command line/);
  assert.throws(() => loadSettings(table, { sets: ['auth.token=file:nowhere'], cwd: folder }), /can't be read/);
});

test('any setting may stand in a file that a variable names', () => {
  const path = join(folder, 'value');
  writeFileSync(path, ' hush\n');
  const { config, origins } = loadConfig({ env: { FOGLINE_REDIS_PASSWORD_FILE: path } });
  assert.equal(config.redis.password, 'hush');
  assert.deepEqual(origins.get('redis.password'), { origin: 'environment FOGLINE_REDIS_PASSWORD_FILE', text: '(secret)' });
  writeFileSync(path, '1007\n');
  const port = loadConfig({ env: { FOGLINE_CLOUD_HTTP_PORT_FILE: 'value' }, cwd: folder });
  assert.equal(port.config.cloud.http_port, 1007);
  assert.equal(loadConfig({ env: { FOGLINE_CLOUD_HTTP_PORT_FILE: path }, sets: ['cloud.http_port=1'] }).config.cloud.http_port, 1);
  // A setting's own name comes first: this one is a path, and no file of it is read.
  assert.equal(loadConfig({ env: { FOGLINE_LINK_BUNDLE_FILE: '/none' } }).config.link.bundle_file, '/none');
  writeFileSync(path, '/from/file\n');
  assert.equal(loadConfig({ env: { FOGLINE_LINK_BUNDLE_FILE_FILE: path } }).config.link.bundle_file, '/from/file');
});

test('a file with a value that can not be meant is refused, and a slip in its name is told', () => {
  const path = join(folder, 'value');
  writeFileSync(path, 'hush');
  const both = refused({ env: { FOGLINE_REDIS_URL: 'redis://h', FOGLINE_REDIS_URL_FILE: path } });
  assert.match(both, /redis\.url is given by FOGLINE_REDIS_URL and by FOGLINE_REDIS_URL_FILE.*unset one/);
  assert.match(refused({ env: { FOGLINE_REDIS_URL_FILE: '' } }), /names no file/);
  assert.match(refused({ env: { FOGLINE_REDIS_URL_FILE: join(folder, 'none') } }), /FOGLINE_REDIS_URL_FILE.*can't be read: ENOENT/);
  assert.match(refused({ env: { FOGLINE_REDIS_URL_FILE: folder } }), /is no file/);
  writeFileSync(path, 'x'.repeat(70_000));
  assert.match(refused({ env: { FOGLINE_REDIS_URL_FILE: path } }), /too large for a setting \(70000 bytes\)/);
  const two = refused({ env: { FOGLINE_REDIS_URL_FILE: '', FOGLINE_REDIS_PASSWORD_FILE: '' } });
  assert.match(two, /2 settings are not allowed/);
  assert.match(refused({ env: { FOGLINE_REDIS_PASWORD_FILE: path } }), /did you mean FOGLINE_REDIS_PASSWORD_FILE\?/);
  writeFileSync(path, '70000');
  assert.match(refused({ env: { FOGLINE_CLOUD_HTTP_PORT_FILE: path } }), /between 0 and 65535/);
});

test('no setting is called like another one with _file behind it', () => {
  const names = Object.entries(SETTINGS).flatMap(([section, keys]) => Object.keys(keys).map((key) => `${section}_${key}`.toUpperCase()));
  assert(names.some((name) => name.endsWith('_FILE')));
  for (const name of names) assert(!names.includes(`${name}_FILE`), `FOGLINE_${name}_FILE would mean two settings`);
});

test('the variables of the tests and of CI are no mistyped settings', () => {
  const root = join(import.meta.dirname, '../../..');
  const tests = readdirSync(join(root, 'tests'), { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));
  const texts = ['.ci/run', ...tests.map((path) => join('tests', path))].map((path) => readFileSync(join(root, path), 'utf8'));
  const named = texts.flatMap((text) => [...text.matchAll(/export (FOGLINE_\w+)|process\.env\['(FOGLINE_\w+)'\]/g)]);
  const variables = new Set(named.map(([, exported, read]) => (exported ?? read) as string));
  assert(variables.size > 5);
  for (const variable of variables) {
    assert.doesNotThrow(() => loadConfig({ env: { [variable]: '1' } }), variable);
  }
});

test('the process environment is read and checked', () => {
  const manager = { wantsWord: false, watchdogMs: undefined };
  assert.deepEqual(processEnvironment({}), { logLevel: 'info', stateDir: undefined, failpoint: undefined, childOfRun: false, manager });
  assert.equal(processEnvironment({ FOGLINE_STATE_DIR: '/state' }).stateDir, '/state');
  assert.deepEqual(processEnvironment({ FOGLINE_LOG_LEVEL: 'debug', FOGLINE_FAILPOINT: 'x:2', FOGLINE_CHILD_OF_RUN: '1' }), {
    logLevel: 'debug',
    stateDir: undefined,
    failpoint: 'x:2',
    childOfRun: true,
    manager,
  });
  assert.throws(() => processEnvironment({ FOGLINE_LOG_LEVEL: 'loud' }), ConfigError);
});

test('config.ini names every setting with its comment, at its default, commented out', () => {
  const text = readFileSync(new URL('../../../config.ini', import.meta.url), 'utf8');
  assert.equal(text, renderConfigIni(), 'config.ini and common/settings.ts differ: run node --import tsx scripts/config-ini.ts');
  const defaults = loadConfig({}).config;
  assert.deepEqual(loadConfig({ file: iniFile(text) }).config, defaults);
  const spelledOut = loadConfig({ file: iniFile(text.replace(/^;(\w+ =.*)$/gm, '$1')) });
  assert.deepEqual(spelledOut.config, defaults);
  for (const [name, { origin }] of spelledOut.origins) assert.notEqual(origin, 'default', name);
});

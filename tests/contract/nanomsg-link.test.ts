import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { describe, test } from 'node:test';
import { systemClock } from '../../common/clock.ts';
import { loadNanomsg, NanomsgLinkClient } from '../../common/link/nanomsg-link.ts';
import { SpLinkServer } from '../../common/link/sp-link.ts';
import { silentLogger } from '../../common/logger.ts';
import { seededRandom } from '../../common/random.ts';
import { ANSWERS_TWICE, HOSTILE_SERVERS, startHostileServer } from '../doubles/hostile-servers.ts';
import { linkSuite } from './link-suite.ts';

const PATIENT_MS = 30_000;
const nanomsg = await loadNanomsg(silentLogger);
const skip = nanomsg === undefined ? 'the npm package nanomsg is not installed' : undefined;

linkSuite({
  name: 'nanomsg client, sp server',
  skip,
  openClient: async (at) => nanomsgClient(at.port, at),
  openServer: (at) => new SpLinkServer({ host: '127.0.0.1', clock: systemClock, logger: silentLogger, ...at }),
});

/** Some of these end the process, by abort(), when the addon meets them alone. */
describe('nanomsg client and hostile servers', { timeout: 300_000 }, () => {
  if (skip !== undefined) {
    test('all of them', { skip }, () => {});
    return;
  }
  for (const kind of HOSTILE_SERVERS) {
    test(`a server that ${kind.name} costs requests, never the process`, async () => {
      const hostile = await startHostileServer(kind);
      const client = nanomsgClient(hostile.port);
      await client.start();
      await assert.rejects(client.request(Buffer.from('lost'), 150), { code: 'LINK_TIMEOUT' });
      await assert.rejects(client.request(Buffer.from('lost too'), 150), { code: 'LINK_TIMEOUT' });
      assert.ok(hostile.helloCount() > 0, 'the client has met it');
      await hostile.stop();
      const server = new SpLinkServer({ host: '127.0.0.1', port: hostile.port, clock: systemClock, logger: silentLogger });
      await server.start(async (payload) => payload);
      assert.equal((await client.request(Buffer.from('found'), PATIENT_MS)).toString(), 'found');
      await client.stop();
      await server.stop();
    });
  }

  test('a server that answers twice is heard once', async () => {
    const hostile = await startHostileServer(ANSWERS_TWICE);
    for (let round = 0; round < 3; round++) {
      const client = nanomsgClient(hostile.port);
      await client.start();
      for (let i = 0; i < 5; i++) assert.equal((await client.request(Buffer.from('twice'), PATIENT_MS)).length, 100);
      await systemClock.sleep(50);
      await client.stop();
    }
    await hostile.stop();
  });

  test('the addon without its guard is ended by a second reply (so the guard must stay)', async () => {
    const hostile = await startHostileServer(ANSWERS_TWICE);
    const addonAlone = `
      import { loadNanomsg } from './common/link/nanomsg-link.ts';
      const nanomsg = await loadNanomsg({ debug() {} });
      const req = nanomsg.socket('req', {});
      req.on('data', () => process.stdout.write('answered'));
      req.connect('tcp://127.0.0.1:${hostile.port}');
      req.send('hello');
      process.stdin.on('data', () => {
        req.close();
        process.exit(0);
      });`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', addonAlone], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const exited = new Promise<string | null>((resolve) => child.once('exit', (_code, signal) => resolve(signal)));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    await systemClock.sleep(200);
    child.stdin.write('close');
    assert.equal(await exited, 'SIGABRT');
    await hostile.stop();
  });
});

function nanomsgClient(port: number, at: Partial<ConstructorParameters<typeof NanomsgLinkClient>[1]> = {}): NanomsgLinkClient {
  return new NanomsgLinkClient(nanomsg!, {
    host: '127.0.0.1',
    port,
    clock: systemClock,
    random: seededRandom(2),
    logger: silentLogger,
    ...at,
  });
}

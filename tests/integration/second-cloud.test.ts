/** A second `fogline cloud` on a state directory is refused before it touches anything; a killed first one leaves nothing in its way. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { OutagesReply } from '../../cloud/server/api/api-types.ts';
import { EXIT } from '../../common/errors.ts';
import { CloudProcess } from '../doubles/cloud-process.ts';
import { freePort } from '../doubles/free-port.ts';

const ENTRY = fileURLToPath(new URL('../../fogline.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'fogline-second-'));
const stateDir = join(folder, 'state');
const clouds: CloudProcess[] = [];

after(async () => {
  for (const cloud of clouds) await cloud.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function startCloud(): Promise<CloudProcess> {
  const cloud = new CloudProcess(stateDir, undefined);
  clouds.push(cloud);
  await cloud.start();
  return cloud;
}

/** Runs `fogline cloud` to its end. */
function refusedCloud(...sets: string[]) {
  const ports = ['cloud.http_port=0', 'link.heartbeat_port=0', 'link.data_port=0'];
  const args = ['--import', 'tsx', ENTRY, 'cloud', '--state', stateDir, ...[...ports, ...sets].flatMap((set) => ['--set', set])];
  const { FOGLINE_REDIS_URL: _notThis, ...env } = process.env;
  return spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000, env: { ...env, FOGLINE_LOG_LEVEL: 'info' } });
}

async function cloudDown(cloud: CloudProcess): Promise<number> {
  const { outages } = (await (await fetch(`${cloud.url}/api/v1/outages`)).json()) as OutagesReply;
  return outages.filter(({ cause }) => cause === 'cloud down').length;
}

test('a second cloud server is refused with the name of the first, and the record of the fleet knows nothing of it', async () => {
  const first = await startCloud();
  const files = readdirSync(join(stateDir, 'cloud')).sort();
  const { status, stderr, stdout } = refusedCloud();
  assert.equal(status, EXIT.usage, stderr);
  assert.match(stderr, new RegExp(`another cloud server has .*process ${first.pid} on .*page at ${first.url}`));
  assert.match(stderr, /what to do: stop it, or give another --state/);
  assert.doesNotMatch(stderr, /the cloud was away/);
  assert.equal(stdout, '');
  assert.deepEqual(readdirSync(join(stateDir, 'cloud')).sort(), files);
  assert.equal(await cloudDown(first), 0);
  assert.equal((await fetch(`${first.url}/readyz`)).status, 200);
  await first.kill();
  const next = await startCloud();
  assert.ok(next.log.some(({ msg }) => msg === 'the cloud was away'));
  assert.equal(await cloudDown(next), 1);
  await next.stop();
});

test('a taken gRPC port ends the cloud with the port and what to do, as a taken page port does', async () => {
  const port = await freePort();
  const holder = new CloudProcess(join(folder, 'holder'), undefined, [`cloud.grpc_port=${port}`]);
  clouds.push(holder);
  await holder.start();
  assert.equal(holder.ready?.grpcPort, port);
  const taken = refusedCloud(`cloud.grpc_port=${port}`);
  assert.equal(taken.status, EXIT.failed, taken.stderr);
  assert.match(taken.stderr, new RegExp(`port ${port} on 127\\.0\\.0\\.1 is taken \\[PORT_TAKEN\\]\\n {2}what to do: .*cloud\\.grpc_port`));
  assert.equal(refusedCloud(`cloud.http_port=${new URL(holder.url).port}`).status, EXIT.failed);
});

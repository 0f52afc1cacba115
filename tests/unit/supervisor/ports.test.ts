import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:net';
import { test } from 'node:test';
import { ConfigError } from '../../../common/errors.ts';
import { choosePorts, takenPorts } from '../../../supervisor/ports.ts';

const host = '127.0.0.1';
const wish = (name: string, preferred: number) => ({ name, host, preferred });

function listening(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject).listen(port, host, () => resolve(server));
  });
}

test('a free preferred port is taken, a taken one is replaced and named', async () => {
  const squatter = await listening(0);
  const { port: taken } = squatter.address() as { port: number };
  const [probe] = await choosePorts([wish('probe', 0)]);
  const chosen = await choosePorts([wish('a', probe!.port), wish('b', taken), wish('c', 0)]);
  squatter.close();
  assert.equal(chosen[0]!.port, probe!.port);
  assert.notEqual(chosen[1]!.port, taken);
  assert.equal(new Set(chosen.map(({ port }) => port)).size, 3);
  assert.deepEqual(takenPorts(chosen), [`${taken} was taken`]);
});

test('two wishes for one port get two, and all are free again afterwards', async () => {
  const [probe] = await choosePorts([wish('probe', 0)]);
  const chosen = await choosePorts([wish('a', probe!.port), wish('b', probe!.port)]);
  assert.equal(new Set(chosen.map(({ port }) => port)).size, 2);
  for (const { port } of chosen) (await listening(port)).close();
});

test('any port is one that no outgoing connection is given', async () => {
  const chosen = await choosePorts(Array.from({ length: 40 }, (_, i) => wish(`any ${i}`, 0)));
  assert.equal(new Set(chosen.map(({ port }) => port)).size, 40);
  for (const { port } of chosen) assert.ok(port >= 20_000 && port < 32_768, `${port}`);
});

test("an address that is not this machine's is the operator's mistake", async () => {
  await assert.rejects(choosePorts([{ name: 'cloud.http_port', host: '192.0.2.1', preferred: 0 }]), (error) => {
    assert(error instanceof ConfigError);
    assert.match(error.message, /cloud\.http_port: can't listen on 192\.0\.2\.1/);
    return true;
  });
});

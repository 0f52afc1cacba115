import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OperatingError } from '../../../common/errors.ts';
import { VirtualClock } from '../../doubles/virtual-clock.ts';
import { type Fate, VirtualNetwork } from '../../doubles/virtual-link.ts';

/** A link whose fates are taken from two lists, one entry per message; after the end all goes well in 1 ms. */
function link(requests: Fate[] = [], replies: Fate[] = [], inFlightMax = 2) {
  const clock = new VirtualClock();
  const network = new VirtualNetwork(clock);
  const heard: string[] = [];
  network.handler = async (payload) => {
    heard.push(`${payload.toString()}@${clock.monotonicMs()}`);
    return Buffer.from(`re ${payload.toString()}`);
  };
  const client = network.dial({ request: () => requests.shift() ?? [1], reply: () => replies.shift() ?? [1] }, inFlightMax);
  const answers: string[] = [];
  const ask = (text: string) =>
    void client.request(Buffer.from(text), 100).then(
      (reply) => answers.push(`${reply.toString()}@${clock.monotonicMs()}`),
      (error: OperatingError) => answers.push(`${text}: ${error.code}@${clock.monotonicMs()}`),
    );
  return { clock, network, client, heard, answers, ask };
}

test('two requests are on their way at once and may overtake each other', async () => {
  const { clock, client, heard, answers, ask } = link([[50], [10]]);
  await client.start();
  ask('a');
  ask('b');
  await clock.advance(1_000);
  assert.deepEqual(heard, ['b@10', 'a@50']);
  assert.deepEqual(answers, ['re b@11', 're a@51']);
});

test('a lost request, a lost reply and a late reply end at the deadline; what is late still arrives', async () => {
  const { clock, client, heard, answers, ask } = link([[], [5], [300]], [[], [5]]);
  await client.start();
  ask('lost');
  ask('unanswered');
  await clock.advance(100);
  ask('late');
  await clock.advance(1_000);
  assert.deepEqual(heard, ['unanswered@5', 'late@400']);
  assert.deepEqual(answers, ['lost: LINK_TIMEOUT@100', 'unanswered: LINK_TIMEOUT@100', 'late: LINK_TIMEOUT@200']);
});

test('a repeated request is heard twice and answered once', async () => {
  const { clock, client, heard, answers, ask } = link([[5, 20]]);
  await client.start();
  ask('a');
  await clock.advance(1_000);
  assert.deepEqual(heard, ['a@5', 'a@20']);
  assert.deepEqual(answers, ['re a@6']);
});

test('one request too many is a bug of the caller', async () => {
  const { client, ask } = link([], [], 1);
  await client.start();
  ask('a');
  assert.throws(() => void client.request(Buffer.from('b'), 100), /more than 1 requests at once/);
});

test('after stop everything is refused; after a cut nothing is ever settled, and what was sent arrives', async () => {
  const stopped = link([[50]]);
  await stopped.client.start();
  stopped.ask('a');
  await stopped.client.stop();
  stopped.ask('b');
  await stopped.clock.advance(1_000);
  assert.deepEqual(stopped.answers, ['a: LINK_CLOSED@0', 'b: LINK_CLOSED@0']);
  const dead = link([[50]]);
  await dead.client.start();
  dead.ask('a');
  dead.client.cut();
  dead.ask('b');
  await dead.clock.advance(1_000);
  assert.deepEqual(dead.answers, []);
  assert.deepEqual(dead.heard, ['a@50']);
});

test('a cloud that is down hears nothing, and one that was killed answers nothing', async () => {
  const { clock, network, client, answers, ask } = link();
  await client.start();
  const { handler } = network;
  network.handler = undefined;
  ask('a');
  await clock.advance(200);
  network.handler = async (payload, peer) => {
    await clock.sleep(20);
    return (await handler?.(payload, peer)) as Buffer;
  };
  ask('b');
  await clock.advance(10);
  network.handler = undefined;
  await clock.advance(200);
  assert.deepEqual(answers, ['a: LINK_TIMEOUT@100', 'b: LINK_TIMEOUT@300']);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressGroup, GATE_LIMITS, LinkGate } from '../../../../common/link/link-gate.ts';
import { VirtualClock } from '../../../doubles/virtual-clock.ts';

const ROWS = 857_000;
const ROWS_PER_REQUEST = 500;

test('an address: so many at once, then so many a second; another address is not touched', async () => {
  const clock = new VirtualClock();
  const gate = new LinkGate(clock, { addressConnections: { perSecond: 1, burst: 2 } });
  const admit = (address: string) => {
    const refusal = gate.admitAddress(address);
    if (refusal === undefined) gate.proved(address);
    return refusal;
  };
  assert.deepEqual(
    [1, 2, 3].map(() => admit('192.0.2.1')),
    [undefined, undefined, 'address_rate'],
  );
  assert.equal(admit('192.0.2.2'), undefined);
  await clock.advance(1_000);
  assert.equal(admit('192.0.2.1'), undefined);
  assert.equal(admit('::ffff:192.0.2.1'), 'address_rate', 'the same in IPv6 clothes');
});

test('the handshakes of all addresses together have a limit; one address, and who says nothing, can not use it up', async () => {
  const clock = new VirtualClock();
  const gate = new LinkGate(clock, { addressConnections: { perSecond: 0.001, burst: 2 }, allConnections: { perSecond: 1, burst: 4 } });
  const begin = (address: string) => gate.admitAddress(address) ?? gate.admitHandshake();
  for (let i = 0; i < 50; i++) gate.admitAddress(`198.51.100.${i}`);
  for (let i = 0; i < 50; i++) begin('192.0.2.1');
  assert.equal(begin('192.0.2.2'), undefined);
  assert.equal(begin('192.0.2.3'), undefined);
  assert.equal(begin('192.0.2.4'), 'accept_rate');
  await clock.advance(1_000);
  assert.equal(begin('192.0.2.4'), undefined);
});

test('connections without an identity are counted until they have one or are gone', () => {
  const gate = new LinkGate(new VirtualClock(), { addressUnprovedMax: 2 });
  assert.deepEqual(
    [1, 2, 3].map(() => gate.admitAddress('192.0.2.1')),
    [undefined, undefined, 'address_connections'],
  );
  gate.proved('192.0.2.1');
  assert.equal(gate.admitAddress('192.0.2.1'), undefined);
});

test('one subscriber of IPv6 has one account', () => {
  assert.equal(addressGroup('2001:db8:1:2:3:4:5:6'), addressGroup('2001:DB8:1:2::9'));
  assert.notEqual(addressGroup('2001:db8:1:2::1'), addressGroup('2001:db8:1:3::1'));
  assert.equal(addressGroup('::1'), '0:0:0:0');
  assert.equal(addressGroup('192.0.2.7'), '192.0.2.7');
});

test('no more addresses and identities are remembered than the limit', () => {
  const gate = new LinkGate(new VirtualClock(), { rememberedMax: 3, identityConnections: { perSecond: 0.001, burst: 1 } });
  assert.equal(gate.admitIdentity('a'), undefined);
  assert.equal(gate.admitIdentity('a'), 'identity_rate');
  for (const id of ['b', 'c', 'd']) gate.admitIdentity(id);
  assert.equal(gate.admitIdentity('a'), undefined, 'forgotten, and as new');
});

for (const { rows, bytesPerRow } of [
  { rows: ROWS_PER_REQUEST, bytesPerRow: 124 },
  { rows: 50, bytesPerRow: 171 },
]) {
  test(`the outage day of 50 households, ${rows} rows a request, waits at most 5 s of its minute for the gate`, async () => {
    const clock = new VirtualClock();
    const meter = new LinkGate(clock).meter('edge-1', '192.0.2.1');
    let waitedMs = 0;
    for (let left = ROWS; left > 0; left -= rows) {
      // As fast as a store that takes 20,000 rows a second.
      await clock.advance((rows / 20_000) * 1_000);
      meter.arrived(rows * bytesPerRow);
      meter.request();
      for (; meter.isOverdrawn(); waitedMs += 250) await clock.advance(250);
    }
    assert.ok(waitedMs <= 5_000, `${waitedMs} ms`);
  });
}

test('one that asks as fast as it can is held to the rate', async () => {
  const clock = new VirtualClock();
  let throttled = 0;
  const gate = new LinkGate(clock, {}, () => throttled++);
  const meter = gate.meter('edge-1', '192.0.2.1');
  let taken = 0;
  for (let second = 0; second < 10; second++) {
    for (; !meter.isOverdrawn(); taken++) meter.request();
    await clock.advance(1_000);
  }
  const { burst, perSecond } = GATE_LIMITS.identityRequests;
  assert.ok(taken >= burst && taken <= burst + 10 * perSecond, String(taken));
  assert.ok(throttled > 0);
  assert.equal(gate.meter('edge-2', '192.0.2.2').isOverdrawn(), false);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../../../../common/clock.ts';
import { World } from '../../../../../edge/simulator/cosim/world.ts';
import { Collector } from '../../../../../edge/simulator/models/collector.ts';
import { ScriptedSimulator } from '../cosim/scripted-simulator.ts';

test('writes a line per value, as it comes; what is not a number as quoted JSON', async () => {
  let text = '';
  const world = new World({ clock: systemClock });
  const source = new ScriptedSimulator({ next: (time) => time + 2, out: { x: (time) => time / 4, y: () => [{ a: 'b' }] } });
  const [from] = await (await world.start('A', source)).create(1, 'M');
  const [to] = await (await world.start('paper', new Collector({ write: (piece) => (text += piece), goOnAt: undefined }))).create(
    1,
    'Collector',
  );
  world.connect(from!, to!, ['x', 'y']);
  await world.run({ until: 3 });
  const json = '"[{""a"":""b""}]"';
  assert.equal(text, `tick,source,attribute,value\n0,A.M0,x,0\n0,A.M0,y,${json}\n2,A.M0,x,0.5\n2,A.M0,y,${json}\n`);
});

/** What is left of an edge that ended is given back: tests and storms have thousands of them in one process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { VirtualSite } from '../../../doubles/virtual-site.ts';

test('an edge that was killed is let go, with all that it held', { timeout: 60_000 }, async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const site = new VirtualSite();
  try {
    await site.start();
    await site.until(() => site.edge.running?.isLinkUp === true, 60_000);
    const killed = new WeakRef(site.edge.running as object);
    site.edge.kill();
    // Its timers are gone after this; nothing of it is called any more.
    await site.clock.advance(120_000);
    collect();
    assert.equal(killed.deref(), undefined);
  } finally {
    site.end();
  }
});

/** What must hold of edges at every moment. */
import { sourceKey } from '../../common/ids.ts';
import { rangeOf } from '../../common/messages.ts';
import { missingFromAll } from '../../common/protocol/seq-intervals.ts';
import { Violation } from './small-model-edge.ts';
import type { World } from './small-model-world.ts';

/**
 * An edge that the running cloud has answered takes nothing for stored that is not. For a parked household it has not asked.
 */
export function checkEdges(world: World): void {
  const { disk, startId } = world.cloud;
  for (const edge of world.edges) {
    if (edge.memory.startId !== startId) continue;
    for (const { state, source, row } of edge.disk.rows) {
      if (state !== 'acked' || edge.disk.ledger.parked.has(rangeOf(row).household)) continue;
      const held = disk.sources.get(source);
      const { fromSeq, toSeq } = rangeOf(row);
      const sets = held === undefined ? [] : row.kind === 'part' ? [held.covered] : [held.covered, held.declared];
      if (missingFromAll(fromSeq, toSeq, sets).length > 0)
        throw new Violation(`${edge.name} holds ${row.kind} ${fromSeq}-${toSeq} for acknowledged, the cloud has not got it`);
    }
    for (const source of edge.disk.ledger.sources.values()) {
      if (edge.disk.ledger.parked.has(source.household)) continue;
      const held = disk.sources.get(sourceKey(source.household, source.device, source.src));
      for (const [from, to] of source.covered.ranges()) {
        if (missingFromAll(from, to, held === undefined ? [] : [held.covered]).length > 0)
          throw new Violation(`${edge.name} takes ${from}-${to} for covered`);
      }
    }
  }
}

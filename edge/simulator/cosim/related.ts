/** The undirected graph of entities: those that are connected, and those that create() called related. */
import { CosimError } from './errors.ts';
import type { Entity } from './entity.ts';
import type { RelatedEntities } from './simulator.ts';

export class RelatedGraph {
  private readonly nodes = new Map<string, { sid: string; type: string }>();
  private readonly neighbours = new Map<string, Set<string>>();

  /** With its children. Call `relate` when all entities of the answer are added. */
  add(entity: Entity): void {
    this.nodes.set(entity.fullId, { sid: entity.sid, type: entity.model });
    this.neighbours.set(entity.fullId, new Set());
    for (const child of entity.children) this.add(child);
  }

  /** Draws the edges that create() named. One to an entity that does not exist is refused. */
  relate(entity: Entity): void {
    for (const eid of entity.rel) {
      const other = `${entity.sid}.${eid}`;
      if (!this.nodes.has(other))
        throw new CosimError(
          'ANSWER_INVALID',
          `${entity.fullId} names ${eid} as related, which does not exist`,
          'correct what the simulator answers to create',
        );
      this.connect(entity.fullId, other);
    }
    for (const child of entity.children) this.relate(child);
  }

  connect(a: string, b: string): void {
    this.neighbours.get(a)?.add(b);
    this.neighbours.get(b)?.add(a);
  }

  whole(): RelatedEntities {
    const edges: RelatedEntities['edges'] = [];
    const drawn = new Set<string>();
    for (const [id, its] of this.neighbours) {
      for (const other of its) if (!drawn.has(other)) edges.push([id, other, {}]);
      drawn.add(id);
    }
    return { nodes: Object.fromEntries(this.nodes), edges };
  }

  /** @throws CosimError ENTITY_UNKNOWN for an entity that does not exist */
  of(fullId: string): RelatedEntities['nodes'] {
    const its = this.neighbours.get(fullId);
    if (its === undefined)
      throw new CosimError('ENTITY_UNKNOWN', `there is no entity ${fullId}`, 'ask for one of the scenario, by its full id');
    return Object.fromEntries([...its].map((id) => [id, this.nodes.get(id) as { sid: string; type: string }]));
  }
}

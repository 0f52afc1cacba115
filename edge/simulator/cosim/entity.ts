/** Entities as a scenario sees them: what create() answered, with the simulator they live in. */
import { CosimError } from './errors.ts';
import type { CreatedEntity } from './simulator.ts';

export interface Entity {
  /** Name of the simulator. */
  readonly sid: string;
  readonly eid: string;
  /** `sid.eid`. A sid has no dot, so it splits at the first one. */
  readonly fullId: string;
  /** Name of the model. */
  readonly model: string;
  readonly rel: readonly string[];
  readonly children: readonly Entity[];
  readonly extraInfo: unknown;
}

/**
 * Checks what create() answered and names it.
 * @param known entity ids of the simulator so far; the new ones are added
 * @throws CosimError ANSWER_INVALID
 */
export function entitiesOf(sid: string, num: number, model: string, created: readonly CreatedEntity[], known: Set<string>): Entity[] {
  if (!Array.isArray(created) || created.length !== num) {
    throw refused(
      sid,
      `create answered ${Array.isArray(created) ? created.length : typeof created} entities of ${model}, ${num} were asked for`,
    );
  }
  const wrong = created.find((entity) => entity.type !== model);
  if (wrong !== undefined) throw refused(sid, `create answered ${wrong.eid} of type ${wrong.type}, ${model} was asked for`);
  return created.map((entity) => entityOf(sid, entity, known));
}

function entityOf(sid: string, created: CreatedEntity, known: Set<string>): Entity {
  const { eid, type, rel = [], children = [], extraInfo } = created;
  if (typeof eid !== 'string' || eid === '') throw refused(sid, `create answered an entity of ${type} without an eid`);
  if (known.has(eid)) throw refused(sid, `entity ${eid} exists already`);
  known.add(eid);
  return { sid, eid, fullId: `${sid}.${eid}`, model: type, rel, children: children.map((child) => entityOf(sid, child, known)), extraInfo };
}

function refused(sid: string, reason: string): CosimError {
  return new CosimError('ANSWER_INVALID', `${sid}: ${reason}`, 'correct what the simulator answers to create');
}

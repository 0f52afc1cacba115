/**
 * What may stand in a scenario file. scenario.schema.json beside it is made of this (scripts/scenario-schema.ts), for editors and other
 * programs; what the schema can't say is in scenario-check.ts. Only a door: nothing here knows a simulator.
 */
import { z } from 'zod';

/** Names of simulators, groups and entity sets. A digit in front would change the order of a JSON object. */
const NAME = /^[A-Za-z_][A-Za-z0-9_-]*$/;
const name = z.string().regex(NAME).describe('letters, digits, _ and -, a letter first');

const params = z.record(z.string(), z.json());

const drawn = z
  .strictObject({ min: z.number(), max: z.number(), step: z.number().positive() })
  .describe('drawn by the seed of the file: min, min + step, … max; another number for each entity, the same in every run');

export const TransformStep = z
  .union([
    z.strictObject({ scale: z.number().describe('times this') }),
    z.strictObject({ offset: z.number().describe('plus this') }),
    z.strictObject({
      clamp: z.tuple([z.number().nullable(), z.number().nullable()]).describe('at least, at most; null for no limit'),
    }),
    z.strictObject({
      sign: z.enum(['flip', 'positive', 'negative']).describe('flip: other sign; positive: 0 instead of less; negative: 0 instead of more'),
    }),
  ])
  .describe('one change of a number');
export type TransformStep = z.infer<typeof TransformStep>;

const transform = z.array(TransformStep).min(1).describe('changes of each number, in this order; null stays null');

const DRAW = '$draw';
const SAME = '$param';
export const DrawParam = z.strictObject({ [DRAW]: drawn });
export const SameParam = z
  .strictObject({ [SAME]: z.string(), transform: transform.optional() })
  .describe('as another parameter of the same entity that stands before this one');

/** What is neither of the two. */
const plainParam = z.json().meta({ not: { type: 'object', anyOf: [{ required: [DRAW] }, { required: [SAME] }] } });

const entityParams = z
  .record(z.string(), z.union([DrawParam, SameParam, plainParam]))
  .describe(
    'parameters of the model. Texts may hold %(index)s (from 0), %(number)s (from 1), %(seed)s, %(scenario)s (fingerprint of this ' +
      'file) and, with onePerFile, %(path)s, %(name)s and %(stem)s of the file; %% is a percent sign. A text that is nothing but one ' +
      'of these gets its value as it is.',
  );

const seconds = z.number().positive();

export const SimulatorEntry = z
  .strictObject({
    model: z.string().optional().describe('a simulator of this program'),
    command: z
      .string()
      .optional()
      .describe('started with this command, as a mosaik cmd: %(addr)s is where to connect, %(python)s the Python'),
    connect: z.string().optional().describe('host:port where a mosaik simulator listens'),
    cwd: z.string().optional().describe('folder of the command, from the folder of this file; that one unless given'),
    env: z.record(z.string(), z.string()).optional().describe('added to the environment of the command'),
    apiVersion: z.string().optional().describe("version of mosaik's API that it must tell"),
    stepTimeoutSeconds: seconds.optional().describe('a call that takes longer ends the run; 60 unless given'),
    startTimeoutSeconds: seconds.optional().describe('for connecting, and again for the answer to init; 10 unless given'),
    params: params.optional().describe('given at its start'),
    group: z.string().optional().describe('path of its group, as outer/inner; outside of all groups unless given'),
    optional: z
      .boolean()
      .optional()
      .describe('left out, with its entities and connections, where this program has not been asked for it (collector without a file)'),
  })
  .meta({
    description: 'one of model, command and connect',
    oneOf: [{ required: ['model'] }, { required: ['command'] }, { required: ['connect'] }],
    dependentSchemas: {
      model: { properties: { apiVersion: false, stepTimeoutSeconds: false, startTimeoutSeconds: false } },
    },
    dependentRequired: { cwd: ['command'], env: ['command'] },
  });
export type SimulatorEntry = z.infer<typeof SimulatorEntry>;

export const EntityEntry = z
  .strictObject({
    simulator: z.string().describe('name of a simulator of this file'),
    model: z.string().describe('one of the models of that simulator'),
    count: z.int().positive().optional().describe('how many; 1 unless given'),
    onePerFile: z
      .union([
        z.strictObject({
          folder: z.string().describe('from the folder of this file'),
          pattern: z.string().optional().describe('names of files, * for anything, ? for one character; *.csv unless given'),
        }),
        z.strictObject({
          dataset: z.literal('households').describe('the household files of the replay: %(household)s and %(firstLine)s are known too'),
        }),
      ])
      .optional()
      .describe('one entity for each file, by name'),
    params: entityParams.optional(),
  })
  .meta({ description: 'entities that are created alike; not both count and onePerFile', not: { required: ['count', 'onePerFile'] } });
export type EntityEntry = z.infer<typeof EntityEntry>;

const SetReference = z
  .union([
    z.string(),
    z.strictObject({
      of: z.string().describe('name of an entity set'),
      children: z.string().optional().describe('instead of the entities, those of their children (at any depth) that are of this type'),
      index: z.int().nonnegative().optional().describe('only this one of them, from 0'),
    }),
  ])
  .describe('an entity set, or a part of one');
export type SetReference = z.infer<typeof SetReference>;

export const PATTERNS = ['one', 'zip', 'manyToOne', 'oneToMany', 'random'] as const;

export const ConnectionEntry = z
  .strictObject({
    from: SetReference,
    to: SetReference,
    pattern: z
      .enum(PATTERNS)
      .optional()
      .describe(
        'one (unless given): one entity to one; zip: the first to the first, the second to the second; manyToOne; oneToMany; ' +
          'random: each of `from` to one of `to` that is drawn',
      ),
    attributes: z
      .array(z.union([z.string(), z.tuple([z.string(), z.string()])]))
      .optional()
      .describe('one name for both sides, or [source, destination]'),
    timeShifted: z.union([z.boolean(), z.int().nonnegative()]).optional().describe('arrives that many ticks later; true is 1'),
    weak: z.boolean().optional().describe('arrives in the next round of the same tick; both sides in one group'),
    initialData: z.record(z.string(), z.json()).optional().describe('by source attribute: seen before the first output arrives'),
    transform: transform.optional(),
    asyncRequests: z.boolean().optional().describe('the destination may ask the source for data, and set its inputs, while it steps'),
    seed: z.int().optional().describe('random: another draw than by the seed of the file'),
    evenly: z.boolean().optional().describe('random: no destination has two sources more than another; true unless given'),
    maxConnects: z.int().positive().optional().describe('random, not evenly: sources of one destination at most'),
  })
  .meta({
    if: { not: { required: ['pattern'], properties: { pattern: { const: 'random' } } } },
    // oxlint-disable-next-line unicorn/no-thenable
    then: { properties: { seed: false, evenly: false, maxConnects: false } },
  });
export type ConnectionEntry = z.infer<typeof ConnectionEntry>;

export const CallEntry = z.strictObject({
  simulator: z.string(),
  method: z.string().describe('one of the extra methods of the simulator'),
  args: z.array(z.json()).optional(),
  named: params.optional(),
});
export type CallEntry = z.infer<typeof CallEntry>;

export interface GroupTree {
  [inner: string]: GroupTree;
}
const Groups: z.ZodType<GroupTree> = z
  .record(
    name,
    z.lazy(() => Groups),
  )
  .meta({ id: 'groups', description: 'simulators that may go round in same-time loops with each other; groups in groups' });

export const ScenarioFile = z
  .strictObject({
    $schema: z.string().optional(),
    title: z.string().optional(),
    start: z
      .string()
      .optional()
      .describe('the instant of tick 0, ISO-8601 with a zone; handed to the simulators of this program that have a start. Not for replays'),
    until: seconds.optional().describe('simulated SECONDS until the end (not ticks); the end of the data unless given'),
    timeResolutionSeconds: seconds.optional().describe('seconds per tick; 1 unless given'),
    stepSeconds: seconds.optional().describe('length of a step of the simulators of this program that step regularly; theirs unless given'),
    seed: z.int().optional().describe('of all that is drawn, and handed to the simulators of this program that have one; 1 unless given'),
    cache: z.boolean().optional().describe('false: persistent outputs are handed on when told, not kept and looked up'),
    maxLoopIterations: z
      .int()
      .positive()
      .optional()
      .describe('rounds of a same-time loop before the run ends with an error; 100 unless given'),
    speed: z
      .union([seconds, z.literal('max')])
      .optional()
      .describe('simulated seconds per second, or max; the setting simulation.speed unless given'),
    rtFactor: z.number().nonnegative().optional().describe('real seconds per simulated second, instead of speed; 0 is as fast as possible'),
    rtStrict: z.boolean().optional().describe('a step that begins late ends the run'),
    rtToleranceMs: z.number().nonnegative().optional().describe('a step is late when it begins later than this; 100 unless given'),
    lazyStepping: z.boolean().optional().describe('false lets simulators get ahead of those that read them'),
    python: z.string().optional().describe('what %(python)s stands for; python3 unless given'),
    groups: Groups.optional(),
    simulators: z.record(name, SimulatorEntry).meta({ description: 'by name, in the order of starting', minProperties: 1 }),
    entities: z.record(name, EntityEntry).optional().describe('sets of entities by name, in the order of creation'),
    connections: z.array(ConnectionEntry).optional(),
    initialEvents: z.record(z.string(), z.int().nonnegative()).optional().describe('by simulator: the TICK of its first step'),
    calls: z.array(CallEntry).optional().describe('extra methods, called in this order when everything is connected'),
  })
  .meta({
    title: 'Fogline scenario',
    description: 'Simulators, their entities and connections, and one run.',
    not: { required: ['speed', 'rtFactor'] },
  });
export type ScenarioFile = z.infer<typeof ScenarioFile>;

/** The published schema, draft 2020-12. */
export function scenarioJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(ScenarioFile, { io: 'input' }) as Record<string, unknown>;
}

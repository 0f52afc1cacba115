/** What a scenario file may not say, with the place that each message names; and that the published schema is what is checked. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ConfigError } from '../../../../../common/errors.ts';
import { parsePlacedJson } from '../../../../../edge/simulator/scenario/json-comments.ts';
import { checkScenario, loadScenario } from '../../../../../edge/simulator/scenario/scenario-check.ts';
import { scenarioJsonSchema } from '../../../../../edge/simulator/scenario/scenario-file.ts';
import { pythonWith } from '../../../../doubles/python-with.ts';

const ROOM = fileURLToPath(new URL('../../../../../edge/simulator/scenario/', import.meta.url));
const EXAMPLES = ['default.scenario.jsonc', 'street.scenario.jsonc'];
const PYTHON = pythonWith('check_jsonschema') ?? '';
const noChecker = PYTHON === '' && 'no Python with check-jsonschema: pip install check-jsonschema, or set FOGLINE_PYTHON';
const SETTINGS = { hasCollectFile: false, hasUntil: false };

const folder = mkdtempSync(join(tmpdir(), 'fogline-scenario-'));
after(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, 'a.csv'), '');
writeFileSync(join(folder, 'b.csv'), '');

/** A sound file, changed. */
function file(change: (its: Its) => void): string {
  const its: Its = {
    start: '2023-06-21T00:00:00Z',
    until: 600,
    groups: { loop: { inner: {} }, other: {} },
    simulators: {
      roofs: { model: 'pv' },
      points: { model: 'grid-connection', group: 'loop' },
      controllers: { model: 'self-consumption', group: 'loop' },
      cells: { model: 'battery', group: 'loop' },
      far: { command: '%(python)s far.py %(addr)s' },
      near: { connect: '127.0.0.1:4567', stepTimeoutSeconds: 5 },
    },
    entities: {
      pvs: { simulator: 'roofs', model: 'PV', count: 3 },
      gcps: { simulator: 'points', model: 'GridConnection', count: 3 },
      heads: { simulator: 'controllers', model: 'SelfConsumption', count: 3 },
      boxes: { simulator: 'cells', model: 'Battery', count: 3, params: { capacity_wh: 5000 } },
      nodes: { simulator: 'far', model: 'Node', onePerFile: { folder: '.', pattern: '*.csv' }, params: { file: '%(path)s' } },
      loads: { simulator: 'near', model: 'Load', count: 2 },
    },
    connections: [
      { from: 'pvs', to: 'gcps', pattern: 'zip', attributes: ['power'] },
      { from: 'gcps', to: 'heads', pattern: 'zip', attributes: ['grid_power'] },
      { from: 'heads', to: 'boxes', pattern: 'zip', attributes: ['setpoint'] },
      { from: 'boxes', to: 'gcps', pattern: 'zip', attributes: [['power', 'battery_power']], weak: true },
      {
        from: 'nodes',
        to: { of: 'loads', index: 1 },
        pattern: 'manyToOne',
        attributes: ['p'],
        transform: [{ scale: -1 }, { clamp: [0, null] }],
      },
      { from: 'pvs', to: 'nodes', pattern: 'random', attributes: [['power', 'p']], seed: 4 },
    ],
    initialEvents: { near: 5 },
    calls: [{ simulator: 'far', method: 'warm_up', args: [1] }],
  };
  change(its);
  return JSON.stringify(its, null, 1);
}

/** Anything may stand in a file. */
// oxlint-disable-next-line typescript/no-explicit-any
type Its = Record<string, any>;

function mistakesIn(text: string, settings = SETTINGS): string[] {
  try {
    checkScenario(text, join(folder, 'its.jsonc'), settings);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message
      .split('\n  ')
      .slice(1)
      .filter((line) => line.startsWith(folder))
      .map((line) => line.replace(`${folder}/`, ''));
  }
}

test('a sound file has no mistakes, and the files of this folder have none', () => {
  assert.deepEqual(mistakesIn(file(() => {})), []);
  for (const name of EXAMPLES) assert.equal(loadScenario(join(ROOM, name), SETTINGS).hasTopic, true);
});

/** Structure: the schema says it too. */
const MISSHAPEN: [path: string, message: RegExp, change: (its: Its) => void][] = [
  ['untill', /did you mean until\?/, (its) => (its['untill'] = 5)],
  ['until', /a number above 0 is wanted, not 0/, (its) => (its['until'] = 0)],
  ['speed', /a number or "max" is wanted, not "fast"/, (its) => (its['speed'] = 'fast')],
  ['seed', /a whole number is wanted, not 1\.5/, (its) => (its['seed'] = 1.5)],
  ['simulators', /is missing: an object is wanted/, (its) => delete its['simulators']],
  [
    'simulators',
    /there are none: name at least one/,
    (its) => Object.assign(its, { simulators: {}, entities: {}, connections: [], initialEvents: {}, calls: [] }),
  ],
  ['simulators.9a', /"9a" can't be a name: a name is letters/, (its) => (its['simulators']['9a'] = { model: 'pv' })],
  ['simulators.roofs', /one of model, command, connect is wanted: none is there/, (its) => (its['simulators']['roofs'] = {})],
  ['simulators.roofs', /model and command are there/, (its) => (its['simulators']['roofs']['command'] = 'x %(addr)s')],
  ['simulators.near.env', /only makes sense beside command/, (its) => (its['simulators']['near']['env'] = { A: 'b' })],
  [
    'simulators.roofs.stepTimeoutSeconds',
    /only makes sense beside command or connect/,
    (its) => (its['simulators']['roofs']['stepTimeoutSeconds'] = 5),
  ],
  ['simulators.far.comand', /did you mean command\?/, (its) => (its['simulators']['far'] = { ...its['simulators']['far'], comand: '' })],
  ['entities.pvs.model', /is missing: text is wanted/, (its) => delete its['entities']['pvs']['model']],
  ['entities.pvs.count', /does not go with onePerFile/, (its) => (its['entities']['pvs']['onePerFile'] = { folder: '.' })],
  ['entities.nodes.onePerFile.patern', /did you mean pattern\?/, (its) => (its['entities']['nodes']['onePerFile']['patern'] = '*')],
  [
    'entities.boxes.params.capacity_wh',
    /\$draw wants the numbers min, max and step/,
    (its) => (its['entities']['boxes']['params']['capacity_wh'] = { $draw: { min: 1, max: 2 } }),
  ],
  ['connections[0].pattern', /one of "one", "zip", .* is wanted, not "zap"/, (its) => (its['connections'][0]['pattern'] = 'zap')],
  ['connections[1].from', /text or an object is wanted, not 5/, (its) => (its['connections'][1]['from'] = 5)],
  ['connections[0].attributes[0]', /text or a list is wanted, not 5/, (its) => (its['connections'][0]['attributes'] = [5])],
  ['connections[4].transform[0].scal', /did you mean scale\?/, (its) => (its['connections'][4]['transform'][0] = { scal: 1 })],
  ['connections[4].to.idx', /did you mean index\?/, (its) => (its['connections'][4]['to'] = { of: 'loads', idx: 1 })],
  ['connections[0].seed', /only goes with "pattern": "random"/, (its) => (its['connections'][0]['seed'] = 1)],
  ['connections[2].timeShifted', /a number from 0 is wanted, not -1/, (its) => (its['connections'][2]['timeShifted'] = -1)],
  ['initialEvents.near', /a number is wanted, not "x"/, (its) => (its['initialEvents']['near'] = 'x')],
  ['calls[0].method', /is missing: text is wanted/, (its) => delete its['calls'][0]['method']],
  ['groups.loop', /an object is wanted, not 1/, (its) => (its['groups']['loop'] = 1)],
  ['rtFactor', /does not go with speed/, (its) => Object.assign(its, { speed: 2, rtFactor: 0.5 })],
];

/** Names and values: only the program knows them. */
const WRONG: typeof MISSHAPEN = [
  ['until', /is missing: say how many simulated seconds/, (its) => delete its['until']],
  ['start', /yesterday is no time/, (its) => (its['start'] = 'yesterday')],
  ['simulators.roofs.model', /no simulator pvv in this program: did you mean pv\?/, (its) => (its['simulators']['roofs']['model'] = 'pvv')],
  [
    'simulators.roofs.params',
    /no parameter tilt; it has start, step_seconds, seed/,
    (its) => (its['simulators']['roofs']['params'] = { tilt: 1 }),
  ],
  [
    'simulators.cells.group',
    /there is no group loop\/iner: did you mean loop\/inner\?/,
    (its) => (its['simulators']['cells']['group'] = 'loop/iner'),
  ],
  ['simulators.far.command', /does not say %\(addr\)s/, (its) => (its['simulators']['far']['command'] = 'far')],
  [
    'simulators.far.command',
    /%\(adr\)s in the command .* stands for nothing/,
    (its) => (its['simulators']['far']['command'] = 'x %(addr)s %(adr)s'),
  ],
  ['simulators.near.connect', /nowhere is not an address/, (its) => (its['simulators']['near']['connect'] = 'nowhere')],
  ['simulators.paper', /has no file to write/, (its) => (its['simulators']['paper'] = { model: 'collector' })],
  [
    'simulators.t2.model',
    /there is another topic/,
    (its) => Object.assign(its['simulators'], { t1: { model: 'topic' }, t2: { model: 'topic' } }),
  ],
  ['entities.pvs.simulator', /no simulator is called roof: did you mean roofs\?/, (its) => (its['entities']['pvs']['simulator'] = 'roof')],
  ['entities.pvs.model', /roofs has no model Pv: did you mean PV\?/, (its) => (its['entities']['pvs']['model'] = 'Pv')],
  [
    'entities.pvs.params.tilt',
    /PV has no parameter tilt: did you mean tilt_deg\?/,
    (its) => (its['entities']['pvs']['params'] = { tilt: 30 }),
  ],
  [
    'entities.boxes.params',
    /capacity_wh of Battery is -5, a number from 1/,
    (its) => (its['entities']['boxes']['params'] = { capacity_wh: -5 }),
  ],
  [
    'entities.nodes.params.file',
    /%\(pat\)s stands for nothing: did you mean path\?/,
    (its) => (its['entities']['nodes']['params']['file'] = 'x%(pat)s'),
  ],
  [
    'entities.boxes.params.capacity_wh',
    /no parameter soc stands before this one/,
    (its) => (its['entities']['boxes']['params'] = { capacity_wh: { $param: 'soc' } }),
  ],
  [
    'entities.boxes.params.capacity_wh',
    /\$draw has no number from 5 to 1/,
    (its) => (its['entities']['boxes']['params'] = { capacity_wh: { $draw: { min: 5, max: 1, step: 1 } } }),
  ],
  [
    'entities.nodes.onePerFile.folder',
    /can not be read: name a folder that exists/,
    (its) => (its['entities']['nodes']['onePerFile']['folder'] = 'nowhere'),
  ],
  ['entities.nodes.onePerFile', /no file in .* is called \*\.dat/, (its) => (its['entities']['nodes']['onePerFile']['pattern'] = '*.dat')],
  [
    'entities.nodes.onePerFile',
    /the household files are for the simulator household/,
    (its) => (its['entities']['nodes']['onePerFile'] = { dataset: 'households' }),
  ],
  ['connections[0].from', /no entities are called pv: did you mean pvs\?/, (its) => (its['connections'][0]['from'] = 'pv')],
  ['connections[4].to.of', /no entities are called load: did you mean loads\?/, (its) => (its['connections'][4]['to']['of'] = 'load')],
  ['connections[4].to.index', /there are 2 of them, counted from 0/, (its) => (its['connections'][4]['to']['index'] = 2)],
  [
    'connections[0].to.children',
    /points has no model GridConection: did you mean GridConnection\?/,
    (its) => (its['connections'][0]['to'] = { of: 'gcps', children: 'GridConection' }),
  ],
  ['connections[0]', /zip wants as many on both sides: pvs has 2, gcps has 3/, (its) => (its['entities']['pvs']['count'] = 2)],
  [
    'connections[0].from',
    /pvs has 3 entities, but the pattern one wants one here/,
    (its) => Object.assign(its['connections'][0], { pattern: 'one', to: { of: 'gcps', index: 0 } }),
  ],
  [
    'connections[5].maxConnects',
    /3 sources do not fit 2 destinations of 1 each/,
    (its) => Object.assign(its['connections'][5], { evenly: false, maxConnects: 1 }),
  ],
  [
    'connections[0].attributes[0]',
    /PV has no output powr: did you mean power\?/,
    (its) => (its['connections'][0]['attributes'] = [['powr', 'power']]),
  ],
  [
    'connections[0].attributes[0]',
    /GridConnection has no input powr: did you mean power\?/,
    (its) => (its['connections'][0]['attributes'] = [['power', 'powr']]),
  ],
  ['connections[0]', /arrives later, so it needs initialData for power/, (its) => (its['connections'][0]['timeShifted'] = true)],
  ['connections[0]', /initialData names soc, which is not connected/, (its) => (its['connections'][0]['initialData'] = { soc: 1 })],
  ['connections[0]', /no attributes to connect/, (its) => (its['connections'][0]['attributes'] = [])],
  [
    'connections[3]',
    /a weak connection needs a group that both simulators are in/,
    (its) => (its['simulators']['cells']['group'] = 'other'),
  ],
  ['connections', /wait for each other within one tick/, (its) => delete its['connections'][3]['weak']],
  ['initialEvents.nea', /no simulator is called nea: did you mean near\?/, (its) => (its['initialEvents']['nea'] = 0)],
  ['calls[0].simulator', /no simulator is called fat/, (its) => (its['calls'][0]['simulator'] = 'fat')],
  ['calls[0].method', /roofs has no extra method warm_up/, (its) => (its['calls'][0]['simulator'] = 'roofs')],
  [
    'timeResolutionSeconds',
    /topic lives in ticks of a second/,
    (its) => Object.assign(its['simulators'], { t: { model: 'topic' } }) && (its['timeResolutionSeconds'] = 5),
  ],
];

for (const [path, message, change] of [...MISSHAPEN, ...WRONG]) {
  test(`${path}: ${message.source}`, () => {
    const text = file(change);
    const mistakes = mistakesIn(text);
    const { lineOf } = parsePlacedJson(text);
    const place = path
      .split(/[.[\]]+/)
      .filter((step) => step !== '')
      .map((step) => (/^\d+$/.test(step) ? Number(step) : step));
    const wanted = `its.jsonc:${lineOf(place)}: ${path}: `;
    assert.ok(
      mistakes.some((its) => its.startsWith(wanted) && message.test(its)),
      `${wanted}${message.source}\n${mistakes.join('\n')}`,
    );
    assert.ok(mistakes.length <= 3, `one mistake is not told in many ways:\n${mistakes.join('\n')}`);
  });
}

test('all mistakes are told at once, in the order of the file', () => {
  const changes = [...MISSHAPEN, ...WRONG].filter(([path]) =>
    ['untill', 'simulators.roofs.model', 'entities.boxes.params', 'connections[0].from', 'connections[4].transform[0].scal'].includes(path),
  );
  const mistakes = mistakesIn(file((its) => changes.forEach(([, , change]) => change(its))));
  for (const [path] of changes)
    assert.ok(
      mistakes.some((its) => its.includes(` ${path}: `)),
      `${path}\n${mistakes.join('\n')}`,
    );
  const lines = mistakes.map((its) => Number(its.split(':')[1]));
  assert.deepEqual(
    lines,
    lines.toSorted((a, b) => a - b),
  );
});

test('a wrong parameter hides neither the next one nor what is wrong with the entities, connections and calls of its simulator', () => {
  const mistakes = mistakesIn(
    file((its) => {
      its['simulators']['cells'] = { ...its['simulators']['cells'], params: { bogus: 1, seed: 0.5, bogus_too: 2 } };
      its['entities']['boxes'] = { simulator: 'cells', model: 'Batt' };
      its['entities']['more'] = {
        simulator: 'cells',
        model: 'Battery',
        params: { nope: 1, capacity_wh: 'lots', charge_power_max_w: 'more' },
      };
      its['connections'] = [{ from: { of: 'pvs', index: 0 }, to: 'more', attributes: [['power', 'setpiont']] }];
      its['calls'] = [{ simulator: 'cells', method: 'zap' }];
    }),
  );
  for (const expected of [
    /simulators\.cells\.params: .*no parameter bogus;/,
    /simulators\.cells\.params: .*no parameter bogus_too;/,
    /simulators\.cells\.params: .*seed is 0\.5/,
    /entities\.boxes\.model: cells has no model Batt: /,
    /entities\.more\.params\.nope: /,
    /entities\.more\.params: .*capacity_wh/,
    /entities\.more\.params: .*charge_power_max_w/,
    /connections\[0\]\.attributes\[0\]: Battery has no input setpiont/,
    /calls\[0\]\.method: cells has no extra method zap/,
  ])
    assert.equal(mistakes.filter((its) => expected.test(its)).length, 1, `${expected} in\n${mistakes.join('\n')}`);
});

test('a refused connection is named once', () => {
  const [mistake, ...more] = mistakesIn(file((its) => (its['connections'][0]['timeShifted'] = 1)));
  assert.deepEqual(more, []);
  assert.match(mistake as string, /connections\[0\]: pvs → gcps: power → power arrives later/);
  assert.equal(mistake?.split('connections[0]').length, 2);
});

test('a folder that a command is to start in must exist', () => {
  const cwd = (folderName: string) => mistakesIn(file((its) => (its['simulators']['far']['cwd'] = folderName)));
  assert.deepEqual(cwd('.'), []);
  for (const name of ['nowhere', 'a.csv']) {
    const [mistake, ...more] = cwd(name);
    assert.deepEqual(more, []);
    assert.match(mistake as string, /simulators\.far\.cwd: .* is no folder: name one that exists, from the folder of this file/);
  }
});

test('a file that is no JSON, and one that is not there', () => {
  assert.throws(() => checkScenario('{\n "until": 5,,\n}', 'x.jsonc', SETTINGS), /x\.jsonc:2:13: a name in double quotes is wanted/);
  assert.throws(() => loadScenario(join(folder, 'nowhere.jsonc'), SETTINGS), /nowhere\.jsonc can't be read/);
});

test('the fingerprint is that of the values: not of comments, end and speed', () => {
  const fingerprint = (text: string) => checkScenario(text, join(folder, 'its.jsonc'), SETTINGS).fingerprint;
  const plain = fingerprint(file(() => {}));
  assert.equal(fingerprint(`// new\n${file((its) => Object.assign(its, { until: 5, speed: 'max', title: 'x' }))}`), plain);
  assert.notEqual(fingerprint(file((its) => (its['seed'] = 2))), plain);
  assert.notEqual(
    fingerprint(file((its) => Object.assign(its['entities']['pvs'], { count: 2 }) && Object.assign(its, { connections: [] }))),
    plain,
  );
});

test('the published schema is the one that is checked: else run scripts/scenario-schema.ts', () => {
  assert.deepEqual(JSON.parse(readFileSync(join(ROOM, 'scenario.schema.json'), 'utf8')), scenarioJsonSchema());
});

test('another program finds the same with the published schema', { skip: noChecker }, () => {
  const check = (names: readonly string[]) => {
    const args = ['-m', 'check_jsonschema', '--schemafile', join(ROOM, 'scenario.schema.json'), ...names];
    return spawnSync(PYTHON, args, { encoding: 'utf8', timeout: 300_000 });
  };
  assert.equal(spawnSync(PYTHON, ['-m', 'check_jsonschema', '--check-metaschema', join(ROOM, 'scenario.schema.json')]).status, 0);
  const written = (name: string, value: unknown) => {
    writeFileSync(join(folder, name), JSON.stringify(value));
    return join(folder, name);
  };
  const sound = EXAMPLES.map((name) => written(`${name}.json`, parsePlacedJson(readFileSync(join(ROOM, name), 'utf8')).value));
  sound.push(written('sound.json', JSON.parse(file(() => {}))));
  // What only the program knows is of the right shape.
  sound.push(...WRONG.map(([, , change], i) => written(`wrong-${i}.json`, JSON.parse(file(change)))));
  const { status, stdout, stderr } = check(sound);
  assert.equal(status, 0, stdout + stderr);
  const misshapen = MISSHAPEN.map(([, , change], i) => written(`misshapen-${i}.json`, JSON.parse(file(change))));
  const refused = check(misshapen);
  assert.equal(refused.status, 1);
  MISSHAPEN.forEach(([path], i) => assert.match(refused.stdout, new RegExp(`misshapen-${i}\\.json::`), path));
});

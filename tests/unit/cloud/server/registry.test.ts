import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { POSTAL_CODES } from '../../../../cloud/server/postal-codes.ts';
import { drawPostalCode, Registry } from '../../../../cloud/server/registry.ts';
import { ConfigError } from '../../../../common/errors.ts';

function fileWith(test: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-registry-'));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'households.json');
  writeFileSync(path, text);
  return path;
}

function started(path: string): Registry {
  const registry = new Registry(path);
  registry.start();
  return registry;
}

it('gives the code of the file, and draws for households that it does not name', (test) => {
  const registry = started(fileWith(test, '{"home-a": "12529", "home-b": "07919"}'));
  assert.deepEqual(registry.assign('home-a'), { postalCode: '12529', state: 'DE-BB', from: 'file' });
  assert.deepEqual(registry.assign('home-b'), { postalCode: '07919', state: 'DE-SN', from: 'file' });
  assert.equal(registry.assign('home-c').from, 'drawn');
  assert.equal(registry.assign('constructor').from, 'drawn');
});

it('tells the interval of a household whose readings come rarely, with or without a code', (test) => {
  const registry = started(
    fileWith(test, '{"a": {"intervalSeconds": 900}, "b": {"postalCode": "12529", "intervalSeconds": 60}, "c": "12529"}'),
  );
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((household) => registry.intervalMs(household)),
    [900_000, 60_000, undefined, undefined],
  );
  assert.deepEqual(registry.assign('a'), started('').assign('a'));
  assert.equal(registry.assign('b').from, 'file');
});

/** Golden values: a household that was drawn once must be drawn alike for ever, on every machine. */
it('draws the same code for the same household, in any process', () => {
  const registry = started('');
  const drawn = ['home-a', 'home-b', '00effd348b9c800790820fce60d86d4d56534be2ca3371f75da7e1d741c8caac'].map((home) =>
    registry.assign(home),
  );
  assert.deepEqual(drawn, GOLDEN);
});

const GOLDEN = [
  { postalCode: '99820', state: 'DE-TH', from: 'drawn' },
  { postalCode: '24992', state: 'DE-SH', from: 'drawn' },
  { postalCode: '69242', state: 'DE-BW', from: 'drawn' },
];

it('draws from all states', () => {
  const registry = started('');
  const states = new Map<string, number>();
  for (let i = 0; i < 4_000; i++) {
    const { postalCode, state } = registry.assign(`home-${i}`);
    assert.ok(POSTAL_CODES.includes(postalCode));
    states.set(state, (states.get(state) ?? 0) + 1);
  }
  assert.equal(states.size, 16);
  assert.notEqual(drawPostalCode('home-1'), drawPostalCode('home-2'));
});

it('refuses a file that is not {household: code}, naming file and household', (test) => {
  const refused: [text: string, says: RegExp][] = [
    ['', /can't be read/],
    ['[]', /not a JSON object/],
    ['{"home-a": "12529"', /can't be read/],
    ['{"home.a": "12529"}', /home\.a/],
    ['{"__proto__": "12529"}', /__proto__/],
    ['{"home-a": 7919}', /home-a/],
    ['{"home-a": "7919"}', /"7919" of home-a/],
    ['{"home-a": "12529", "home-b": "00000"}', /home-b/],
    ['{"home-a": {"postalCode": 12529}}', /home-a/],
    ['{"home-a": {"intervalSeconds": "900"}}', /intervalSeconds of home-a/],
    ['{"home-a": {"intervalSeconds": 0}}', /intervalSeconds of home-a/],
    ['{"home-a": {"interval": 900}}', /"interval" of home-a/],
    ['{"home-a": ["12529"]}', /home-a/],
  ];
  for (const [text, says] of refused) {
    const path = fileWith(test, text);
    const isRefusal = (error: unknown) => error instanceof ConfigError && error.message.includes(path) && says.test(error.message);
    assert.throws(() => new Registry(path).start(), isRefusal, text);
  }
  assert.throws(() => new Registry(join(tmpdir(), 'fogline-no-such-file.json')).start(), ConfigError);
});

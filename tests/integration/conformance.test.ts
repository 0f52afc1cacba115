/**
 * Our engine under the mosaik conformance scenarios: simulators are Python processes that use mosaik's own library, their logs are
 * compared with what they saw under mosaik 3.7.1.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { pythonWith } from '../doubles/python-with.ts';

const SUITE = join(import.meta.dirname, '../../../shared/conformance');
const RUNNER = fileURLToPath(new URL('../conformance/run-scenario.ts', import.meta.url));
const TSX = import.meta.resolve('tsx');
/** check.py at the same time. */
const AT_ONCE = 2;
const TIMEOUT_MS = 400_000;

const python = pythonWith('mosaik_api_v3');
const missing = !existsSync(SUITE)
  ? 'the conformance scenarios are not on this machine (../shared/conformance)'
  : python === undefined && 'no python that can import mosaik_api_v3 (FOGLINE_MOSAIK_PYTHON, FOGLINE_PYTHON, python3)';

describe('conformance with mosaik', { skip: missing }, () => {
  for (const [name, args] of [
    ['every scenario', []],
    ['every scenario, with simulators that answer after up to 10 ms', ['--jitter', '0.01']],
  ] as const) {
    test(name, async () => {
      const scenarios = readdirSync(join(SUITE, 'scenarios')).map((file) => file.replace('.json', ''));
      assert.ok(scenarios.length >= 45, `${scenarios.length} scenarios`);
      const shares = Array.from({ length: AT_ONCE }, (_, share) => scenarios.filter((_scenario, i) => i % AT_ONCE === share));
      const outputs = await Promise.all(shares.map((share) => check([...args, ...share])));
      const passed = outputs.join('\n').match(/^ok /gm)?.length ?? 0;
      assert.equal(passed, scenarios.length, outputs.join('\n'));
    });
  }
});

/** What check.py prints, also when scenarios fail. */
function check(args: readonly string[]): Promise<string> {
  const runner = `"${process.execPath}" --import "${TSX}" "${RUNNER}" {scenario}`;
  const options = { timeout: TIMEOUT_MS, env: { ...process.env, MOSAIK_CONF_PYTHON: python } };
  return new Promise((resolve) => {
    execFile(python!, [join(SUITE, 'check.py'), '--runner', runner, ...args], options, (_, stdout, stderr) => resolve(stdout + stderr));
  });
}

/** `fogline doctor`: what is missing on this machine, and how to mend it. Leaves nothing behind and changes nothing. */
import { systemClock } from '../common/clock.ts';
import type { CommandOptions } from '../common/command.ts';
import { EXIT } from '../common/errors.ts';
import { PLACE } from '../common/installation.ts';
import { brokerChecks } from './broker-checks.ts';
import { certChecks } from './cert-checks.ts';
import { type Check, exitCodeFor, lineOf } from './check.ts';
import { addonChecks, nodeCheck } from './node-checks.ts';
import { portChecks } from './port-checks.ts';
import { chromiumCheck, dataCheck, dockerCheck } from './program-checks.ts';
import { redisChecks } from './redis-checks.ts';
import { stateChecks } from './state-checks.ts';

/** @returns 0 when all that is needed is there, 3 when a service does not answer, else 1 */
export async function main({ config, stateDir, json, signal }: CommandOptions): Promise<number> {
  const looks: (() => Check[] | Promise<Check[]>)[] = [
    () => [nodeCheck(process.versions.node, PLACE)],
    () => addonChecks(config.link.kind, PLACE),
    () => portChecks(config),
    () => certChecks(config, systemClock.nowMs()),
    () => stateChecks(stateDir, config, systemClock),
    () => dataCheck(config),
    () => brokerChecks(config, stateDir, systemClock, PLACE),
    () => redisChecks(config, PLACE),
    () => (PLACE === 'checkout' ? [chromiumCheck(), ...dockerCheck(config)] : []),
  ];
  const checks: Check[] = [];
  for (const look of looks) {
    if (signal.aborted) return EXIT.interrupted;
    for (const check of await look()) {
      checks.push(check);
      if (!json) process.stdout.write(`${lineOf(check)}\n`);
    }
  }
  const lacking = checks.filter(({ state }) => state === 'missing').length;
  const warnings = checks.filter(({ state }) => state === 'warn').length;
  if (json) process.stdout.write(`${JSON.stringify({ checks, missing: lacking, warnings })}\n`);
  else process.stdout.write(`${lacking === 0 ? 'all that is needed is there' : `${lacking} missing`}, ${warnings} warnings\n`);
  return exitCodeFor(checks);
}

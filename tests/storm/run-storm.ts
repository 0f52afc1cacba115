/**
 * `npm run storm -- --seed N`: one storm, with everything that happens in it; `--seeds A..B`: many, a line for each. A red one prints the
 * command that runs it again. Exit 1 when one is red, 2 for a wrong option.
 */
import { parseArgs } from 'node:util';
import { exitFlushed } from '../../common/flush-output.ts';
import { runStorm, type StormResult } from './storm.ts';
import { describePlan, planOf, type StormSize } from './storm-plan.ts';
import { STORE_KINDS, type StoreKind } from './storm-stores.ts';
import { replayCommand } from './storm-text.ts';

const FINDINGS_SHOWN = 5;
const USAGE = `usage: npm run storm -- --seed N | --seeds A..B  [--edges E] [--homes H of each edge] [--days D] [--speed S]
                    [--store ${STORE_KINDS.join('|')}] [--only outages [--no-codec]] [--quiet]`;

await exitFlushed(await main());

async function main(): Promise<number> {
  if (process.argv.includes('--help')) {
    say(USAGE);
    return 0;
  }
  let asked: { seeds: number[]; size: StormSize; isQuiet: boolean };
  try {
    asked = readOptions();
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}\n`);
    return 2;
  }
  const { seeds, size, isQuiet } = asked;
  const isOne = seeds.length === 1;
  let red = 0;
  for (const seed of seeds) {
    if (isOne) say(describePlan(planOf(seed, size)));
    const beganMs = performance.now();
    const result = await runStorm(seed, { ...size, ...(isOne && !isQuiet ? { onLine: say } : {}) });
    for (const finding of result.findings.slice(0, FINDINGS_SHOWN)) say(`FOUND ${finding}`);
    say(summary(result, performance.now() - beganMs));
    if (result.findings.length === 0) continue;
    red++;
    say(`replay: ${replayCommand(seed, size)}`);
  }
  if (!isOne) say(`${seeds.length} storms, ${red} red`);
  return red > 0 ? 1 : 0;
}

function readOptions(): { seeds: number[]; size: StormSize; isQuiet: boolean } {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const { values } = parseArgs({
    options: {
      ...{ seed: text, seeds: text, edges: text, homes: text, days: text, speed: text, store: text, only: text },
      ...{ 'no-codec': flag, quiet: flag },
    },
  });
  const size: StormSize = {};
  for (const name of ['edges', 'homes', 'days', 'speed'] as const) {
    if (values[name] !== undefined) size[name] = numberOf(values[name], name, name === 'edges' || name === 'homes');
  }
  if (values.store !== undefined) {
    if (!STORE_KINDS.includes(values.store as StoreKind)) throw new Error(`--store is one of ${STORE_KINDS.join(', ')}`);
    size.store = values.store as StoreKind;
  }
  if (values.only !== undefined) {
    if (values.only !== 'outages') throw new Error('--only is outages');
    size.only = values.only;
  }
  if (values['no-codec'] === true) {
    if (size.only === undefined) throw new Error('--no-codec goes with --only outages: other storms damage frames');
    size.noCodec = true;
  }
  return { seeds: seedsOf(values.seed, values.seeds), size, isQuiet: values.quiet === true };
}

function seedsOf(one: string | undefined, range: string | undefined): number[] {
  if ((one === undefined) === (range === undefined)) throw new Error('give --seed or --seeds');
  if (one !== undefined) return [numberOf(one, 'seed', true, 0)];
  const [, from, to] = /^(\d+)\.\.(\d+)$/.exec(range as string) ?? [];
  if (from === undefined || Number(to) < Number(from)) throw new Error('--seeds is A..B');
  return Array.from({ length: Number(to) - Number(from) + 1 }, (_, i) => Number(from) + i);
}

function numberOf(text: string, name: string, isWhole: boolean, least = Number.MIN_VALUE): number {
  const number = Number(text);
  if (Number.isFinite(number) && number >= least && (!isWhole || Number.isSafeInteger(number))) return number;
  throw new Error(`--${name} is no ${isWhole ? 'whole ' : ''}number: ${text}`);
}

function summary({ plan, findings, readings, households, virtualMs, hash, died, drainedMs, sentPer1000 }: StormResult, ms: number): string {
  const deaths = [...died.values()].reduce((sum, count) => sum + count, 0);
  return (
    `seed ${plan.seed} (${plan.world}; ${plan.edges} edges, ${households} homes, ${plan.store}): ${findings.length} findings, ` +
    `${readings} readings, ${Math.round(virtualMs / 1_000)} s of virtual time in ${Math.round(ms)} ms, ${deaths} deaths by plan, ` +
    `drained after ${drainedMs === undefined ? 'never' : `${Math.round(drainedMs / 1_000)} s`}, ` +
    `${sentPer1000} rows sent per 1,000 stored, hash ${hash}`
  );
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

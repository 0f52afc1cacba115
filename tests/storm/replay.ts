/** Runs one storm again and tells everything: `node --import tsx tests/storm/replay.ts SEED`. */
import { runStorm } from './storm.ts';
import { describePlan, planOf } from './storm-plan.ts';

const seed = Number(process.argv[2]);
if (!Number.isSafeInteger(seed)) {
  process.stderr.write('usage: node --import tsx tests/storm/replay.ts SEED\n');
  process.exit(2);
}
const write = (line: string) => process.stdout.write(`${line}\n`);
write(describePlan(planOf(seed)));
const result = await runStorm(seed, { onLine: write });
for (const finding of result.findings) write(`FOUND ${finding}`);
write(
  `seed ${seed}: ${result.findings.length} findings, ${result.readings} readings, ` +
    `${Math.round(result.virtualMs / 1_000)} s, hash ${result.hash}`,
);
process.exitCode = result.findings.length > 0 ? 1 : 0;

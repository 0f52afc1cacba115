/**
 * `npm run bench`: every question, one after the other, a line for each; `npm run bench -- NAME…` asks only these. The figures go
 * into RESULTS.md too, unless `--print-only`. Exit 1 when a question could not be answered; a missed promise is a figure like any.
 */
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { exitFlushed } from '../common/flush-output.ts';
import { backupTimes } from './backup-times.ts';
import { cosim } from './cosim.ts';
import { csvParse } from './csv-parse.ts';
import { explorer } from './explorer.ts';
import { firstBars } from './first-bars.ts';
import { idle } from './idle.ts';
import { kafkaDay } from './kafka-day.ts';
import { latency } from './latency.ts';
import { linkRate } from './link-rate.ts';
import { lostLink } from './lost-link.ts';
import { memory } from './memory.ts';
import { outageDay } from './outage-day.ts';
import { type Figure, isMissed, promiseText, type Question, valueText } from './question.ts';
import { rangeQuery } from './range-query.ts';
import { recovery } from './recovery.ts';
import { machineClass, saveFigures } from './results.ts';
import { sample } from './sample.ts';
import { silentHousehold } from './silent-household.ts';
import { sseClients } from './sse-clients.ts';
import { storm } from './storm.ts';
import { thousandEdges } from './thousand-edges.ts';
import { wholeDay } from './whole-day.ts';

const QUESTIONS: readonly Question[] = [
  csvParse,
  cosim,
  sample,
  firstBars,
  explorer,
  lostLink,
  silentHousehold,
  linkRate,
  recovery,
  idle,
  latency,
  rangeQuery,
  wholeDay,
  outageDay,
  kafkaDay,
  memory,
  thousandEdges,
  sseClients,
  storm,
  backupTimes,
];
const RESULTS = join(import.meta.dirname, 'RESULTS.md');

await exitFlushed(await main());

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ options: { 'print-only': { type: 'boolean' } }, allowPositionals: true });
  const unknown = positionals.filter((name) => !QUESTIONS.some((question) => question.name === name));
  if (unknown.length > 0) {
    say(`no question ${unknown.join(', ')}; there are: ${QUESTIONS.map(({ name }) => name).join(', ')}`);
    return 2;
  }
  say(machineClass());
  const asked = QUESTIONS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const counts = { met: 0, missed: 0, failed: 0 };
  for (const question of asked) {
    const figures = await ask(question, values['print-only'] !== true);
    if (figures === undefined) counts.failed++;
    for (const figure of figures ?? []) if (figure.promise !== undefined) counts[isMissed(figure) ? 'missed' : 'met']++;
  }
  say(`${asked.length} questions: ${counts.met} promises met, ${counts.missed} missed, ${counts.failed} questions without an answer`);
  return counts.failed > 0 ? 1 : 0;
}

/** @returns undefined when it could not be answered */
async function ask(question: Question, save: boolean): Promise<Figure[] | undefined> {
  const { name, asks } = question;
  const loadBefore = loadavg()[0] ?? 0;
  try {
    const figures = await question.answer((line) => process.stderr.write(`  ${name}: ${line}\n`));
    const texts = figures.map((figure) => {
      const promise = promiseText(figure);
      return `${figure.what} ${valueText(figure)}${promise === '' ? '' : ` (${promise})`}`;
    });
    say(`${name} [${asks}]: ${texts.join('; ')}`);
    const taken = `${new Date().toISOString().slice(0, 10)}, load before ${loadBefore.toFixed(1)}`;
    if (save) saveFigures(RESULTS, name, figures, taken);
    return figures;
  } catch (error) {
    say(`${name} [${asks}]: no answer: ${(error as Error).message}`);
    return undefined;
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

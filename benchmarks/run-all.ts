/** `npm run bench`: every question, one after the other. Figures go into RESULTS.md by hand, with the machine they were taken on. */
import { wholeDay } from './whole-day.ts';

await wholeDay((line) => process.stdout.write(`${line}\n`));
process.exit(0);

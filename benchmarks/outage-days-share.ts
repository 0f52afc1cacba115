/** One core's share of outage days, in a process of its own: is told what they go through, says that it is warm, runs those it is given. */
import { on } from 'node:events';
import { type DaysAsked, runDays, type Way, warmUp } from './outage-days.ts';

const asked = on(process, 'message');
const next = async () => ((await asked.next()).value as [unknown])[0];

await warmUp((await next()) as Way);
process.send?.('warm');
process.send?.(await runDays((await next()) as DaysAsked), () => process.disconnect());

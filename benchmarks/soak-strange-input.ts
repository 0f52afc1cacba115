/** What the world does to a long run: clocks that jump, records that are poison. */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { systemClock } from '../common/clock.ts';
import type { Reading } from '../common/messages.ts';
import { encodeReading } from '../common/topic-codec.ts';
import { MS_PER_HOUR } from '../common/units.ts';
import { OUTBOX_FILE } from '../edge/server/outbox-schema.ts';
import { type Poison, poisons } from '../tests/doubles/poison-readings.ts';
import { appendToTopic } from '../tests/doubles/topic-append.ts';
import { METERED_START_MS } from '../tests/truth/metered-data.ts';
import { lasting, type SoakFault } from './soak-parts.ts';

/** What is acknowledged and consumed is kept so long: no jump of a clock may age it, for a restored cloud needs it. */
export const KEPT_HOURS = 1_000;
/** Shift in hours, and how fast the clock runs. */
const JUMPS: readonly (readonly [number, number])[] = [
  [24, 1],
  [-1, 1],
  [-1, 1.2],
  [48, 0.8],
];
/** The rows must be so near to the dialled time. */
const NEAR_MS = 600_000;

/** All parts believe it; then it jumps back. */
export const clockJump: SoakFault = {
  name: 'clock jump',
  async befall({ clock, fleet }, random, lastsMs) {
    const [hours, rate] = JUMPS[random.below(JUMPS.length)] as (typeof JUMPS)[number];
    clock.turn(hours * MS_PER_HOUR, rate);
    const outbox = new Database(join(fleet.stateDir, 'edge', OUTBOX_FILE), { readonly: true });
    try {
      const newest = outbox.prepare('SELECT changed_ms FROM outbox ORDER BY id DESC LIMIT 1').pluck();
      return await lasting(lastsMs, () => Math.abs((newest.get() as number) - systemClock.nowMs() - hours * MS_PER_HOUR) < NEAR_MS);
    } finally {
      outbox.close();
      clock.turn(0, 1);
    }
  },
};

export const poisonHousehold = (n: number): string => `poison-${n}`;
const HARMFUL = poisons(METERED_START_MS).filter(({ parkedBy }) => parkedBy !== undefined);

export const poison: SoakFault = {
  name: 'poison records',
  async befall({ fleet, poisoned }, random, lastsMs) {
    const { readings, parkedBy } = HARMFUL[random.below(HARMFUL.length)] as Poison;
    const household = poisonHousehold(poisoned.length + 1);
    poisoned.push(household);
    const records = readings.map((reading, i) => {
      const whole: Reading = {
        household,
        device: 'meter',
        src: 'poison',
        seq: i + 1,
        timeMs: METERED_START_MS,
        values: { power: 1 },
        ...reading,
      };
      return { key: household, value: encodeReading(whole) };
    });
    await appendToTopic(fleet.stateDir, household, records, KEPT_HOURS);
    return lasting(lastsMs, async () => {
      const parked = (await fleet.status())?.parked ?? [];
      const others = parked.filter((its) => !poisoned.includes(its.household));
      if (others.length > 0) throw new Error(`poison of ${household} has parked ${others.map((its) => its.household).join()} too`);
      return parked.some((its) => its.household === household && parkedBy?.test(its.reason) === true);
    });
  },
};

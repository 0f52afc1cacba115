/** What a car gets is what the wallbox took; nobody gets more than they want, nobody who is not there gets anything. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '../../../../../../common/random.ts';
import {
  EV_CHARGER_DEFAULTS,
  EV_CHARGER_LIMITS,
  type EvVisit,
  evChargerStep,
  NO_VISIT,
  visitOf,
} from '../../../../../../edge/simulator/models/assets/ev-charger.ts';

const DAY_MS = 86_400_000;
const FIRST_DAY = 19_500;
const DAYS = 400;

function visitsOf(settings: typeof EV_CHARGER_DEFAULTS, seed: number): EvVisit[] {
  return Array.from({ length: DAYS }, (_, day) => visitOf(settings, seed, FIRST_DAY + day)).filter((visit) => visit !== undefined);
}

test('a car gets what it wants, or what the time was enough for, in steps of any length', () => {
  const random = seededRandom(8);
  let short = 0;
  for (let seed = 1; seed <= 10; seed++) {
    const settings = { ...EV_CHARGER_DEFAULTS, power_max_w: seed % 2 === 0 ? 11_000 : 900 };
    const visits = visitsOf(settings, seed);
    assert.ok(visits.length > DAYS / 3);
    const got_wh = new Map<number, number>();
    let total_wh = 0;
    let state = NO_VISIT;
    // From a noon on, when no car is there.
    for (let timeMs = (FIRST_DAY - 0.5) * DAY_MS; timeMs < (FIRST_DAY + DAYS + 2) * DAY_MS; ) {
      const seconds = 1 + random.below(3_600);
      const step = evChargerStep(settings, seed, state, timeMs, seconds);
      const here = visits.filter(({ arrivalMs, departureMs }) => arrivalMs < timeMs + seconds * 1_000 && departureMs > timeMs);
      const isOutside = timeMs < FIRST_DAY * DAY_MS + DAY_MS || timeMs > (FIRST_DAY + DAYS - 1) * DAY_MS;
      assert.ok(step.power_w >= 0 && step.power_w <= settings.power_max_w + 1e-9);
      if (here.length === 0 && !isOutside) assert.equal(step.power_w, 0);
      total_wh += (step.power_w * seconds) / 3_600;
      state = step.after;
      got_wh.set(state.arrivalMs, state.delivered_wh);
      timeMs += seconds * 1_000;
    }
    for (const { arrivalMs, departureMs, wanted_wh } of visits) {
      const possible_wh = (settings.power_max_w * (departureMs - arrivalMs)) / 3_600_000;
      if (possible_wh < wanted_wh) short++;
      assert.ok(Math.abs(got_wh.get(arrivalMs)! - Math.min(wanted_wh, possible_wh)) < 1e-6);
    }
    const delivered_wh = [...got_wh.values()].reduce((sum, wh) => sum + wh, 0);
    assert.ok(Math.abs(total_wh - delivered_wh) < 1e-6, `${total_wh} Wh taken, ${delivered_wh} Wh delivered`);
  }
  assert.ok(short > 100, `${short} cars left early`);
});

test('in one step: energy taken is energy delivered', () => {
  const random = seededRandom(9);
  let charging = 0;
  for (let i = 0; i < 5_000; i++) {
    const timeMs = (FIRST_DAY + random.below(DAYS)) * DAY_MS + random.below(86_400) * 1_000;
    const before = evChargerStep(EV_CHARGER_DEFAULTS, 4, NO_VISIT, timeMs - 60_000, 60).after;
    const { power_w, after } = evChargerStep(EV_CHARGER_DEFAULTS, 4, before, timeMs, 60);
    if (after.arrivalMs !== before.arrivalMs) continue;
    assert.ok(Math.abs(power_w / 60 - (after.delivered_wh - before.delivered_wh)) < 1e-9);
    if (power_w > 0) charging++;
  }
  assert.ok(charging > 50);
});

describe('visits', () => {
  test('do not overlap at the limits of the settings', () => {
    const settings = { ...EV_CHARGER_DEFAULTS, plug_in_share: 1 };
    for (const name of ['arrival_spread_hours', 'stay_hours', 'stay_spread_hours'] as const) settings[name] = EV_CHARGER_LIMITS[name]![1];
    for (const arrival_hour of EV_CHARGER_LIMITS.arrival_hour!) {
      const visits = visitsOf({ ...settings, arrival_hour }, 2);
      assert.equal(visits.length, DAYS);
      visits.forEach(({ arrivalMs, departureMs }, i) => {
        assert.ok(departureMs > arrivalMs);
        if (i > 0) assert.ok(arrivalMs >= visits[i - 1]!.departureMs);
      });
    }
  });

  test('of a year charge a car that drives 13,000 km: 2,600 kWh, 20 kWh per 100 km', () => {
    const yearly = Array.from(
      { length: 20 },
      (_, i) => (365 / DAYS) * visitsOf(EV_CHARGER_DEFAULTS, i + 1).reduce((sum, v) => sum + v.wanted_wh, 0),
    );
    const mean_kwh = yearly.reduce((sum, wh) => sum + wh, 0) / 20_000;
    assert.ok(Math.abs(mean_kwh / 2_600 - 1) < 0.05, `${mean_kwh}`);
  });

  test('a car that was there before the first step has charged since it came', () => {
    const visit = visitsOf(EV_CHARGER_DEFAULTS, 3)[5]!;
    const laterMs = visit.arrivalMs + 10 * 3_600_000;
    assert.equal(evChargerStep(EV_CHARGER_DEFAULTS, 3, NO_VISIT, laterMs, 60).power_w, 0);
    const soonMs = visit.arrivalMs + 60_000;
    const { power_w, after } = evChargerStep(EV_CHARGER_DEFAULTS, 3, NO_VISIT, soonMs, 60);
    assert.ok(Math.abs(power_w - 11_000) < 1e-9);
    assert.ok(Math.abs(after.delivered_wh - 11_000 / 30) < 1e-9);
  });
});

/** The sun is where it is, a roof yields what roofs yield, and nothing at night. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '../../../../../../common/random.ts';
import {
  clearSkyGlobal,
  irradianceAt,
  irradianceOnPlane,
  PV_DEFAULTS,
  type PvSettings,
  pvStep,
  sunAt,
} from '../../../../../../edge/simulator/models/assets/pv.ts';
import { CLIMATE_DEFAULTS, cloudCover, outdoorTemperatureC } from '../../../../../../edge/simulator/models/assets/weather.ts';

const HOUR_MS = 3_600_000;
const YEAR_MS = Date.parse('2023-01-01T00:00:00Z');
const DEG = 180 / Math.PI;
const { latitude_deg, longitude_deg } = PV_DEFAULTS;

function zenithDeg({ up }: { up: number }): number {
  return Math.acos(up) * DEG;
}

describe('the sun', () => {
  test('stands where the worked example of the NREL solar position algorithm has it', () => {
    // Reda and Andreas, NREL/TP-560-34302: Golden, Colorado; 50.11° from the zenith with 0.02° of refraction, azimuth 194.34°.
    const sun = sunAt(Date.parse('2003-10-17T19:30:30Z'), 39.742476, -105.1786);
    assert.ok(Math.abs(zenithDeg(sun) - 50.12) < 0.03, `${zenithDeg(sun)}`);
    const azimuth = (Math.atan2(sun.east, sun.north) * DEG + 360) % 360;
    assert.ok(Math.abs(azimuth - 194.34) < 0.03, `${azimuth}`);
  });

  test('is at one place of a unit sphere, highest at the June solstice', () => {
    const random = seededRandom(5);
    for (let i = 0; i < 2_000; i++) {
      const sun = sunAt(YEAR_MS + random.below(365 * 86_400) * 1_000, random.next() * 180 - 90, random.next() * 360 - 180);
      assert.ok(Math.abs(Math.hypot(sun.east, sun.north, sun.up) - 1) < 1e-9);
      assert.ok(sun.distance_au > 0.98 && sun.distance_au < 1.02);
    }
    const highest = (day: string) =>
      Math.max(...Array.from({ length: 1_440 }, (_, m) => Math.asin(sunAt(Date.parse(day) + m * 60_000, 52.5, 13.4).up) * DEG));
    assert.ok(Math.abs(highest('2023-06-21T00:00:00Z') - (90 - 52.5 + 23.44)) < 0.05);
    assert.ok(Math.abs(highest('2023-12-22T00:00:00Z') - (90 - 52.5 - 23.44)) < 0.05);
  });
});

describe('light', () => {
  test('on a level plane is the global one, whatever the clouds', () => {
    const level = { ...PV_DEFAULTS, tilt_deg: 0 };
    for (let hour = 0; hour < 8_760; hour += 5) {
      const sun = sunAt(YEAR_MS + hour * HOUR_MS, latitude_deg, longitude_deg);
      const light = irradianceAt(sun, (hour % 11) / 10);
      assert.ok(light.diffuse_w_per_m2 >= 0 && light.diffuse_w_per_m2 <= light.global_w_per_m2 + 1e-9);
      assert.ok(Math.abs(irradianceOnPlane(sun, light, level) - light.global_w_per_m2) < 1e-9);
      assert.ok(light.global_w_per_m2 <= clearSkyGlobal(sun));
    }
  });

  test('of a clear June noon is about 900 W/m², under a closed cover a quarter of it', () => {
    const noon = sunAt(Date.parse('2023-06-21T11:06:00Z'), latitude_deg, longitude_deg);
    const clear = irradianceAt(noon, 0).global_w_per_m2;
    assert.ok(clear > 850 && clear < 950, `${clear}`);
    assert.ok(Math.abs(irradianceAt(noon, 1).global_w_per_m2 / clear - 0.25) < 1e-9);
  });

  test('is never fed in at night, never above the inverter, more when it is colder', () => {
    const settings: PvSettings = { ...PV_DEFAULTS, inverter_power_w: 3_000 };
    let limited = 0;
    for (let hour = 0; hour < 8_760; hour++) {
      const timeMs = YEAR_MS + hour * HOUR_MS;
      const { power_w } = pvStep(settings, timeMs, 0, 10);
      assert.ok(power_w <= 0 && power_w >= -3_000);
      if (sunAt(timeMs, latitude_deg, longitude_deg).up <= 0) assert.ok(Object.is(power_w, 0));
      if (power_w === -3_000) limited++;
    }
    assert.ok(limited > 500);
    const noonMs = Date.parse('2023-04-21T11:00:00Z');
    assert.ok(pvStep(PV_DEFAULTS, noonMs, 0, -5).power_w < pvStep(PV_DEFAULTS, noonMs, 0, 25).power_w);
  });
});

/** kWh per kWp. */
function yearlyYield(settings: PvSettings, seed: number): number {
  let kwh = 0;
  for (let hour = 0; hour < 8_760; hour++) {
    const timeMs = YEAR_MS + (hour + 0.5) * HOUR_MS;
    const cover = cloudCover(CLIMATE_DEFAULTS, seed, timeMs);
    kwh -= pvStep(settings, timeMs, cover, outdoorTemperatureC(CLIMATE_DEFAULTS, seed, timeMs)).power_w / 1_000;
  }
  return kwh / (settings.peak_power_w / 1_000);
}

describe('a year', () => {
  // te Heesen, Herbort and Rumpler, Solar Energy 194 (2019) 128–135: 816 to 1,049 kWh per kWp by region and year, 24,000 German roofs of
  // all directions from 2012 to 2018. A roof of 35° to the south is at the upper end of what its region yields.
  const south = Array.from({ length: 12 }, (_, i) => yearlyYield(PV_DEFAULTS, i + 1));
  const mean = south.reduce((sum, kwh) => sum + kwh, 0) / south.length;

  test('at 52.5° north gives 900 to 1,050 kWh per kWp to a south roof of 35°; single years differ', () => {
    assert.ok(mean > 900 && mean < 1_050, `${mean}`);
    assert.ok(Math.min(...south) > 0.85 * mean && Math.max(...south) < 1.15 * mean, south.join(' '));
    assert.ok(new Set(south).size === south.length);
  });

  test('gives less to the east and the north, and 65 % or more of the south to the west', () => {
    const [s, w, n] = [180, 270, 0].map((azimuth_deg) => yearlyYield({ ...PV_DEFAULTS, azimuth_deg }, 3)) as [number, number, number];
    assert.ok(w < s && w > 0.65 * s && n < w, `south ${s}, west ${w}, north ${n}`);
  });
});

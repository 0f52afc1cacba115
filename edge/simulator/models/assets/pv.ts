/**
 * Photovoltaics, pure: where the sun is, how bright the sky is, what a tilted roof gets of it, and what the inverter lets through.
 *
 * - Sun: the low-precision formulas of the Astronomical Almanac (Michalsky 1988), good to 0.01° from 1950 to 2050.
 * - Clear sky: Haurwitz 1945, GHI = 1098 W/m² · cos z · exp(−0.059 / cos z), as in Reno, Hansen and Stein, SAND2012-2389.
 * - Clouds: Kasten and Czeplak 1980, GHI = clear · (1 − 0.75 N^3.4) for a cloud cover N.
 * - Direct and diffuse: Erbs, Klein and Duffie 1982. Tilted plane: isotropic sky, Liu and Jordan 1963.
 *
 * What it leaves out: shade, snow, and reflection at the glass.
 */
import { MS_PER_DAY } from '../../../../common/units.ts';
export interface PvSettings {
  latitude_deg: number;
  longitude_deg: number;
  tilt_deg: number;
  /** Clockwise from north: 180 is south. */
  azimuth_deg: number;
  peak_power_w: number;
  inverter_power_w: number;
  /** Cables, dirt, mismatch and inverter. */
  system_loss_share: number;
  /** Of the power, for each kelvin above 25 °C. */
  temperature_loss_per_k: number;
  /** Of the modules at 800 W/m² and 20 °C outside. */
  nominal_cell_temperature_c: number;
  /** Share of light that the ground throws back. */
  albedo: number;
}

/**
 * Sources. Place: Berlin. A south roof of 35° and 14 % loss: defaults of PVGIS. −0.4 %/K and 45 °C: usual in data sheets of crystalline
 * silicon. Albedo 0.2: the usual value for towns and grass. 8 kW: a roof of about 40 m², with an inverter of the same size.
 */
export const PV_DEFAULTS: PvSettings = {
  latitude_deg: 52.5,
  longitude_deg: 13.4,
  tilt_deg: 35,
  azimuth_deg: 180,
  peak_power_w: 8_000,
  inverter_power_w: 8_000,
  system_loss_share: 0.14,
  temperature_loss_per_k: 0.004,
  nominal_cell_temperature_c: 45,
  albedo: 0.2,
};

/** Unit vector to the sun in the horizon's frame, and its distance. */
export interface Sun {
  east: number;
  north: number;
  /** Sine of the elevation, cosine of the zenith angle. */
  up: number;
  distance_au: number;
}

export interface Irradiance {
  /** On the horizontal: all, and what comes from the sky. */
  global_w_per_m2: number;
  diffuse_w_per_m2: number;
}

export interface PvStep {
  /** Feed-in is negative. Mean of the step. */
  power_w: number;
  /** On the plane of the modules. */
  irradiance_w_per_m2: number;
}

const RAD = Math.PI / 180;
/** 2000-01-01T12:00:00Z */
const J2000_MS = 946_728_000_000;
const SOLAR_CONSTANT_W_PER_M2 = 1_367;
const STANDARD_IRRADIANCE_W_PER_M2 = 1_000;
const STANDARD_CELL_TEMPERATURE_C = 25;
/** Below about 4° the ratio of direct light on a tilted and a level plane means nothing: all light is taken as diffuse. */
const UP_MIN = 0.065;

export function sunAt(timeMs: number, latitude_deg: number, longitude_deg: number): Sun {
  const days = (timeMs - J2000_MS) / MS_PER_DAY;
  const hours = ((((timeMs % MS_PER_DAY) + MS_PER_DAY) % MS_PER_DAY) / MS_PER_DAY) * 24;
  const anomaly = (357.528 + 0.9856003 * days) * RAD;
  const longitude = (280.46 + 0.9856474 * days + 1.915 * Math.sin(anomaly) + 0.02 * Math.sin(2 * anomaly)) * RAD;
  const obliquity = (23.439 - 0.0000004 * days) * RAD;
  const rightAscension = Math.atan2(Math.cos(obliquity) * Math.sin(longitude), Math.cos(longitude));
  const declination = Math.asin(Math.sin(obliquity) * Math.sin(longitude));
  const siderealHours = 6.697375 + 0.0657098242 * days + hours;
  const hourAngle = (siderealHours * 15 + longitude_deg) * RAD - rightAscension;
  const latitude = latitude_deg * RAD;
  const equatorial = Math.cos(declination) * Math.cos(hourAngle);
  return {
    east: -Math.cos(declination) * Math.sin(hourAngle),
    north: Math.sin(declination) * Math.cos(latitude) - equatorial * Math.sin(latitude),
    up: Math.sin(declination) * Math.sin(latitude) + equatorial * Math.cos(latitude),
    distance_au: 1.00014 - 0.01671 * Math.cos(anomaly) - 0.00014 * Math.cos(2 * anomaly),
  };
}

/** Global horizontal irradiance without a cloud, 0 when the sun is down. */
export function clearSkyGlobal(sun: Sun): number {
  return sun.up <= 0 ? 0 : 1_098 * sun.up * Math.exp(-0.059 / sun.up);
}

/** @param cloud_cover share of the sky */
export function irradianceAt(sun: Sun, cloud_cover: number): Irradiance {
  const global = clearSkyGlobal(sun) * (1 - 0.75 * cloud_cover ** 3.4);
  if (sun.up < UP_MIN) return { global_w_per_m2: global, diffuse_w_per_m2: global };
  const outside = (SOLAR_CONSTANT_W_PER_M2 / (sun.distance_au * sun.distance_au)) * sun.up;
  return { global_w_per_m2: global, diffuse_w_per_m2: global * diffuseShare(global / outside) };
}

export function irradianceOnPlane(sun: Sun, { global_w_per_m2, diffuse_w_per_m2 }: Irradiance, settings: PvSettings): number {
  const tilt = settings.tilt_deg * RAD;
  const azimuth = settings.azimuth_deg * RAD;
  const sky = (diffuse_w_per_m2 * (1 + Math.cos(tilt))) / 2;
  const ground = (global_w_per_m2 * settings.albedo * (1 - Math.cos(tilt))) / 2;
  if (sun.up < UP_MIN) return sky + ground;
  const facing = Math.sin(tilt) * (Math.sin(azimuth) * sun.east + Math.cos(azimuth) * sun.north) + Math.cos(tilt) * sun.up;
  return ((global_w_per_m2 - diffuse_w_per_m2) * Math.max(0, facing)) / sun.up + sky + ground;
}

/** @param timeMs the instant that stands for the step, its middle */
export function pvStep(settings: PvSettings, timeMs: number, cloud_cover: number, outdoor_temperature_c: number): PvStep {
  const sun = sunAt(timeMs, settings.latitude_deg, settings.longitude_deg);
  const irradiance = irradianceOnPlane(sun, irradianceAt(sun, cloud_cover), settings);
  const cell_temperature_c = outdoor_temperature_c + (irradiance / 800) * (settings.nominal_cell_temperature_c - 20);
  const warmth = 1 - settings.temperature_loss_per_k * (cell_temperature_c - STANDARD_CELL_TEMPERATURE_C);
  const modules_w = settings.peak_power_w * (irradiance / STANDARD_IRRADIANCE_W_PER_M2) * Math.max(0, warmth);
  const fedIn_w = Math.min(settings.inverter_power_w, modules_w * (1 - settings.system_loss_share));
  return { power_w: fedIn_w === 0 ? 0 : -fedIn_w, irradiance_w_per_m2: irradiance };
}

/** Erbs: share of diffuse light by the clearness index. */
function diffuseShare(clearness: number): number {
  if (clearness <= 0.22) return 1 - 0.09 * clearness;
  if (clearness > 0.8) return 0.165;
  const k = clearness;
  return 0.9511 - 0.1604 * k + 4.388 * k * k - 16.638 * k * k * k + 12.336 * k * k * k * k;
}

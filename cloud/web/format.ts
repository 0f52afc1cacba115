/**
 * Pure: the one formatter of the pages. Numbers by language, units always there, an em dash for what is not known, a true minus
 * sign. Made once per language and zone: the formats of Intl are slow to make.
 */
import { MS_PER_DAY } from '../../common/units.ts';
import { zoneName } from './zone-time.ts';

export type Language = 'en' | 'de';

export const NO_VALUE = '—';
/** Keeps a number and its unit on one line. */
const NO_BREAK = '\u00a0';
const LOCALES: Readonly<Record<Language, string>> = { en: 'en-GB', de: 'de-DE' };
const HOURS_PER_DAY = 24;
const A_MONDAY_MS = Date.UTC(2024, 0, 1);

/** One unit for all ticks of an axis. */
export interface AxisUnit {
  /** e.g. kW. */
  unit: string;
  /** What one of it is of the field's own unit. */
  size: number;
  /** A tick without its unit. */
  label(value: number, step?: number): string;
}

/** Fields' own units: W and kWh have larger and smaller ones, others are shown as they are. */
export type Quantity = 'W' | 'kWh' | 'EUR' | '%' | (string & {});

interface Scale {
  unit: string;
  size: number;
  /** From this amount on; the first fits everything below. */
  fromAmount: number;
  digits: number;
}

/** W below 1 kW, MW from 10 MW. */
const POWER: readonly Scale[] = [
  { unit: 'W', size: 1, fromAmount: 0, digits: 0 },
  { unit: 'kW', size: 1_000, fromAmount: 999.5, digits: 2 },
  { unit: 'kW', size: 1_000, fromAmount: 10_000, digits: 1 },
  { unit: 'MW', size: 1_000_000, fromAmount: 10_000_000, digits: 1 },
];
/** Wh below 1 kWh, MWh from 10 MWh. */
const ENERGY: readonly Scale[] = [
  { unit: 'Wh', size: 0.001, fromAmount: 0, digits: 0 },
  { unit: 'kWh', size: 1, fromAmount: 0.9995, digits: 2 },
  { unit: 'kWh', size: 1, fromAmount: 10, digits: 1 },
  { unit: 'kWh', size: 1, fromAmount: 1_000, digits: 0 },
  { unit: 'MWh', size: 1_000, fromAmount: 10_000, digits: 1 },
];
const COUNTER_DIGITS = 3;
/** How exactly a tick of a time axis is told. */
export type TickKind = 'second' | 'minute' | 'day' | 'month' | 'year';
const TICKS: Readonly<Record<TickKind, Intl.DateTimeFormatOptions>> = {
  second: { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' },
  minute: { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
  day: { day: 'numeric', month: 'short' },
  month: { month: 'short', year: 'numeric' },
  year: { year: 'numeric' },
};
const SCALES: Readonly<Record<string, readonly Scale[]>> = { W: POWER, kWh: ENERGY };

export class Formatter {
  readonly language: Language;
  readonly zone: string;
  private readonly locale: string;
  private readonly numbers = new Map<string, Intl.NumberFormat>();
  private readonly times = new Map<string, Intl.DateTimeFormat>();

  constructor(language: Language, zone: string) {
    this.language = language;
    this.zone = zone;
    this.locale = LOCALES[language];
  }

  number(value: number | null, digits = 0, leastDigits = digits): string {
    if (!isKnown(value)) return NO_VALUE;
    const key = `${digits}/${leastDigits}`;
    let format = this.numbers.get(key);
    if (format === undefined) {
      format = new Intl.NumberFormat(this.locale, { maximumFractionDigits: digits, minimumFractionDigits: leastDigits });
      this.numbers.set(key, format);
    }
    // What rounds to zero is zero, not minus zero.
    return format
      .format(value)
      .replace(/^-(?=[0.,]*$)/, '')
      .replace('-', '−');
  }

  power(watts: number | null): string {
    return this.scaled(watts, POWER);
  }

  energy(kwh: number | null): string {
    return this.scaled(kwh, ENERGY);
  }

  /** kWh without a fraction, for a year: comparable at a glance, so never in another unit. */
  annual(kwh: number | null): string {
    return this.withUnit(this.number(kwh), 'kWh');
  }

  /** An amount of a field's unit. */
  amount(value: number | null, quantity: Quantity): string {
    const scale = SCALES[quantity];
    if (scale !== undefined) return this.scaled(value, scale);
    if (quantity === 'EUR') return this.eur(value, 2);
    return this.withUnit(this.number(value, 1, 0), quantity);
  }

  eur(amount: number | null, digits = 0): string {
    if (!isKnown(amount)) return NO_VALUE;
    const fraction = { maximumFractionDigits: digits, minimumFractionDigits: digits };
    const money = new Intl.NumberFormat(this.locale, { style: 'currency', currency: 'EUR', ...fraction });
    return money.format(amount).replace('-', '−');
  }

  /** A price for people: 30 ct/kWh, 30.85 ct/kWh. */
  price(eurPerKwh: number | null): string {
    return this.withUnit(this.number(eurPerKwh === null ? null : eurPerKwh * 100, 2, 0), 'ct/kWh');
  }

  /** A share of one. */
  percent(share: number | null, digits = 0): string {
    return this.withUnit(this.number(share === null ? null : share * 100, digits), '%');
  }

  /** `8 s`, `3 min`, `2 h 05 min`, `3 d 4 h`. */
  duration(seconds: number | null): string {
    if (!isKnown(seconds)) return NO_VALUE;
    const whole = Math.max(0, Math.floor(seconds));
    if (whole < 120) return this.withUnit(this.number(whole), 's');
    if (whole < 3_600) return this.withUnit(this.number(Math.floor(whole / 60)), 'min');
    const hours = Math.floor(whole / 3_600);
    if (hours < 2 * HOURS_PER_DAY) {
      const minutes = String(Math.floor((whole % 3_600) / 60)).padStart(2, '0');
      return `${this.withUnit(this.number(hours), 'h')} ${this.withUnit(minutes, 'min')}`;
    }
    const days = this.withUnit(this.number(Math.floor(hours / HOURS_PER_DAY)), 'd');
    return `${days} ${this.withUnit(this.number(hours % HOURS_PER_DAY), 'h')}`;
  }

  /** A duration that is over and known to the second: `90 s`, `8 min 35 s`, `2 h 00 min`. */
  lapse(seconds: number | null): string {
    if (!isKnown(seconds) || seconds < 120 || seconds >= 3_600) return this.duration(seconds);
    const rest = Math.floor(seconds % 60);
    return rest === 0 ? this.duration(seconds) : `${this.duration(seconds)} ${this.withUnit(this.number(rest), 's')}`;
  }

  /** A length of data, to about two digits: `2 min`, `3.5 h`, `12 d`. */
  length(hours: number | null): string {
    if (!isKnown(hours)) return NO_VALUE;
    if (hours * 60 < 1) return `<${NO_BREAK}${this.withUnit(this.number(1), 'min')}`;
    if (hours * 60 < 59.5) return this.withUnit(this.number(hours * 60), 'min');
    if (hours < 2 * HOURS_PER_DAY) return this.withUnit(this.number(hours, hours < 9.95 ? 1 : 0), 'h');
    return this.withUnit(this.number(hours / HOURS_PER_DAY, 1), 'd');
  }

  /** 24 Dec 2019 */
  date(timeMs: number | null): string {
    return this.time(timeMs, 'date', { day: 'numeric', month: 'short', year: 'numeric' });
  }

  /** 00:59:55 */
  clock(timeMs: number | null): string {
    return this.time(timeMs, 'clock', { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
  }

  /** 24 Dec 2019, 00:59 */
  minute(timeMs: number | null): string {
    return this.time(timeMs, 'minute', {
      day: 'numeric',
      month: 'short',
      year: 'numeric',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
  }

  /** 24 Dec 2019, 00:59:55 CET */
  dateTime(timeMs: number | null): string {
    if (!isKnown(timeMs)) return NO_VALUE;
    return `${this.date(timeMs)}, ${this.clock(timeMs)} ${this.zoneAt(timeMs)}`;
  }

  /** Mon; 0 is Monday. */
  weekday(index: number, length: 'short' | 'long' = 'short'): string {
    return new Intl.DateTimeFormat(this.locale, { weekday: length, timeZone: 'UTC' }).format(A_MONDAY_MS + index * MS_PER_DAY);
  }

  /** A span, its end's date left out where it is the same: `24 Dec 2019, 00:00 – 06:00 CET`. */
  span(fromMs: number, toMs: number): string {
    const end = this.date(fromMs) === this.date(toMs) ? this.clock(toMs).slice(0, 5) : this.minute(toMs);
    // Where the clocks are changed in between each end has its own name, else half past two would be two instants.
    const [first, last] = [this.zoneAt(fromMs), this.zoneAt(toMs)];
    return `${this.minute(fromMs)}${first === last ? '' : ` ${first}`} – ${end} ${last}`;
  }

  zoneAt(timeMs: number): string {
    return zoneName(timeMs, this.zone);
  }

  /** On a time axis: midnight among hours is told by its date. */
  tick(timeMs: number, kind: TickKind): string {
    const text = this.time(timeMs, `tick ${kind}`, TICKS[kind]);
    return kind === 'minute' && /^(00|24):00$/.test(text) ? this.time(timeMs, 'tick day', TICKS.day) : text;
  }

  /** The one unit for an axis whose greatest amount is this. */
  axis(quantity: Quantity, greatest: number): AxisUnit {
    const scale = scaleFor(SCALES[quantity] ?? [], Math.abs(greatest));
    return this.axisIn(quantity === 'EUR' ? '€' : (scale?.unit ?? quantity), scale?.size ?? 1);
  }

  /** An axis in the field's own unit, however great its amounts: a counter of 24,512.3 kWh is read in kWh. */
  ownAxis(quantity: Quantity): AxisUnit {
    return this.axisIn(quantity, 1);
  }

  /** What a counter shows, as exact as meters show it: two of its readings differ in the last digits. */
  counter(value: number | null, unit: string): string {
    return this.withUnit(this.number(value, COUNTER_DIGITS, COUNTER_DIGITS), unit);
  }

  private axisIn(unit: string, size: number): AxisUnit {
    const label = (value: number, step = 0) => {
      const digits = step === 0 ? 2 : Math.min(6, Math.max(0, Math.ceil(-Math.log10(step / size) - 1e-9)));
      return this.number(value / size, digits, step === 0 ? 0 : digits);
    };
    return { unit, size, label };
  }

  private scaled(value: number | null, scales: readonly Scale[]): string {
    if (!isKnown(value)) return NO_VALUE;
    const scale = scaleFor(scales, Math.abs(value));
    return scale === undefined ? NO_VALUE : this.withUnit(this.number(value / scale.size, scale.digits), scale.unit);
  }

  private withUnit(text: string, unit: string): string {
    return text === NO_VALUE || unit === '' ? text : `${text}${NO_BREAK}${unit}`;
  }

  private time(timeMs: number | null, key: string, options: Intl.DateTimeFormatOptions): string {
    if (!isKnown(timeMs)) return NO_VALUE;
    let format = this.times.get(key);
    if (format === undefined) {
      format = new Intl.DateTimeFormat(this.locale, { ...options, timeZone: this.zone });
      this.times.set(key, format);
    }
    return format.format(timeMs);
  }
}

/** A figure from less than an hour of data is marked, so that nobody takes it for a year. */
export function marked(text: string, rough: boolean): string {
  if (!rough || text === NO_VALUE) return text;
  // With a thin space, because "~−" looks like one sign.
  return text.startsWith('−') ? `~\u2009${text}` : `~${text}`;
}

function isKnown(value: number | null | undefined): value is number {
  return value !== null && value !== undefined && Number.isFinite(value);
}

/** Zero and what is nearly nothing take the scale of everyday's amounts. */
function scaleFor(scales: readonly Scale[], amount: number): Scale | undefined {
  return scales.findLast(({ fromAmount }) => amount >= fromAmount);
}

/** Pure: numbers and times as people read them. English grouping, units always there, "–" for no value. */

export const NO_VALUE = '–';

const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const ONE_DIGIT = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const TWO_DIGITS = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const WHOLE_EUR = new Intl.NumberFormat('en', { style: 'currency', currency: 'EUR', maximumFractionDigits: 0 });
const PRICE = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 4 });

const DATE_TIME = new Intl.DateTimeFormat('en-GB', {
  timeZone: 'UTC',
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});

/** W below 1 kW, then kW, MW from 10 MW. */
export function power(watts: number | null): string {
  if (watts === null) return NO_VALUE;
  const size = Math.abs(watts);
  if (size < 999.5) return `${minus(WHOLE.format(watts))} W`;
  if (size < 10_000) return `${minus(TWO_DIGITS.format(watts / 1_000))} kW`;
  if (size < 10_000_000) return `${minus(ONE_DIGIT.format(watts / 1_000))} kW`;
  return `${minus(ONE_DIGIT.format(watts / 1_000_000))} MW`;
}

export function kwh(energy: number | null): string {
  return energy === null ? NO_VALUE : `${minus(WHOLE.format(energy))} kWh`;
}

export function eur(amount: number | null): string {
  return amount === null ? NO_VALUE : minus(WHOLE_EUR.format(amount));
}

export function price(eurPerKwh: number): string {
  return `${PRICE.format(eurPerKwh)} EUR/kWh`;
}

/** A figure from less than an hour of data is marked, so that nobody takes it for a year. */
export function marked(text: string, rough: boolean): string {
  if (!rough || text === NO_VALUE) return text;
  // With a thin space, because "~−" looks like one sign.
  return text.startsWith('−') ? `~\u2009${text}` : `~${text}`;
}

export function count(amount: number): string {
  return WHOLE.format(amount);
}

/** `1 household`, `2 households`. */
export function counted(amount: number, one: string): string {
  return `${count(amount)} ${one}${amount === 1 ? '' : 's'}`;
}

/** Length of data: minutes below an hour, then hours, then days. */
export function hours(amount: number): string {
  const minutes = amount * 60;
  if (minutes < 1) return 'under a minute';
  if (minutes < 59.5) return `${WHOLE.format(minutes)} min`;
  if (amount < 9.95) return `${ONE_DIGIT.format(amount)} h`;
  if (amount < 48) return `${WHOLE.format(amount)} h`;
  return `${ONE_DIGIT.format(amount / 24)} days`;
}

/** `8 s`, `3 min`, `2 h 05 min`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 120) return `${whole} s`;
  if (whole < 3_600) return `${Math.floor(whole / 60)} min`;
  return `${count(Math.floor(whole / 3_600))} h ${String(Math.floor((whole % 3_600) / 60)).padStart(2, '0')} min`;
}

/** `24 Dec 2019`, `00:59:55` of an ISO time, UTC. */
export function dateAndTime(iso: string): { date: string; time: string } {
  const parts = new Map(DATE_TIME.formatToParts(new Date(iso)).map((part) => [part.type, part.value]));
  const of = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? '';
  return { date: `${of('day')} ${of('month')} ${of('year')}`, time: `${of('hour')}:${of('minute')}:${of('second')}` };
}

/** The sign as printed in books; a hyphen is easily overlooked. */
function minus(text: string): string {
  return text.replace('-', '−');
}

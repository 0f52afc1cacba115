/** Pure: what the reader explores, as it stands in the address beside the range: `?series=&hidden=&stat=&stack=&norm=&view=`. */
import { FIELD_UNITS } from '../../../../common/units.ts';

export const STATS = ['mean', 'min', 'max', 'last', 'sum', 'count', 'energy'] as const;
export type Stat = (typeof STATS)[number];

export interface Choice {
  /** References of series, in the order in which they were chosen; their place is their colour. */
  refs: readonly string[];
  hidden: ReadonlySet<string>;
  stat: Stat;
  isStacked: boolean;
  /** Each series in percent of its own greatest value. */
  isNormalised: boolean;
  isTable: boolean;
}

/** As many as the API answers at once. */
export const SERIES_MAX = 100;
/** A left axis and a right one. */
export const UNITS_MAX = 2;
const DEFAULT_SERIES = 'all.power';
/** No series at all; left out would be the default. */
const NO_SERIES = 'none';
const REF = /^(all|state:DE-[A-Z]{2}|[A-Za-z0-9_-]{1,128}(\/[A-Za-z0-9_-]{1,128})?)\.[A-Za-z0-9_-]{1,128}$/;

/** What is no reference is left out: a link that was cut still shows the rest. */
export function choiceOf(query: URLSearchParams): Choice {
  const named = (query.get('series') ?? DEFAULT_SERIES).split(',').filter((ref) => REF.test(ref));
  const refs = [...new Set(named)].slice(0, SERIES_MAX);
  return {
    refs,
    hidden: new Set((query.get('hidden') ?? '').split(',').filter((ref) => refs.includes(ref))),
    stat: STATS.find((its) => its === query.get('stat')) ?? 'mean',
    isStacked: query.get('stack') === '1',
    isNormalised: query.get('norm') === '1',
    isTable: query.get('view') === 'table',
  };
}

/** For `goToQuery`: what is the default is left out of the address. */
export function queryFor(change: Partial<Choice>): Record<string, string> {
  const { refs, hidden, stat, isStacked, isNormalised, isTable } = change;
  const flag = (isOn: boolean) => (isOn ? '1' : '');
  const series = refs?.join(',');
  return {
    ...(series === undefined ? {} : { series: series === DEFAULT_SERIES ? '' : series || NO_SERIES }),
    ...(hidden === undefined ? {} : { hidden: [...hidden].join(',') }),
    ...(stat === undefined ? {} : { stat: stat === 'mean' ? '' : stat }),
    ...(isStacked === undefined ? {} : { stack: flag(isStacked) }),
    ...(isNormalised === undefined ? {} : { norm: flag(isNormalised) }),
    ...(isTable === undefined ? {} : { view: isTable ? 'table' : '' }),
  };
}

export interface RefParts {
  kind: 'all' | 'state' | 'household' | 'device';
  /** The state's code, the household's id; empty for all. */
  whose: string;
  device: string;
  field: string;
}

export function partsOf(ref: string): RefParts {
  const dot = ref.lastIndexOf('.');
  const field = ref.slice(dot + 1);
  const subject = ref.slice(0, dot);
  if (subject === 'all') return { kind: 'all', whose: '', device: '', field };
  if (subject.startsWith('state:')) return { kind: 'state', whose: subject.slice('state:'.length), device: '', field };
  const [whose = '', device] = subject.split('/');
  return device === undefined ? { kind: 'household', whose, device: '', field } : { kind: 'device', whose, device, field };
}

/** Of a field that is not known by name it is empty, which is a unit like any. */
export function unitOf(ref: string): string {
  return FIELD_UNITS[partsOf(ref).field] ?? '';
}

export function unitsOf(refs: readonly string[]): string[] {
  return [...new Set(refs.map(unitOf))];
}

/** The series that the two axes are enough for, and those of further units, which are not drawn. */
export function byAxes(refs: readonly string[]): { drawn: string[]; refused: string[] } {
  const units = unitsOf(refs).slice(0, UNITS_MAX);
  return { drawn: refs.filter((ref) => units.includes(unitOf(ref))), refused: refs.filter((ref) => !units.includes(unitOf(ref))) };
}

/** Why a series can't be shown beside the others; undefined when it can. */
export function refusalOf(refs: readonly string[], ref: string): 'tooMany' | 'thirdUnit' | undefined {
  if (refs.length >= SERIES_MAX) return 'tooMany';
  return unitsOf([...refs, ref]).length > UNITS_MAX ? 'thirdUnit' : undefined;
}

const ADDABLE_UNITS: ReadonlySet<string> = new Set(['W', 'kWh']);
/** A household's whole; its other fields of the same unit are parts of it. */
const WHOLE_FIELD = 'power';

/**
 * Whether the sum of these series means something: two or more of one unit, and none of them a part of another. Least and greatest values
 * happen at different moments, so they add up to nothing.
 */
export function isAddable(refs: readonly string[], stat: Stat): boolean {
  if (refs.length < 2 || stat === 'min' || stat === 'max') return false;
  const parts = refs.map(partsOf);
  const [first] = parts;
  if (first === undefined || first.kind === 'all' || parts.some(({ kind }) => kind !== first.kind)) return false;
  const units = unitsOf(refs);
  if (units.length > 1 || !ADDABLE_UNITS.has(units[0] ?? '')) return false;
  const subject = ({ whose, device }: RefParts) => `${whose}/${device}`;
  const counts = new Map<string, number>();
  for (const its of parts) counts.set(subject(its), (counts.get(subject(its)) ?? 0) + 1);
  return parts.every((its) => its.field !== WHOLE_FIELD || counts.get(subject(its)) === 1);
}

/**
 * Pure: the reference of a series, one text in addresses, exports and gRPC: `HOUSEHOLD.FIELD` (sum over devices),
 * `HOUSEHOLD/DEVICE.FIELD`, `state:DE-BB.FIELD`, `all.FIELD`. Ids hold neither `.`, `/`, `:` nor `,`. A household whose id is `all` is
 * reached by its devices only.
 */
import { ID_PATTERN } from '../../../common/ids.ts';

export type SeriesRef =
  | { kind: 'household'; household: string; field: string }
  | { kind: 'device'; household: string; device: string; field: string }
  | { kind: 'state'; state: string; field: string }
  | { kind: 'all'; field: string };

const STATE = /^state:(DE-[A-Z]{2})$/;
export const SERIES_REMEDY = 'write HOUSEHOLD.FIELD, HOUSEHOLD/DEVICE.FIELD, state:DE-BB.FIELD or all.FIELD';

/** @returns undefined when the text is no reference */
export function parseSeriesRef(text: string): SeriesRef | undefined {
  const dot = text.lastIndexOf('.');
  const field = text.slice(dot + 1);
  const whose = text.slice(0, dot);
  if (dot <= 0 || !ID_PATTERN.test(field)) return undefined;
  if (whose === 'all') return { kind: 'all', field };
  const state = STATE.exec(whose)?.[1];
  if (state !== undefined) return { kind: 'state', state, field };
  const [household = '', device, ...rest] = whose.split('/');
  if (!ID_PATTERN.test(household) || rest.length > 0) return undefined;
  if (device === undefined) return { kind: 'household', household, field };
  return ID_PATTERN.test(device) ? { kind: 'device', household, device, field } : undefined;
}

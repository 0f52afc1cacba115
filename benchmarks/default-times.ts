/** The times of the link as operators have them, for a Fleet: its own are those of impatient tests. */
import { SETTINGS } from '../common/settings.ts';

export const DEFAULT_TIMES = (['heartbeat_seconds', 'heartbeat_deadline_seconds', 'data_deadline_seconds'] as const).map(
  (key) => `link.${key}=${SETTINGS.link[key].default}`,
);

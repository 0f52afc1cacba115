/** A made-up meter usage file in the form of the earlier consumption server's: a month of quarter hours, one of them NaN. */

/** 2019-01-01T00:15:00Z, the first row. */
export const USAGE_FROM_S = 1_546_301_700;
export const USAGE_ROWS = 2_975;
/** 2019-01-02T03:00:00Z */
export const KNOWN_ROW = { timestamp: 1_546_398_000, value: 58.68 };
/** 2019-01-17T02:45:00Z */
export const NAN_AT_S = 1_547_693_100;
const QUARTER_S = 900;

/** Value of the quarter that begins then; undefined where the file says NaN. */
export function usageAt(timestamp: number): number | undefined {
  if (timestamp === NAN_AT_S) return undefined;
  if (timestamp === KNOWN_ROW.timestamp) return KNOWN_ROW.value;
  const n = (timestamp - USAGE_FROM_S) / QUARTER_S;
  return 45.6 + ((n * 7_919) % 30_985) / 100;
}

export function usageFile(rows = USAGE_ROWS): string {
  const lines = Array.from({ length: rows }, (_, i) => {
    const timestamp = USAGE_FROM_S + i * QUARTER_S;
    const time = new Date(timestamp * 1_000).toISOString().replace('T', ' ').slice(0, 19);
    return `${time},${usageAt(timestamp)?.toFixed(2) ?? 'NaN'}`;
  });
  return `time,meterusage\n${lines.join('\n')}\n`;
}

/** Pure: how newest windows are written where several cloud processes read them. */
import type { Bucket } from './series-store.ts';

/** One window of a household, under the name of its series. */
export interface SharedWindow {
  /** `device/field`; ids hold no slash. */
  series: string;
  /** JSON array [startMs, count, mean, min, max, first, last, energyKwh]. Start and count come first: the write script compares them. */
  text: string;
}

const NUMBERS = 8;

export function encodeWindow(window: Bucket): SharedWindow {
  const { startMs, count, mean, min, max, first, last, energyKwh } = window;
  const text = JSON.stringify([startMs, count, mean, min, max, first, last, energyKwh]);
  return { series: `${window.device}/${window.field}`, text };
}

/** @returns undefined for what this program has not written: others may use the same server */
export function decodeWindow(household: string, series: string, text: string): Bucket | undefined {
  const slash = series.indexOf('/');
  if (slash < 1 || slash === series.length - 1) return undefined;
  const numbers = parseJson(text);
  if (!Array.isArray(numbers) || numbers.length !== NUMBERS) return undefined;
  const energyKwh: unknown = numbers[NUMBERS - 1];
  if (!numbers.slice(0, NUMBERS - 1).every(Number.isFinite) || (energyKwh !== null && !Number.isFinite(energyKwh))) return undefined;
  const [startMs, count, mean, min, max, first, last] = numbers as [number, number, number, number, number, number, number];
  if (!Number.isSafeInteger(startMs) || !Number.isSafeInteger(count) || count < 1) return undefined;
  const name = { household, device: series.slice(0, slash), field: series.slice(slash + 1) };
  return { ...name, startMs, count, mean, min, max, first, last, energyKwh: energyKwh as number | null };
}

/** What is published: who says it, and the windows as [household, series, text]. */
export function encodeMessage(processId: string, windows: readonly Bucket[]): string {
  const rows = windows.map((window) => {
    const { series, text } = encodeWindow(window);
    return [window.household, series, text];
  });
  return JSON.stringify({ v: 1, from: processId, rows });
}

/** @returns the windows, and how many rows nobody can read; undefined for a message that is none */
export function decodeMessage(text: string): { from: string; windows: Bucket[]; unusable: number } | undefined {
  const message = parseJson(text) as { v?: unknown; from?: unknown; rows?: unknown } | null | undefined;
  if (message?.v !== 1 || typeof message.from !== 'string' || !Array.isArray(message.rows)) return undefined;
  const windows: Bucket[] = [];
  for (const row of message.rows as unknown[]) {
    const window = Array.isArray(row) && row.every((its) => typeof its === 'string') ? decodeRow(row) : undefined;
    if (window !== undefined) windows.push(window);
  }
  return { from: message.from, windows, unusable: message.rows.length - windows.length };
}

function decodeRow([household, series, text]: readonly string[]): Bucket | undefined {
  if (household === undefined || household === '' || series === undefined || text === undefined) return undefined;
  return decodeWindow(household, series, text);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Names of households, devices and sources, and the keys made of them. */

/** Household, device, source and edge ids. No '/' and no '.', so keys made of them are unambiguous. */
export const ID_PATTERN = /^[A-Za-z0-9_-]{1,128}$/;

/** `__proto__` is refused: as a key of an object it would not be a key. */
export function isId(text: unknown): text is string {
  return typeof text === 'string' && ID_PATTERN.test(text) && text !== '__proto__';
}

/**
 * Keys that were made, by household, then by device, then by source: a key is asked for several times for each reading, and one that is
 * the same string again costs a map no hashing. Names are known; a flood of foreign ones must not fill the memory.
 */
const keysOfDevices = new Map<string, Map<string, { key: string; bySrc: Map<string, string> }>>();
const KEYS_KEPT_MAX = 100_000;
let keysKept = 0;

/** `household/device` */
export function deviceKey(household: string, device: string): string {
  return keysOf(household, device).key;
}

/** `household/device/src`: whose seqs are counted together. */
export function sourceKey(household: string, device: string, src: string): string {
  const { bySrc } = keysOf(household, device);
  const known = bySrc.get(src);
  if (known !== undefined) return known;
  const key = `${household}/${device}/${src}`;
  if (keysKept < KEYS_KEPT_MAX) {
    bySrc.set(src, key);
    keysKept++;
  }
  return key;
}

function keysOf(household: string, device: string): { key: string; bySrc: Map<string, string> } {
  const known = keysOfDevices.get(household)?.get(device);
  if (known !== undefined) return known;
  if (keysKept >= KEYS_KEPT_MAX) {
    keysOfDevices.clear();
    keysKept = 0;
  }
  let byDevice = keysOfDevices.get(household);
  if (byDevice === undefined) keysOfDevices.set(household, (byDevice = new Map()));
  const made = { key: `${household}/${device}`, bySrc: new Map<string, string>() };
  byDevice.set(device, made);
  keysKept++;
  return made;
}

/** Names of households, devices and sources, and the keys made of them. */

/** Household, device, source and edge ids. No '/' and no '.', so keys made of them are unambiguous. */
export const ID_PATTERN = /^[A-Za-z0-9_-]{1,128}$/;

/** `__proto__` is refused: as a key of an object it would not be a key. */
export function isId(text: unknown): text is string {
  return typeof text === 'string' && ID_PATTERN.test(text) && text !== '__proto__';
}

/** `household/device` */
export function deviceKey(household: string, device: string): string {
  return `${household}/${device}`;
}

/** `household/device/src`: whose seqs are counted together. */
export function sourceKey(household: string, device: string, src: string): string {
  return `${household}/${device}/${src}`;
}

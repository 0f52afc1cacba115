/**
 * What @peculiar/x509's container of parts asks of the global Reflect: metadata by object and key. It refuses to load without, and none
 * of it is used by what we call; the package that is usually taken for it would be one more to trust with keys.
 */
const held = new WeakMap<object, Map<unknown, unknown>>();

function own(key: unknown, target: object): unknown {
  return held.get(target)?.get(key);
}

function inherited(key: unknown, target: object): unknown {
  for (let at: object | null = target; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    if (held.get(at)?.has(key) === true) return own(key, at);
  }
  return undefined;
}

function define(key: unknown, value: unknown, target: object): void {
  const entries = held.get(target) ?? new Map<unknown, unknown>();
  held.set(target, entries.set(key, value));
}

Object.assign(Reflect, { getOwnMetadata: own, getMetadata: inherited, defineMetadata: define });

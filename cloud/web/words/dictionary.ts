/** What a file of words must look like. */

/** One text, or the one for 1 and the one for every other number `n`. */
export type Text = string | readonly [one: string, other: string];

export type Dictionary = Readonly<Record<string, { readonly en: Text; readonly de: Text }>>;

/** Of what kind the data is, as the answer says that the page asked for first; the live stream says it too, and later. */
import { Store } from '../shell/store.ts';

/** Null before the first answer. */
export const toldLabel = new Store<string | null>(null);

/** Copying, with a word of what came of it. */
import { after } from '../page-clock.ts';
import { Store } from './store.ts';

/** What was just done, in the reader's words; empty after a while. */
export const saidStore = new Store('');
const SAID_MS = 4_000;
let forget = (): void => undefined;

export function say(words: string): void {
  forget();
  saidStore.set(words);
  forget = after(SAID_MS, () => saidStore.set(''));
}

export async function copy(text: string, done: string, refused: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    say(done);
  } catch {
    // Without TLS browsers have no clipboard for scripts; the old way works where a text can be selected.
    say(copiedBySelection(text) ? done : refused);
  }
}

function copiedBySelection(text: string): boolean {
  const field = document.createElement('textarea');
  field.value = text;
  field.className = 'hidden';
  document.body.append(field);
  field.select();
  // The only way left: deprecated, and in every browser.
  const isCopied = document.execCommand('copy');
  field.remove();
  return isCopied;
}

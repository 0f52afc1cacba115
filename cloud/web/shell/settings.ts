/** What a reader chose for this browser: kept in it, in effect at once. */
import { keptSettings, SETTINGS_KEY, type Settings, settingsByDefault } from './kept-settings.ts';
import { Store } from './store.ts';

export const settingsStore = new Store<Settings>(settingsByDefault());
/** Grows when light turned dark or back, for what is drawn and not styled. */
export const themeTurns = new Store(0);

export function startSettings(): void {
  settingsStore.set(keptSettings());
  apply(settingsStore.get());
  const dark = matchMedia('(prefers-color-scheme: dark)');
  dark.addEventListener('change', () => themeTurns.set(themeTurns.get() + 1));
  // Another tab of this browser changed them.
  addEventListener('storage', ({ key }) => {
    if (key !== SETTINGS_KEY) return;
    settingsStore.set(keptSettings());
    apply(settingsStore.get());
  });
}

export function choose(change: Partial<Settings>): void {
  const next = { ...settingsStore.get(), ...change };
  settingsStore.set(next);
  apply(next);
  try {
    localStorage.setItem(SETTINGS_KEY, JSON.stringify(next));
  } catch {
    // Without storage the choice holds as long as the page.
  }
}

function apply({ theme, language }: Settings): void {
  const { documentElement: root } = document;
  root.lang = language;
  if (root.dataset['theme'] === theme) return;
  root.dataset['theme'] = theme;
  themeTurns.set(themeTurns.get() + 1);
}

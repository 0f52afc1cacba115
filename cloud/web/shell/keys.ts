/** What single keys do on every page. A key that is typed into a field, or with a modifier, is not ours. */
import { togglePause } from '../live/live.ts';
import { after } from '../page-clock.ts';
import { movePeriod, zoomBack } from './page-range.ts';
import { addressOf, goTo, placeStore } from './place.ts';
import { hasRange, NAVIGATION, routeOf } from './routes.ts';
import { Store } from './store.ts';

/** Time for the second key after `g`. */
const SECOND_KEY_WITHIN_MS = 1_500;

/** The dialog that stands open. */
export const openDialog = new Store<'help' | 'settings' | null>(null);
/** Whether charts are shown as tables. */
export const asTables = new Store(false);

const ACTIONS: Readonly<Record<string, () => void>> = {
  '?': () => openDialog.set('help'),
  '[': () => move(-1),
  ']': () => move(1),
  z: zoomBack,
  l: togglePause,
  t: () => asTables.set(!asTables.get()),
  '/': focusSearch,
};

export function startKeys(): void {
  let isSecond = false;
  let forget = (): void => undefined;
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTyping(event.target)) return;
    if (openDialog.get() !== null) return;
    const target = isSecond ? NAVIGATION.find(({ key }) => key === event.key) : undefined;
    forget();
    isSecond = false;
    if (target !== undefined) {
      event.preventDefault();
      return goTo(addressOf(target.path));
    }
    if (event.key === 'g') {
      isSecond = true;
      forget = after(SECOND_KEY_WITHIN_MS, () => {
        isSecond = false;
      });
      return;
    }
    const action = Object.hasOwn(ACTIONS, event.key) ? ACTIONS[event.key] : undefined;
    if (action === undefined) return;
    event.preventDefault();
    action();
  });
}

function move(steps: number): void {
  if (hasRange(routeOf(placeStore.get().path).page)) movePeriod(steps);
}

/** The field that a page marks as its search. */
function focusSearch(): void {
  document.querySelector<HTMLInputElement>('main [data-search]')?.focus();
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  const isField = target instanceof HTMLInputElement && target.type !== 'radio' && target.type !== 'checkbox';
  return isField || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable;
}

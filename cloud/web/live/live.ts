/** The live figures of the tab: one stream, which can be paused, and what is known from it. */
import { every, nowMs } from '../page-clock.ts';
import { Store } from '../shell/store.ts';
import { learnEnds } from './data-ends.ts';
import { type Course, withSample } from './course.ts';
import { openLive } from './live-stream.ts';
import { EMPTY, type PageState, withCut, withEdge, withLive } from './page-state.ts';
import { type Sample, speedOf, withArrival } from './speed.ts';

/** What the page shows; stands still while paused. */
export const liveStore = new Store<PageState>(EMPTY);
export const pausedStore = new Store(false);
/** The page's own clock, once a second, for ages. */
export const tickStore = new Store(0);
/** Simulated seconds in a second; null until it can be told. */
export const speedStore = new Store<number | null>(null);
/** The figures since the page was opened, for small curves. */
export const courseStore = new Store<Course>([]);

/** What has arrived, also while paused: messages carry changes only, so none may be missed. */
let arrived: PageState = EMPTY;
let samples: readonly Sample[] = [];

export function startLive(): void {
  every(1_000, () => {
    tickStore.set(nowMs());
    if (!pausedStore.get()) courseStore.set(withSample(courseStore.get(), liveStore.get(), nowMs()));
  });
  openLive({
    onLive: (message) => change(withLive(arrived, message, nowMs())),
    onEdge: (edge) => change(withEdge(arrived, edge)),
    onCut: () => change(withCut(arrived, nowMs())),
  });
}

export function togglePause(): void {
  pausedStore.set(!pausedStore.get());
  if (!pausedStore.get()) show();
}

function change(next: PageState): void {
  arrived = next;
  const newestAt = next.live?.newestAt ?? null;
  if (newestAt !== null && next.connected) samples = withArrival(samples, { arrivedMs: next.arrivedMs, newestMs: Date.parse(newestAt) });
  // That the line is cut is no figure: it is shown also while they stand still.
  if (!pausedStore.get()) show();
  else liveStore.set({ ...liveStore.get(), connected: next.connected, cutMs: next.cutMs });
}

function show(): void {
  tickStore.set(nowMs());
  liveStore.set(arrived);
  const speed = speedOf(samples);
  if (speed !== undefined) speedStore.set(speed);
  const newestAt = arrived.live?.newestAt ?? null;
  if (newestAt !== null) learnEnds({ latestMs: Date.parse(newestAt) });
}

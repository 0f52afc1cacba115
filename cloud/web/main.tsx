/** The page's beginning: what the reader chose, where they are, the frame with the page in it, the live stream. */
import { render } from 'preact';
import './first-question.ts';
import { earlyAnswered } from './data/early.ts';
import { startMeta } from './data/meta.ts';
import { startLive } from './live/live.ts';
import { after, whenIdle } from './page-clock.ts';
import { App } from './shell/app.tsx';
import { startKeys } from './shell/keys.ts';
import { loadPage } from './shell/lazy-page.tsx';
import { placeStore, startPlace } from './shell/place.ts';
import { routeOf } from './shell/routes.ts';
import { startSettings } from './shell/settings.ts';

/** The frame is shown together with its page, which saves drawing it twice; alone when the page's script takes longer. */
const FRAME_WITHIN_MS = 200;
/** The stream, which draws the frame anew, waits for the picture that was asked for early; no longer than this. */
const LIVE_WITHIN_MS = 500;

startSettings();
startPlace();
startKeys();
startMeta();
void show();
void listen();

async function show(): Promise<void> {
  const root = document.getElementById('app');
  if (root === null) throw new Error('index.html has no #app');
  // Who shows the page says why it can't be had.
  const isThere = loadPage(routeOf(placeStore.get().path).page).catch(() => undefined);
  await Promise.race([isThere, wait(FRAME_WITHIN_MS)]);
  render(<App />, root);
}

async function listen(): Promise<void> {
  await Promise.race([earlyAnswered().then(rest), wait(LIVE_WITHIN_MS)]);
  startLive();
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => after(ms, resolve));
}

/** What was answered is drawn by then. */
function rest(): Promise<void> {
  return new Promise((resolve) => whenIdle(resolve));
}

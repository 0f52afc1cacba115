/**
 * The live stream of the cloud, reconnected for as long as the page is open. The browser's own reconnection gives up on
 * an error status and never notices a line that went quiet, so a broken stream is closed here and opened anew.
 */
import type { EdgeReply, LiveMessage } from '../../server/api/api-types.ts';
import { after } from '../page-clock.ts';
import { leaveWhenShutOut } from '../data/shut-out.ts';

export const STREAM_PATH = '/api/v1/stream';
/** Wait before the stream is opened again: doubled from the first to the last. */
const RETRY_FIRST_MS = 500;
const RETRY_LAST_MS = 5_000;
/** The cloud says something at least every 10 s; after so long the line is dead. */
const SILENCE_MAX_MS = 25_000;

export interface LiveListener {
  onLive(message: LiveMessage): void;
  onEdge(edge: EdgeReply): void;
  /** The stream broke; it is being opened again. */
  onCut(): void;
}

export function openLive(listener: LiveListener): void {
  let retryMs = RETRY_FIRST_MS;
  const open = (): void => {
    const source = new EventSource(STREAM_PATH);
    let hasSpoken = false;
    const broken = (): void => {
      cancelWatch();
      source.close();
      listener.onCut();
      // One that never spoke may have been refused.
      if (!hasSpoken) leaveWhenShutOut();
      after(retryMs, open);
      retryMs = Math.min(RETRY_LAST_MS, retryMs * 2);
    };
    let cancelWatch = after(SILENCE_MAX_MS, broken);
    const heard = (): void => {
      hasSpoken = true;
      cancelWatch();
      cancelWatch = after(SILENCE_MAX_MS, broken);
      retryMs = RETRY_FIRST_MS;
    };
    source.addEventListener('live', (event: MessageEvent<string>) => {
      heard();
      listener.onLive(JSON.parse(event.data) as LiveMessage);
    });
    source.addEventListener('edge', (event: MessageEvent<string>) => {
      heard();
      listener.onEdge(JSON.parse(event.data) as EdgeReply);
    });
    source.onerror = broken;
  };
  open();
}

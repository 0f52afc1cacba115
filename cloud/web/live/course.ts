/** Pure: the course of the live figures since the page was opened, thinned to what a small curve can show. */
import type { LiveMessage } from '../../server/api/api-types.ts';
import { isFinished, type PageState, typical } from './page-state.ts';

export interface CoursePoint {
  atMs: number;
  powerW: number | null;
  annualKwh: number | null;
  current: number | null;
  edgesOnline: number | null;
  /** Of the newest window; of no interest once no newer one is to come. */
  ageSeconds: number | null;
}

export type Course = readonly CoursePoint[];

const POINTS_MAX = 90;
const EVERY_MS = 2_000;

export function withSample(course: Course, state: PageState, nowMs: number): Course {
  const { live } = state;
  const last = course.at(-1);
  if (live === null || (last !== undefined && nowMs - last.atMs < EVERY_MS)) return course;
  const known = state.connected;
  const point: CoursePoint = {
    atMs: nowMs,
    powerW: known ? live.totalPowerW : null,
    annualKwh: known ? (typical(state.states.values())?.annualKwh ?? null) : null,
    current: known ? live.current : null,
    edgesOnline: known ? edgesOnline(live) : null,
    ageSeconds: live.newestAt === null || isFinished(live) ? null : Math.max(0, (nowMs - state.advancedMs) / 1_000),
  };
  return [...course, point].slice(-POINTS_MAX);
}

/** The message lists those that are away first: the ones that it leaves out are online. */
export function edgesOnline({ edges, edgeCount }: LiveMessage): number {
  return edgeCount - edges.filter(({ health }) => health !== 'online').length;
}

/** A finger that goes sideways over a chart: to the period before or after. */
import { useRef } from 'preact/hooks';

/** Shorter is a tap, which shows the point under it. */
const LENGTH_MIN_PX = 60;
/** Steeper is scrolling. */
const SLOPE_MAX = 0.5;

export interface Swipe {
  onPointerDown: (event: PointerEvent) => void;
  onPointerUp: (event: PointerEvent) => void;
}

/** @param onSwipe −1 to the period before (finger to the right), 1 to the one after */
export function useSwipe(onSwipe: (steps: number) => void): Swipe {
  const start = useRef<{ x: number; y: number; fingers: number }>({ x: 0, y: 0, fingers: 0 });
  return {
    onPointerDown({ pointerType, isPrimary, clientX, clientY }) {
      // A second finger is for zooming.
      if (pointerType === 'touch') start.current = { x: clientX, y: clientY, fingers: isPrimary ? 1 : 2 };
    },
    onPointerUp({ pointerType, clientX, clientY }) {
      const { x, y, fingers } = start.current;
      start.current = { x, y, fingers: 0 };
      const length = clientX - x;
      if (pointerType !== 'touch' || fingers !== 1 || Math.abs(length) < LENGTH_MIN_PX) return;
      if (Math.abs(clientY - y) <= SLOPE_MAX * Math.abs(length)) onSwipe(length > 0 ? -1 : 1);
    },
  };
}

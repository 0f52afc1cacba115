/** The point of a course that is looked at: by arrow keys, Home and End, or by pointing. */
import { useState } from 'preact/hooks';

export interface SlotCursor {
  /** Undefined while nobody looks. */
  index: number | undefined;
  /** For role="slider": a screen reader says the value's words at each step. */
  handlers: {
    onKeyDown: (event: KeyboardEvent) => void;
    onPointerMove: (event: PointerEvent) => void;
    onPointerLeave: () => void;
    onBlur: () => void;
    onFocus: () => void;
  };
}

const MOVES: Readonly<Record<string, (at: number, last: number) => number>> = {
  ArrowLeft: (at) => at - 1,
  ArrowRight: (at) => at + 1,
  Home: () => 0,
  End: (_, last) => last,
};

export function useSlotCursor(count: number): SlotCursor {
  const [held, setIndex] = useState<number | undefined>(undefined);
  const last = Math.max(0, count - 1);
  const index = held === undefined ? undefined : Math.min(held, last);
  const at = index ?? last;
  return {
    index,
    handlers: {
      onKeyDown(event) {
        const next = MOVES[event.key];
        if (next === undefined) return;
        event.preventDefault();
        event.stopPropagation();
        setIndex((before) => Math.min(last, Math.max(0, next(before ?? last, last))));
      },
      onPointerMove({ currentTarget, clientX }) {
        const { left, width } = (currentTarget as HTMLElement).getBoundingClientRect();
        setIndex(Math.min(last, Math.max(0, Math.floor(((clientX - left) / Math.max(1, width)) * count))));
      },
      onPointerLeave: () => setIndex(undefined),
      onBlur: () => setIndex(undefined),
      onFocus: () => setIndex(at),
    },
  };
}

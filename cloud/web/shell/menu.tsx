/** A button that opens a small panel under it. Escape and a click elsewhere close it; so does a choice in it that calls `close`. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

interface MenuProps {
  id: string;
  class?: string;
  /** What stands in the button. */
  button: ComponentChildren;
  /** Its name where what stands in it is no word. */
  label?: string;
  children: (close: () => void) => ComponentChildren;
}

export function Menu({ id, class: look = '', button, label, children }: MenuProps) {
  const [isOpen, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const close = () => setOpen(false);
  useEffect(() => {
    if (!isOpen) return undefined;
    const outside = (event: Event) => {
      if (event.target instanceof Node && box.current?.contains(event.target) !== true) close();
    };
    const escape = (event: KeyboardEvent) => {
      if (event.key !== 'Escape') return;
      close();
      opener.current?.focus();
    };
    addEventListener('pointerdown', outside);
    addEventListener('keydown', escape);
    return () => {
      removeEventListener('pointerdown', outside);
      removeEventListener('keydown', escape);
    };
  }, [isOpen]);
  return (
    <div class={`menu ${look}`} ref={box}>
      <button
        type="button"
        ref={opener}
        id={id}
        class="plain"
        aria-expanded={isOpen}
        aria-controls={`${id}-panel`}
        {...(label === undefined ? {} : { 'aria-label': label, title: label })}
        onClick={() => setOpen(!isOpen)}
      >
        {button}
      </button>
      {isOpen && (
        <div class="panel" id={`${id}-panel`}>
          {children(close)}
        </div>
      )}
    </div>
  );
}

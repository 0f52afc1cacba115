/** A dialog over the page; Escape, its button and a click beside it close it. The browser keeps the focus in it and brings it back. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Icon } from './icons.tsx';
import { useLocale } from './locale.ts';

export function Dialog(props: { id: string; title: string; onClose: () => void; children: ComponentChildren }) {
  const { id, title, onClose, children } = props;
  const { t } = useLocale();
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    element.current?.showModal();
  }, []);
  return (
    <dialog
      id={id}
      ref={element}
      aria-labelledby={`${id}-title`}
      onClose={onClose}
      onClick={(event) => event.target === element.current && element.current?.close()}
    >
      <div class="dialog-body">
        <div class="dialog-head">
          <h2 id={`${id}-title`}>{title}</h2>
          <button type="button" class="quiet" aria-label={t('shell.close')} onClick={() => element.current?.close()}>
            <Icon name="close" />
          </button>
        </div>
        {children}
      </div>
    </dialog>
  );
}

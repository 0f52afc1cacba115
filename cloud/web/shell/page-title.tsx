/** The heading of a page; the tab's title follows it. */
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';

const PRODUCT = 'Fogline';

export function PageTitle({ text, tab, children }: { text: string; tab?: string; children?: ComponentChildren }) {
  useEffect(() => {
    document.title = `${tab ?? text} · ${PRODUCT}`;
  }, [tab, text]);
  return (
    <div class="page-head">
      <h1 tabIndex={-1}>{text}</h1>
      {children}
    </div>
  );
}

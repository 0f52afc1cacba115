/** Facts by name, beside and below each other. */
import type { ComponentChildren } from 'preact';
import { Figure } from './figure.tsx';

export interface Fact {
  id?: string;
  name: string;
  /** A text that is no figure says "no data". */
  content: ComponentChildren;
}

export function FactList({ id, class: more, facts }: { id?: string; class: string; facts: readonly Fact[] }) {
  return (
    <dl class={`facts ${more}`} {...(id === undefined ? {} : { id })}>
      {facts.map(({ id: factId, name, content }) => (
        <div key={name} {...(factId === undefined ? {} : { id: factId })}>
          <dt>{name}</dt>
          <dd>{typeof content === 'string' ? <Figure text={content} /> : content}</dd>
        </div>
      ))}
    </dl>
  );
}

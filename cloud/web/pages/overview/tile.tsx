/** One main figure: what it is, its value, its course, and what it is made of. */
import type { ComponentChildren } from 'preact';
import { DataLabel } from '../../shell/data-label.tsx';
import { Figure } from '../../shell/figure.tsx';

interface TileProps {
  title: string;
  value: string;
  /** For tests and for those who look for it in the document. */
  id: string;
  note: string;
  /** Of figures of the data, which the data's label stands beside. */
  isOfData?: boolean;
  badge?: ComponentChildren;
  course?: ComponentChildren;
}

export function Tile({ title, value, id, note, isOfData = true, badge, course }: TileProps) {
  return (
    <div class={`tile ${isOfData ? 'figures' : 'edge-figures'}`}>
      <div class="tile-head">
        <h2>{title}</h2>
        {isOfData && <DataLabel />}
      </div>
      <div class="tile-main">
        <p class="value" id={id}>
          <Figure text={value} />
        </p>
        {course}
      </div>
      <div class="tile-foot">
        <p class="note" id={`${id}-note`}>
          {note}
        </p>
        {badge}
      </div>
    </div>
  );
}

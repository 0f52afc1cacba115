/** The buttons of an export menu; each closes it. */

export interface ExportButton {
  /** What is taken away: `csv`, `png`, `curl` … */
  kind: string;
  words: string;
  act: () => void;
}

interface ButtonsProps {
  buttons: readonly ExportButton[];
  /** The picture is on the screen, and so can be saved. */
  hasPicture: boolean;
  close: () => void;
}

export function ExportButtons({ buttons, hasPicture, close }: ButtonsProps) {
  return (
    <div class="export-items">
      {buttons.map(({ kind, words, act }) => (
        <button
          key={kind}
          type="button"
          data-export={kind}
          disabled={kind === 'png' && !hasPicture}
          onClick={() => {
            act();
            close();
          }}
        >
          {words}
        </button>
      ))}
    </div>
  );
}

/** What the keys do. */
import { Dialog } from './dialog.tsx';
import { useLocale } from './locale.ts';
import { NAVIGATION } from './routes.ts';

export function HelpDialog({ onClose }: { onClose: () => void }) {
  const { t } = useLocale();
  const rows: [keys: readonly string[], words: string][] = [
    ...NAVIGATION.map(({ page, key }): [string[], string] => [['g', key], t('help.goto', { page: t(`${page}.title`) })]),
    [['[', ']'], t('help.period')],
    [['z'], t('help.zoomBack')],
    [['l'], t('help.pause')],
    [['t'], t('help.table')],
    [['/'], t('help.search')],
    [['?'], t('help.open')],
    [['←', '→'], t('help.points')],
    [[t('help.drag')], t('help.zoom')],
    [[t('help.shiftDrag')], t('help.pan')],
  ];
  return (
    <Dialog id="help" title={t('help.title')} onClose={onClose}>
      <dl class="keys">
        {rows.map(([keys, words]) => (
          <div key={words}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}

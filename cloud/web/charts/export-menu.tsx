/** What can be taken away from a chart. */
import { copy } from '../shell/clipboard.ts';
import { useLocale } from '../shell/locale.ts';
import { settingsStore } from '../shell/settings.ts';
import { download, savePicture } from './download.ts';
import { type ExportButton, ExportButtons } from './export-buttons.tsx';
import { curlOf, csvOf, fileNameOf, jsonOf, pythonOf } from './exports.ts';
import type { ShownChart } from './shown-charts.ts';

export function ExportItems({ chart, close }: { chart: ShownChart; close: () => void }) {
  const { t } = useLocale();
  const { table, title, picture } = chart;
  const name = fileNameOf(title, table);
  const copied = (text: string) => void copy(text, t('shell.copied'), t('shell.notCopied'));
  const buttons: ExportButton[] = [
    { kind: 'csv', words: t('chart.csv'), act: () => download(`${name}.csv`, 'text/csv', csvOf(table, settingsStore.get().csv)) },
    { kind: 'json', words: t('chart.json'), act: () => download(`${name}.json`, 'application/json', jsonOf(table)) },
    { kind: 'png', words: t('chart.png'), act: () => savePicture(`${name}.png`, picture() ?? '') },
    { kind: 'curl', words: t('chart.curl'), act: () => copied(curlOf(table, location.origin)) },
    { kind: 'python', words: t('chart.python'), act: () => copied(pythonOf(table, location.origin)) },
  ];
  return <ExportButtons buttons={buttons} hasPicture={picture() !== undefined} close={close} />;
}

/** What can be taken away from the explorer: exactly what it shows. */
import { download, savePicture } from '../../charts/download.ts';
import { type ExportButton, ExportButtons } from '../../charts/export-buttons.tsx';
import { fileNameOf } from '../../charts/exports.ts';
import { copy } from '../../shell/clipboard.ts';
import { useLocale } from '../../shell/locale.ts';
import { placeStore } from '../../shell/place.ts';
import { settingsStore } from '../../shell/settings.ts';
import { withSpan } from '../../range.ts';
import { rangeOf, withRange } from '../../range-address.ts';
import { csvText, curlText, ndjsonText, pythonText, questionFor, rText } from './explore-exports.ts';
import { asSeriesTable, type ExploreTable } from './explore-table.ts';

interface ItemsProps {
  /** Without what is hidden. */
  table: ExploreTable;
  comparison: ExploreTable | undefined;
  picture: () => string | undefined;
  close: () => void;
}

export function ExploreItems({ table, comparison, picture, close }: ItemsProps) {
  const { t } = useLocale();
  const name = fileNameOf(t('explore.title'), asSeriesTable(table));
  const copied = (text: string) => void copy(text, t('shell.copied'), t('shell.notCopied'));
  const addresses = () => [table, ...(comparison === undefined ? [] : [comparison])].map((its) => questionFor(its, location.origin, 'csv'));
  const csv = () => csvText(table, settingsStore.get().csv);
  const buttons: ExportButton[] = [
    { kind: 'csv', words: t('chart.csv'), act: () => download(`${name}.csv`, 'text/csv', csv()) },
    { kind: 'ndjson', words: t('explore.ndjson'), act: () => download(`${name}.ndjson`, 'application/x-ndjson', ndjsonText(table)) },
    { kind: 'png', words: t('chart.png'), act: () => savePicture(`${name}.png`, picture() ?? '') },
    { kind: 'link', words: t('explore.fixedLink'), act: () => copied(fixedLink(table)) },
    { kind: 'curl', words: t('chart.curl'), act: () => copied(curlText(addresses())) },
    { kind: 'python', words: t('chart.python'), act: () => copied(pythonText(addresses())) },
    { kind: 'r', words: t('explore.r'), act: () => copied(rText(addresses())) },
  ];
  return <ExportButtons buttons={buttons} hasPicture={picture() !== undefined} close={close} />;
}

/** The same instants, zone and resolution whenever it is opened: what is `latest` now is not `latest` tomorrow. */
function fixedLink(table: ExploreTable): string {
  const { path, query } = placeStore.get();
  const parameters = new URLSearchParams(query);
  const range = { ...withSpan(rangeOf(parameters), table), tz: table.tz, res: table.resolution };
  return `${location.origin}${path}?${withRange(parameters, range).toString()}`;
}

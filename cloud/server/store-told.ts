/** What the series store finds of its own file is told: in the log, and in the counters that alerts are made of. */
import { isoTime } from '../../common/iso-time.ts';
import { OperatingError } from '../../common/errors.ts';
import type { Logger } from '../../common/logger.ts';
import type { Counter, Metrics } from '../../common/metrics.ts';
import type { DamagedRecord } from './storage/household-mender.ts';
import type { DamagedPart } from './storage/part-seals.ts';
import type { SalvageTold } from './storage/replace-damaged.ts';
import type { SqliteSeriesStoreOptions } from './storage/sqlite-series-store.ts';

/** Of a salvage that takes long: some seconds. */
const PARTS_BETWEEN_LINES = 200_000;
const TODO_OF_LOSS =
  'and what could be read was taken over; the edges bring the lost readings, or declare them missing, but no lost buckets; ' +
  'where a backup has more, stop the server and restore it; look at the disk';

/** What the store finds of itself: logged, and counted where an alert is made of it. */
export function storeTold(
  metrics: Metrics,
  logger: Logger,
  onProgress: () => void,
): Pick<SqliteSeriesStoreOptions, 'onDamaged' | 'onRecordDamaged' | 'onSalvage' | 'readingThread'> {
  const records = damagedRecords(metrics);
  const tell = toldOfSalvage(records, logger);
  return {
    onDamaged: toldOfDamage(metrics, logger),
    onRecordDamaged: toldOfRecords(records, logger),
    onSalvage: (told) => {
      onProgress();
      tell(told);
    },
    readingThread: { onDied: toldOfDeaths(metrics, logger) },
  };
}

/** For damage that a running server meets; `untilUnusable` never resolves. */
export function storeEnd(): { onUnusable: (cause: OperatingError) => void; untilUnusable: Promise<never> } {
  let reject: (error: OperatingError) => void = () => {};
  const untilUnusable = new Promise<never>((_, its) => (reject = its));
  untilUnusable.catch(() => undefined);
  const hint = 'start the cloud server again: it sets the file aside and takes over what can be read';
  const onUnusable = (cause: OperatingError) =>
    reject(new OperatingError('SERIES_DAMAGED', cause.message, { retryable: true, hint, cause }));
  return { onUnusable, untilUnusable };
}

/** Damage in the store is counted, and told once for each part; alert-rules.ts makes an alert of it. */
function toldOfDamage(metrics: Metrics, logger: Logger): (part: DamagedPart) => void {
  const parts = metrics.counter('fogline_store_damaged_parts_total', 'Stored parts whose checksum was found not to hold, each once.');
  return ({ startMs, ...part }) => {
    parts.add(1);
    logger.error({ ...part, window: isoTime(startMs) }, 'part damaged: its checksum does not hold; fogline audit names all such windows');
  };
}

/** What it was reading has failed and says so to who asked; the next question starts it again. */
function toldOfDeaths(metrics: Metrics, logger: Logger): (cause: Error) => void {
  const deaths = metrics.counter('fogline_store_reading_thread_deaths_total', 'Times that the thread which reads long answers has died.');
  return (cause) => {
    deaths.add(1);
    logger.error({ cause: cause.message }, 'the reading thread has died; the next question starts it again');
  };
}

/** By table and by what became of it: `mended` from what is not damaged, `refused` until a person puts a backup in place. */
function damagedRecords(metrics: Metrics): Counter {
  const help = 'Rows of the store beside the parts whose checksum was found not to hold, each once; table "file" is the whole file.';
  return metrics.counter('fogline_store_damaged_records_total', help, ['table', 'outcome']);
}

function toldOfRecords(records: Counter, logger: Logger): (record: DamagedRecord) => void {
  return ({ table, outcome, household, what }) => {
    records.add(1, { table, outcome });
    if (outcome === 'mended') logger.warn({ household, table, what }, 'record damaged: set aside, and mended');
    else logger.error({ household, table, what }, 'record damaged: it can not be mended; fogline audit, and a backup of series.db');
  };
}

/** A damaged file was set aside, and what could be read of it was taken over: counted as one record. */
function toldOfSalvage(records: Counter, logger: Logger): (told: SalvageTold) => void {
  let saidParts = 0;
  return (its) => {
    if (its.step === 'begun')
      return logger.error({ finding: its.finding }, 'series.db is damaged: what can be read of it is taken over into a new one');
    if (its.step === 'under way') {
      if (its.parts < saidParts + PARTS_BETWEEN_LINES) return;
      saidParts = its.parts;
      return logger.info({ parts: its.parts }, 'taking over what can be read of the damaged series.db');
    }
    if (its.step === 'finished') {
      // What was lost is in the log of another process only.
      records.add(1, { table: 'file', outcome: 'refused' });
      const { folder } = its;
      return logger.error({ folder }, `series.db was damaged: it is kept in ${folder}; an earlier start has logged what was taken over`);
    }
    const { step, ...figures } = its;
    if (step === 'made') return logger.info(figures, 'the new series.db is made, and takes the place of the damaged one');
    const isWhole = its.readingsLost === 0 && its.sourcesUnknown === 0 && !its.mayLackNames && !its.mayLackBuckets;
    records.add(1, { table: 'file', outcome: isWhole ? 'mended' : 'refused' });
    logger.error(figures, `series.db was damaged: it is kept in ${its.folder}, ${isWhole ? 'and all of it was taken over' : TODO_OF_LOSS}`);
  };
}

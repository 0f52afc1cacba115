/** Readings of models, as the topic holds them: each seq once, as the first record of it says. One partition is held at a time. */
import type { Reading } from '../common/messages.ts';
import { SeqIntervals } from '../common/protocol/seq-intervals.ts';
import type { SourceRows } from './source-rows.ts';
import type { TopicStage } from './topic-stage.ts';

export interface ModelSource {
  src: string;
  seqs: SeqIntervals;
  /** Every reading from seq 1 on is there, and all have the same fields: what any range of them adds up to is known. */
  isWhole: boolean;
  rows: SourceRows;
}

/** By household and device, for each partition in turn. */
export async function* modelSources(topic: TopicStage, households: ReadonlySet<string>): AsyncGenerator<Map<string, ModelSource[]>> {
  for (let partition = 0; partition < topic.partitions; partition++) {
    const sources = new Map<string, ModelSource[]>();
    for await (const reading of topic.readingsIn(partition)) {
      if (households.has(reading.household)) add(sourceOf(sources, reading), reading);
    }
    for (const source of [...sources.values()].flat()) {
      const { seqs, rows } = source;
      source.isWhole &&= seqs.size === seqs.max;
      rows.count = source.isWhole ? seqs.max : 0;
    }
    yield sources;
  }
}

function sourceOf(sources: Map<string, ModelSource[]>, { household, device, src, values }: Reading): ModelSource {
  const key = `${household}/${device}`;
  let its = sources.get(key);
  if (its === undefined) sources.set(key, (its = []));
  let source = its.find((one) => one.src === src);
  if (source === undefined) its.push((source = { src, seqs: new SeqIntervals(), isWhole: true, rows: noRows(household, device, values) }));
  return source;
}

function noRows(household: string, device: string, values: Reading['values']): SourceRows {
  const fields = Object.keys(values);
  return {
    kind: 'model',
    household,
    device,
    path: 'the topic',
    fields,
    told: { whole: 'the run', rows: "the topic's readings" },
    count: 0,
    lines: [],
    timesMs: [],
    reachedMs: [],
    values: fields.map(() => []),
    rejected: [],
    rejectedAfter: [],
    firstLine: undefined,
  };
}

function add(source: ModelSource, { seq, timeMs, values }: Reading): void {
  const { seqs, rows } = source;
  if (seqs.has(seq)) return;
  seqs.add(seq, seq);
  // In a log a source's readings come in order: another order is a hole, now or for good.
  source.isWhole &&= seq === rows.timesMs.length + 1 && Object.keys(values).length === rows.fields.length;
  if (!source.isWhole) return;
  rows.timesMs.push(timeMs);
  rows.fields.forEach((field, i) => {
    const value = values[field];
    if (value === undefined) source.isWhole = false;
    else rows.values[i]?.push(value);
  });
}

/**
 * What every broker must do, seen only through the contract. An implementation hands in how it is opened; what it can't
 * offer (moving time, a quota) is left out.
 */
import { describe, it } from 'node:test';
import { type BrokerHarness, RETENTION_MS, TOPIC } from './broker-probes.ts';
import {
  topicKeepsPartitions,
  unknownTopicIsRefused,
  logIdStays,
  replacedLogIsAnother,
  startAndStopTwice,
  recordsComeBack,
  appendsKeepOrder,
  buffersAreCopied,
  readIsBounded,
  severalBrokersSeeTheSame,
} from './broker-suite-logs.ts';
import {
  backlogComesInOrder,
  callbackHoldsItsPartition,
  restartGoesOn,
  offsetBeyondEndIsRefused,
  failingCallbackEnds,
  stopWaits,
  brokerStopEnds,
  twoGroupsRead,
} from './broker-suite-consume.ts';
import { idleConsumerHears, twoProcessesAppend, killLeavesWholeAppends } from './broker-suite-processes.ts';
import { committedStays, retentionDeletes, youngStay, slowGroupKeeps, uncommittedStays, quotaDrops } from './broker-suite-retention.ts';

export interface BrokerAbilities {
  /** `passTime` works. */
  retention: boolean;
  /** The broker was opened with a quota of so many bytes; undefined: it has none. */
  quotaBytes: number | undefined;
  /** Why the whole suite is skipped, false when it runs. */
  skip?: string | false;
}

export function brokerSuite(name: string, open: () => Promise<BrokerHarness>, abilities: BrokerAbilities): void {
  const onEach = (title: string, run: (harness: BrokerHarness) => Promise<void>): void => {
    it(title, { timeout: 300_000, skip: abilities.skip ?? false }, async () => {
      const harness = await open();
      try {
        await harness.broker.ensureTopic(TOPIC, { partitions: 3, retentionMs: RETENTION_MS });
        await run(harness);
      } finally {
        await harness.cleanup();
      }
    });
  };
  const { quotaBytes } = abilities;

  describe(`${name}: topics and logs`, () => {
    onEach('a topic keeps the partitions it was made with', topicKeepsPartitions);
    onEach('an unknown topic is refused, and only that', unknownTopicIsRefused);
    onEach('a log has an id of its own that stays', logIdStays);
    onEach('a replaced log has another id and begins at 0', replacedLogIsAnother);
    onEach('start and stop may be called twice', startAndStopTwice);
  });

  describe(`${name}: append and read`, () => {
    onEach('records come back byte for byte', recordsComeBack);
    onEach('appends called together keep their order and get offsets without gaps', appendsKeepOrder);
    onEach('the caller may use its buffers again as soon as append returns', buffersAreCopied);
    onEach('read is bounded by offsets and limit, and touches no group', readIsBounded);
    onEach('several brokers of one process see the same logs', severalBrokersSeeTheSame);
  });

  describe(`${name}: consume`, () => {
    onEach('a backlog of small and large appends comes in order, in bounded batches', backlogComesInOrder);
    onEach('a partition waits for its callback, others go on', callbackHoldsItsPartition);
    onEach('a restart goes on at the given offset, also inside an append', restartGoesOn);
    onEach('an offset beyond the end is refused: records must have been lost', offsetBeyondEndIsRefused);
    onEach('a failing callback ends the whole consumption with its error', failingCallbackEnds);
    onEach('stop waits for the running callback and nothing comes after it', stopWaits);
    onEach('stopping the broker ends its consumptions, whose last callback may still append and commit', brokerStopEnds);
    onEach('two groups read the same records', twoGroupsRead);
  });

  describe(`${name}: processes`, () => {
    onEach('an idle consumer gets what another process appends', idleConsumerHears);
    onEach('two processes append to one partition without gaps, each in its order', twoProcessesAppend);
    onEach('kill -9 in the middle of appending leaves whole appends, and every acknowledged one', killLeavesWholeAppends);
  });

  describe(`${name}: commit and retention`, () => {
    onEach('committed offsets belong to a group and stay', committedStays);
    if (abilities.retention) {
      onEach('old records below every committed offset go', retentionDeletes);
      onEach('young records stay, also when they are committed', youngStay);
      onEach('a group that is behind, or has not begun a partition, keeps its records', slowGroupKeeps);
      onEach('nothing goes from a topic that nobody committed', uncommittedStays);
    }
    if (quotaBytes !== undefined)
      onEach('at the quota the oldest records go, counted, and appending goes on', (h) => quotaDrops(h, quotaBytes));
  });
}

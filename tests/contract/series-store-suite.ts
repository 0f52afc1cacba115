/** What every series store must do, seen only through the contract. An implementation hands in how it is opened. */
import { describe, it } from 'node:test';
import type { StoreHarness } from './series-store-probes.ts';
import {
  bucketsOfAnyWidthAreTheTruth,
  bucketsWithoutDataAreEmpty,
  forgottenBucketsLeaveTheLongerOnes,
  forgottenWindowsAreNoHole,
  manySeriesAreReadTogether,
} from './series-store-suite-buckets.ts';
import {
  gapsAreMissingWindows,
  gapsOutliveTheirWindows,
  gapsStayTrueWhileWindowsAreForgotten,
  gapsTellTheirReason,
} from './series-store-suite-gaps.ts';
import {
  daysAreGermanDays,
  deletionForgetsWindows,
  longAnswersComeInPages,
  newestIsToldWhole,
  queriesSelect,
  randomPartsGiveTheTruth,
  totalsAreTheSums,
} from './series-store-suite-reads.ts';
import {
  appendsAtOnce,
  claimsRaiseGenerations,
  declaredSeqsTurnUp,
  eachRowGetsItsVerdict,
  emptyAppendTellsOwners,
  failedAppendStoresNothing,
  firstHelloRegisters,
  lateWindowsAfterARestart,
  otherWindowLengthIsRefused,
  othersAreNoOwners,
  postalCodeStays,
  rowsOfOneRequestSeeEachOther,
  secondSourceMustLieLater,
  setsOutliveARestart,
  twoStoresOnOneFile,
  unknownHouseholdHasNoOwner,
  unsortedFieldsAreRejected,
} from './series-store-suite-writes.ts';

/**
 * @param open an empty store for windows of 5 s, started; its postal codes are 00001, 00002, … in the order of asking, all `drawn`
 *   and in DE-BB
 */
export function seriesStoreSuite(name: string, open: () => Promise<StoreHarness>): void {
  const onEach = eachWith(open);

  describe(`${name}: who writes`, () => {
    onEach('the first hello registers a household', firstHelloRegisters);
    onEach('a household keeps its postal code for ever', postalCodeStays);
    onEach('another claim gets a higher generation, the same claim the same', claimsRaiseGenerations);
    onEach('rows of another claim are refused and change nothing', othersAreNoOwners);
    onEach('rows of a household that never said hello are refused', unknownHouseholdHasNoOwner);
    onEach('an append without rows stores nothing and tells who is not owned', emptyAppendTellsOwners);
    onEach('an edge with another window length is refused', otherWindowLengthIsRefused);
  });

  describe(`${name}: what becomes of rows`, () => {
    onEach('each row gets its verdict', eachRowGetsItsVerdict);
    onEach('rows of one request see each other', rowsOfOneRequestSeeEachOther);
    onEach('declared seqs that turn up leave their gap', declaredSeqsTurnUp);
    onEach('covered, declared and digests outlive a restart', setsOutliveARestart);
    onEach('after a restart late windows join their buckets, and newer ones keep theirs', lateWindowsAfterARestart);
    onEach('a second source must begin later than the first ended', secondSourceMustLieLater);
    onEach('a field that is there twice is not counted twice', unsortedFieldsAreRejected);
    onEach('an append that fails before its commit stores nothing', failedAppendStoresNothing);
    onEach('two stores on the same data see each other', twoStoresOnOneFile);
    onEach('appends of two stores at once are all stored', appendsAtOnce);
  });

  seriesReadsSuite(name, open);
}

/** What of it has to do with reading. */
export function seriesReadsSuite(name: string, open: () => Promise<StoreHarness>): void {
  const onEach = eachWith(open);
  describe(`${name}: what can be asked`, () => {
    onEach('random parts in random order add up to the truth at every resolution', randomPartsGiveTheTruth);
    onEach('totals and household rows are the sums of the readings', totalsAreTheSums);
    onEach('days are German days of 23, 24 and 25 hours', daysAreGermanDays);
    onEach('long answers come in pages and let the event loop turn', longAnswersComeInPages);
    onEach('queries select by household, field, time and place', queriesSelect);
    onEach('buckets of any width are the truth, of one device and of several', bucketsOfAnyWidthAreTheTruth);
    onEach('buckets without data are there, and empty', bucketsWithoutDataAreEmpty);
    onEach('many series are read together', manySeriesAreReadTogether);
    onEach('windows that were forgotten are no hole', forgottenWindowsAreNoHole);
    onEach('buckets that were forgotten leave the longer ones', forgottenBucketsLeaveTheLongerOnes);
    onEach('gaps are where windows are missing, in pieces of any size', gapsAreMissingWindows);
    onEach('gaps say whether readings were declared missing in them', gapsTellTheirReason);
    onEach('gaps are known by longer buckets where their windows were forgotten', gapsOutliveTheirWindows);
    onEach('gaps are true while windows are forgotten', gapsStayTrueWhileWindowsAreForgotten);
    onEach('an append tells the newest windows whole', newestIsToldWhole);
    onEach('deletion forgets windows, not what is covered', deletionForgetsWindows);
  });
}

function eachWith(open: () => Promise<StoreHarness>): (title: string, run: (harness: StoreHarness) => Promise<void>) => void {
  return (title, run) => {
    it(title, { timeout: 300_000 }, async () => {
      const harness = await open();
      try {
        await run(harness);
      } finally {
        await harness.cleanup();
      }
    });
  };
}

/**
 * Programs that lose or double readings, let the wrong ones in, hide silence or ask too often, made by putting something wrong between
 * right parts. The production code knows nothing of them. Each must turn a storm red within a few seeds, or the storm is worth nothing.
 */
import { type PlantedFault } from './storm.ts';
import type { StormPlan } from './storm-plan.ts';
import { AckedAtOnce, ClaimForEver, OpenPartsForgotten, QuotaIgnored, tailLostEdge } from './wrong-edges.ts';
import { AckOnSend, AckOnTimeout, AnyReply, commitsTheEnd, RefusalAsLoss, RestartsUnseen, searchFindsNothing } from './wrong-links.ts';
import {
  AckBeforeCommit,
  ClaimNotKept,
  ClaimsNotCompared,
  CoveredInMemory,
  FullDiskIgnored,
  GapAccepted,
  LostTail,
  OwnersIgnored,
  RollupsOfDuplicates,
  SeqsAsMaximum,
} from './wrong-stores.ts';

const CALM_LINK = { lostOdds: 0, repeatedOdds: 0, lateOdds: 0, damagedOdds: 0, delayMs: 5, isSteady: false };

/** Nothing goes wrong but that requests overtake each other, of which several are on their way. */
function onlyPipelining(plan: StormPlan): StormPlan {
  const link = { ...CALM_LINK, delayMs: 6_000, lateOdds: 0.1 };
  return { ...plan, link, inFlightMax: 4, isOrdered: true, weights: { 'link black-holed': 1 }, failpointOdds: 0, touchOdds: 0 };
}

export const PLANTED_FAULTS: readonly PlantedFault[] = [
  // Those of the reference, and the five that there were.
  { name: 'ack on send', from: 1, wrapLink: (link) => new AckOnSend(link) },
  { name: 'the tail of the cloud is lost at a power cut', from: 1, wrapStore: (store, life) => new LostTail(store, life) },
  { name: 'covered kept in memory only', wrapStore: (store, life) => new CoveredInMemory(store, life), plan: onSqlite },
  { name: 'ack before commit', from: 1, wrapStore: (store, life, random) => new AckBeforeCommit(store, life, random) },
  { name: 'seqs remembered as a maximum', from: 1, wrapStore: (store) => new SeqsAsMaximum(store) },
  { name: 'a gap accepted', from: 1, wrapStore: (store) => new GapAccepted(store) },
  { name: 'a gap accepted, several requests on their way', from: 8, wrapStore: (store) => new GapAccepted(store), plan: onlyPipelining },
  // At the cloud.
  { name: 'a full disk ignored', from: 6, wrapStore: (store) => new FullDiskIgnored(store) },
  { name: 'owners ignored', from: 2, wrapStore: (store) => new OwnersIgnored(store) },
  { name: 'a claim not kept', wrapStore: (store) => new ClaimNotKept(store) },
  { name: 'duplicates counted again in the hours', from: 2, wrapStore: (store) => new RollupsOfDuplicates(store) },
  { name: 'silence told too late', from: 3, silentAfterMs: 60_000 },
  // At the edge.
  { name: 'ack on time-out', from: 2, wrapLink: (link) => new AckOnTimeout(link), plan: withLosses },
  { name: 'the reply of another request taken', from: 23, wrapLink: (link) => new AnyReply(link), plan: withLosses },
  { name: 'refusals do not back off', from: 1, wrapLink: (link) => new RefusalAsLoss(link), plan: withFullCloud },
  { name: 'the log not searched', from: 6, wrapBroker: searchFindsNothing },
  { name: 'offsets committed before the ack', wrapBroker: commitsTheEnd, plan: withLostEdges },
  { name: 'rows taken for acked that were never sent', from: 1, makeStore: (options) => new AckedAtOnce(options) },
  {
    name: 'the quota ignored',
    from: 3,
    makeStore: (options) => new QuotaIgnored(options),
    plan: withSmallQuota,
    // Nothing asks again for what it takes for saved: the one fault here that must be seen by a storm that does not come to its end.
    shows: /^not drained/,
  },
  { name: 'payloads without a checksum', from: 1, isChecksumLeftOut: true, plan: withDamage },
  { name: 'open parts not saved', makeStore: (options) => new OpenPartsForgotten(options), plan: nobodyElseHasIt },
  {
    name: 'the tail of an edge is lost at a power cut',
    from: 5,
    makeStore: (options, disk) => tailLostEdge(options, disk),
    plan: nobodyElseHasIt,
  },
  { name: 'another start of the cloud not noticed', wrapLink: (link, clock) => new RestartsUnseen(link, clock), plan: restoredAtTheEnd },
  {
    name: 'one claim for ever, also for a database made anew',
    makeStore: (options) => new ClaimForEver(options),
    plan: withClones,
    shows: /were stored, and .* has taken its place/,
  },
  {
    name: 'claims not compared',
    wrapStore: (store) => new ClaimsNotCompared(store),
    plan: withClones,
    shows: /were stored, and .* has taken its place/,
  },
];

function onSqlite(plan: StormPlan): StormPlan {
  return { ...plan, store: 'sqlite' };
}

/** What is not acked yet is lost with its edge, when the log does not have it any more. */
function withLostEdges(plan: StormPlan): StormPlan {
  return { ...plan, link: CALM_LINK, weights: { 'link black-holed': 3, retention: 4, 'edge lost': 2 }, betweenMs: 3_000, touchOdds: 0 };
}

/** The log lets go of what the edge has saved, long before the cloud has it. */
function nobodyElseHasIt(plan: StormPlan): StormPlan {
  const weights = { 'link black-holed': 2, 'edge killed': 3, 'edge without power': 3, 'retention by age': 8 };
  return { ...plan, link: CALM_LINK, weights, betweenMs: 3_000, touchOdds: 0 };
}

/** All readings are stored when the cloud is set back, so nothing comes after them that it could refuse. Nobody else ever starts anew. */
function restoredAtTheEnd(plan: StormPlan): StormPlan {
  const weights = { 'cloud backed up': 1, 'cloud restored': 2 };
  const kept = { keepMs: 86_400_000, quotaBytes: 64 << 20 };
  const speed = plan.spanMs / (plan.faultsMs * 0.4);
  return { ...plan, ...kept, link: CALM_LINK, weights, speed, betweenMs: 20_000, failpointOdds: 0, touchOdds: 0 };
}

/** Copies of an edge beside it, and messages of lives that are over. */
function withClones(plan: StormPlan): StormPlan {
  const link = { ...plan.link, lateOdds: 0.2, damagedOdds: 0 };
  return { ...plan, link, weights: { 'edge cloned': 6, 'edge killed': 4, 'cloud killed': 1 }, betweenMs: 8_000 };
}

function withFullCloud(plan: StormPlan): StormPlan {
  return { ...plan, link: CALM_LINK, weights: { 'cloud disk full': 1 } };
}

/** An outbox so small lets go early of what is acknowledged: it can't fill a cloud that was set back, where the log has let go too. */
function withSmallQuota(plan: StormPlan): StormPlan {
  return { ...plan, quotaBytes: 16 * 8_192, weights: { ...plan.weights, 'link black-holed': 6, 'cloud restored': 0 } };
}

function withDamage(plan: StormPlan): StormPlan {
  return { ...plan, link: { ...CALM_LINK, damagedOdds: 0.7 } };
}

function withLosses(plan: StormPlan): StormPlan {
  return { ...plan, link: { ...plan.link, lostOdds: 0.4, damagedOdds: 0 } };
}

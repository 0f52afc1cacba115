/**
 * What a state belongs to: one data set, one start, one simulated time 0. Other data or another start on the same state would
 * give the same seqs to other readings, so they are refused. Another `until` is welcome, and so is a file that grew.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../../common/errors.ts';
import { type OpenEnd, placeOf, standsAsRead } from './models/gem-house-csv.ts';
import { earliestSecondMs, type HouseholdFolder, METER, sourceOf } from './models/household-folder.ts';
import { readStateFile, saveStateFile } from './state-file.ts';

export interface Identity {
  version: 1;
  /** Simulated time 0. Never moves for a state. */
  t0Ms: number;
  startSeconds: number;
  loop: boolean;
  /** Length of a pass of a looped data set: each pass lies later by this. */
  passMs: number;
  /** Source of each household's first pass; null for a file without a reading so far. */
  sources: Record<string, string | null>;
  /** Households set aside while running, with the reason. */
  parked: Record<string, string>;
  /** Fingerprint of the scenario file; left out for the default one, which replays files and nothing else. */
  scenario?: string;
  /** Rises when a parked household is back: the run is another one then. */
  revision: number;
  /** Last rows that were read without a line end, by household. */
  openEnds?: Record<string, OpenEnd>;
}

const IDENTITY_FILE = 'identity.json';
/** A pass begins at a full minute, so that a day in files is a day in the loop. */
const PASS_ALIGNED_MS = 60_000;

export interface IdentityOptions {
  folder: HouseholdFolder;
  startSeconds: number;
  loop: boolean;
  /** Fingerprint of the scenario file, unless it is the default one. */
  scenario?: string;
}

export class IdentityFile {
  /** True when establish() found none: the state is bound to nothing before keep(). */
  isNew = false;
  private readonly path: string;

  constructor(stateFolder: string) {
    this.path = join(stateFolder, IDENTITY_FILE);
  }

  /**
   * The identity of this state: the saved one when it fits, a new one when there is none. A new one is not saved.
   * @throws ConfigError when the state belongs to something else, or nobody can tell to what
   */
  establish(options: IdentityOptions): Identity {
    const wanted = newIdentity(options);
    this.isNew = !existsSync(this.path);
    if (this.isNew) return wanted;
    const identity = this.fit(this.read(), wanted, options.folder);
    this.keep(identity);
    return identity;
  }

  /** Binds the state to it. Forced to disk: without it the same files could be replayed as something else. */
  keep(identity: Identity): void {
    saveStateFile(this.path, identity, { forced: true });
  }

  private read(): Identity {
    const saved = readStateFile(this.path) as Partial<Identity> | undefined;
    const isWhole = [saved?.sources, saved?.parked].every((part) => typeof part === 'object' && part !== null);
    // One of another version is told as such.
    if (saved?.version !== undefined && (saved.version !== 1 || (isWhole && Number.isSafeInteger(saved.t0Ms)))) return saved as Identity;
    throw new ConfigError(
      `${this.path} is damaged: it does not say which run the state belongs to`,
      'put back a copy of this file, or begin anew with --fresh (the old state is kept aside)',
    );
  }

  park(identity: Identity, household: string, reason: string): void {
    identity.parked[household] = reason;
    this.keep(identity);
  }

  /** R1: a row that was published may not change afterwards, so the next start looks at this one again. */
  noteOpenEnd(identity: Identity, household: string, end: OpenEnd): void {
    const known = identity.openEnds?.[household];
    if (known?.offset === end.offset && known.text === end.text) return;
    identity.openEnds = { ...identity.openEnds, [household]: end };
    this.keep(identity);
  }

  private fit(saved: Identity, wanted: Identity, folder: HouseholdFolder): Identity {
    const differs = differenceOf(saved, wanted);
    if (differs !== undefined) {
      throw new ConfigError(
        `the state in ${this.path} belongs to another run: ${differs}`,
        'begin anew with --fresh (the old state is kept aside), or name another --state DIR',
      );
    }
    const cut = cutRows(saved, folder);
    const back = Object.keys(saved.parked).filter((household) => household in wanted.sources && !(household in cut));
    for (const household of back) delete saved.parked[household];
    Object.assign(saved.parked, cut);
    const revision = back.length === 0 ? saved.revision : saved.revision + 1;
    return { ...saved, revision, sources: { ...saved.sources, ...wanted.sources } };
  }
}

/** Of a run that begins: nothing of it is published or kept. */
export function newIdentity({ folder, startSeconds, loop, scenario }: IdentityOptions): Identity {
  const t0Ms = earliestSecondMs(folder);
  const passMs = Math.ceil((folder.maxMs + 1 - t0Ms) / PASS_ALIGNED_MS) * PASS_ALIGNED_MS;
  const sources = folder.files.map(({ household, scan }) => {
    const first = scan.readings?.firstLine;
    return [household, first === undefined ? null : sourceOf(household, METER, first, 0)] as const;
  });
  const its = scenario === undefined ? {} : { scenario };
  return { version: 1, t0Ms, startSeconds, loop, passMs, sources: Object.fromEntries(sources), parked: {}, revision: 0, ...its };
}

function differenceOf(saved: Identity, wanted: Identity): string | undefined {
  if (saved.version !== 1) return `it was written by another version (${String(saved.version)})`;
  if (saved.startSeconds !== wanted.startSeconds) return `it starts at ${saved.startSeconds} s, not at ${wanted.startSeconds} s`;
  if (saved.loop !== wanted.loop) return saved.loop ? 'it loops' : 'it does not loop';
  if (saved.scenario !== wanted.scenario) return 'it is of another scenario, or of this one before it was changed';
  for (const [household, src] of Object.entries(wanted.sources)) {
    if (!(household in saved.sources)) return `household ${household} is not in it`;
    const known = saved.sources[household];
    if (known !== null && known !== src) return `the file of household ${household} begins with another reading`;
  }
  const gone = Object.keys(saved.sources).find((household) => !(household in wanted.sources) && !(household in saved.parked));
  return gone === undefined ? undefined : `the file of household ${gone} is missing`;
}

/** Households whose last row was cut when it was read and reads otherwise now, with the reason. */
function cutRows({ openEnds = {} }: Identity, { files }: HouseholdFolder): Record<string, string> {
  const cut: Record<string, string> = {};
  for (const { household, path } of files) {
    const end = openEnds[household];
    if (end === undefined || standsAsRead(path, end)) continue;
    cut[household] = `${placeOf(path, end.line)} had no line end when it was published, and reads otherwise now: begin anew with --fresh`;
  }
  return cut;
}

/** Households set aside by the simulator, for people. */
export function parkedOf(identity: Pick<Identity, 'parked'>): { household: string; reason: string }[] {
  return Object.entries(identity.parked).map(([household, reason]) => ({ household, reason }));
}

/** Simulated time 0 of a state, from outside of the simulator; undefined where there is no identity. */
export function readOriginMs(stateFolder: string): number | undefined {
  return (readStateFile(join(stateFolder, IDENTITY_FILE)) as unknown as Identity | undefined)?.t0Ms;
}

/** Those of a state, from outside of the simulator; none where there is no identity. */
export function readParked(stateFolder: string): { household: string; reason: string }[] {
  const saved = readStateFile(join(stateFolder, IDENTITY_FILE)) as unknown as Identity | undefined;
  return saved?.parked === undefined ? [] : parkedOf(saved);
}

/**
 * R10: names what a run publishes. The same command on the same files is the same run; another `until`, or files that grew, make
 * another one that goes on where the last ended.
 * @param untilMs end of the run in event time
 */
export function runIdOf(identity: Identity, folder: HouseholdFolder, untilMs: number): string {
  const { t0Ms, startSeconds, loop, sources, revision, scenario } = identity;
  const sizes = folder.files.map(({ household, scan }) => [household, sources[household], scan.bytes]);
  return createHash('sha256')
    .update(JSON.stringify([t0Ms, startSeconds, untilMs, loop, revision, sizes, ...(scenario === undefined ? [] : [scenario])]))
    .digest('hex')
    .slice(0, 12);
}

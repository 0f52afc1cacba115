/**
 * Where windows are missing between two stored ones of a device. Nothing is kept of gaps: they are looked for among the starts of
 * the windows, a page at a time; an hour whose bucket says that all its windows were there is passed over in one step. Where windows were
 * forgotten, the buckets tell.
 */
import type Database from 'better-sqlite3';
import { yieldToEventLoop } from '../../../common/clock.ts';
import { MS_PER_HOUR } from '../../../common/units.ts';
import { type BucketSpan, BucketSpans, prepareSpans, type SpanStatements } from './bucket-spans.ts';
import { keptLevels } from './kept-levels.ts';
import type { GapQuery, GapRow, KeptLevel } from './series-store.ts';

/** Starts of one page: below 5 ms on the thread that answers heartbeats. */
const STARTS_PER_PAGE = 500;
/** Hours passed over before others have their turn. */
const HOURS_PER_PAGE = 200;
/** Declared ranges of one device that gaps are explained by; the oldest seqs. */
const DECLARED_MAX = 10_000;

interface Device {
  id: number;
  household: string;
  device: string;
}

interface Span {
  fromMs: number;
  toMs: number;
  afterMs: number;
}

/** Seqs declared missing, and the windows of the readings before and after them. */
interface DeclaredRange {
  readings: number;
  reason: string;
  beforeMs: number | null;
  afterMs: number | null;
}

type Turn = () => Promise<void>;

/** One device being looked through. */
interface Walk {
  device: Device;
  spans: BucketSpans;
  span: Span;
  declared: readonly DeclaredRange[];
  /** What was kept when it began. */
  kept: readonly KeptLevel[];
  /** Start of the last window known so far. */
  last: number | undefined;
  /** Start of the last gap told. */
  toldMs: number;
  turn: Turn;
}

/** Something was forgotten meanwhile: what is not there may have been. */
class Forgotten extends Error {}

export class GapReader {
  private readonly windowMs: number;
  private readonly database: Database.Database;
  private readonly statements: ReturnType<typeof prepare>;
  private readonly spanStatements: SpanStatements;

  constructor(database: Database.Database, windowMs: number) {
    this.windowMs = windowMs;
    this.database = database;
    this.statements = prepare(database);
    this.spanStatements = prepareSpans(database);
  }

  /**
   * In order of device, start. What is forgotten meanwhile is told by buckets from there on.
   * @param turn waited for between two statements; what it throws ends the reading
   */
  async *gaps(query: GapQuery, turn: Turn = yieldToEventLoop): AsyncGenerator<GapRow> {
    const { household, after } = query;
    for (const { id, device } of this.statements.devices.all(household, after?.device ?? '') as Device[]) {
      const owner = { id, household, device };
      const span = { fromMs: query.fromMs ?? Number.MIN_SAFE_INTEGER, toMs: query.toMs ?? Number.MAX_SAFE_INTEGER };
      let afterMs = after?.device === device ? after.fromMs : Number.MIN_SAFE_INTEGER;
      for (let isDone = false; !isDone; ) {
        const walk = this.walkOf(owner, { ...span, afterMs }, turn);
        isDone = yield* this.gapsUntilForgotten(walk);
        // Anew from the last gap told, as who asks with a cursor.
        afterMs = walk.toldMs;
      }
    }
  }

  private walkOf(device: Device, span: Span, turn: Turn): Walk {
    const spans = new BucketSpans(this.spanStatements, this.windowMs, device);
    const declared = this.statements.declared.all(device.id, DECLARED_MAX) as DeclaredRange[];
    const kept = keptLevels(this.database, this.windowMs);
    return { device, spans, span, declared, kept, last: undefined, toldMs: span.afterMs, turn };
  }

  /** @returns false when something was forgotten before the end */
  private async *gapsUntilForgotten(walk: Walk): AsyncGenerator<GapRow, boolean> {
    try {
      yield* this.forgottenGaps(walk);
      yield* this.gapsOf(walk);
      return true;
    } catch (error) {
      if (error instanceof Forgotten) return false;
      throw error;
    }
  }

  /** To be asked after each reading and before it is believed. @throws Forgotten */
  private checkKept({ kept }: Walk): void {
    const now = keptLevels(this.database, this.windowMs);
    if (now.some(({ fromMs }, i) => fromMs !== kept[i]?.fromMs)) throw new Forgotten();
  }

  /** Of the time in which windows were forgotten, by the shortest buckets that are kept of it. */
  private async *forgottenGaps(walk: Walk): AsyncGenerator<GapRow> {
    const { spans, span, turn } = walk;
    const [windows, ...levels] = walk.kept;
    const beginMs = Math.max(span.fromMs, span.afterMs);
    if (windows === undefined || windows.fromMs === Number.MIN_SAFE_INTEGER) return;
    walk.last = this.lastBefore(walk, Math.min(beginMs, windows.fromMs));
    let hours = 0;
    let hourMs = spans.nextHour(Math.floor(Math.min(beginMs, windows.fromMs) / MS_PER_HOUR) * MS_PER_HOUR);
    // The gap at the end of the question reaches to the next window, which may be hours later.
    const isGoingOn = () => walk.last === undefined || walk.last < span.toMs;
    for (; hourMs !== undefined && hourMs < windows.fromMs && isGoingOn(); hourMs = spans.nextHour(hourMs + MS_PER_HOUR)) {
      const inHour = this.spansIn(spans, hourMs, windows.fromMs, levels);
      this.checkKept(walk);
      for (const its of inHour) yield* this.spanGaps(walk, its);
      if (++hours % HOURS_PER_PAGE === 0) await turn();
    }
  }

  /** The windows of one hour that begin before, bucket by bucket: one where it is whole, or where shorter ones can't be relied on. */
  private spansIn(spans: BucketSpans, hourMs: number, untilMs: number, levels: readonly KeptLevel[]): BucketSpan[] {
    const hour = spans.at(MS_PER_HOUR, hourMs);
    if (hour === undefined) return [];
    const levelMs = levels.find(({ fromMs }) => fromMs <= hourMs)?.levelMs ?? MS_PER_HOUR;
    const all: (BucketSpan | 'unknown' | undefined)[] = [];
    if (levelMs < MS_PER_HOUR && !spans.isWhole(hour))
      for (let startMs = hourMs; startMs < Math.min(hourMs + MS_PER_HOUR, untilMs); startMs += levelMs)
        all.push(spans.at(levelMs, startMs));
    const known = all.filter((its): its is BucketSpan => its !== undefined && its !== 'unknown');
    if (known.length > 0 && !all.includes('unknown')) return known;
    // Nothing tells of this hour: it is taken for whole, so that no gap is told that may be none.
    return [
      hour === 'unknown' ? { firstMs: hourMs, lastMs: hourMs + MS_PER_HOUR - this.windowMs, windows: MS_PER_HOUR / this.windowMs } : hour,
    ];
  }

  /** The gap before these windows, and what is missing among them. */
  private *spanGaps(walk: Walk, { firstMs, lastMs, windows }: BucketSpan): Generator<GapRow> {
    const { windowMs } = this;
    const { last = Number.MIN_SAFE_INTEGER } = walk;
    if (walk.last !== undefined) yield* this.gapIn(walk, last + windowMs, firstMs);
    const missing = (lastMs - firstMs) / windowMs + 1 - windows;
    if (missing > 0 && firstMs > last)
      yield* this.gapIn(walk, firstMs + windowMs, lastMs, Math.min(missing * windowMs, lastMs - firstMs - windowMs));
    walk.last = Math.max(last, lastMs);
  }

  /** Start of the last window in the hours before the one of this time, as far as buckets tell. */
  private lastBefore({ spans }: Walk, timeMs: number): number | undefined {
    let hourMs = spans.hourBefore(Math.floor(timeMs / MS_PER_HOUR) * MS_PER_HOUR);
    for (; hourMs !== undefined; hourMs = spans.hourBefore(hourMs)) {
      const hour = spans.at(MS_PER_HOUR, hourMs);
      if (hour !== undefined) return hour === 'unknown' ? hourMs + MS_PER_HOUR - this.windowMs : hour.lastMs;
    }
    return undefined;
  }

  /** Of the time in which windows are kept. */
  private async *gapsOf(walk: Walk): AsyncGenerator<GapRow> {
    const { device, spans, span, turn } = walk;
    const keptFromMs = walk.kept[0]?.fromMs ?? Number.MIN_SAFE_INTEGER;
    const beginMs = Math.max(span.fromMs, span.afterMs);
    let last = beginMs > keptFromMs ? Math.max(this.startBefore(device.id, beginMs), walk.last ?? NONE) : (walk.last ?? NONE);
    if (last === NONE) last = (this.statements.firstStart.get(device.id) as number | null) ?? Number.POSITIVE_INFINITY;
    let hours = 0;
    while (last < span.toMs) {
      if (spans.isWholeHour(last + this.windowMs)) {
        last = (Math.floor((last + this.windowMs) / MS_PER_HOUR) + 1) * MS_PER_HOUR - this.windowMs;
        if (++hours % HOURS_PER_PAGE === 0) await turn();
        continue;
      }
      const starts = this.statements.startsAfter.all(device.id, last, STARTS_PER_PAGE) as number[];
      this.checkKept(walk);
      for (const startMs of starts) {
        yield* this.gapIn(walk, last + this.windowMs, startMs);
        last = startMs;
      }
      if (starts.length === 0) return;
      await turn();
    }
  }

  /** What of the question lies there: nothing where no window is missing. */
  private *gapIn(walk: Walk, fromMs: number, toMs: number, missingMs = toMs - fromMs): Generator<GapRow> {
    const { device, span, declared } = walk;
    if (fromMs >= toMs || fromMs >= span.toMs || toMs <= span.fromMs || fromMs <= span.afterMs) return;
    walk.toldMs = Math.max(walk.toldMs, fromMs);
    yield { device: device.device, fromMs, toMs, ...reasonOf(declared, fromMs, toMs), missingMs };
  }

  private startBefore(deviceId: number, timeMs: number): number {
    return (this.statements.startBefore.get(deviceId, timeMs) as number | null) ?? NONE;
  }
}

/** No window yet. */
const NONE = Number.NEGATIVE_INFINITY;

/** Declared readings lie in the gap when the readings before and after them do not lie inside it, nor both on one side of it. */
function reasonOf(declared: readonly DeclaredRange[], fromMs: number, toMs: number): Pick<GapRow, 'reason' | 'declared'> {
  const inside = declared.filter(({ beforeMs, afterMs }) => beforeMs !== null && afterMs !== null && beforeMs < fromMs && afterMs >= toMs);
  const [first] = inside;
  if (first === undefined) return { reason: 'no readings', declared: 0 };
  return { reason: `declared: ${first.reason}`, declared: inside.reduce((sum, { readings }) => sum + readings, 0) };
}

function prepare(database: Database.Database) {
  return {
    devices: database.prepare(
      `SELECT d.id, device FROM devices d JOIN households h ON h.id = d.household_id
       WHERE household = ? AND device >= ? ORDER BY device`,
    ),
    startBefore: database.prepare('SELECT max(window_start_ms) FROM parts WHERE device_id = ? AND window_start_ms < ?').pluck(),
    firstStart: database.prepare('SELECT min(window_start_ms) FROM parts WHERE device_id = ?').pluck(),
    startsAfter: database
      .prepare('SELECT DISTINCT window_start_ms FROM parts WHERE device_id = ? AND window_start_ms > ? ORDER BY window_start_ms LIMIT ?')
      .pluck(),
    declared: database.prepare(
      `SELECT g.to_seq - g.from_seq + 1 AS readings, reason,
         (SELECT window_start_ms FROM parts p
          WHERE p.source_id = s.id AND p.from_seq < g.from_seq ORDER BY p.from_seq DESC LIMIT 1) AS beforeMs,
         (SELECT window_start_ms FROM parts p
          WHERE p.source_id = s.id AND p.from_seq > g.to_seq ORDER BY p.from_seq LIMIT 1) AS afterMs
       FROM sources s JOIN gaps g ON g.source_id = s.id WHERE s.device_id = ? ORDER BY s.id, g.from_seq LIMIT ?`,
    ),
  };
}

/**
 * Where windows are missing between two stored ones of a device. Nothing is kept of gaps: they are looked for among the starts of
 * the windows, a page at a time; an hour whose bucket says that all its windows were there is passed over in one step.
 */
import type Database from 'better-sqlite3';
import { yieldToEventLoop } from '../../../common/clock.ts';
import type { GapQuery, GapRow } from './series-store.ts';

/** Starts of one page: below 5 ms on the thread that answers heartbeats. */
const STARTS_PER_PAGE = 500;
/** Hours passed over before others have their turn. */
const HOURS_PER_PAGE = 200;
const HOUR_MS = 3_600_000;
/** Declared ranges of one device that gaps are explained by; the oldest seqs. */
const DECLARED_MAX = 10_000;

interface Device {
  id: number;
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

export class GapReader {
  private readonly windowMs: number;
  private readonly statements: ReturnType<typeof prepare>;

  constructor(database: Database.Database, windowMs: number) {
    this.windowMs = windowMs;
    this.statements = prepare(database);
  }

  /** In order of device, start. */
  async *gaps(query: GapQuery): AsyncGenerator<GapRow> {
    const { after } = query;
    for (const device of this.statements.devices.all(query.household, after?.device ?? '') as Device[]) {
      const afterMs = after?.device === device.device ? after.fromMs : Number.MIN_SAFE_INTEGER;
      yield* this.gapsOf(device, { fromMs: query.fromMs ?? Number.MIN_SAFE_INTEGER, toMs: query.toMs ?? Number.MAX_SAFE_INTEGER, afterMs });
    }
  }

  /** Gaps that reach into [fromMs, toMs) and begin after afterMs. */
  private async *gapsOf({ id, device }: Device, { fromMs, toMs, afterMs }: Span): AsyncGenerator<GapRow> {
    const declared = this.statements.declared.all(id, DECLARED_MAX) as DeclaredRange[];
    let last = this.startBefore(id, Math.max(fromMs, afterMs));
    let hours = 0;
    while (last !== undefined && last < toMs) {
      if (this.isWholeHour(id, last + this.windowMs)) {
        last = (Math.floor((last + this.windowMs) / HOUR_MS) + 1) * HOUR_MS - this.windowMs;
        if (++hours % HOURS_PER_PAGE === 0) await yieldToEventLoop();
        continue;
      }
      const starts = this.statements.startsAfter.all(id, last, STARTS_PER_PAGE) as number[];
      for (const startMs of starts) {
        const gapFromMs: number = last + this.windowMs;
        last = startMs;
        if (gapFromMs >= toMs) return;
        if (gapFromMs >= startMs || startMs <= fromMs || gapFromMs <= afterMs) continue;
        yield { device, fromMs: gapFromMs, toMs: startMs, ...reasonOf(declared, gapFromMs, startMs) };
      }
      if (starts.length === 0) return;
      await yieldToEventLoop();
    }
  }

  private startBefore(deviceId: number, timeMs: number): number | undefined {
    return (this.statements.startBefore.get(deviceId, timeMs) ?? this.statements.firstStart.get(deviceId) ?? undefined) as
      | number
      | undefined;
  }

  /** True when the hour that begins with this window has all its windows, as the bucket of one of the fields counted them. */
  private isWholeHour(deviceId: number, startMs: number): boolean {
    if (startMs % HOUR_MS !== 0 || HOUR_MS % this.windowMs !== 0) return false;
    return (this.statements.windowsInHour.get(startMs, deviceId) as number | null) === HOUR_MS / this.windowMs;
  }
}

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
    windowsInHour: database
      .prepare(
        `SELECT max(r.window_count) FROM series s JOIN rollups r ON r.level_ms = ${HOUR_MS} AND r.start_ms = ? AND r.series_id = s.id
         WHERE s.device_id = ?`,
      )
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

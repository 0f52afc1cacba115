/** Tells how far an import is: one plain line now and then on stderr, in a terminal as in a log. */
import type { Clock } from '../../common/clock.ts';
import { plural } from '../../common/count-text.ts';

/** Between two lines. */
const LINE_EVERY_MS = 2_000;
const BYTES_PER_MB = 1_000_000;

export class ImportProgress {
  private readonly files: number;
  private readonly bytesTotal: number;
  private readonly clock: Clock;
  private readonly print: (line: string) => void;
  private startedMs = 0;
  private toldMs = 0;
  private bytes = 0;
  private filesDone = 0;
  private rowsDone = 0;

  constructor(files: number, bytesTotal: number, clock: Clock, print: (line: string) => void) {
    this.files = files;
    this.bytesTotal = bytesTotal;
    this.clock = clock;
    this.print = print;
  }

  start(): void {
    this.startedMs = this.clock.monotonicMs();
    this.toldMs = this.startedMs;
  }

  /** @param rows of the file at hand, so far */
  read(bytes: number, rows: number, quarantined: number): void {
    this.bytes += bytes;
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.toldMs < LINE_EVERY_MS) return;
    this.toldMs = nowMs;
    this.print(this.lineOf(nowMs, this.rowsDone + rows, quarantined));
  }

  fileDone(rows: number): void {
    this.filesDone++;
    this.rowsDone += rows;
  }

  private lineOf(nowMs: number, rows: number, quarantined: number): string {
    const share = Math.min(1, this.bytesTotal === 0 ? 1 : this.bytes / this.bytesTotal);
    const restSeconds = share === 0 ? 0 : Math.ceil(((nowMs - this.startedMs) / 1_000) * (1 / share - 1));
    const megabytes = `${mb(this.bytes)} of ${mb(this.bytesTotal)} MB (${Math.floor(share * 100)} %)`;
    const counts = `${plural(rows, 'row')}, ${quarantined} quarantined`;
    return `file ${this.filesDone + 1} of ${this.files}, ${megabytes}, ${counts}, ${restSeconds} s to go`;
  }
}

function mb(bytes: number): string {
  return (bytes / BYTES_PER_MB).toFixed(1);
}

/** A dial for the wall clock of child processes: it jumps and drifts as the dial says, while monotonic time goes on. */
import { writeFileSync } from 'node:fs';

export class DialledClock {
  private readonly file: string;

  /** @param file the dial, made here */
  constructor(file: string) {
    this.file = file;
    this.turn(0, 1);
  }

  /** For the environment of the processes whose clock this is. */
  get env(): { NODE_OPTIONS: string } {
    return { NODE_OPTIONS: `--import ${moduleOf(this.file)}` };
  }

  /** @param rate how fast the clock runs from now on */
  turn(shiftMs: number, rate: number): void {
    writeFileSync(this.file, `${shiftMs} ${rate}`);
  }
}

function moduleOf(file: string): string {
  const module_ = `
    import { readFileSync } from 'node:fs';
    const real = Date.now;
    let [shift, rate] = [0, 1], since = real();
    const read = () => { const [s, r] = readFileSync(${JSON.stringify(file)}, 'utf8').split(' ').map(Number);
      if (r === undefined || (s === shift && r === rate)) return;
      shift = s; rate = r; since = real(); };
    read();
    setInterval(read, 50).unref();
    Date.now = () => Math.round(since + shift + (real() - since) * rate);`;
  return `data:text/javascript,${encodeURIComponent(module_)}`;
}

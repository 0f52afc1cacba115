/**
 * The simulator `collector`: writes what it is connected to as CSV, one line per value, as it comes: `tick,source,attribute,value`.
 * Event-based, so it holds nothing.
 */
import type { CreatedEntity, Inputs, Outputs, Simulator, SimulatorMeta } from '../cosim/simulator.ts';

export const COLLECTOR_META: SimulatorMeta = {
  type: 'event-based',
  models: { Collector: { params: [], attrs: [], anyInputs: true } },
};
export const COLLECTOR_TITLE = 'tick,source,attribute,value\n';

export interface CollectorOutput {
  /** Takes the next piece of the file. */
  write: (text: string) => void;
  /** Title and rows of the ticks before this one are in the file already; undefined for a file that is empty. */
  goOnAt: number | undefined;
}

export class Collector implements Simulator {
  private readonly output: CollectorOutput;

  constructor(output: CollectorOutput) {
    this.output = output;
  }

  init(): SimulatorMeta {
    return COLLECTOR_META;
  }

  create(num: number, model: string): CreatedEntity[] {
    return Array.from({ length: num }, (_, i) => ({ eid: `collector-${i}`, type: model }));
  }

  setupDone(): void {
    if (this.output.goOnAt === undefined) this.output.write(COLLECTOR_TITLE);
  }

  step(time: number, inputs: Inputs): null {
    const { goOnAt, write } = this.output;
    if (goOnAt !== undefined && time < goOnAt) return null;
    let text = '';
    for (const attributes of Object.values(inputs)) {
      for (const [attribute, sources] of Object.entries(attributes)) {
        for (const [source, value] of Object.entries(sources)) text += `${time},${source},${attribute},${cell(value)}\n`;
      }
    }
    write(text);
    return null;
  }

  getData(): Outputs {
    return { data: {} };
  }
}

/** Numbers as they are, anything else as quoted JSON. */
function cell(value: unknown): string {
  if (typeof value === 'number') return String(value);
  return `"${JSON.stringify(value).replaceAll('"', '""')}"`;
}

/** An honest edge as a child process (honest-edge.ts), and what parent and child say to each other. */
import { fileURLToPath } from 'node:url';
import { AskedProcess } from './asked-process.ts';

const ENTRY = fileURLToPath(new URL('./honest-edge.ts', import.meta.url));

export interface HonestOptions {
  folder: string;
  edge: string;
  homes: readonly string[];
  heartbeatPort: number;
  dataPort: number;
  /** Of a TLS link; empty = plaintext. */
  bundleFile: string;
  /** Between two windows of every home. */
  everyMs: number;
  /** Windows per home that an earlier life of it has put into the topic. */
  windowsBefore: number;
  /** Windows per home that it finds in the topic when it begins. */
  backlogWindows: number;
  /** Payloads of its first requests that it keeps for its answers. */
  payloadsKept: number;
  seed: number;
}

/** `report` answers at once; `end` first has everything acknowledged, then ends the process. */
export type HonestOrder = 'report' | 'end';

export interface HonestAnswer {
  /** Per home, so far. */
  windows: number;
  /** Of the requests since the last answer. */
  durationsMs: number[];
  /** Base64. */
  payloads: string[];
  parked: readonly { household: string; reason: string }[];
}

export class HonestProcess extends AskedProcess<HonestOrder, HonestAnswer> {
  constructor(options: HonestOptions) {
    super('the honest edge', ENTRY, [JSON.stringify(options)]);
  }

  override async ask(order: HonestOrder): Promise<HonestAnswer> {
    const answer = await super.ask(order);
    if (order === 'end') await this.exited;
    return answer;
  }
}

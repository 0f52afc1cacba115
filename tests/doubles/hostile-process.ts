/** The hostile crowd as a child process (hostile-crowd.ts), and what parent and child say to each other. */
import { fileURLToPath } from 'node:url';
import { AskedProcess } from './asked-process.ts';

const ENTRY = fileURLToPath(new URL('./hostile-crowd.ts', import.meta.url));

/** PEM. */
export interface Identity {
  certificate: string;
  key: string;
}

export interface HostileOptions {
  /** The cloud's listeners. */
  ports: readonly number[];
  seed: number;
  idleSockets: number;
  /** What an honest edge has written on its connections, base64. */
  recorded: readonly string[];
  /** What an honest edge has asked, base64. */
  payloads: readonly string[];
  victimEdge: string;
  victims: readonly string[];
  /** Whom clients of TLS trust; empty on a plaintext link. */
  ca: string;
  /** A certificate that the cloud takes, of an edge that means no good; undefined on a plaintext link. */
  insider: Identity | undefined;
  insiderEdge: string;
  /** Another, of an edge that asks more than its share; undefined = none. */
  flooder?: { edge: string; identity: Identity };
  /** Of nobody's group. */
  insiderHome: string;
  /** Certificates that the cloud must not take; null = none is shown. */
  wrong: readonly { name: string; identity: Identity | null }[];
}

/** `attack` is by all kinds but the flood, `flood` by the flood alone. */
export type HostileOrder = 'attack' | 'flood' | 'pause' | 'report';

export interface HostileAnswer {
  /** By kind. `ended` is by whichever side. */
  counts: Record<string, { begun: number; ended: number }>;
  /** Open at once so far. */
  idleSocketsMost: number;
  /** Of the flood so far: how long the requests took that were served, and how many were not. */
  flood: { servedMs: number[]; turnedAway: number };
  cpuSeconds: number;
}

export class HostileProcess extends AskedProcess<HostileOrder, HostileAnswer> {
  private readonly options: HostileOptions;

  constructor(options: HostileOptions) {
    super('the hostile crowd', ENTRY);
    this.options = options;
  }

  override start(): void {
    super.start();
    this.send(this.options);
  }
}

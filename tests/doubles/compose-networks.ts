/**
 * The networks of a compose file without a container engine: each network a bridge, each service a network namespace of its own with one
 * interface in each of its networks. A service finds by name whoever shares a network with it, and nobody else; the way to this machine
 * and out of it does not exist. An interface can be taken down, which is `docker network disconnect`.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import type { Compose } from './compose-file.ts';

/** False where namespaces and bridges can be had, else why the test is skipped. */
export const noNetworks: string | false = whyNot();

function whyNot(): string | false {
  if (process.getuid?.() !== 0) return 'networks can be made by root only';
  const made = spawnSync('unshare', ['--net', 'ip', 'link', 'add', 'name', 'b0', 'type', 'bridge'], { encoding: 'utf8' });
  return made.status === 0 ? false : 'no network namespaces with bridges here (packages util-linux and iproute2)';
}

interface Attached {
  network: string;
  address: string;
}

export class ComposeNetworks implements AsyncDisposable {
  private readonly compose: Compose;
  private readonly holders = new Map<string, ChildProcess>();
  private readonly attached = new Map<string, readonly Attached[]>();
  private interfaces = 0;

  constructor(compose: Compose) {
    this.compose = compose;
  }

  /** The bridges. */
  async start(): Promise<void> {
    await this.hold(BRIDGES);
    for (const name of Object.keys(this.compose.networks)) {
      this.ip(BRIDGES, `link add name ${name} type bridge`);
      this.ip(BRIDGES, `link set dev ${name} up`);
    }
  }

  /** Gives a service its namespace and its interfaces, once. @returns the process that holds the namespace */
  async attach(service: string): Promise<number> {
    const held = this.holders.get(service);
    if (held !== undefined) return held.pid!;
    await this.hold(service);
    const pid = this.pidOf(service);
    const networks = Object.keys(this.compose.networks);
    const attached: Attached[] = [];
    for (const network of this.compose.services[service]?.networks ?? []) {
      const address = `10.77.${networks.indexOf(network)}.${this.holders.size + 1}`;
      const [outer, inner] = [`o${++this.interfaces}`, `i${this.interfaces}`];
      this.ip(BRIDGES, `link add name ${outer} type veth peer name ${inner}`);
      this.ip(BRIDGES, `link set dev ${inner} netns ${pid}`);
      this.ip(BRIDGES, `link set dev ${outer} master ${network} up`);
      this.ip(service, `link set dev ${inner} name ${network}`);
      this.ip(service, `addr add ${address}/24 dev ${network}`);
      this.ip(service, `link set dev ${network} up`);
      attached.push({ network, address });
    }
    this.attached.set(service, attached);
    return pid;
  }

  /** /etc/hosts of a service: those with whom it shares a network, as far as they are attached. */
  hostsOf(service: string): string {
    const own = new Set(this.compose.services[service]?.networks);
    const lines = [...this.attached].flatMap(([other, its]) =>
      its.filter(({ network }) => own.has(network)).map(({ address }) => `${address} ${other}`),
    );
    return ['127.0.0.1 localhost', ...lines, ''].join('\n');
  }

  addressOf(service: string, network: string): string {
    return this.attached.get(service)?.find((its) => its.network === network)?.address ?? assert.fail(`${service} is not on ${network}`);
  }

  disconnect(service: string, network: string): void {
    this.ip(service, `link set dev ${network} down`);
  }

  connect(service: string, network: string): void {
    this.ip(service, `link set dev ${network} up`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.holders.values()) {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await exited;
    }
    this.holders.clear();
  }

  /** A process that does nothing keeps the namespace; with it go interfaces and bridges. */
  private async hold(name: string): Promise<void> {
    const child = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up && echo up && exec cat'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.holders.set(name, child);
    await new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve());
      child.once('exit', () => reject(new Error(`no network namespace for ${name}`)));
    });
  }

  private pidOf(name: string): number {
    return this.holders.get(name)?.pid ?? assert.fail(`${name} has no namespace`);
  }

  private ip(name: string, command: string): void {
    const args = [`--net=/proc/${this.pidOf(name)}/ns/net`, 'ip', ...command.split(' ')];
    const { status, stderr } = spawnSync('nsenter', args, { encoding: 'utf8' });
    assert.equal(status, 0, `ip ${command}: ${stderr}`);
  }
}

const BRIDGES = 'bridges';

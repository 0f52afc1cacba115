/**
 * Services of docker-compose.yml as processes in the root of our image (image-build.ts): with the environment, the command, the user, the
 * volumes, the secrets and the networks that the file gives each, a read-only root where it says so, and no rights. What an engine does
 * beside that is not shown: limits, restarts, logs, and its own reading of the file.
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Outcome } from './bare-debian.ts';
import { type Compose, type ComposeService, filledIn } from './compose-file.ts';
import type { ComposeNetworks } from './compose-networks.ts';
import { lastOf, type Stage, wordsOf } from './dockerfile.ts';
import { asUser, quoted, type StageState, WITHOUT_RIGHTS } from './image-build.ts';

const LOOK_MS = 500;
const HEALTHY_MS = 180_000;
const END_MS = 60_000;

interface Running {
  child: ChildProcess;
  /** Of its first process, as the root counts. */
  pid: number;
  exited: Promise<number | null>;
}

export class ComposeServices implements AsyncDisposable {
  private readonly compose: Compose;
  private readonly networks: ComposeNetworks;
  private readonly image: StageState;
  private readonly runtime: Stage;
  private readonly secrets: Readonly<Record<string, string>>;
  private readonly running = new Map<string, Running>();

  constructor(compose: Compose, networks: ComposeNetworks, image: StageState, runtime: Stage, secrets: Readonly<Record<string, string>>) {
    this.compose = compose;
    this.networks = networks;
    this.image = image;
    this.runtime = runtime;
    this.secrets = secrets;
  }

  /** A service that runs once, or another command of one: `docker compose run --rm -T NAME COMMAND`. */
  async once(name: string, command?: readonly string[], stdin = ''): Promise<Outcome> {
    const input = `/srv/stdin-${name}`;
    writeFileSync(this.image.debian.path(input), stdin);
    const pid = await this.networks.attach(name);
    const script = `${this.contained(name, command)} <${input}`;
    return this.image.debian.attempt(script, { env: this.environmentOf(name), networkOf: pid });
  }

  /** Starts a service and waits for its health check, as depends_on does. */
  async start(name: string): Promise<void> {
    const { debian } = this.image;
    const network = await this.networks.attach(name);
    const script = `echo $$ >/srv/${name}.pid; exec ${this.contained(name)} >>/srv/${name}.log 2>&1`;
    const child = debian.spawn(script, this.environmentOf(name), network);
    const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
    this.running.set(name, { child, pid: 0, exited });
    for (const endMs = performance.now() + HEALTHY_MS; !(await this.isHealthy(name)); await sleep(LOOK_MS)) {
      assert(child.exitCode === null, `${name} has ended: ${await this.logOf(name)}`);
      assert(performance.now() < endMs, `${name} is never healthy: ${await this.logOf(name)}`);
    }
  }

  async isHealthy(name: string): Promise<boolean> {
    const [kind, ...words] = this.serviceOf(name).healthcheck?.test ?? [];
    assert.equal(kind, 'CMD');
    return (await this.exec(name, words)).status === 0;
  }

  /** A command in the container of a running service: `docker compose exec`. */
  async exec(name: string, words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
    const { debian, user } = this.image;
    const pid = await this.firstProcessOf(name);
    if (pid === undefined) return { status: null, stdout: '', stderr: `${name} does not run` };
    const inside = `cd ${this.image.workdir} && exec ${asUser(user)} ${words.map(quoted).join(' ')}`;
    const script = `exec nsenter --target ${pid} --mount --pid /bin/sh -c ${quoted(inside)}`;
    return debian.attempt(script, { env: { ...this.environmentOf(name), ...env }, networkOf: await this.networks.attach(name) });
  }

  /** `docker compose stop`. @returns its exit code */
  async stop(name: string): Promise<number | null> {
    const its = this.running.get(name) ?? assert.fail(`${name} does not run`);
    const pid = await this.firstProcessOf(name);
    if (pid !== undefined) await this.image.debian.attempt(`kill -TERM ${pid}`);
    const code = await Promise.race([its.exited, sleep(END_MS).then(() => 'late' as const)]);
    assert(code !== 'late', `${name} does not end: ${await this.logOf(name)}`);
    this.running.delete(name);
    return code;
  }

  logOf(name: string): Promise<string> {
    return this.image.debian.run(`cat /srv/${name}.log`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of [...this.running.keys()]) await this.stop(name);
  }

  private serviceOf(name: string): ComposeService {
    return this.compose.services[name] ?? assert.fail(`no service ${name}`);
  }

  private environmentOf(name: string): Record<string, string> {
    const { environment = {} } = this.serviceOf(name);
    return { ...this.image.env, ...Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, filledIn(value)])) };
  }

  /** As this root counts: the child of the unshare that the script has become. */
  private async firstProcessOf(name: string): Promise<number | undefined> {
    const { debian } = this.image;
    const { status, stdout } = await debian.attempt(`pid=$(cat /srv/${name}.pid); cat /proc/$pid/task/$pid/children`);
    return status === 0 && stdout.trim() !== '' ? Number(stdout.trim()) : undefined;
  }

  /** The words that make the container and run the command in it. */
  private contained(name: string, command?: readonly string[]): string {
    const service = this.serviceOf(name);
    const entrypoint = service.entrypoint ?? wordsOf(lastOf(this.runtime, 'ENTRYPOINT').text);
    const words = [
      ...entrypoint,
      ...(command ?? service.command ?? wordsOf(lastOf(this.runtime, 'CMD').text)).map((word) => filledIn(word)),
    ];
    const steps = [
      'mount -t tmpfs -o mode=1777 tmpfs /tmp',
      ...this.volumesOf(name),
      ...this.secretsOf(name),
      `mount --bind ${this.hostsOf(name)} /etc/hosts`,
      // What others keep there is not this one's to see.
      'mount -t tmpfs tmpfs /srv',
      ...(service.read_only === true ? ['mount -o remount,bind,ro /'] : []),
      `cd ${service.working_dir ?? this.image.workdir}`,
      `exec ${asUser(this.image.user, WITHOUT_RIGHTS)} ${words.map(quoted).join(' ')}`,
    ];
    return `unshare --mount --pid --fork --kill-child --mount-proc /bin/sh -c ${quoted(steps.join(' && '))}`;
  }

  /** A new volume takes owner and mode of the folder that it is put over. Outer ones first. */
  private volumesOf(name: string): string[] {
    const { debian } = this.image;
    const volumes = (this.serviceOf(name).volumes ?? []).map((volume) => volume.split(':') as [string, string, string?]);
    return volumes
      .toSorted(([, a], [, b]) => a.length - b.length)
      .flatMap(([source, target, mode]) => {
        const kept = `/srv/volumes/${source}`;
        const over = debian.path(target);
        assert(existsSync(over), `${target} is not in the image: a volume there would belong to root`);
        if (!existsSync(debian.path(kept))) copyFolder(over, debian.path(kept));
        const bind = `mount --bind ${kept} ${target}`;
        return mode === 'ro' ? [bind, `mount -o remount,bind,ro ${target}`] : [bind];
      });
  }

  private secretsOf(name: string): string[] {
    const { debian } = this.image;
    return (this.serviceOf(name).secrets ?? []).flatMap((secret) => {
      const file = `/srv/secrets/${secret}`;
      mkdirSync(debian.path('/srv/secrets'), { recursive: true, mode: 0o700 });
      writeFileSync(debian.path(file), this.secrets[secret] ?? assert.fail(`no secret ${secret}`), { mode: 0o644 });
      return [
        'mkdir -p /run/secrets',
        'mount -t tmpfs -o mode=755 tmpfs /run/secrets',
        `touch /run/secrets/${secret}`,
        `mount --bind ${file} /run/secrets/${secret}`,
      ];
    });
  }

  private hostsOf(name: string): string {
    const file = `/srv/hosts-${name}`;
    writeFileSync(this.image.debian.path(file), this.networks.hostsOf(name));
    return file;
  }
}

/** The folder and the folders in it, with owner and mode: what a new volume takes over; ours hold no files in the image. */
function copyFolder(from: string, to: string): void {
  const { mode, uid, gid } = statSync(from);
  mkdirSync(dirname(to), { recursive: true });
  mkdirSync(to);
  chmodSync(to, mode & 0o7777);
  chownSync(to, uid, gid);
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    assert(entry.isDirectory(), `${from}/${entry.name} is a file`);
    copyFolder(join(from, entry.name), join(to, entry.name));
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

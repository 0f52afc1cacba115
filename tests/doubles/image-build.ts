/**
 * Builds a Dockerfile without a container engine: each stage that begins with an image of Node is a bare Debian root with the Node that
 * runs this test put where those images have theirs. RUN runs in it as it stands there, COPY copies. What an engine adds is not shown:
 * layers, the real base image, how it makes volumes.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, realpathSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BareDebian, type Outcome } from './bare-debian.ts';
import { type Dockerfile, pairsOf, type Stage, type Step } from './dockerfile.ts';

/** Packages come over a network that may be slow, and two addons are compiled. */
const STEP_MS = 1_100_000;
const NODE_IMAGE = /^node:\d+\.\d+\.\d+-(bookworm|trixie)-slim$/;
const PREFIX = '/usr/local';

/** Where a stage stands: what an image keeps beside its files. */
export interface StageState {
  debian: BareDebian;
  env: Record<string, string>;
  workdir: string;
  user: string;
}

export class ImageBuild implements AsyncDisposable {
  private readonly dockerfile: Dockerfile;
  private readonly context: string;
  private readonly stages = new Map<string, StageState>();
  private readonly roots: BareDebian[] = [];

  /** @param context folder with what .dockerignore lets through */
  constructor(dockerfile: Dockerfile, context: string) {
    this.dockerfile = dockerfile;
    this.context = context;
  }

  /** @returns the last stage */
  async build(): Promise<StageState> {
    let last: StageState | undefined;
    for (const stage of this.dockerfile.stages) last = await this.buildStage(stage);
    return last ?? assert.fail('no stage');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const root of this.roots) await root.stop();
  }

  private async buildStage(stage: Stage): Promise<StageState> {
    const state = await this.begin(stage);
    for (const step of stage.steps) await this.perform(state, step);
    this.stages.set(stage.name, state);
    return state;
  }

  /** A stage on another one goes on in its root: nobody copies out of that one afterwards. */
  private async begin({ base }: Stage): Promise<StageState> {
    const before = this.stages.get(base);
    if (before !== undefined) {
      this.stages.delete(base);
      return before;
    }
    assert.match(base, NODE_IMAGE);
    const debian = new BareDebian();
    this.roots.push(debian);
    await debian.start();
    putNode(debian);
    return { debian, env: {}, workdir: '/', user: '0:0' };
  }

  private async perform(state: StageState, step: Step): Promise<void> {
    const { instruction, text, line } = step;
    if (instruction === 'RUN') {
      const { status, stdout, stderr } = await runStep(state, text);
      assert.equal(status, 0, `line ${line}: RUN ${text}\n${stdout}\n${stderr}`);
    } else if (instruction === 'COPY') await this.copy(state, step);
    else if (instruction === 'ENV') Object.assign(state.env, Object.fromEntries(pairsOf(step)));
    else if (instruction === 'USER') state.user = text;
    else if (instruction === 'WORKDIR') {
      state.workdir = text;
      await state.debian.run(`mkdir -p ${text}`);
    }
  }

  private async copy({ debian, workdir }: StageState, { text, line }: Step): Promise<void> {
    const words = text.split(/\s+/);
    const from = words[0]?.startsWith('--from=') ? words.shift()!.slice('--from='.length) : undefined;
    const other = from === undefined ? undefined : (this.stages.get(from) ?? assert.fail(`line ${line}: no stage ${from}`));
    const target = words.pop() ?? assert.fail(`line ${line}: COPY of nothing`);
    for (const source of words) {
      const outside = other === undefined ? join(this.context, source) : other.debian.path(source);
      assert(existsSync(outside), `line ${line}: ${source} is not there`);
      const name = source.split('/').at(-1)!;
      const isInto = target.endsWith('/');
      await debian.copyIn(outside, join(workdir, isInto ? join(target, name) : target));
    }
  }
}

/** As an engine runs it: by sh, with the environment, the folder and the user of the place in the file. */
export function runStep({ debian, env, workdir, user }: StageState, command: string, timeoutMs = STEP_MS): Promise<Outcome> {
  return debian.attempt(`cd ${workdir} && exec ${asUser(user)} /bin/sh -c ${quoted(command)}`, {
    env: { ...waysToPackages(), ...env },
    timeoutMs,
  });
}

/** What compose calls cap_drop ALL and no-new-privileges. */
export const WITHOUT_RIGHTS = '--no-new-privs --bounding-set=-all --inh-caps=-all';

export function asUser(user: string, more = ''): string {
  const [uid, gid] = /^(\d+):(\d+)$/.exec(user)?.slice(1) ?? assert.fail(`not UID:GID: ${user}`);
  return `setpriv --reuid ${uid} --regid ${gid} --clear-groups ${more} --`;
}

export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Node, npm and the headers, where the images of Node have them. */
function putNode(debian: BareDebian): void {
  const npm = spawnSync('npm', ['root', '--global'], { encoding: 'utf8' }).stdout.trim();
  const headers = join(dirname(dirname(realpathSync(process.execPath))), 'include/node');
  mkdirSync(debian.path(`${PREFIX}/lib/node_modules`), { recursive: true });
  cpSync(realpathSync(process.execPath), debian.path(`${PREFIX}/bin/node`));
  cpSync(join(npm, 'npm'), debian.path(`${PREFIX}/lib/node_modules/npm`), { recursive: true });
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', debian.path(`${PREFIX}/bin/npm`));
  if (existsSync(headers)) cpSync(headers, debian.path(`${PREFIX}/include/node`), { recursive: true });
}

/** Where npm of this machine has its packages from, and whom it trusts. */
function waysToPackages(): Record<string, string> {
  const registry = spawnSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).stdout.trim();
  const trusted = '/etc/ssl/certs/ca-certificates.crt';
  return { npm_config_registry: registry, ...(existsSync(trusted) ? { NODE_EXTRA_CA_CERTS: trusted } : {}) };
}

/** Copies what .dockerignore lets through: ours shuts everything out and then names what is let in. */
export function copyContext(top: string, into: string): void {
  const [first, ...lines] = readFileSync(join(top, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  assert.equal(first, '*');
  const letIn = lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
  const shutOut = lines.filter((line) => !line.startsWith('!'));
  for (const line of shutOut) assert.match(line, /^(\*\*\/\*\.[a-z]+|[a-z/]+)$/);
  const isOut = (path: string) =>
    shutOut.some((line) => (line.startsWith('**/*') ? path.endsWith(line.slice(4)) : path === join(top, line)));
  for (const name of letIn) cpSync(join(top, name), join(into, name), { recursive: true, filter: (path) => !isOut(path) });
}

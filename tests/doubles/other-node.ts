/**
 * This tree for another Node than the one that runs: the same files but for the addons, which are compiled for that one and kept in the
 * cache. Compiling takes a minute or two of a core, once.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const ADDONS = ['better-sqlite3', 'nanomsg'] as const;
const BUILT = 'build/Release';
const COMPILE_MS = 900_000;
/** Nothing of these is needed, or they are made anew. */
const LEFT_OUT = new Set(['.git', 'release', '.fogline', 'secrets']);

export interface OtherNode {
  version: string;
  /** For a process that is to run on it. */
  env: NodeJS.ProcessEnv;
}

/** @param prefix folder with bin/node and include/ */
export function otherNode(prefix: string): OtherNode {
  const { NODE_TEST_CONTEXT: _inner, FOGLINE_REQUIRE_ALL: _outer, ...outside } = process.env;
  const path = `${join(prefix, 'bin')}${delimiter}${process.env['PATH'] ?? ''}`;
  const env = {
    ...outside,
    PATH: path,
    npm_config_nodedir: prefix,
    npm_config_build_from_source: 'true',
    npm_config_engine_strict: 'true',
  };
  return { version: run(env, tmpdir(), 'node', ['--print', 'process.versions.node']).trim(), env };
}

/** @returns a copy of the tree at `top` with its addons compiled for that Node; the caller removes it */
export function treeFor({ version, env }: OtherNode, top: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-other-node-'));
  const names = readdirSync(top).filter((name) => !LEFT_OUT.has(name));
  run(env, top, 'cp', ['--archive', ...names, folder]);
  const versions = ADDONS.map((addon) => `${addon}-${versionOf(join(top, 'node_modules', addon))}`);
  const cache = join(
    process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'),
    'fogline-ci',
    `addons-node-${version}-${versions.join('-')}`,
  );
  if (!existsSync(cache)) compile(env, folder, cache);
  for (const addon of ADDONS) {
    const built = join(folder, 'node_modules', addon, BUILT);
    rmSync(built, { recursive: true, force: true });
    cpSync(join(cache, addon), built, { recursive: true });
  }
  return folder;
}

/** In the copy; what is loaded goes into the cache, whole or not at all. */
function compile(env: NodeJS.ProcessEnv, folder: string, cache: string): void {
  run(env, folder, 'npm', ['rebuild', '--no-bin-links', ...ADDONS]);
  mkdirSync(join(cache, '..'), { recursive: true });
  const making = mkdtempSync(join(cache, '..', 'making-addons-'));
  for (const addon of ADDONS) {
    const built = join(folder, 'node_modules', addon, BUILT);
    const loaded = readdirSync(built).filter((name) => name.endsWith('.node') && !name.startsWith('test_'));
    assert(loaded.length > 0, `${addon} was not compiled`);
    for (const name of loaded) cpSync(join(built, name), join(making, addon, name));
  }
  rmSync(cache, { recursive: true, force: true });
  renameSync(making, cache);
}

function versionOf(folder: string): string {
  return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version;
}

function run(env: NodeJS.ProcessEnv, cwd: string, program: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    env,
    cwd,
    encoding: 'utf8',
    timeout: COMPILE_MS,
    maxBuffer: 1 << 28,
  });
  assert.equal(status, 0, `${program} ${args.join(' ')}: ${error?.message ?? ''}${stdout}${stderr}`);
  return stdout;
}
